"""Polls over the API: from the trustees' ceremony to what remains, and every step that comes too early or too late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.wire import poll_calls
from service.wire.client import Declined
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.inprocess import World, in_process
from tests.support.server_polls import DAY, Community, ServerPoll


@pytest.fixture(scope="module")
def community() -> Community:
    return Community.draw(13)


@pytest.fixture
async def world(tmp_path: Path, community: Community) -> AsyncIterator[World]:
    async with in_process(tmp_path) as opened:
        await opened.know(community)
        yield opened


@pytest.fixture
async def poll(world: World, community: Community) -> ServerPoll:
    group = Group.draw(council=["Zoe", "Yan"])
    await world.found(group)
    return await ServerPoll.ready(world.client, world.clock, group, community)


async def test_a_poll_from_ceremony_to_remains(world: World, poll: ServerPoll) -> None:
    """States follow each other; the council reads the outcome; after the cooling-off the ballots are gone."""
    assert (await poll.view()).state == "waiting"
    world.clock.forward(61)
    assert (await poll.view()).state == "open"
    for n in range(1, 9):
        await poll.cast(f"github.com/m{n}", (1, 2, 3)[n % 3])
    await poll.cast("github.com/m1", 0)
    world.clock.forward(DAY)
    assert (await poll.view()).state == "closed"
    await poll.decide((1, 3))
    assert (await poll.view()).state == "decided"
    await poll.deliver((1, 3))
    assert (await poll.view()).state == "delivered"
    result = await poll.result()
    assert result.outcome.statement.ballots == 8
    assert result.counts is None
    assert not result.partial
    assert (await poll.acknowledge()).state == "acknowledged"
    assert (await poll.implement("A written warning was given.", 22_000)).state == "implemented"
    world.clock.forward(40 * DAY)
    await world.keep_house()
    after = await poll.view()
    assert after.state == "archived"
    assert after.remains is not None
    assert after.remains.outcome.statement == result.outcome.statement
    with pytest.raises(Declined) as declined:
        await world.client.do(poll_calls.ballots(poll.phi))
    assert declined.value.kind is Kind.POLL_ARCHIVED
