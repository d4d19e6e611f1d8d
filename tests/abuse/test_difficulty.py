"""Difficulty follows pressure, and no attacker can push it past what weak devices can do."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.difficulty import CALM, WEAK_DEVICE_HASHES_PER_S, Effort, Wait, ceiling, difficulty, ripening_s
from abuse.plan import Limits
from abuse.puzzle import SUB_PUZZLES

EFFORT = Limits().report_effort


@given(st.integers(0, 10**9), st.lists(st.integers(1, 1 << 20), max_size=31))
@settings(max_examples=150, deadline=None)
def test_difficulty_stays_under_both_ceilings(pressure: int, accepted: list[int]) -> None:
    """Whatever pressure is made and whatever effort is accepted."""
    asked = difficulty(EFFORT, pressure, accepted)
    assert EFFORT.calm <= asked <= EFFORT.hardest
    if len(accepted) >= 8:
        middle = sorted(accepted)[(len(accepted) - 1) // 2]
        assert asked <= 2 * max(EFFORT.calm, middle)
    else:
        assert asked <= 2 * EFFORT.calm


def test_a_weak_phone_solves_the_hardest_in_half_a_minute() -> None:
    """The hard ceiling in time: 30 s on average at 70,000 hashes a second, 50 s in 99 of 100."""
    mean_s = SUB_PUZZLES * EFFORT.hardest / WEAK_DEVICE_HASHES_PER_S
    assert mean_s <= 30
    assert 1.7 * mean_s <= 51


@given(st.lists(st.integers(1, 100), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_a_few_rich_attackers_do_not_move_the_median(rich: list[int]) -> None:
    """With fewer than half of the accepted efforts, an attacker moves the ceiling not at all."""
    honest = [EFFORT.calm] * (len(rich) + 8)
    assert ceiling(EFFORT, honest + [EFFORT.hardest] * len(rich)) == 2 * EFFORT.calm


def test_difficulty_climbs_only_as_it_is_really_solved() -> None:
    """Under endless pressure it doubles only after the last doubling was accepted, and ends at the hard ceiling."""
    accepted: list[int] = []
    seen = []
    for _ in range(31 * 8):
        asked = difficulty(EFFORT, 64 * CALM, accepted[-31:])
        seen.append(asked)
        accepted.append(asked)
    assert seen == sorted(seen)
    assert max(later / earlier for earlier, later in itertools.pairwise(seen)) <= 2
    assert seen[-1] == EFFORT.hardest
    assert difficulty(EFFORT, 0, accepted) == EFFORT.calm, "and is calm again as soon as the pressure is gone"


def test_tickets_ripen_slower_under_pressure_up_to_a_limit() -> None:
    wait = Limits().report_wait
    waits = [ripening_s(wait, pressure) for pressure in range(0, 20_000, 500)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (wait.calm_s, wait.longest_s)


@pytest.mark.parametrize("wrong", [(0, 5), (6, 5), (1, (1 << 20) + 1)])
def test_impossible_efforts_are_refused(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        Effort(*wrong)


@pytest.mark.parametrize("wrong", [(-1, 5), (6, 5), (1, 3601)])
def test_impossible_waits_are_refused(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        Wait(*wrong)
