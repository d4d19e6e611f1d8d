"""Maximum diversity of accounts: D = max over w ≥ 0 of (Σw)² / (wᵀKw). SPEC.md "Corroboration: diversity".

Guarantees, for any symmetric kernel with K_ii = 1 and 0 < K_ij ≤ 1, rows in order of arrival:
the value is attained by the weights returned, so it is never above the true maximum; appending an account never
lowers it; up to EXACT_UP_TO accounts, or where the kernel is convex over the simplex, it is the maximum and
`exact` says so. Deterministic: no randomness, no clock.
Leaves to `abuse.corroboration` what K means. Sources: Solow & Polasky 1994; Leinster & Meckes 2016 (maximising
diversity: the maximum is attained on a subset whose K is positive definite, there w ∝ K⁻¹1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

EXACT_UP_TO: Final = 12
# Beyond, a support is not grown: it costs cubic time and, with the kernel's floor of 0.5 for accounts without a
# voice, can add less than 2/256 to D.
LARGEST_SUPPORT: Final = 256
# The convexity of the kernel is looked at (an eigenvalue problem) up to this size.
CERTIFIED_UP_TO: Final = 250
# Beyond that, rows passed over earlier are looked at again once in so many arrivals.
_AGAIN_EVERY: Final = 64
# Each of the first accounts starts ascents with every earlier one; later ones only where they displace something.
_STARTS: Final = 32
_LARGEST_RIVAL: Final = 64
_DISPLACES: Final = 0.85
_TINY: Final = 1e-10

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Diversity:
    """value: D; exact: the maximum, else a lower bound; support: rows with weight, ascending; weights sum to 1."""

    value: float
    exact: bool
    support: tuple[int, ...]
    weights: tuple[float, ...]


def equal_weights(kernel: Matrix) -> float:
    """Kish's effective size: (Σw)²/(wᵀKw) with w = 1. For comparison only: a copy lowers it."""
    n = len(kernel)
    return n * n / float(kernel.sum()) if n else 0.0


def maximum_diversity(kernel: Matrix, *, remembered: Sequence[int] = ()) -> Diversity:
    """Maximise over w ≥ 0. kernel: n × n, symmetric, ones on the diagonal, entries in (0, 1], rows by arrival.

    remembered: the support of an earlier answer for a subset of these rows, as their rows here: the answer is then
    at least as large, wherever the new rows stand in the order. O(n · support²); n = 2,000 takes seconds.
    """
    n = len(kernel)
    if n == 0:
        return Diversity(0.0, True, (), ())
    first = _enumerated(kernel[:EXACT_UP_TO, :EXACT_UP_TO])
    if n <= EXACT_UP_TO:
        return first
    convex = _is_convex(
        kernel
    )  # Then every ascent ends at the one maximum, also on every prefix: no need to restart.
    best = _Ascent(kernel, first.support)
    for newest in range(EXACT_UP_TO, n):
        seen = newest + 1
        if newest < _STARTS and not convex:
            best = _from_pairs(kernel, best, newest, seen)
        if best.gain(newest) > _TINY:
            again = seen <= CERTIFIED_UP_TO or seen % _AGAIN_EVERY == 0
            best = best.settled(seen if again else 0, trying=newest)
        elif not convex and len(best.support) <= _LARGEST_RIVAL:
            best = best.better_of(_rival(kernel, best, newest, seen))
    if remembered:
        best = best.better_of(_Ascent(kernel, tuple(remembered)).settled(n))
    if best.quotient < first.value:  # Rounding only.
        return Diversity(first.value, False, first.support, first.weights)
    return best.answer(exact=convex and len(best.support) < LARGEST_SUPPORT and best.at_rest())


def _from_pairs(kernel: Matrix, best: _Ascent, newest: int, seen: int) -> _Ascent:
    """If the newest row raises the maximum it is in its support: ascend from it alone and with every other row."""
    for other in range(seen):
        if kernel[other, newest] < _DISPLACES or other == newest:
            best = best.better_of(_Ascent(kernel, tuple({newest, other})).settled(seen))
    return best


