"""Attacks on admission: refused solutions, full places, starved lanes, inflated difficulty and a flood."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode

import pytest

from abuse.admission import Why
from abuse.difficulty import Effort, Wait
from abuse.plan import Limits
from abuse.routes import NO_GROUP, Lane, Route
from bench.flood import flood, solved
from service.server.admission import BULK_FROM, Admitted, Again, Waiting
from tests.support.doors import LIMITS, OTHER, SMALL, Door, why


@pytest.fixture
async def door() -> Door:
    return Door()


async def test_a_solved_puzzle_and_a_ripe_ticket_get_in(door: Door) -> None:
    challenge = await door.challenge()
    assert await door.admit(solved(challenge)) == Admitted(Lane.FAST)
    door.clock.pass_s(challenge.ticket_ripens_in_s + 1)
    assert await door.admit(challenge.ticket) == Admitted(Lane.SLOW)


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.5, 0.999])
async def test_a_ticket_is_ripe_after_no_less_than_its_wait_and_at_once_without_one(after_s: float) -> None:
    """Whole seconds are counted, wherever in a second it was made."""
    door = Door()
    door.clock.pass_s(after_s)
    ticket = (await door.challenge()).ticket
    door.clock.pass_s(LIMITS.report_wait.calm_s - 0.001)
    assert why(await door.admit(ticket)) is Why.EARLY
    door.clock.pass_s(1.001)
    assert await door.admit(ticket) == Admitted(Lane.SLOW)
    door = Door(Limits(report_wait=Wait(0, 0)))
    door.clock.pass_s(after_s)
    assert await door.admit((await door.challenge()).ticket) == Admitted(Lane.SLOW)


async def test_the_table_of_refused_solutions(door: Door) -> None:
    """Altered, replayed, spliced, expired, cross-route, cross-group, unsolved, stale, early: each names its reason."""
    one, two = await door.challenge(), await door.challenge()
    token, second = solved(one), solved(two)
    mailbox = solved(await door.challenge(NO_GROUP, Route.MAILBOX))
    foreign = solved(await door.challenge(OTHER))
    assert await door.admit(second) == Admitted(Lane.FAST)
    table: list[tuple[str, str | None, Why]] = [
        ("none", None, Why.MISSING),
        ("altered", ("B" if token[20] != "B" else "C").join((token[:20], token[21:])), Why.UNUSABLE),
        ("replayed", second, Why.SPENT),
        ("spliced", two.puzzle[:-1] + token[len(two.puzzle) - 1 :], Why.UNUSABLE),
        ("cross-route", mailbox, Why.UNUSABLE),
        ("cross-group", foreign, Why.UNUSABLE),
        ("not solved", one.puzzle, Why.UNUSABLE),
        ("early ticket", one.ticket, Why.EARLY),
        ("empty", "", Why.UNUSABLE),
        ("huge", "A" * 10_000_000, Why.UNUSABLE),
    ]
    for name, text, reason in table:
        assert why(await door.admit(text)) is reason, name
    stale = solved(await Door().challenge())
    assert why(await door.admit(stale)) is Why.STALE
    door.clock.pass_s(LIMITS.puzzle_lives_s + 1)
    assert why(await door.admit(token)) is Why.EXPIRED
    door.clock.pass_s(LIMITS.ticket_lives_s)
    assert why(await door.admit(one.ticket)) is Why.EXPIRED


async def test_each_refusal_brings_what_makes_the_next_one_pass(door: Door) -> None:
    """Never a dead end: the challenge inside `Again` admits."""
    for text in (None, "nonsense", solved(await Door().challenge())):
        decision = await door.admit(text)
        assert isinstance(decision, Again)
        assert await door.admit(solved(decision.challenge)) == Admitted(Lane.FAST)


async def test_no_report_is_refused_when_the_place_is_full() -> None:
    """Full buckets mean waiting and drawing; everybody gets in after a while, in both lanes."""
    door = Door(SMALL)
    await door.fill()
    for slow in (False, True):
        challenge = await door.challenge()
        token = challenge.ticket if slow else solved(challenge)
        for _ in range(200):
            match await door.admit(token):
                case Admitted():
                    break
                case Waiting(pause_s):
                    door.clock.pass_s(pause_s)
                case Again(Why.NOT_DRAWN, _, fresh):
                    token = fresh.ticket if slow else solved(fresh)
                case Again(Why.EARLY, pause_s, _):
                    door.clock.pass_s(pause_s)
                case other:
                    pytest.fail(f"not let in: {other}")
        else:
            pytest.fail("waited for ever")


async def test_a_place_for_a_small_report_lets_no_big_one_in() -> None:
    """Win a draw with a small body, come back with 8 MiB: the places of big reports are drawn apart."""
    door = Door(SMALL)
    await door.fill()
    token = solved(await door.challenge())
    decision = await door.admit(token)
    for _ in range(20):  # the big reports' places, used up by others
        await door.admit(solved(await door.challenge()), size=BULK_FROM)
    while not isinstance(decision, Waiting):
        token = solved(await door.challenge())
        decision = await door.admit(token)
        door.clock.pass_s(1)
    door.clock.pass_s(decision.retry_after_s)
    await door.admit(solved(await door.challenge()))  # somebody holds the draw
    assert not isinstance(await door.admit(token, size=BULK_FROM), Admitted)


async def test_slow_lane_starvation_fails() -> None:
    """A fast-lane flood that takes all it can: every ripe ticket at the slow lane's pace gets in at once."""
    door = Door(Limits(report_effort=Effort(1, 8)))
    rate_s = 3600 / (9_000 / 3)
    tickets = [(await door.challenge()).ticket for _ in range(120)]
    door.clock.pass_s(130)
    for ticket in tickets:
        for _ in range(4):
            await door.admit(solved(await door.challenge()))
        assert await door.admit(ticket) == Admitted(Lane.SLOW)
        door.clock.pass_s(rate_s)


