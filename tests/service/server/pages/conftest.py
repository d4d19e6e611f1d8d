"""A group whose people are all handlers, and somebody who looks at its pages without scripts."""

from __future__ import annotations

import pytest

from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.pages import Visitor


@pytest.fixture
async def group(world: World) -> Group:
    drawn = Group.draw()
    await world.found(drawn)
    return drawn


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world.http)