def _rival(kernel: Matrix, best: _Ascent, newest: int, seen: int) -> _Ascent | None:
    """An ascent that has the newest account in place of those it is alike to; None where it displaces nobody."""
    kept = [row for row in best.support if kernel[row, newest] < _DISPLACES]
    if len(kept) == len(best.support):
        return None
    rival = _Ascent(kernel, tuple(kept)) if kept else _Ascent(kernel, (newest,))
    if kept and rival.gain(newest) <= _TINY:
        return None
    return rival.settled(seen, trying=newest if kept else None)


def _is_convex(kernel: Matrix) -> bool:
    """Whether dᵀKd ≥ 0 for every d with Σd = 0: then an ascent at rest is at the maximum."""
    n = len(kernel)
    if n > CERTIFIED_UP_TO:
        return False
    centred = kernel - kernel.mean(axis=0)[None, :]
    centred -= centred.mean(axis=1)[:, None]
    return bool(np.linalg.eigvalsh((centred + centred.T) / 2)[0] >= -_TINY * n)


@cache
def _subsets(n: int, size: int) -> npt.NDArray[np.intp]:
    return np.array(list(combinations(range(n), size)), dtype=np.intp)


def _enumerated(kernel: Matrix) -> Diversity:
    """Try every support. The maximum lies where K_SS is positive definite and K_SS⁻¹1 ≥ 0 (SPEC), so det > 0."""
    n = len(kernel)
    best = Diversity(1.0, True, (0,), (1.0,))
    for size in range(2, n + 1):
        rows = _subsets(n, size)
        blocks = kernel[rows[:, :, None], rows[:, None, :]]
        regular = np.linalg.det(blocks) > 1e-300
        if not regular.any():
            continue
        rows, blocks = rows[regular], blocks[regular]
        solved = np.linalg.solve(blocks, np.ones((len(rows), size, 1)))[:, :, 0]
        inside = (solved > 0).all(axis=1)
        if not inside.any():
            continue
        rows, blocks, solved = rows[inside], blocks[inside], solved[inside]
        # The quotient itself, not Σz: true for any weights, whatever rounding did to the solution.
        values = solved.sum(axis=1) ** 2 / np.einsum("mi,mij,mj->m", solved, blocks, solved)
        at = int(values.argmax())
        if values[at] > best.value:
            weights = solved[at] / solved[at].sum()
            best = Diversity(float(values[at]), True, tuple(map(int, rows[at])), tuple(map(float, weights)))
    return best


