"""Ephemeral limiter state: what was spent lately, how full the buckets are, who waits. abuse/SPEC.md, "Limiter".

It lives apart from the Store, because it may be lost: then the epoch changes, and every token handed out
before is answered "take a new one". A spent token can so never be spent again. Three limiters give the
same answers (tests/contract/test_limiter.py): in this process, in one SQLite file shared by the processes
of one machine (limiter_sqlite.py), in Redis for many machines (limiter_redis.py).
Nothing here holds an address or any other trait of a client.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from abuse import admission
from abuse.admission import CLOCK_MARGIN_US, Debited, Mark, Outcome, Pulse, Step
from abuse.difficulty import EFFORTS_KEPT
from abuse.limits import HOUR_US, Bucket, Rate
from abuse.lottery import Room, slot_at
from abuse.routes import EPOCH_SIZE
from crypto.entropy import Entropy

Clock = Callable[[], int]
"""Gives microseconds. In one process a monotonic clock plus an offset: it never jumps."""

SWEEP_EVERY = 512


def steady_clock() -> Clock:
    """Give a clock that starts at the wall clock's time and never jumps, for one process."""
    offset_ns = time.time_ns() - time.monotonic_ns()
    return lambda: (time.monotonic_ns() + offset_ns) // 1000


def wall_clock() -> int:
    """Give the machine's wall clock in microseconds, the same in all its processes."""
    return time.time_ns() // 1000


class LimiterUnavailable(Exception):
    """The limiter's state can't be reached. Nothing was let through; the client is told to try again.

    The message goes to the log: it holds no secret and nothing of a request.
    """


class UnfitForLimits(Exception):
    """The Redis that was named may forget what was spent. The message says which setting to change."""


class Limiter(Protocol):
    """Each method is one atomic step on the limiter's own clock, exact under concurrency."""

    async def take(self, step: Step) -> Outcome:
        """Spend a token if every bucket allows: `abuse.admission.take`. Raises LimiterUnavailable."""

    async def debit(self, buckets: tuple[Bucket, ...], quantity: int = 1) -> Debited:
        """Take `quantity` from every bucket or nothing from any. Raises LimiterUnavailable."""

    async def pulse(self, room: str, rate: Rate) -> Pulse:
        """Look at a room of that rate. Raises LimiterUnavailable."""

    async def close(self) -> None:
        """Let go of files and connections."""


class _MemoryLedger:
    """The records of `InProcessLimiter`. Bounded: spent marks by what the buckets let through."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._epoch = entropy(EPOCH_SIZE)
        self._latest_us = 0
        self._marks: dict[bytes, tuple[Mark, int]] = {}
        self._ends: list[tuple[int, bytes]] = []
        self._arrivals: dict[str, int] = {}
        self._rooms: dict[str, Room] = {}
        self._efforts: dict[str, deque[int]] = {}

    def epoch(self, now_us: int) -> bytes:
        if now_us < self._latest_us - CLOCK_MARGIN_US:
            self._epoch = self._entropy(EPOCH_SIZE)
            self._latest_us = now_us
        self._latest_us = max(self._latest_us, now_us)
        return self._epoch

    def mark(self, token: bytes, now_us: int) -> Mark | None:
        found = self._marks.get(token)
        return found[0] if found and found[1] > now_us else None

    def put_mark(self, token: bytes, mark: Mark, until_us: int) -> None:
        self._marks[token] = (mark, until_us)
        heapq.heappush(self._ends, (until_us, token))

    def arrivals(self, buckets: Sequence[Bucket]) -> list[int | None]:
        return [self._arrivals.get(bucket.name) for bucket in buckets]

    def put_arrivals(self, buckets: Sequence[Bucket], arrivals_us: Sequence[int]) -> None:
        for bucket, arrival_us in zip(buckets, arrivals_us, strict=True):
            self._arrivals[bucket.name] = arrival_us

    def room(self, name: str) -> Room | None:
        return self._rooms.get(name)

    def put_room(self, name: str, room: Room) -> None:
        self._rooms[name] = room

    def efforts(self, name: str) -> tuple[int, ...]:
        return tuple(self._efforts.get(name, ()))

    def put_effort(self, name: str, effort: int) -> None:
        kept = self._efforts.get(name)
        if kept is None:
            kept = self._efforts[name] = deque(maxlen=EFFORTS_KEPT)
        kept.append(effort)

    def sweep(self, now_us: int) -> None:
        """Forget what no longer decides anything."""
        while self._ends and self._ends[0][0] <= now_us:
            _, token = heapq.heappop(self._ends)
            if self._marks.get(token, (None, now_us + 1))[1] <= now_us:
                del self._marks[token]
        idle = now_us - CLOCK_MARGIN_US
        for bucket in [name for name, arrival in self._arrivals.items() if arrival <= idle]:
            del self._arrivals[bucket]
        old = slot_at(now_us - HOUR_US)
        for name in [name for name, room in self._rooms.items() if room.slot < old]:
            del self._rooms[name]
            self._efforts.pop(name, None)

    def size(self) -> int:
        """How many records there are."""
        return len(self._marks) + len(self._arrivals) + len(self._rooms) + len(self._efforts)


class InProcessLimiter:
    """The default for one server process. A restart is a new epoch."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._ledger = _MemoryLedger(entropy)
        self._lock = threading.Lock()
        self._steps = 0

    async def take(self, step: Step) -> Outcome:
        """See Limiter."""
        with self._lock:
            now_us = self._clock()
            self._steps += 1
            if self._steps % SWEEP_EVERY == 0:
                self._ledger.sweep(now_us)
            return admission.take(self._ledger, step, now_us)

    async def debit(self, buckets: tuple[Bucket, ...], quantity: int = 1) -> Debited:
        """See Limiter."""
        with self._lock:
            return admission.debit(self._ledger, buckets, quantity, self._clock())

    async def pulse(self, room: str, rate: Rate) -> Pulse:
        """See Limiter."""
        with self._lock:
            return admission.pulse(self._ledger, room, rate, self._clock())

    async def close(self) -> None:
        """Nothing to let go of."""

    def size(self) -> int:
        """How many records are kept, for the metrics page and the test that they stay bounded."""
        with self._lock:
            return self._ledger.size()
