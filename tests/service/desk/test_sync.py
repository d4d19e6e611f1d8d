"""A sync may break off anywhere, and a clock be wrong: the next sync brings in the rest. Real desks and servers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from service.cases.answers import Answers
from service.cases.log import Note
from service.cases.rosters import verified_history
from service.desk import actions
from service.desk.session import Session
from service.desk.sync_logs import pull_activity
from service.wire import calls
from service.wire.client import Client
from service.wire.failures import Unreachable
from tests.support.desks import desk_of, synced
from tests.support.groups import Group, admitted, server_key
from tests.support.reporters import Reporter
from tests.support.server import RunningServer
from tests.support.timed_server import TimedServer, timed_server

T = TypeVar("T")
NOW = 1_900_000_000


class Breaking(Client):
    """A connection that breaks before the request of number `left`, counted from 0."""

    left = 1_000_000

    def do(self, call: calls.Call[T]) -> T:
        if self.left == 0:
            raise Unreachable
        self.left -= 1
        return super().do(call)


class Asked(Client):
    """A client that remembers what it asked for."""

    def __init__(self, base: str, *, clock: Callable[[], float]) -> None:
        super().__init__(base, clock=clock)
        self.targets: list[str] = []

    def do(self, call: calls.Call[T]) -> T:
        self.targets.append(call.target)
        return super().do(call)


def note(desk: Session, text: str, at_s: int) -> None:
    [case] = desk.cases().values()
    desk.enqueue([actions.log(desk.desk(at_s), case.first, Note(text=text))])


def notes_of(desk: Session) -> list[str]:
    [case] = desk.cases().values()
    return [entry.act.text for entry in case.state.notes if isinstance(entry.act, Note)]


def syncs_broken_off(folder: Path, server: RunningServer, group: Group, name: str) -> Iterator[Session]:
    """Yield the desk as it is after a sync that broke off before its first request, its second, … and one more."""
    for number in range(100):
        aside = folder / f"{name}-{number}"
        aside.mkdir()
        if (folder / f"{name}.db").exists():
            shutil.copy(folder / f"{name}.db", aside)
        with desk_of(aside, server.base, group, name) as desk, Breaking(server.base) as client:
            client.left = number
            try:
                synced(desk, client, NOW + 2)
            except Unreachable:
                client.left = 1_000_000
                synced(desk, client, NOW + 3)
                yield desk
            else:
                assert number > 3
                return


def test_a_sync_that_broke_off_loses_no_colleagues_note(
    tmp_path: Path, server: RunningServer, client: Client
) -> None:
    """Wherever it broke off, the next one has Ada's note."""
    group = Group.draw()
    group.found(client)
    Reporter(client, group).report(Answers(what="x"))
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Bo") as bo,
    ):
        synced(ada, client, NOW)
        synced(bo, client, NOW)
        note(ada, "The reporter is in danger: do not call them.", NOW)
        synced(ada, client, NOW + 1)
    for desk in syncs_broken_off(tmp_path, server, group, "Bo"):
        assert notes_of(desk) == ["The reporter is in danger: do not call them."]


def test_a_sync_that_broke_off_loses_nothing_of_a_forwarded_report(
    tmp_path: Path, server: RunningServer, client: Client
) -> None:
    """Its log began before it was forwarded, and the list names it only once."""
    group, other = Group.draw(), Group.draw("Borealis", ["Dan", "Eve"])
    group.found(client)
    other.found(client)
    Reporter(client, group).report(Answers(what="x"))
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        synced(ada, client, NOW)
        note(ada, "Seen by two people.", NOW)
        synced(ada, client, NOW + 1)
        [case] = ada.cases().values()
        [dan, _] = other.roster.active
        theirs = verified_history(other.id, [statement.raw for statement in other.chain.statements])
        ada.enqueue(actions.forward(ada.desk(NOW + 1), case, ada.histories(), theirs, [dan], "please help"))
        synced(ada, client, NOW + 2)
    for desk in syncs_broken_off(tmp_path, server, other, "Dan"):
        assert notes_of(desk) == ["Seen by two people."]


def test_a_log_that_grew_before_its_report_was_listed_is_brought_in_later(
    tmp_path: Path, server: RunningServer, client: Client
) -> None:
    """A report may be released, and acted on by a colleague, between a desk's two questions."""
    group = Group.draw()
    group.found(client)
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Bo") as bo,
    ):
        synced(bo, client, NOW)
        Reporter(client, group).report(Answers(what="x"))
        synced(ada, client, NOW)
        note(ada, "first", NOW)
        synced(ada, client, NOW + 1)
        pull_activity(bo, client)
        synced(bo, client, NOW + 2)
        assert notes_of(bo) == ["first"]


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimedServer]:
    """A server whose clock the tests set forward and back."""
    with timed_server(tmp_path_factory.mktemp("timed")) as running:
        yield running


@pytest.mark.parametrize("wrong_s", [90, 3_600, 80_000, 400 * 86_400])
@pytest.mark.xdist_group("set back")
def test_reports_filed_after_a_clock_was_set_back_are_listed(
    tmp_path: Path, timed: TimedServer, wrong_s: int
) -> None:
    """Of whatever the clock was wrong: a minute, an hour, a day, a year. Nothing that is here is fetched again."""
    group = Group.draw()
    with Asked(timed.base, clock=timed.clock) as client:
        group.found(client)
        with desk_of(tmp_path, timed.base, group, "Ada") as ada:
            Reporter(client, group).report(Answers(what="before"))
            timed.forward(wrong_s)
            Reporter(client, group).report(Answers(what="meanwhile"))
            assert synced(ada, client, int(timed.clock())).new_reports == 2
            timed.forward(-wrong_s)
            Reporter(client, group).report(Answers(what="after"))
            client.targets.clear()
            assert synced(ada, client, int(timed.clock())).new_reports == 1
            fetched = [target for target in client.targets if "/reports/" in target]
            assert len(fetched) == 1
            timed.forward(3_600)
            for _ in range(2):
                assert synced(ada, client, int(timed.clock())).new_reports == 0
            cases = ada.cases().values()
        assert {case.first.headline for case in cases} == {
            "before",
            "meanwhile",
            "after",
        }


def test_what_does_not_open_is_told_once_and_not_fetched_again(
    tmp_path: Path, server: RunningServer, client: Client
) -> None:
    """Although the last day is listed at every sync."""
    group = Group.draw()
    group.found(client)
    token = admitted(client, group.id)
    client.do(calls.submit(group.id, group.seal(b"no report"), server_key(client), admission=token))
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        assert len(synced(ada, client, NOW).warnings) == 1
        assert synced(ada, client, NOW + 1).warnings == []