async def test_difficulty_inflation_stops_at_the_ceiling() -> None:
    """Someone who solves anything, as fast as they like, for ten minutes: never above the ceiling, then calm again."""
    door = Door(Limits(report_effort=Effort(1, 8), group_reports_per_hour=900, group_reports_burst=10))
    seen = set()
    waiting: list[str] = []
    for _ in range(2_000):
        challenge = await door.challenge()
        seen.add(challenge.difficulty)
        for token in (solved(challenge), *waiting[:1]):
            waiting = [other for other in waiting if other != token]
            if isinstance(await door.admit(token), Waiting):
                waiting.append(token)
        door.clock.pass_s(0.3)
    assert max(seen) == 8
    door.clock.pass_s(120)
    assert (await door.challenge()).difficulty == 1


async def test_replaying_one_losing_token_inflates_nothing() -> None:
    """Ten thousand presentations of one solved puzzle are one token's worth of pressure."""
    door = Door(SMALL)
    await door.fill()
    token = solved(await door.challenge())
    before = (await door.challenge()).difficulty
    for _ in range(1_000):
        decision = await door.admit(token)
        if isinstance(decision, Admitted):
            break
        door.clock.pass_s(0.05)
    # Filling the door may by itself raise the difficulty by one step (twice the work) as its pulse is counted;
    # were each replay counted, it would stand at its ceiling of eight times.
    assert (await door.challenge()).difficulty <= 2 * before


@pytest.mark.slow
def test_the_flood() -> None:
    """10,000 puzzles and 10,000 tickets an hour of junk: fast p95 under 60 s on every device, nobody refused."""
    result = flood(8, seed=4, honest_per_hour=600, until_through=True)
    assert result["refused honest"] == 0
    for name, numbers in result["honest"].items():
        assert numbers["accepted"] == numbers["sent"] >= 15
        assert numbers["p95_s"] < (60 if name != "scripts off" else 600), (name, numbers)
    assert result["highest difficulty"] <= 131_072


def test_a_token_carries_nothing_of_the_client() -> None:
    """Two people who ask at the same moment get tokens that differ in nonce and MAC only."""

    async def ask() -> list[bytes]:
        door = Door()
        return [urlsafe_b64decode((await door.challenge()).ticket + "=") for _ in range(2)]

    one, two = asyncio.run(ask())
    assert one[:10] == two[:10]
    assert one[26:34] == two[26:34]
