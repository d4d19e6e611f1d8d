"""The lists of handlers that a desk goes by: never older ones, and the newest of every group whose reports it holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from service.cases.answers import Answers
from service.cases.log import Note
from service.desk import actions
from service.desk.casebook import Case
from service.desk.recording import record_report
from service.desk.rosters import UNSEEN
from service.desk.session import Session, handlers_named
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.pins import RolledBack
from tests.support.desks import desk_of, synced
from tests.support.groups import Group, Member
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

T = TypeVar("T")
NOW = 1_900_000_000


class Lying(Client):
    """A server that shows fewer statements of a group than it has."""

    behind: tuple[Group, int] | None = None

    def do(self, call: calls.Call[T]) -> T:
        if self.behind is not None and call.method == "GET":
            group, statements = self.behind
            if call.target == calls.roster(group.id).target:
                raws = tuple(statement.raw for statement in group.chain.statements[:statements])
                return call.parse(msgspec.json.encode(shapes.RosterChain(group.id.hex(), raws)))
        return super().do(call)


@pytest.fixture
def client(server: RunningServer) -> Iterator[Lying]:
    with Lying(server.base) as opened:
        yield opened


def only_case(desk: Session) -> Case:
    [case] = desk.cases().values()
    return case


@pytest.mark.parametrize("of_alternate", [False, True])
def test_nothing_is_recorded_by_an_older_list(
    tmp_path: Path, server: RunningServer, client: Lying, of_alternate: bool
) -> None:
    """A server that shows the list of before Cy retired, here or in the group that takes over, is refused."""
    other = Group.draw("Borealis", ["Cy", "Dan", "Eve"])
    group = Group.draw("Aurora", ["Ada", "Bo", "Cy"], alternate=other.id)
    for one in (other, group):
        one.retire("Cy")
        one.found(client)
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        synced(ada, client, NOW)
        behind = other if of_alternate else group
        client.behind = (behind, len(behind.chain.statements) - 1)
        with pytest.raises(RolledBack):
            record_report(
                ada, client, Answers(what="About Cy."), (), ("Bo",) if of_alternate else (), NOW + 1
            )
        client.behind = None
        assert synced(ada, client, NOW + 2).new_reports == 0
        record_report(ada, client, Answers(what="About Cy."), (), (), NOW + 3)


def test_a_colleague_who_joined_later_is_known_everywhere(
    tmp_path: Path, server: RunningServer, client: Lying
) -> None:
    """Whoever a report was forwarded to follows its group: what Fay wrote counts, and a new list is no warning."""
    other = Group.draw("Borealis", ["Dan", "Eve"])
    group = Group.draw(alternate=other.id)
    for one in (other, group):
        one.found(client)
    Reporter(client, group).report(Answers(what="It happened."))
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, other, "Dan") as dan,
    ):

        def forwarded(case: Case, to: Group, name: str, at_s: int) -> None:
            theirs = ada.history_of(to.id)
            wanted = handlers_named(theirs.latest, [name])
            ada.enqueue(actions.forward(ada.desk(at_s), case, ada.histories(), theirs, wanted, ""))
            synced(ada, client, at_s)

        synced(ada, client, NOW)
        case = only_case(ada)
        forwarded(case, other, "Dan", NOW + 1)
        assert synced(dan, client, NOW + 2).new_reports == 1
        group.add(Member.draw("Fay"))
        group.found(client)
        synced(ada, client, NOW + 3)
        forwarded(only_case(ada), group, "Fay", NOW + 4)
        with desk_of(tmp_path, server.base, group, "Fay") as fay:
            synced(fay, client, NOW + 5)
            fay.enqueue([actions.log(fay.desk(NOW + 6), only_case(fay).first, Note(text="Ann saw it."))])
            synced(fay, client, NOW + 6)
        Reporter(client, group).report(Answers(what="Once more."))
        synced(ada, client, NOW + 7)
        [second] = (one for one in ada.cases().values() if one.first.id != case.first.id)
        forwarded(second, other, "Dan", NOW + 8)

        client.behind = (group, len(group.chain.statements) - 1)  # Dan's desk has not heard of Fay yet
        synced(dan, client, NOW + 9)
        cases = dan.cases()
        assert cases[case.first.id].untrusted == 1
        assert cases[second.first.id].first.warnings == (UNSEEN,)
        client.behind = None
        assert synced(dan, client, NOW + 10).warnings == []
        cases = dan.cases()
        assert cases[case.first.id].untrusted == 0
        assert [note.act for note in cases[case.first.id].state.notes] == [Note(text="Ann saw it.")]
        assert cases[second.first.id].first.warnings == ()


def test_another_groups_older_list_is_told_and_keeps_nobody_from_their_reports(
    tmp_path: Path, server: RunningServer, client: Lying
) -> None:
    """The desk goes by what it has seen of it, and reads its own group's reports."""
    other = Group.draw("Borealis", ["Dan", "Eve"])
    group = Group.draw(alternate=other.id)
    for one in (other, group):
        one.found(client)
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        synced(ada, client, NOW)
        Reporter(client, group).report(Answers(what="It happened."))
        client.behind = (other, len(other.chain.statements) - 1)
        result = synced(ada, client, NOW + 1)
        assert result.new_reports == 1
        [warning] = result.warnings
        assert "older list" in warning
        assert other.id.hex()[:8] in warning
        assert ada.roster_of(other.id) == other.roster
