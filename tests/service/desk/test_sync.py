"""A sync may break off anywhere: the next one brings in the rest. Real desks and a real server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
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
from service.wire.client import Client, Unreachable
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer, running_server

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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.base) as opened:
        yield opened


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
        ours = ada.history_of(group.id)
        ada.enqueue(actions.forward(ada.desk(NOW + 1), case, ours, theirs, [dan], "please help"))
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
