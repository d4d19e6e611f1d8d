"""Every kind of store, real, as the fixture `engine`; each test gets an empty one.

Servers start once per kind and are emptied between tests; a test that kills or reconfigures a server starts its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from service.storage import Store
from tests.support.engines import Engine
from tests.support.redis_server import redis_server
from tests.support.redis_topologies import redis_cluster, redis_sentinel


@pytest.fixture(scope="session")
def single_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One Redis."""
    folder = tmp_path_factory.mktemp("single")
    with redis_server(folder, {"requirepass": "t0p/s:cret@"}) as server:
        url = f"redis://:t0p%2Fs%3Acret%40@{server.address}"
        yield Engine("redis", url, folder, servers=[server])


@pytest.fixture(scope="session")
def sentinel_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A master with one replica, found through a Sentinel; commits wait for the replica."""
    folder = tmp_path_factory.mktemp("sentinel")
    with redis_sentinel(folder) as setup:
        yield Engine("sentinel", setup.url, folder, replicas=1, servers=[setup.master])


@pytest.fixture(scope="session")
def cluster_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Three masters."""
    folder = tmp_path_factory.mktemp("cluster")
    with redis_cluster(folder) as setup:
        yield Engine("cluster", setup.url, folder, servers=setup.nodes)


@pytest.fixture(
    params=[
        "sqlite",
        "sqlite_apart",
        pytest.param("single_redis", marks=pytest.mark.redis),
        pytest.param("sentinel_redis", marks=pytest.mark.redis),
        pytest.param("cluster_redis", marks=pytest.mark.redis),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Each kind of store in turn, empty."""
    if request.param in {"sqlite", "sqlite_apart"}:
        folder = tmp_path / "store"
        return Engine("sqlite", f"sqlite://{folder}/store.db", folder, apart=request.param == "sqlite_apart")
    found: Engine = request.getfixturevalue(request.param)
    found.wipe()
    return found


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    """One open store on the engine."""
    async with engine.open() as opened:
        yield opened
