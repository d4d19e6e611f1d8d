"""The browser's code, running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.typescript import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running
