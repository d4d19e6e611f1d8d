"""Bursts: how surprising a pace is, in bits; waves and the wording they share."""

from __future__ import annotations

from math import comb, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.bursts import DAY_S, PRIOR_EVENTS, PRIOR_S, burst, surprise_bits, waves
from tests.support.brigades import HOUR, account, edited, text


def negative_binomial_tail(count: int, shape: int, p: float) -> float:
    return 1 - sum(comb(shape + k - 1, k) * p**k * (1 - p) ** shape for k in range(count))


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_surprise_is_the_negative_binomial_tail(count: int) -> None:
    """Held against the sum of the distribution itself, where the shape is made whole by a prior of its own."""
    over = 10 * DAY_S
    p = DAY_S / (DAY_S + PRIOR_S + over)
    low = -log2(negative_binomial_tail(count, 3, p))
    high = -log2(negative_binomial_tail(count, 4, p))
    assert PRIOR_EVENTS == 0.5
    assert high < surprise_bits(count, earlier=3, over_s=over) < low


def test_surprise_grows_with_the_count_and_falls_with_history() -> None:
    """More at once is more surprising; the same number where much is usual is less; no overflow at 10,000."""
    bits = [surprise_bits(n, earlier=2, over_s=60 * DAY_S) for n in (0, 1, 2, 5, 20, 1000)]
    assert bits[0] == 0
    assert bits == sorted(bits)
    assert surprise_bits(10, earlier=300, over_s=30 * DAY_S) < 6
    assert surprise_bits(10, earlier=0, over_s=30 * DAY_S) > 30
    assert 0 < surprise_bits(10_000, earlier=0, over_s=0) < 1e6


def test_a_steady_trickle_is_no_burst_and_a_flood_is() -> None:
    """One report a week for a year raises nothing; thirty within three hours after it do, and CUSUM says when."""
    weekly = [week * 7 * DAY_S for week in range(52)]
    quiet = burst(weekly, since_s=0)
    assert quiet is not None
    assert not quiet.notable
    flood = [*weekly, *(365 * DAY_S + n * 0.1 * HOUR for n in range(30))]
    found = burst(flood, since_s=0)
    assert found is not None
    assert found.notable
    assert (found.reports, found.from_s) == (30, 365 * DAY_S)
    assert found.alarm_at_s is not None
    assert 365 * DAY_S <= found.alarm_at_s < 366 * DAY_S
    assert found.sentence().startswith("30 reports within 3 hours, where ")
    assert "A real incident bursts too" in found.sentence()
    assert burst([], since_s=0) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1e8), min_size=1, max_size=40), st.floats(0, 1e8))
def test_any_times_give_finite_figures(times: list[float], since: float) -> None:
    """Whatever the times and their order, the figures are finite and don't depend on the order."""
    found = burst(times, since_s=since)
    assert found is not None
    assert found == burst(times[::-1], since_s=since)
    assert 0 <= found.surprise_bits < 1e5
    assert 1 <= found.reports <= len(times)


def test_waves_are_cut_at_gaps_and_show_shared_wording() -> None:
    """Two waves a day apart; in each the copies are one group with their wording, the others alone."""
    base = text("base")
    first = [account(f"a{n}", n * 0.3, edited(base, 0.1, n)) for n in range(5)]
    second = [account("b0", 30, text("other")), account("b1", 31, text("third"))]
    found = waves([*second, *first])
    assert [wave.reports for wave in found] == [5, 2]
    assert [len(group) for group in found[0].groups] == [5]
    assert found[0].shared[0][0][1] >= 4
    assert found[0].shared[0][0][0] in " ".join(first[0].text.split()) or found[0].shared[0][0][1] < 5
    assert found[1].shared == ((), ())
    assert (found[1].from_s, found[1].to_s) == (30 * HOUR, 31 * HOUR)
    assert waves([]) == ()
