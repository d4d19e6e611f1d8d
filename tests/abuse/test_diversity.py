"""Maximum diversity: exact where it says so, never above the maximum, never lowered by an account."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import abuse.diversity as module
from abuse.diversity import Diversity, Matrix, equal_weights, maximum_diversity


def some_kernel(n: int, seed: int, *, floor: float = 0.05, dense: float = 0.3) -> Matrix:
    """A kernel as unfriendly as it gets: alikeness drawn pair by pair, so neither transitive nor convex."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 86_400, n))
    base = floor + (1 - floor) * 0.6 * np.exp(-np.abs(times[:, None] - times[None]) / 1800)
    drawn = np.triu(rng.random((n, n)), 1)
    alike = np.where(drawn > 1 - dense, np.clip((drawn - 1 + dense) / max(dense, 1e-9) * 1.5, 0, 1), 0)
    kernel: Matrix = np.maximum(base, alike + alike.T)
    np.fill_diagonal(kernel, 1)
    return kernel


def quotient(kernel: Matrix, found: Diversity) -> float:
    rows, weights = list(found.support), np.array(found.weights)
    return float(weights.sum() ** 2 / (weights @ kernel[np.ix_(rows, rows)] @ weights))


def witnessed(kernel: Matrix, found: Diversity) -> bool:
    """Whether the weights are positive, sum to 1, are in row order, and give the value."""
    return (
        min(found.weights) > 0
        and sum(found.weights) == pytest.approx(1)
        and found.value == pytest.approx(quotient(kernel, found), rel=1e-9)
        and found.support == tuple(sorted(found.support))
    )


def test_known_maxima() -> None:
    """None: 0. One: 1. Copies: 1. Two with overlap k: 2/(1+k). n with overlap k: n/(1+(n−1)k). Sources: SPEC."""
    assert maximum_diversity(np.zeros((0, 0))) == Diversity(0.0, True, (), ())
    assert maximum_diversity(np.ones((1, 1))).value == 1
    for n in (2, 5, 12, 13, 60):
        assert maximum_diversity(np.ones((n, n))).value == pytest.approx(1, abs=1e-12)
        kernel = np.full((n, n), 0.5) + 0.5 * np.eye(n)
        found = maximum_diversity(kernel)
        assert found.value == pytest.approx(2 * n / (n + 1), abs=1e-9)
        assert found.exact
        assert equal_weights(kernel) == pytest.approx(found.value)


def test_a_bridge_is_stepped_around() -> None:
    """A text alike to two accounts that have nothing in common gets no weight, wherever it stands in the order."""
    for place in range(15):
        kernel = np.full((15, 15), 1.0)  # fourteen copies of the bridge …
        ends = [place, (place + 5) % 15]
        kernel[ends[0], ends[1]] = kernel[ends[1], ends[0]] = 0.05  # … and two ends.
        found = maximum_diversity(kernel)
        assert found.value == pytest.approx(2 / 1.05, abs=1e-9)
        assert set(found.support) == set(ends)


@pytest.mark.parametrize("seed", range(12))
def test_the_ascent_against_enumeration(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With enumeration cut off at 4, the ascent on 11 rows is never above the exact answer and seldom below."""
    kernel = some_kernel(11, seed)
    exact = maximum_diversity(kernel)
    monkeypatch.setattr(module, "EXACT_UP_TO", 4)
    found = maximum_diversity(kernel)
    assert found.value <= exact.value + 1e-9
    assert found.value >= 0.9 * exact.value
    if found.exact:
        assert found.value == pytest.approx(exact.value, abs=1e-8)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 50), st.integers(0, 10_000), st.floats(0, 0.6))
def test_appending_never_lowers(n: int, seed: int, dense: float) -> None:
    """The value for the first n−1 rows is at most the value for n rows, across the edge from exact to bound.

    Never a claim without a witness: the weights give the value.
    """
    kernel = some_kernel(n, seed, dense=dense)
    found, before = maximum_diversity(kernel), maximum_diversity(kernel[:-1, :-1])
    assert found.value >= before.value - 1e-9
    assert witnessed(kernel, found)
    assert n == 1 or witnessed(kernel, before)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10_000), st.data())
def test_inserting_anywhere_never_lowers_the_exact_value(n: int, seed: int, data: st.DataObject) -> None:
    """Up to twelve rows the value is the maximum, so any row may be taken out without raising it."""
    kernel = some_kernel(n, seed)
    gone = data.draw(st.integers(0, n - 1))
    kept = [row for row in range(n) if row != gone]
    assert maximum_diversity(kernel).value >= maximum_diversity(kernel[np.ix_(kept, kept)]).value - 1e-12


@settings(max_examples=8, deadline=None)
@given(st.integers(13, 40), st.integers(0, 10_000), st.data())
def test_a_remembered_support_holds_for_late_rows(n: int, seed: int, data: st.DataObject) -> None:
    """With an earlier support remembered, a row that turns up in the middle doesn't lower the value either."""
    kernel = some_kernel(n, seed, dense=0.5)
    late = data.draw(st.integers(0, n - 1))
    kept = [row for row in range(n) if row != late]
    before = maximum_diversity(kernel[np.ix_(kept, kept)])
    after = maximum_diversity(kernel, remembered=[kept[row] for row in before.support])
    assert after.value >= before.value - 1e-9


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 30), st.integers(0, 10_000), st.data())
def test_a_copied_row_adds_nothing(n: int, seed: int, data: st.DataObject) -> None:
    """A row with the same overlaps as another, appended, leaves the value where it was."""
    kernel = some_kernel(n, seed)
    of = data.draw(st.integers(0, n - 1))
    rows = [*range(n), of]
    before, after = maximum_diversity(kernel), maximum_diversity(kernel[np.ix_(rows, rows)]).value
    assert after >= before.value - 1e-9
    if n < 12 or before.exact:
        assert after == pytest.approx(before.value, abs=1e-7)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 50), st.integers(0, 10_000))
def test_the_same_kernel_has_the_same_answer(n: int, seed: int) -> None:
    """Value, support and weights; and the weights are the value's witness."""
    kernel = some_kernel(n, seed)
    found = maximum_diversity(kernel)
    assert witnessed(kernel, found)
    assert maximum_diversity(kernel) == found


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 200), st.integers(0, 10_000), st.floats(0, 1))
def test_an_overlap_of_a_half_everywhere_keeps_it_below_two(n: int, seed: int, dense: float) -> None:
    """D ≤ 2n/(n+1) < 2 for K_ij ≥ 0.5 (proof in SPEC), for n up to 200."""
    assert maximum_diversity(some_kernel(n, seed, floor=0.5, dense=dense)).value <= 2 * n / (n + 1) + 1e-9
