"""What many tests stand on: a running server, a client of it, and a group that it knows.

A server takes a second to start, so each process that runs tests starts one, for all of them: tests draw groups,
registries and reply codes of their own, and meet nothing of each other. A module that needs another server, client or
group defines a fixture of the same name; a test that ends a server, counts what it holds or measures its time starts
its own.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator

import pytest

from crypto import keyfiles
from service.wire.client import Client
from tests.support.groups import Group
from tests.support.redis_server import redis_server
from tests.support.server import RunningServer, running_server
from tests.support.swift_time import SwiftLoop
from tests.support.timed_server import TimedServer, timed_server

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what is to run in the background so, and what that starts inherits it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Give the event loop that a test runs on: asyncio's own, or the one on which waiting takes no time."""
    swift = item.get_closest_marker("swift_time") is not None
    return {"swift": SwiftLoop} if swift else {"own": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One worker over SQLite."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def redis_backed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two workers over one Redis."""
    folder = tmp_path_factory.mktemp("redis")
    with (
        redis_server(folder / "redis") as redis,
        running_server(folder / "server", redis_url=redis.url, settings={"workers": 2}) as running,
    ):
        yield running


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def server_on_each_store(request: pytest.FixtureRequest) -> RunningServer:
    """Each of the two in turn."""
    name = "sqlite_server" if request.param == "sqlite" else "redis_backed_server"
    running: RunningServer = request.getfixturevalue(name)
    return running


@pytest.fixture(scope="session")
def server(sqlite_server: RunningServer) -> RunningServer:
    """The server that tests talk to unless their module says otherwise."""
    return sqlite_server


@pytest.fixture(scope="session")
def forwarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimedServer]:
    """One worker over SQLite, whose clock tests forward and never set back: polls take weeks."""
    with timed_server(tmp_path_factory.mktemp("forwarded")) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """A connection to the server."""
    with Client(server.base) as opened:
        yield opened


@pytest.fixture
def group(client: Client) -> Group:
    """Ada, Bo and Cy, whom the server knows."""
    drawn = Group.draw()
    drawn.found(client)
    return drawn


@pytest.fixture(scope="module")
def quick_key_files() -> Iterator[None]:
    """Stretch little, so that the tests take seconds; the parameters are in the file as always."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keyfiles.lock, "__defaults__", (keyfiles.Stretching(64, 1, 1),))
        yield


def pytest_collection_finish() -> None:
    """What was loaded and collected stays to the end: don't have every search for cycles look through it."""
    gc.collect()
    gc.freeze()
