"""An open poll of seven voters, which each attack has for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.inprocess import World, in_process
from tests.support.redis_server import redis_server
from tests.support.server_polls import Community, ServerPoll


@pytest.fixture(scope="session")
def community() -> Community:
    return Community.draw(8)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    """The address of a store in a folder of the test; None: SQLite's own."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield None
        return
    with redis_server(tmp_path / "redis") as server:
        yield server.url


@pytest.fixture
async def world(tmp_path: Path, url: str | None, community: Community) -> AsyncIterator[World]:
    async with in_process(tmp_path / "server", url=url) as opened:
        await opened.know(community)
        yield opened


@pytest.fixture
async def poll(world: World, community: Community) -> ServerPoll:
    """An open poll."""
    group = community.group()
    await world.found(group)
    made = await ServerPoll.ready(world.client, world.clock, group, community)
    world.clock.forward(61)
    return made
