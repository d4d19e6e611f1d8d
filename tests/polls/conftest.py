"""Finished polls that many tests look at; tests that change something make their own world."""

from __future__ import annotations

import pytest

from tests.support.finite_field import FiniteField
from tests.support.poll_world import Finished, World, finished


@pytest.fixture(scope="session")
def twelve() -> Finished:
    """12 members, 11 voted, one of them twice, two abstained; trustees 1 and 3 of 3 decrypted; outcome only."""
    return finished(World(voters=12))


@pytest.fixture(scope="session")
def twenty() -> Finished:
    """20 members: counts go to the council."""
    return finished(World(voters=20, seed=b"twenty"))


@pytest.fixture(scope="session")
def small() -> Finished:
    """5 members, for tests that verify hundreds of times."""
    return finished(World(voters=5, seed=b"small"))


@pytest.fixture(scope="session")
def field_poll() -> Finished:
    """Fewer voters over BELENIOS-2048, which belenios-tool 2.0 knows and in which each takes Python seconds."""
    return finished(World(voters=5, group=FiniteField(), seed=b"field"))


@pytest.fixture
def world() -> World:
    """6 members who may vote, for a test that changes what happens."""
    return World(voters=6, seed=b"casting")
