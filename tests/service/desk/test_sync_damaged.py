"""One report, grant or log that a real server can't read any more keeps nobody from the others, and is not lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.cases.answers import Answers
from service.cases.log import Note
from service.cases.rosters import verified_history
from service.desk import actions
from service.desk.session import Session
from service.desk.sync import SyncResult
from service.desk.sync_failures import TELL
from service.wire import calls
from service.wire.client import Client
from tests.support.damage import damaged
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.timed_server import TimedServer

DAYS = 3 * 86_400  # longer than a desk looks back


@pytest.fixture
def timed(forwarded_server: TimedServer) -> TimedServer:
    return forwarded_server


@pytest.fixture
def client(timed: TimedServer) -> Iterator[Client]:
    with Client(timed.base, clock=timed.clock) as opened:
        yield opened


@pytest.fixture
def group(client: Client) -> Group:
    drawn = Group.draw()
    drawn.found(client)
    return drawn


@pytest.fixture
def ada(tmp_path: Path, timed: TimedServer, group: Group) -> Iterator[Session]:
    with desk_of(tmp_path, timed.base, group, "Ada") as desk:
        yield desk


@pytest.fixture
def bo(tmp_path: Path, timed: TimedServer, group: Group) -> Iterator[Session]:
    with desk_of(tmp_path, timed.base, group, "Bo") as desk:
        yield desk


def came(desk: Session, client: Client) -> SyncResult:
    return synced(desk, client, client.now_s())


def newest(client: Client, group: Group, name: str = "Ada") -> bytes:
    """The id of the report that was listed last."""
    return bytes.fromhex(client.do(calls.feed(group.signer(name))).entries[-1].report)


def reported(timed: TimedServer, client: Client, group: Group, what: str, **answers: str) -> bytes:
    timed.forward(1)
    Reporter(client, group).report(Answers(what=what, **answers))  # type: ignore[arg-type]
    return newest(client, group)


def note(desk: Session, client: Client, report: bytes, text: str) -> None:
    case = desk.cases()[report.hex()]
    desk.enqueue([actions.log(desk.desk(client.now_s()), case.first, Note(text=text))])
    came(desk, client)


def notes(desk: Session, report: bytes) -> list[str]:
    return [one.act.text for one in desk.cases()[report.hex()].state.notes if isinstance(one.act, Note)]


def headlines(desk: Session) -> set[str]:
    return {case.first.headline for case in desk.cases().values()}


@pytest.mark.xdist_group("damaged")
@pytest.mark.parametrize("what", ["report", "report and entry"])
def test_an_urgent_report_comes_from_behind_a_damaged_one(
    timed: TimedServer, client: Client, group: Group, ada: Session, what: str
) -> None:
    """The damaged one comes once it was restored, days later, and is told of until then."""
    first = reported(timed, client, group, "first")
    with ExitStack() as until_restored:
        until_restored.enter_context(damaged(timed, group, b"report/" + first))
        if what == "report and entry":
            mine = b"feed/" + group.member("Ada").id
            until_restored.enter_context(damaged(timed, group, mine, end=first))
        reported(timed, client, group, "urgent", urgency="danger")
        result = came(ada, client)
        assert (result.new_reports, result.urgent) == (1, 1)
        [warning] = result.warnings
        assert warning.startswith("1 ")
        assert warning.endswith(TELL)
        timed.forward(DAYS)
        reported(timed, client, group, "days later")
        later = came(ada, client)
        assert (later.new_reports, later.warnings) == (1, [warning])
        assert headlines(ada) == {"urgent", "days later"}
        assert "canary" not in timed.log
        assert first.hex() not in timed.log
    restored = came(ada, client)
    assert (restored.new_reports, restored.warnings) == (1, [])
    assert headlines(ada) == {"first", "urgent", "days later"}
    again = came(ada, client)
    assert (again.new_reports, again.warnings) == (0, [])


@pytest.mark.xdist_group("damaged")
def test_wrong_bytes_are_fetched_again_when_somebody_asks(
    timed: TimedServer, client: Client, group: Group, ada: Session
) -> None:
    """A bit of an envelope changed: by itself a desk fetches it once. Restored, it comes, days later too."""
    first = reported(timed, client, group, "first")

    def bit(record: bytes) -> bytes:
        return record[:-1] + bytes([record[-1] ^ 1])

    with damaged(timed, group, b"report/" + first, how=bit):
        [warning] = came(ada, client).warnings
        assert warning.startswith("a report could not be opened")
        assert synced(ada, client, client.now_s(), unopened=True).warnings == [warning]
    timed.forward(DAYS)
    reported(timed, client, group, "days later")
    later = came(ada, client)
    assert (later.new_reports, later.warnings, len(ada.unreadable())) == (1, [], 1)
    restored = synced(ada, client, client.now_s(), unopened=True)
    assert (restored.new_reports, restored.warnings, ada.unreadable()) == (1, [], [])
    assert headlines(ada) == {"first", "days later"}
    assert synced(ada, client, client.now_s(), unopened=True).new_reports == 0


@pytest.mark.xdist_group("damaged")
def test_what_is_asked_for_again_and_fails_is_not_forgotten(
    timed: TimedServer, client: Client, group: Group, ada: Session
) -> None:
    """The server can't even read it meanwhile: it is fetched by a later sync, which nobody has to ask."""
    first = reported(timed, client, group, "first")
    with damaged(timed, group, b"report/" + first, how=lambda record: record[:-1] + bytes([record[-1] ^ 1])):
        assert len(came(ada, client).warnings) == 1
    with damaged(timed, group, b"report/" + first):
        [warning] = synced(ada, client, client.now_s(), unopened=True).warnings
        assert warning.endswith(TELL)
    assert came(ada, client).new_reports == 1
    assert headlines(ada) == {"first"}
    assert ada.unreadable() == []


