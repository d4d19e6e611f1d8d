"""What the server does by itself goes on, whatever goes wrong once."""

from __future__ import annotations

import asyncio

import pytest

from service.server import housekeeping
from service.server.deps import Deps
from service.server.records import Damaged
from tests.support.inprocess import World


async def test_one_failure_ends_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A record that can't be read, of one group, is no reason to call nobody and to sweep nothing ever after."""
    went_well = asyncio.Event()
    tries = 0

    async def once(deps: Deps) -> None:
        nonlocal tries
        assert deps is world.deps
        tries += 1
        if tries < 3:
            raise Damaged("a stored record is damaged: canary")
        went_well.set()

    task = asyncio.create_task(housekeeping.repeat(world.deps, once, 0.01, "some-work"))
    async with asyncio.timeout(10):
        await went_well.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    told = [record.getMessage() for record in caplog.records]
    assert sum(line.startswith("some-work Damaged at once") for line in told) == 2, told
    assert "canary" not in caplog.text
