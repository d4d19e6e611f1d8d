"""An open poll of seven voters, which each attack has for itself: made once on each store, and copied."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.communities import Community
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.redis_server import redis_server
from tests.support.server_polls import ServerPoll


@pytest.fixture(scope="session")
def community() -> Community:
    return Community.draw(8)


def _opened(folder: Path, community: Community, url: str | None = None) -> KeptPoll:
    async def made(world: World) -> ServerPoll:
        await world.know(community)
        group = community.group()
        await world.found(group)
        poll = await ServerPoll.ready(world.client, world.clock, group, community)
        world.clock.forward(61)
        return poll

    return KeptPoll.make(folder / "server", made, url=url)


@pytest.fixture(scope="session")
def opened_on_sqlite(tmp_path_factory: pytest.TempPathFactory, community: Community) -> KeptPoll:
    """The open poll on a server over SQLite."""
    return _opened(tmp_path_factory.mktemp("opened"), community)


@pytest.fixture(scope="session")
def opened_on_redis(tmp_path_factory: pytest.TempPathFactory, community: Community) -> KeptPoll:
    """The open poll on a server over Redis, whose files are beside the server's."""
    folder = tmp_path_factory.mktemp("opened")
    with redis_server(folder / "redis") as server:
        return _opened(folder, community, server.url)


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> KeptPoll:
    """The one of the store that the test is about."""
    found: KeptPoll = request.getfixturevalue(f"opened_on_{getattr(request, 'param', 'sqlite')}")
    return found


@pytest.fixture
def url(tmp_path: Path, kept: KeptPoll) -> Iterator[str | None]:
    """The address of a store in a folder of the test; None: SQLite's own."""
    original = kept.folder.with_name("redis")
    if not original.exists():
        yield None
        return
    shutil.copytree(original, tmp_path / "redis")
    with redis_server(tmp_path / "redis") as server:
        yield server.url


@pytest.fixture
async def world(tmp_path: Path, url: str | None, kept: KeptPoll) -> AsyncIterator[World]:
    async with kept.world(tmp_path / "server", url=url) as opened:
        yield opened


@pytest.fixture
def poll(world: World, kept: KeptPoll) -> ServerPoll:
    """An open poll."""
    return kept.poll(world)
