"""A poll on a server of a test's own: made once for each module, as its kept says, and copied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.communities import Community
from tests.support.groups import Group, Member
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.server_polls import ServerPoll


@pytest.fixture(scope="module")
def community() -> Community:
    return Community.draw(14)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, community: Community) -> KeptPoll:
    """A server with a poll that opens in a minute, whose trustees are ready."""

    async def made(world: World) -> ServerPoll:
        await world.know(community)
        group = community.group(council=["Zoe", "Yan"])
        await world.found(group)
        return await ServerPoll.ready(world.client, world.clock, group, community)

    return KeptPoll.make(tmp_path_factory.mktemp("kept") / "server", made)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, community: Community) -> KeptPoll:
    """A server with a finished board, and no poll yet."""

    async def made(world: World) -> ServerPoll:
        await world.know(community)
        group = community.group()
        group.add(Member.draw("Mia", "mediator"))
        await world.found(group)
        poll = ServerPoll(world.client, world.clock, group, community)
        await poll.hold_ceremony()
        return poll

    return KeptPoll.make(tmp_path_factory.mktemp("finished") / "server", made)


@pytest.fixture
async def world(tmp_path: Path, kept: KeptPoll) -> AsyncIterator[World]:
    async with kept.world(tmp_path / "server") as opened:
        yield opened


@pytest.fixture
def poll(world: World, kept: KeptPoll) -> ServerPoll:
    return kept.poll(world)


@pytest.fixture
async def group(world: World, community: Community) -> Group:
    """Another one, without a poll."""
    drawn = community.group()
    await world.found(drawn)
    return drawn