@pytest.mark.xdist_group("damaged")
def test_a_feed_entry_that_is_damaged_is_no_loss(
    timed: TimedServer, client: Client, group: Group, ada: Session
) -> None:
    """The report is all the same."""
    first = reported(timed, client, group, "first")
    with damaged(timed, group, b"feed/" + group.member("Ada").id, end=first):
        result = came(ada, client)
        assert (result.new_reports, result.warnings) == (1, [])


@pytest.mark.xdist_group("damaged")
def test_what_was_handed_over_waits_for_its_grant(
    tmp_path: Path, timed: TimedServer, client: Client, group: Group, ada: Session
) -> None:
    """A damaged grant opens nothing; the report comes with its log once it was restored."""
    other = Group.draw("Borealis", ["Dan", "Eve"])
    other.found(client)
    first = reported(timed, client, group, "first")
    second = reported(timed, client, group, "second")
    came(ada, client)
    note(ada, client, first, "seen")
    theirs = verified_history(other.id, [statement.raw for statement in other.chain.statements])
    [dan, _] = other.roster.active
    for report in (first, second):
        case = ada.cases()[report.hex()]
        desk = ada.desk(client.now_s())
        ada.enqueue(actions.forward(desk, case, ada.histories(), theirs, [dan], "please help"))
    came(ada, client)
    with desk_of(tmp_path, timed.base, other, "Dan") as his:
        with damaged(timed, group, b"grant/" + first):
            result = came(his, client)
            assert (result.new_reports, len(result.warnings)) == (1, 1)
            timed.forward(DAYS)
        assert came(his, client).new_reports == 1
        assert headlines(his) == {"first", "second"}
        assert notes(his, first) == ["seen"]


@pytest.mark.xdist_group("damaged")
def test_a_log_that_can_not_be_read_is_read_later(
    timed: TimedServer, client: Client, group: Group, ada: Session, bo: Session
) -> None:
    """The others' logs are read meanwhile, and what waits goes out."""
    first = reported(timed, client, group, "first")
    second = reported(timed, client, group, "second")
    came(ada, client)
    came(bo, client)
    for report in (first, second):
        note(ada, client, report, "by Ada")
    with damaged(timed, group, b"report/" + first):
        result = came(bo, client)
        assert (len(result.warnings), notes(bo, second)) == (1, ["by Ada"])
        assert TELL in result.warnings[0]
        note(bo, client, second, "by Bo")
        came(ada, client)
        assert notes(ada, second) == ["by Ada", "by Bo"]
        assert notes(bo, first) == []
    assert came(bo, client).warnings == []
    assert notes(bo, first) == ["by Ada"]


@pytest.mark.xdist_group("damaged")
def test_an_entry_that_can_not_be_read_keeps_no_other_back(
    timed: TimedServer, client: Client, group: Group, ada: Session, bo: Session
) -> None:
    """It comes once it was restored; what came after it is neither counted nor kept twice."""
    report = reported(timed, client, group, "first")
    came(ada, client)
    came(bo, client)
    for text in ("one", "two", "three"):
        note(ada, client, report, text)
    with damaged(timed, group, b"log/" + report + b"/", end=(2).to_bytes(8, "big")):
        result = came(bo, client)
        assert (result.new_entries, notes(bo, report)) == (2, ["one", "three"])
        [warning] = result.warnings
        assert TELL in warning
        note(bo, client, report, "four")
        assert notes(bo, report) == ["one", "three", "four"]
        again = came(bo, client)
        assert (again.new_entries, again.warnings) == (0, [warning])
    result = came(bo, client)
    assert (result.new_entries, result.warnings) == (1, [])
    assert notes(bo, report) == ["one", "two", "three", "four"]


@pytest.mark.xdist_group("damaged")
def test_all_logs_are_read_where_the_server_can_not_say_which_grew(
    timed: TimedServer, client: Client, group: Group, ada: Session, bo: Session
) -> None:
    """Also that of a report that could not be fetched yet."""
    first = reported(timed, client, group, "first")
    second = reported(timed, client, group, "second")
    came(ada, client)
    with damaged(timed, group, b"report/" + second):
        came(bo, client)
    for report in (first, second):
        note(ada, client, report, "by Ada")
    theirs = (b"activity/" + group.member("Bo").id, b"report/" + second)
    with damaged(timed, group, *theirs):
        came(bo, client)
        assert notes(bo, first) == ["by Ada"]
    came(bo, client)
    assert notes(bo, second) == ["by Ada"]


@pytest.mark.xdist_group("damaged")
def test_an_act_on_a_damaged_report_keeps_no_other_from_going_out(
    timed: TimedServer, client: Client, group: Group, ada: Session, bo: Session
) -> None:
    """It waits, is told of, and goes once the report was restored."""
    first = reported(timed, client, group, "first")
    second = reported(timed, client, group, "second")
    came(ada, client)
    came(bo, client)
    with damaged(timed, group, b"report/" + first):
        for report in (first, second):
            case = ada.cases()[report.hex()]
            ada.enqueue([actions.log(ada.desk(client.now_s()), case.first, Note(text="by Ada"))])
        result = came(ada, client)
        assert (result.waiting, len(result.warnings)) == (1, 1)
        assert result.warnings[0].startswith("1 acts")
        came(bo, client)
        assert notes(bo, second) == ["by Ada"]
    result = came(ada, client)
    assert (result.waiting, result.warnings) == (0, [])
    came(bo, client)
    assert notes(bo, first) == ["by Ada"]
