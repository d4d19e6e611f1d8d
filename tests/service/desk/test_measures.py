"""When the council is told of a measure's end or review, until when, and by whose word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto.errors import Refused
from polls.manifest import Urgent
from service.desk.measures import (
    NOTICE,
    Decision,
    SeenTo,
    Turn,
    decision_of,
    due,
    goes_on,
    next_word,
    over,
    told,
    turns,
)
from service.desk.sync_measures import measure_of, measures_due, of_council
from service.wire.calls import Call
from service.wire.poll_decisions import CouncilsWord, Said
from service.wire.poll_shapes import PollEntry, PollList
from tests.support.communities import Community
from tests.support.council_desks import Lying, at_desk, known, pulled
from tests.support.desks import desk_of
from tests.support.groups import Group
from tests.support.inprocess import World, in_process
from tests.support.poll_trustees import Bridge
from tests.support.server_polls import DAY, ServerPoll

POLL = "ab" * 32
REVIEW, ENDS, TEMPORARY = 20_100, 20_200, 20_010


def decision(**changes: object) -> Decision:
    known = Decision(POLL, "implemented", "Which action?", "Suspension", REVIEW, None, "", None, True)
    return msgspec.structs.replace(known, **changes)


@pytest.mark.parametrize(
    ("changes", "ahead"),
    [
        ({}, (Turn("review", REVIEW),)),
        ({"ends_on": ENDS}, (Turn("review", REVIEW), Turn("ends", ENDS))),
        ({"ends_on": REVIEW + 1}, (Turn("review", REVIEW), Turn("ends", REVIEW + 1))),
        ({"ends_on": REVIEW}, (Turn("ends", REVIEW),)),  # what is over isn't looked at again
        ({"ends_on": REVIEW - 50}, (Turn("ends", REVIEW - 50),)),
        ({"review_on": None, "ends_on": ENDS}, (Turn("ends", ENDS),)),
        ({"measure": "", "review_on": None}, ()),
        (
            {"temporary": "Out of the chat", "temporary_ends_on": TEMPORARY},
            (Turn("temporary ends", TEMPORARY), Turn("review", REVIEW)),
        ),
    ],
)
def test_what_is_ahead_of_a_measure(changes: dict[str, Any], ahead: tuple[Turn, ...]) -> None:
    """Its review and its end, the earlier first."""
    assert turns(decision(**changes), None) == ahead


def test_the_council_is_told_two_weeks_before_and_from_then_on() -> None:
    """Without end, until somebody says that it is done."""
    some = turns(decision(ends_on=ENDS), None)
    told_on = {day: [one.what for one in due(some, day)] for day in range(REVIEW - 400, ENDS + 5_000)}
    assert NOTICE == 14
    assert next(day for day in told_on if "review" in told_on[day]) == REVIEW - 14
    assert next(day for day in told_on if "ends" in told_on[day]) == ENDS - 14
    assert told_on[ENDS + 4_999] == ["review", "ends"]


def test_what_has_ended_is_told_no_more() -> None:
    """All that was known of it; what the council records later is told again."""
    one = decision()
    seen = over(one, None)
    assert turns(one, seen) == ()
    with pytest.raises(Refused, match="ahead"):
        over(one, seen)
    assert turns(decision(ends_on=ENDS), seen) == (Turn("ends", ENDS),)
    assert turns(decision(ends_on=ENDS), over(decision(ends_on=ENDS), seen)) == ()


def test_what_goes_on_is_told_again_on_the_day_that_is_named() -> None:
    """Its review is done, early or late; an end that is still ahead stays; the next review counts like the first."""
    one, again = decision(ends_on=REVIEW + 10), REVIEW + 300
    for today in (REVIEW - 14, REVIEW, REVIEW + 9):
        seen = goes_on(one, None, today, again)
        assert turns(one, seen) == (Turn("ends", REVIEW + 10), Turn("review", again))
    late = goes_on(one, None, REVIEW + 10, again)
    assert turns(one, late) == (Turn("review", again),)
    early = goes_on(one, None, REVIEW - 15, again)
    assert len(turns(one, early)) == 3
    twice = goes_on(one, late, again, again + 300)
    assert turns(one, twice) == (Turn("review", again + 300),)
    back = goes_on(one, twice, again + 1, again + 1)  # on the very day, and on a day that was done before
    assert turns(one, back) == (Turn("review", again + 1),)
    same = goes_on(one, goes_on(one, None, REVIEW, REVIEW), REVIEW, REVIEW)
    assert Turn("review", REVIEW) in turns(one, same)
    assert turns(one, over(one, twice)) == ()
    with pytest.raises(Refused, match="a day to come"):
        goes_on(one, None, REVIEW, REVIEW - 1)
    for none in (Decision(POLL, "open", "Which?"), Decision(POLL, "archived", "Which?", recorded=True)):
        with pytest.raises(Refused, match="no measure"):
            goes_on(none, None, REVIEW, again)


def test_when_it_is_is_told_in_words() -> None:
    """Before, on and after the day, and beyond all calendars."""
    assert (
        told(Turn("ends", 20_000), 19_999) == "ends on 2024-10-04, in 1 day. Lift it, and invite them back."
    )
    assert told(Turn("review", 20_000), 20_000) == "to be looked at again on 2024-10-04, today."
    assert told(Turn("temporary ends", 20_000), 20_002) == (
        "its temporary measure ends on 2024-10-04, 2 days ago."
    )
    assert "day 4294967295 since 1970" in told(Turn("ends", 2**32 - 1), 20_000)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with in_process(tmp_path / "server") as opened:
        yield opened


@pytest.fixture
async def poll(world: World) -> ServerPoll:
    """A poll of an urgent matter that waits for its time."""
    community = Community.draw(8)
    group = community.group(council=["Zoe", "Yan"])
    await world.know(community)
    await world.found(group)
    urgent = Urgent("Out of the chat", int(world.clock()) + 20 * DAY)
    return await ServerPoll.ready(
        world.client, world.clock, group, community, manifest={"quorum": 1, "basis": urgent}
    )


async def test_a_poll_is_followed_from_its_temporary_measure_to_its_review(
    tmp_path: Path, world: World, poll: ServerPoll
) -> None:
    """What holds meanwhile; the outcome once the council signed for it; what it recorded, also when archived."""
    assert await pulled(tmp_path, poll) == []
    closes = poll.manifest.closes_at // DAY
    temporary = poll.manifest.basis
    assert isinstance(temporary, Urgent)
    first = await known(tmp_path, poll)
    assert turns(first, None) == (Turn("temporary ends", temporary.ends_at // DAY),)
    world.clock.forward(61)
    await poll.cast("github.com/m1", 1)
    world.clock.forward(DAY)
    await poll.decide((1, 2))
    await poll.deliver((1, 2))
    await pulled(tmp_path, poll)
    assert turns(await known(tmp_path, poll), None) == turns(first, None)
    await poll.acknowledge("Yan")
    await pulled(tmp_path, poll)
    acknowledged = await known(tmp_path, poll)
    assert acknowledged.measure == "Written warning"
    review = Turn("review", closes + 90)
    assert turns(acknowledged, None) == (*turns(first, None), review)
    await poll.implement("Warned.", closes + 120, "Zoe")
    await pulled(tmp_path, poll)
    recorded = await known(tmp_path, poll)
    assert turns(recorded, None) == (review, Turn("ends", closes + 120))
    world.clock.forward(40 * DAY)
    await world.keep_house()
    assert (await poll.view()).state == "archived"
    silent = Lying(poll)
    await pulled(tmp_path, poll, silent)
    assert silent.asked == 0  # of what is recorded nothing more is to come
    for day, number in ((closes + 75, 0), (closes + 76, 1), (closes + 3_000, 1)):
        assert await at_desk(tmp_path, poll, "Zoe", lambda one, day=day: measures_due(one, day)) == number  # type: ignore[misc]
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    await pulled(fresh, poll)
    assert turns(await known(fresh, poll), None) == turns(recorded, None)


async def test_no_server_makes_a_measure_up_or_takes_one_back(
    tmp_path: Path, world: World, poll: ServerPoll
) -> None:
    """Another end, no word where there should be one, one that is withheld later: said, and what was kept stays."""
    world.clock.forward(61)
    await poll.cast("github.com/m1", 1)
    world.clock.forward(DAY)
    await poll.decide((1, 2))
    await poll.deliver((1, 2))
    view = await poll.acknowledge("Zoe")
    nothing = CouncilsWord()
    assert decision_of(view, nothing).measure == ""
    assert view.outcome is not None
    no_action = msgspec.structs.replace(view.outcome.statement, outcome=0)
    unsaid = replace(view, outcome=msgspec.structs.replace(view.outcome, statement=no_action))
    for said, measure in ((Said("Zoe", 1, "No.", None), ""), (Said("Zoe", 1, "But.", 30_000), "No action")):
        found = decision_of(unsaid, CouncilsWord(said, said))
        assert (found.measure, found.review_on, found.ends_on) == (measure, None, said.ends_on)
    assert decision_of(replace(view, outcome=None), CouncilsWord(Said("Zoe", 1))).measure == ""
    [warning] = await pulled(tmp_path, poll, Lying(poll, acknowledged=None))
    assert "shows nothing that the council signed" in warning
    assert warning.startswith(f"about the poll {poll.phi.hex()[:8]}: ")
    assert await pulled(tmp_path, poll) == []
    assert (await known(tmp_path, poll)).measure == "Written warning"
    done = (await poll.implement("Warned.", 30_000, "Zoe")).shape.implemented
    assert done is not None
    forged = Lying(poll, implemented=msgspec.structs.replace(done, ends_on=40_000))
    [warning] = await pulled(tmp_path, poll, forged)
    assert "no member of the group's council signed" in warning
    withheld = Lying(poll, state="archived", acknowledged=None, implemented=None)
    [warning] = await pulled(tmp_path, poll, withheld)
    assert "no longer shows" in warning
    assert (await known(tmp_path, poll)).measure == "Written warning"
    assert await pulled(tmp_path, poll) == []
    assert (await known(tmp_path, poll)).ends_on == 30_000


class Listing(Bridge):
    """A server that lists the same polls for ever."""

    def __init__(self, poll: ServerPoll, *listed: bytes) -> None:
        super().__init__(poll.client)
        self.listed = listed

    def do(self, call: Call[Any]) -> Any:
        if call.target.startswith("/v1/groups/"):
            entries = [PollEntry(phi.hex(), "open", "Which?", 1, 2) for phi in self.listed]
            return PollList(tuple(entries), more=True)
        return super().do(call)


async def test_a_list_that_leads_nowhere_is_left(tmp_path: Path, poll: ServerPoll) -> None:
    """What is not there, or of another group, is said, and the rest comes in."""
    assert await pulled(tmp_path, poll, Listing(poll)) == []
    [warning] = await pulled(tmp_path, poll, Listing(poll, bytes(32), poll.phi))
    assert warning == "about the poll 00000000: it is listed, and not there"
    assert (await known(tmp_path, poll)).temporary == "Out of the chat"
    own, poll.group = poll.group, Group.draw(council=["Zoe"])
    [warning] = await pulled(tmp_path, poll, Listing(poll, poll.phi))
    poll.group = own
    assert "it is of another group" in warning


async def test_only_the_council_is_told(tmp_path: Path, poll: ServerPoll) -> None:
    """A handler's desk asks for no poll, and a desk that never synced follows none."""
    silent = Lying(poll)
    assert await pulled(tmp_path, poll, silent, name="Ada") == []
    assert silent.asked == 0
    assert not await at_desk(tmp_path, poll, "Ada", of_council)
    assert await at_desk(tmp_path, poll, "Yan", of_council)
    await pulled(tmp_path, poll, name="Yan")
    assert await at_desk(tmp_path, poll, "Yan", lambda one: measures_due(one, 2**31)) == 1
    poll.group.retire("Yan")
    assert await at_desk(tmp_path, poll, "Yan", lambda one: measures_due(one, 2**31)) == 0
    with desk_of(tmp_path / "new", "http://localhost:1", poll.group, "Zoe") as session:
        assert not of_council(session)
        with pytest.raises(Refused, match="desk sync"):
            measure_of(session, poll.phi)


@pytest.mark.parametrize(
    ("state", "measure", "word"),
    [
        ("decided", "Suspension", None),
        ("delivered", "", "acknowledge"),
        ("acknowledged", "Suspension", "implemented"),
        ("acknowledged", "", None),
        ("implemented", "Suspension", None),
        ("archived", "", None),
    ],
)
def test_the_council_is_reminded_of_what_it_has_to_sign(state: str, measure: str, word: str | None) -> None:
    """That it has the result; then, unless nothing is to be done, what it did."""
    assert next_word(decision(state=state, measure=measure, recorded=False)) == word


def test_what_was_said_here_is_kept_as_it_was(tmp_path: Path) -> None:
    """The store gives back what was put in."""
    group = Group.draw(council=["Zoe"])
    said = SeenTo(POLL, (Turn("review", REVIEW), Turn("ends", ENDS)), 3)
    with desk_of(tmp_path, "http://localhost:1", group, "Zoe") as session:
        session.vault.put("decision", bytes.fromhex(POLL), decision())
        session.vault.put("reviewed", bytes.fromhex(POLL), said)
        assert measure_of(session, bytes.fromhex(POLL)) == (decision(), said)
