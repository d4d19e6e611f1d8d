from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.groups import Group
from tests.support.inprocess import World, in_process


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with in_process(tmp_path) as opened:
        yield opened


@pytest.fixture
async def group(world: World) -> Group:
    drawn = Group.draw(council=["Zoe"])
    await world.found(drawn)
    return drawn
