"""Checking ballots beside the event loop: in turn, with a queue that ends, and without keeping others waiting."""

from __future__ import annotations

import asyncio
import time

import pytest

from service.server.polls import Poll
from service.server.polls_checking import WAITING, Checker
from service.server.polls_records import PollRecord
from service.wire.problems import Kind, ProblemError
from tests.support.poll_world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World(voters=6)


@pytest.fixture(scope="module")
def poll(world: World) -> Poll:
    return kept(world)


def kept(world: World) -> Poll:
    """The poll as the server has it in memory."""
    return Poll(
        PollRecord(bytes(16), bytes(16), bytes(32), "spring"), world.manifest, world.trustees, world.election
    )


async def test_the_queue_ends(world: World, poll: Poll) -> None:
    """Of so many at once some are told to come again, with a time; the others are checked, and then there is room."""
    checker, raw = Checker(), world.make(0, 1)
    outcomes = await asyncio.gather(
        *(checker.check(poll, world.electorate, raw) for _ in range(WAITING + 6)), return_exceptions=True
    )
    busy = [each for each in outcomes if isinstance(each, ProblemError)]
    assert [each.kind for each in busy] == [Kind.BUSY] * 6
    assert all(each.retry_after_s for each in busy)
    assert len([each for each in outcomes if not isinstance(each, BaseException)]) == WAITING
    assert (await checker.check(poll, world.electorate, raw)).ballot_hash


async def test_a_bad_cast_is_refused_and_gives_its_place_back(world: World, poll: Poll) -> None:
    """A hundred of them, one after the other, don't fill the queue."""
    checker = Checker()
    for _ in range(100):
        with pytest.raises(ProblemError) as problem:
            await checker.check(poll, world.electorate, b"{}")
        assert problem.value.kind is Kind.CAST_REFUSED


async def test_the_event_loop_goes_on() -> None:
    """While twenty ballots are checked, a task that sleeps a millisecond at a time never waits for a whole check."""
    world = World(voters=60)  # a check takes a time for each
    poll, checker, raw = kept(world), Checker(), world.make(0, 1)
    begun = time.perf_counter()
    await checker.check(poll, world.electorate, raw)
    one = time.perf_counter() - begun
    late: list[float] = []
    checks = asyncio.gather(*(checker.check(poll, world.electorate, raw) for _ in range(20)))
    while not checks.done():
        slept = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - slept - 0.001)
    await checks
    late.sort()
    assert len(late) > 20
    assert late[len(late) // 2] < one / 2