class _Ascent:
    """Climbs 1ᵀz − ½zᵀKz over z ≥ 0, whose maximum is D/2, by an active set; never steps down.

    Between steps z is stationary on the support: K_SS z_S = 1. `_inverse` is K_SS⁻¹, bordered and trimmed in place.
    """

    def __init__(self, kernel: Matrix, support: tuple[int, ...]) -> None:
        self.kernel = kernel
        self.support = list(support)
        self._since = 0
        self._refresh()

    def _refresh(self) -> None:
        """Invert anew, against drift; rows that rounding or a bad start made negative leave."""
        while True:
            block = self.kernel[np.ix_(self.support, self.support)]
            try:
                self._inverse = np.linalg.inv(block)
            except np.linalg.LinAlgError:
                self.support = self.support[:-1]
                continue
            self.z = self._inverse.sum(axis=1)
            self._since = 0
            if self.z.min() > 0 or len(self.support) == 1:
                return
            del self.support[int(self.z.argmin())]

    @property
    def value(self) -> float:
        """D of this support, while stationary: from Kz = 1 follows (Σz)²/(zᵀKz) = Σz."""
        return float(self.z.sum())

    @property
    def quotient(self) -> float:
        """(Σz)²/(zᵀKz) as such: what is claimed in the end, true whatever rounding did to z."""
        block = self.kernel[np.ix_(self.support, self.support)]
        return float(self.z.sum() ** 2 / (self.z @ block @ self.z))

    def gain(self, row: int) -> float:
        """The slope of the objective towards a row: 1 − K_row·z; positive where adding it raises D."""
        return 1.0 - float(self.kernel[row, self.support] @ self.z)

    def at_rest(self) -> bool:
        """Whether no row at all would raise D."""
        return bool((1.0 - self.kernel[:, self.support] @ self.z).max() <= 1e-8)

    def better_of(self, other: _Ascent | None) -> _Ascent:
        """Keep the higher; itself on a tie, so that nothing flickers."""
        return other if other is not None and other.value > self.value + 1e-12 else self

    def settled(self, seen: int, trying: int | None = None) -> _Ascent:
        """Enter `trying`, then rows below `seen`, steepest first, until none raises D."""
        before, start = self.value, (list(self.support), self.z.copy(), self._inverse.copy())
        for _ in range(4 * seen + 64):
            if trying is None:
                if not seen:
                    break
                slope = 1.0 - self.kernel[:seen, self.support] @ self.z
                slope[self.support] = -np.inf
                row = int(slope.argmax())
                if slope[row] <= _TINY:
                    break
            else:
                row, trying = trying, None
            self._enter(row)
            if len(self.support) > LARGEST_SUPPORT:
                self._trim(int(self.z.argmin()))
                self._refresh()
                break
        if self.value < before:  # An exchange in a full support may not pay; else rounding only.
            self.support, self.z, self._inverse = start
        return self

    def _enter(self, row: int) -> None:
        """Raise z_row along the line that keeps the support stationary, trimming whatever reaches zero."""
        weight = 0.0
        while True:
            towards = self.kernel[self.support, row]
            answer = self._inverse @ towards
            curvature = 1.0 - float(towards @ answer)
            slope = 1.0 - float(towards @ self.z) - weight
            # A flat or rising curve (the kernel may be indefinite) is followed until something reaches zero.
            free = slope / curvature if curvature > 1e-9 else np.inf
            with np.errstate(divide="ignore", invalid="ignore"):
                limits = np.where(answer > 0, self.z / answer, np.inf)
            blocking = int(limits.argmin()) if len(limits) else -1
            step = min(free, float(limits[blocking]) if len(limits) else np.inf)
            if not np.isfinite(step):
                return
            self.z = self.z - step * answer
            weight += step
            if step == free:
                self._border(row, answer, curvature, weight)
                return
            self._trim(blocking)

    def _border(self, row: int, answer: Matrix, curvature: float, weight: float) -> None:
        size = len(self.support)
        grown = np.empty((size + 1, size + 1))
        grown[:size, :size] = self._inverse + np.outer(answer, answer / curvature)
        grown[:size, size] = grown[size, :size] = -answer / curvature
        grown[size, size] = 1.0 / curvature
        self._inverse = grown
        self.support.append(row)
        self.z = np.append(self.z, weight)
        self._since += 1
        if self._since > 64:
            self._refresh()

    def _trim(self, at: int) -> None:
        kept = np.arange(len(self.support)) != at
        column = self._inverse[kept, at]
        self._inverse = self._inverse[np.ix_(kept, kept)] - np.outer(column, column / self._inverse[at, at])
        self.z = self.z[kept]
        del self.support[at]

    def answer(self, *, exact: bool) -> Diversity:
        """Give the value with its support in row order and weights that sum to one."""
        order = sorted(range(len(self.support)), key=self.support.__getitem__)
        total = float(self.z.sum())
        return Diversity(
            value=self.quotient,
            exact=exact,
            support=tuple(self.support[at] for at in order),
            weights=tuple(float(self.z[at]) / total for at in order),
        )
