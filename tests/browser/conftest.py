"""What the browser's tests stand on: for each module Chromium and a server with the pages' script, of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from service.wire.client import Client
from tests.support.browsers import chromium
from tests.support.groups import Group
from tests.support.server import RunningServer, running_server
from tests.support.typescript import bundle


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server, started once the script was built."""
    bundle()
    with running_server(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture
def group(client: Client) -> Group:
    """Ada, Bo and Cy, and the elders for whom would leave too many of them out."""
    elders = Group.draw("Elders", ["Nia", "Oto"])
    drawn = Group.draw("Aurora", ["Ada", "Bo", "Cy"], alternate=elders.id)
    elders.found(client)
    drawn.found(client)
    return drawn


@pytest.fixture(params=[False, True], ids=["scripts-off", "scripts-on"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Every journey twice: without the pages' script, and with it."""
    return bool(request.param)
