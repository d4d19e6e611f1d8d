"""A server that declines one item ends no sync; one that declines many, or the handler, does. Desks are real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from service.cases.answers import Answers
from service.cases.log import Note
from service.cases.roster_statements import Members
from service.cases.rosters import verified_history
from service.desk import actions
from service.desk.outbox import BATCH
from service.desk.records import Unfetched
from service.desk.session import Session
from service.desk.sync_failures import AGAIN, LIMIT, TELL
from service.wire import shapes
from service.wire.calls import BadAnswer, Call
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.members import make_keeper
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

T = TypeVar("T")
NOW = 1_900_000_000
Wanted = Callable[[Call[object]], bool]


class Declining(Client):
    """A server that declines what a test says, and remembers what of it was asked for."""

    error: Exception = Declined(Kind.INTERNAL, 500)

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.asked: list[str] = []
        self.declines: Wanted = lambda _call: False

    def do(self, call: Call[T]) -> T:
        if self.declines(call):
            self.asked.append(call.target)
            raise self.error
        return super().do(call)


def at(*parts: str) -> Wanted:
    """What has one of these in its target."""
    return lambda call: any(part in call.target for part in parts)


def acts(call: Call[object]) -> list[shapes.Action]:
    """What a batch is to do."""
    return list(msgspec.json.decode(call.body, type=shapes.Batch).actions) if "/batch" in call.target else []


@pytest.fixture
def lying(server: RunningServer) -> Iterator[Declining]:
    with Declining(server.base) as client:
        yield client


@pytest.fixture
def ada(tmp_path: Path, server: RunningServer, group: Group) -> Iterator[Session]:
    with desk_of(tmp_path, server.base, group, "Ada") as desk:
        yield desk


@pytest.fixture
def bo(tmp_path: Path, server: RunningServer, group: Group) -> Iterator[Session]:
    with desk_of(tmp_path, server.base, group, "Bo") as desk:
        yield desk


def filed(client: Client, group: Group, many: int) -> None:
    for number in range(many):
        Reporter(client, group).report(Answers(what=f"number {number}"))


def noted(desk: Session, report: str, *texts: str) -> None:
    case = desk.cases()[report]
    desk.enqueue(actions.log(desk.desk(NOW), case.first, Note(text=text)) for text in texts)


def notes(desk: Session, report: str) -> list[str]:
    return [one.act.text for one in desk.cases()[report].state.notes if isinstance(one.act, Note)]


def test_a_server_that_fails_with_many_reports_ends_a_sync_and_the_next_comes_further(
    lying: Declining, group: Group, ada: Session, bo: Session
) -> None:
    """What failed is tried again, but not all of it in one sync, and keeps nobody from what is new."""
    filed(lying, group, LIMIT + 14)
    synced(bo, lying, NOW)
    bad = sorted(bo.cases())[: LIMIT + 4]
    lying.declines = at(*(f"/reports/{report}" for report in bad))
    with pytest.raises(Declined):
        synced(ada, lying, NOW)
    assert len(ada.vault.every("unfetched", Unfetched)) == LIMIT
    result = synced(ada, lying, NOW + 1)
    assert len(ada.cases()) == 10
    assert result.warnings == [
        f"{len(bad)} reports can't be fetched, since the server fails with them: {TELL}"
    ]
    noted(ada, next(iter(ada.cases())), "goes out")
    tried: set[str] = set()
    for at_s in range(NOW + 2, NOW + 4):
        lying.asked.clear()
        assert len(synced(ada, lying, at_s).warnings) == 1
        assert len(lying.asked) == AGAIN
        tried.update(lying.asked)
    assert len(tried) == len(bad)
    assert ada.outbox() == []
    lying.declines = at()
    for at_s in range(NOW + 4, NOW + 6):
        result = synced(ada, lying, at_s)
    assert (result.new_reports, result.warnings) == (len(bad) - AGAIN, [])
    assert ada.cases().keys() == bo.cases().keys()


def test_logs_that_fail_end_a_sync_likewise(
    lying: Declining, group: Group, ada: Session, bo: Session
) -> None:
    """After as many as reports, and the next sync reads the others."""
    filed(lying, group, LIMIT + 4)
    synced(ada, lying, NOW)
    synced(bo, lying, NOW)
    reports = sorted(ada.cases())
    for report in reports:
        noted(ada, report, "by Ada")
    synced(ada, lying, NOW)
    lying.declines = at(*(f"/reports/{report}/log" for report in reports[: LIMIT + 2]))
    with pytest.raises(Declined):
        synced(bo, lying, NOW)
    [warning] = synced(bo, lying, NOW + 1).warnings
    assert warning.startswith(f"{LIMIT + 2} reports' logs")
    assert [report for report in reports if notes(bo, report)] == reports[LIMIT + 2 :]
    lying.declines = at()
    assert synced(bo, lying, NOW + 2).warnings == []
    assert all(notes(bo, report) == ["by Ada"] for report in reports)


ABOUT_ALL = (
    Declined(Kind.SIGNATURE, 401),
    Declined(Kind.UNAVAILABLE, 503, 5),
    Declined(None, 403),
    Declined(Kind.REPLAYED, 409),
    Declined(Kind.BUSY, 429, 5),
    Declined(None, 502),
    Declined(None, 504),
    Declined(None, 302),
)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        *(("/reports/", problem) for problem in ABOUT_ALL),
        *((target, problem) for target in ("/log?", "/batch") for problem in ABOUT_ALL[:2]),
    ],
)
def test_what_is_about_the_server_or_the_handler_ends_a_sync(
    lying: Declining, group: Group, ada: Session, problem: Declined, target: str
) -> None:
    """At once: whatever else were asked for would be declined too. Nothing is taken for damaged."""
    filed(lying, group, 2)
    if target != "/reports/":
        synced(ada, lying, NOW)
        for report in ada.cases():
            noted(ada, report, "waits")
    lying.declines, lying.error = at(target), problem
    with pytest.raises(Declined) as raised:
        synced(ada, lying, NOW)
    assert raised.value is problem
    lying.declines = at()
    assert synced(ada, lying, NOW + 1).warnings == []
    assert (len(ada.cases()), ada.outbox()) == (2, [])


@pytest.mark.parametrize(
    "problem", [Declined(Kind.INTERNAL, 500), Declined(None, 500), Declined(None, 410), Declined(None, 418)]
)
def test_what_is_about_one_item_ends_no_sync(
    lying: Declining, group: Group, ada: Session, problem: Declined
) -> None:
    """Whatever the server says of it, with words that this version knows or not."""
    filed(lying, group, 2)
    synced(ada, lying, NOW)
    first, second = sorted(ada.cases())
    noted(ada, first, "first")
    noted(ada, second, "second")
    filed(lying, group, 1)
    lying.error = problem
    lying.declines = lambda call: (
        any(isinstance(act, shapes.AppendLog) and act.report == first for act in acts(call))
        or f"/reports/{first}" in call.target
    )
    result = synced(ada, lying, NOW + 1)
    assert (result.new_reports, result.waiting, len(result.warnings)) == (1, 1, 1)
    lying.declines = at()
    result = synced(ada, lying, NOW + 2)
    assert (result.waiting, result.warnings) == (0, [])
    assert (notes(ada, first), notes(ada, second)) == (["first"], ["second"])


def test_a_log_that_is_none_ends_no_sync(lying: Declining, group: Group, ada: Session) -> None:
    """Nor is it dropped."""
    filed(lying, group, 2)
    synced(ada, lying, NOW)
    first, second = sorted(ada.cases())
    for report in (first, second):
        noted(ada, report, "x")
    lying.declines, lying.error = at(f"{first}/log"), BadAnswer("the server's log is out of order")
    result = synced(ada, lying, NOW + 1)
    assert len(result.warnings) == 1
    assert notes(ada, second) == ["x"]
    lying.declines = at()
    assert synced(ada, lying, NOW + 2).warnings == []
    assert notes(ada, first) == ["x"]


def test_an_act_that_is_declined_keeps_back_what_must_not_come_before_it(
    lying: Declining, group: Group, ada: Session, bo: Session
) -> None:
    """The later acts on its report, stepping out too; nothing on other reports, and no letter to the reporter."""
    reporter = Reporter(lying, group)
    reporter.report(Answers(what="first"))
    synced(ada, lying, NOW)
    [first] = ada.cases()
    filed(lying, group, 3)
    synced(ada, lying, NOW)
    synced(bo, lying, NOW)
    noted(ada, first, "one", "two")
    declined = ada.outbox()[0].item
    ada.enqueue(actions.write_letter(ada.desk(NOW), ada.cases()[first], ada.histories(), "Dear reporter"))
    others = [report for report in ada.cases() if report != first]
    for report in others:
        noted(ada, report, "elsewhere")
    ada.enqueue(actions.recuse(ada.desk(NOW), ada.cases()[first], "I know them"))
    lying.declines = lambda call: any(act.item == declined for act in acts(call))
    result = synced(ada, lying, NOW + 1)
    assert [letter.text for letter in reporter.letters()] == ["Dear reporter"]
    synced(bo, lying, NOW + 1)
    assert notes(bo, first) == []
    assert [notes(bo, report) for report in others] == [["elsewhere"]] * 3
    assert result.waiting == len(ada.outbox()) > 3
    assert result.warnings == [
        f"{result.waiting} acts of yours wait, since the server fails with them: {TELL}"
    ]
    lying.declines = at()
    synced(ada, lying, NOW + 2)
    assert (ada.outbox(), first in ada.cases()) == ([], False)
    synced(bo, lying, NOW + 2)
    assert notes(bo, first) == ["one", "two"]


def test_a_server_that_does_nothing_ends_a_sync(lying: Declining, group: Group, ada: Session) -> None:
    """After so many acts that it declined one by one; all wait."""
    filed(lying, group, 1)
    synced(ada, lying, NOW)
    [report] = ada.cases()
    filed(lying, group, LIMIT + 4)
    synced(ada, lying, NOW)
    for report in ada.cases():
        noted(ada, report, "waits")
    waiting = ada.outbox()
    lying.declines = at("/batch")
    with pytest.raises(Declined):
        synced(ada, lying, NOW + 1)
    assert [item.item for item in ada.outbox()] == [item.item for item in waiting]
    assert len(lying.asked) < BATCH


def test_what_is_beside_the_cases_ends_no_sync(
    tmp_path: Path, server: RunningServer, lying: Declining, client: Client
) -> None:
    """A registry, the group's polls, the list of groups: each is told of, and the reports come."""
    group, other = Group.draw(council=["Zoe"]), Group.draw("Borealis", ["Dan", "Eve"])
    group.say(Members(registry=make_keeper(3).id.hex()))
    group.found(client)
    other.found(client)
    filed(client, group, 1)
    theirs = verified_history(other.id, [statement.raw for statement in other.chain.statements])
    [dan, _] = other.roster.active
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        synced(ada, client, NOW)
        [case] = ada.cases().values()
        ada.enqueue(actions.forward(ada.desk(NOW), case, ada.histories(), theirs, [dan], "please help"))
        synced(ada, client, NOW)
    with desk_of(tmp_path, server.base, group, "Bo") as bo:
        lying.declines = lambda call: call.target == "/v1/groups" or at("/registries/", "/polls?")(call)
        result = synced(bo, lying, NOW)
        assert (result.new_reports, len(result.warnings)) == (1, 2)
        assert all(warning.endswith(TELL) for warning in result.warnings)
    with desk_of(tmp_path, server.base, group, "Zoe") as zoe:
        result = synced(zoe, lying, NOW)
        assert len(result.warnings) == 2
        assert all(warning.endswith(TELL) for warning in result.warnings)
