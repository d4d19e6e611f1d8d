"""Two groups' desks, for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.wire.client import Client
from tests.support.consulting import World
from tests.support.server import RunningServer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, server: RunningServer) -> Iterator[World]:
    with Client(server.base) as client:
        yield World(tmp_path_factory.mktemp("consulting"), server, client)
