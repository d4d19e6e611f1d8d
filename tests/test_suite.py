"""What the suite relies on in the tools that run it."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("together")
def test_a_group_of_tests_stays_in_one_process(request: pytest.FixtureRequest) -> None:
    """As `--dist loadgroup` promises; where pytest and xdist don't fit, each process makes the same things again."""
    grouped: bool = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@together") is grouped
