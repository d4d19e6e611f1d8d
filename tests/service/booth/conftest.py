"""The server that voters and trustees of these tests talk to."""

from __future__ import annotations

import pytest

from tests.support.timed_server import TimedServer


@pytest.fixture(scope="session")
def server(forwarded_server: TimedServer) -> TimedServer:
    """The real server, whose clock only goes forward; each test has a poll of its own."""
    return forwarded_server
