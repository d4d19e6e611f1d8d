from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.communities import Community
from tests.support.groups import Group
from tests.support.inprocess import World, in_process
from tests.support.members import Keeper, make_keeper


@pytest.fixture(scope="module")
def community() -> Community | None:
    """The members that the server knows; modules about polls have theirs."""
    return None


@pytest.fixture
async def world(tmp_path: Path, community: Community | None) -> AsyncIterator[World]:
    async with in_process(tmp_path) as opened:
        if community is not None:
            await opened.know(community)
        yield opened


@pytest.fixture
async def group(world: World) -> Group:
    drawn = Group.draw(council=["Zoe"])
    await world.found(drawn)
    return drawn


@pytest.fixture
async def kept(world: World) -> Keeper:
    """A registry of three members."""
    keeper = make_keeper(3)
    await keeper.publish_async(world.client)
    return keeper
