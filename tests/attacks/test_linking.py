"""Which report a mailbox belongs to: neither a seized database tells, nor the sum of what a desk sends."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from service.cases.answers import Answers
from service.cases.log import Note
from service.desk import actions
from service.desk.cover import COMPANIONS
from service.desk.session import Session
from service.wire import shapes
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.failures import Unreachable
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer, running_server

NOW = 1_900_000_000
REPORTS = 12
SHARED = REPORTS - 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of this module's groups: what it holds is searched."""
    with running_server(tmp_path_factory.mktemp("linking")) as running:
        yield running


class Watcher(Client):
    """What the server sees of one sync's uploads: letters by their mailbox, entries by their report and length."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.letters: set[str] = set()
        self.entries: list[tuple[str, int]] = []

    def do(self, call: Call) -> object:  # type: ignore[override, type-arg]
        if call.target.endswith("/batch"):
            for action in msgspec.json.decode(call.body or b"", type=shapes.Batch).actions:
                if isinstance(action, shapes.PostLetter):
                    self.letters.add(action.address)
                elif isinstance(action, shapes.AppendLog):
                    self.entries.append((action.report, len(action.entry)))
        return super().do(call)


class Forgetful(Watcher):
    """A server that takes an upload, and says that it didn't: all of it, or one item.

    lost: picks the item among the upload's; None for all of it.
    """

    def __init__(self, base: str, lost: Callable[[shapes.Action], bool] | None) -> None:
        super().__init__(base)
        self.lost = lost
        self.item = 0
        self.uploads: list[dict[str, bytes]] = []

    def do(self, call: Call) -> object:  # type: ignore[override, type-arg]
        if not call.target.endswith("/batch"):
            return super().do(call)
        batch = msgspec.json.decode(call.body or b"", type=shapes.Batch)
        sent = {
            one.item: one.entry if isinstance(one, shapes.AppendLog) else b"a letter" for one in batch.actions
        }
        self.uploads.append(sent)
        answer = super().do(call)
        if len(self.uploads) > 1:
            return answer
        if self.lost is None:
            raise Unreachable
        assert isinstance(answer, shapes.BatchAnswer)
        outcomes = list(answer.outcomes)
        self.item = next(at for at, one in enumerate(batch.actions) if self.lost(one))
        outcomes[self.item] = msgspec.structs.replace(outcomes[self.item], outcome="failed")
        return shapes.BatchAnswer(tuple(outcomes))


def acting(session: Session, base: str, act: Callable[[Session], object], at_s: int) -> Watcher:
    """Let a desk take in what is new, act, and send; gives what the server saw."""
    with Watcher(base) as client:
        synced(session, client, at_s)
        act(session)
        synced(session, client, at_s)
        return client


def write(session: Session, case_id: str, *, note: bool = False) -> None:
    """Write a letter, and perhaps a note besides."""
    case, desk = session.cases()[case_id], session.desk(NOW)
    session.enqueue(actions.write_letter(desk, case, session.histories(), "a letter"))
    if note:
        long = "a long note " * 200
        session.enqueue([actions.log(desk, case.first, Note(text=long))])


def test_no_number_of_letters_to_a_mailbox_tells_its_report(tmp_path: Path, server: RunningServer) -> None:
    """Two desks, of which one has more reports, write twice each: all uploads are about the same eight, entries alike.

    And the database, seized, holds letters nowhere near the entries that came with them.
    """
    with Client(server.base) as client:
        group = Group.draw()
        group.found(client)
        for number in range(REPORTS):
            everybody = ("Ada", "Bo", "Cy") if number < SHARED else ("Ada", "Cy")
            Reporter(client, group).report(Answers(what=f"report {number}"), to=everybody)
        with (
            desk_of(tmp_path, server.base, group, "Ada") as ada,
            desk_of(tmp_path, server.base, group, "Bo") as bo,
        ):
            synced(ada, client, NOW)
            synced(bo, client, NOW)
            assert (len(ada.cases()), len(bo.cases())) == (REPORTS, SHARED)
            case_id, case = min(bo.cases().items())
            seen = [
                acting(desk, server.base, partial(write, case_id=case_id, note=note), NOW + turn)
                for turn in range(2)
                for desk, note in ((ada, turn == 1), (bo, False))
            ]
            assert all(one.letters == {case.mailbox_address} for one in seen)
            assert len({frozenset(report for report, _ in one.entries) for one in seen}) == 1
            for one in seen:
                by_report: dict[str, list[int]] = {}
                for report, length in one.entries:
                    by_report.setdefault(report, []).append(length)
                assert len(by_report) == 1 + COMPANIONS
                assert case_id in by_report
                assert len({tuple(sorted(lengths)) for lengths in by_report.values()}) == 1
            quiet = acting(ada, server.base, lambda _: None, NOW + 9)
            assert not quiet.entries
        database = sqlite3.connect(next(server.data.rglob("*.db")))
        rows = database.execute("SELECT id, name FROM records WHERE partition = 'mail'").fetchall()
        database.close()
    assert {bytes(name).split(b"/")[0] for _, name in rows} == {b"box", b"posted", b"letter"}
    assert all(place < 0 for place, _ in rows)


def test_what_goes_again_tells_nothing(tmp_path: Path, server: RunningServer) -> None:
    """A server that fails with an upload, or with its letter, its entry or another's, gets that again, and no more.

    Companions' entries were made anew each time, so that of eight reports the one with the same entry as before was the
    one that the letter answers.
    """
    with Client(server.base) as client:
        group = Group.draw()
        group.found(client)
        for number in range(REPORTS):
            Reporter(client, group).report(Answers(what=f"report {number}"))
        with desk_of(tmp_path, server.base, group, "Ada") as ada:
            synced(ada, client, NOW)
            case_id = min(ada.cases())
            picks: tuple[Callable[[shapes.Action], bool] | None, ...] = (
                None,
                lambda one: isinstance(one, shapes.PostLetter),
                lambda one: isinstance(one, shapes.AppendLog) and one.report == case_id,
                lambda one: isinstance(one, shapes.AppendLog) and one.report != case_id,
            )
            for lost in picks:
                write(ada, case_id)
                with Forgetful(server.base, lost) as forgetful:
                    for _ in range(3):
                        with contextlib.suppress(Unreachable):
                            synced(ada, forgetful, NOW + 1)
                first, *again = forgetful.uploads
                assert len(first) == 2 + COMPANIONS
                assert len(again) == 1  # and the third sync sent nothing: all of it was taken
                items = first if lost is None else [list(first)[forgetful.item]]
                assert again == [{item: first[item] for item in items}]
                assert not ada.outbox()
