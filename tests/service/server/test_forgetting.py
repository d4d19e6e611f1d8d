"""Cycles are collected soon after a request, also those of a request that came while a collection was due.

That the process starts again with other allocators is for tests/attacks/test_canary.py.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.errors import Refused
from service.server.forgetting import Collecting, forget_what_is_freed


class Knot:
    """Something that holds itself, so that only a search for cycles frees it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def no_other_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def knot() -> weakref.ref[Knot]:
    """Leave a knot behind, and give a look at it."""
    return weakref.ref(Knot())


async def test_what_a_request_left_is_collected() -> None:
    collecting = Collecting(0.02)
    left = knot()
    collecting.soon()
    assert left() is not None
    await asyncio.sleep(0.2)
    assert left() is None


async def test_what_a_later_request_left_is_collected_too() -> None:
    collecting = Collecting(0.05)
    collecting.soon()
    collecting.soon()  # a request that is still being answered when the collection comes
    await asyncio.sleep(0.07)
    left = knot()
    await asyncio.sleep(0.2)
    assert left() is None


async def test_nothing_is_collected_for_nobody() -> None:
    Collecting(0.01)
    left = knot()
    await asyncio.sleep(0.1)
    assert left() is not None


def test_a_python_that_cannot_be_executed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence, and nothing is served with memory that is not overwritten."""
    python = tmp_path / "python"
    python.write_bytes(b"")
    python.chmod(0o600)  # which not even root may execute
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.delenv("SOTTOVOCE_FORGETTING", raising=False)
    with pytest.raises(Refused, match=r"Permission denied\. Let its user execute that Python"):
        forget_what_is_freed()
