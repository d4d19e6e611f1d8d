"""The server that voters and trustees of these tests talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.timed_server import TimedServer, timed_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimedServer]:
    """The real server, whose clock only goes forward; each test has a poll of its own."""
    with timed_server(tmp_path_factory.mktemp("booth")) as running:
        yield running
