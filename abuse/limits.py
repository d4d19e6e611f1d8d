"""Rate limits as arithmetic: the generic cell rate algorithm (GCRA), all buckets or none. SPEC.md, "Limits".

A bucket is one number, its theoretical arrival time. Everything here is pure: the caller brings the
time, keeps the number and makes the step atomic (service/storage/limiter.py). Times are microseconds
on one clock, the store's. Behaves as redis-cell's published table (tests/vectors/redis_cell.json).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HOUR_US = 3_600_000_000
MAX_BURST = 8192
"""2^13 places times a lot of 40 bits is the largest whole number a Redis script can hold."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` requests at once, then one every `interval_us`."""

    interval_us: int
    burst: int

    def __post_init__(self) -> None:
        if not (1 <= self.interval_us <= HOUR_US * 24 and 1 <= self.burst <= MAX_BURST):
            raise ValueError("a rate needs an interval of 1 µs to 1 day and a burst of 1 to 8192")

    @classmethod
    def hourly(cls, count: float, burst: int) -> Rate:
        """Build from `count` requests per hour."""
        if count <= 0:
            raise ValueError("a rate needs at least one request a day")
        return cls(int(HOUR_US / count), burst)

    @property
    def tolerance_us(self) -> int:
        """How far ahead of the clock a bucket may be: the whole burst."""
        return self.interval_us * self.burst


@dataclass(frozen=True, slots=True)
class Bucket:
    """A named limit. The name holds a route, a lane or a group; never a client."""

    name: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one bucket says.

    `arrival_us` is the number to keep if every bucket allows; `remaining` what could still be asked
    at once; `reset_after_us` when the bucket is full again; `retry_after_us` when to come back, -1
    if allowed, or if the quantity could never fit.
    """

    limited: bool
    remaining: int
    reset_after_us: int
    retry_after_us: int
    arrival_us: int


def ask(arrival_us: int | None, rate: Rate, quantity: int, now_us: int) -> Verdict:
    """Judge one request of `quantity` (0 only looks) against a bucket last left at `arrival_us`.

    An honest bucket is never further ahead of the clock than its tolerance. One that is has seen the
    clock jump back; it is clamped, so that a jump of any size costs at most one refill (SPEC, "Clocks").
    """
    tolerance = rate.tolerance_us
    arrival = now_us if arrival_us is None else min(max(arrival_us, now_us), now_us + tolerance)
    increment = rate.interval_us * quantity
    ahead = arrival + increment - now_us
    if ahead > tolerance:
        retry = ahead - tolerance if increment <= tolerance else -1
        left = arrival - now_us
        return Verdict(True, (tolerance - left) // rate.interval_us, left, retry, arrival)
    return Verdict(False, (tolerance - ahead) // rate.interval_us, ahead, -1, arrival + increment)


def ask_all(
    arrivals_us: Sequence[int | None], buckets: Sequence[Bucket], quantity: int, now_us: int
) -> tuple[bool, tuple[Verdict, ...]]:
    """Judge one request against every bucket: (allowed by all, verdicts in order).

    When the first is False nothing may be kept: no bucket pays for another's refusal.
    """
    verdicts = tuple(
        ask(arrival, bucket.rate, quantity, now_us)
        for arrival, bucket in zip(arrivals_us, buckets, strict=True)
    )
    return not any(verdict.limited for verdict in verdicts), verdicts


def pay_one(arrivals_us: Sequence[int | None], buckets: Sequence[Bucket], now_us: int) -> list[int] | None:
    """Give the numbers to keep when one request fits every bucket; None when it doesn't: then nothing may be kept.

    The same as `ask_all` with a quantity of 1, without its verdicts, which nobody reads on the path of a report.
    """
    kept: list[int] = []
    for arrival_us, bucket in zip(arrivals_us, buckets, strict=True):
        rate = bucket.rate
        interval = rate.interval_us
        limit = now_us + interval * rate.burst
        arrival = now_us if arrival_us is None or arrival_us < now_us else min(arrival_us, limit)
        if arrival + interval > limit:
            return None
        kept.append(arrival + interval)
    return kept


def room_left(arrivals_us: Sequence[int | None], buckets: Sequence[Bucket], now_us: int) -> int:
    """How many single requests would fit all buckets at this moment."""
    return min(
        ask(arrival, bucket.rate, 0, now_us).remaining
        for arrival, bucket in zip(arrivals_us, buckets, strict=True)
    )
