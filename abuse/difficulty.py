"""How hard a puzzle is and how long a ticket ripens, from the pressure on a room. SPEC.md, "Difficulty".

Pure functions of what the limiter measured. Whatever an attacker does to the measurements, difficulty
stays under two ceilings: a fixed one, set by what a weak phone can do, and a moving one, twice the
median effort that was really accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

CALM = 1000
"""Pressure is in thousandths of a room's capacity: 1000 is exactly full."""

WEAK_DEVICE_HASHES_PER_S = 70_000
"""Scripted SHA-256 on an old phone: a tenth of what @noble/hashes does on a laptop. The ceiling's yardstick."""

EFFORTS_KEPT = 31
_ENOUGH_EFFORTS = 8


@dataclass(frozen=True, slots=True)
class Effort:
    """The range of a route's puzzle, in mean hashes per sub-puzzle (there are 16)."""

    calm: int
    hardest: int

    def __post_init__(self) -> None:
        if not 1 <= self.calm <= self.hardest <= 1 << 20:
            raise ValueError("efforts run from 1 to 2^20, calm below hardest")


@dataclass(frozen=True, slots=True)
class Wait:
    """The range of a route's ticket, in seconds before it is ripe."""

    calm_s: int
    longest_s: int

    def __post_init__(self) -> None:
        if not 0 <= self.calm_s <= self.longest_s <= 3600:
            raise ValueError("a ticket ripens within an hour")


def ceiling(effort: Effort, accepted: Sequence[int]) -> int:
    """The most that may be asked now: at most twice the median of what was lately accepted.

    With fewer than 8 accepted it is twice the calm effort. A difficulty nobody solves can thus never
    become the rule: it would have to be accepted first.
    """
    middle = median_low(accepted) if len(accepted) >= _ENOUGH_EFFORTS else effort.calm
    return min(effort.hardest, 2 * max(effort.calm, middle))


def difficulty(effort: Effort, pressure: int, accepted: Sequence[int]) -> int:
    """The difficulty to ask, in mean hashes per sub-puzzle: proportional to pressure, under the ceiling."""
    asked = effort.calm * max(CALM, pressure) // CALM
    return min(asked, ceiling(effort, accepted))


def ripening_s(wait: Wait, pressure: int) -> int:
    """How long a new ticket takes to ripen, in seconds: proportional to pressure, up to the longest."""
    return min(wait.longest_s, wait.calm_s * max(CALM, pressure) // CALM)
