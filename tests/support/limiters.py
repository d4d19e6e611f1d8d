"""Limiters of every kind under a clock the test turns, and processes that rush one of them at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from abuse.admission import Step, Token
from abuse.limits import Bucket, Rate
from abuse.routes import Lane
from crypto.entropy import seeded, system
from service.storage.limiter import InProcessLimiter, Limiter
from service.storage.limiter_redis import open_redis_limiter
from service.storage.limiter_sqlite import SqliteLimiter

KINDS = ("memory", "sqlite", "redis")
START_US = 1_790_000_000_000_000
SECOND = 1_000_000


@dataclass
class Clock:
    """A clock in microseconds that moves when told to."""

    now_us: int = START_US

    def __call__(self) -> int:
        return self.now_us

    def pass_s(self, seconds: float) -> None:
        self.now_us += round(seconds * SECOND)


@dataclass
class World:
    """One limiter, its clock, and tokens for it."""

    limiter: Limiter
    clock: Clock
    epoch: bytes = b""
    _names: int = field(default=0)

    async def token(
        self, lot: int = 0, *, lives_s: float = 3600, ripens_s: float = 0, effort: int = 0, epoch: bytes = b""
    ) -> Token:
        """A token nobody has spent, as `recognise` would give it."""
        self._names += 1
        if not epoch:
            epoch = (await self.limiter.pulse("any", Rate(SECOND, 5))).epoch
        now = self.clock.now_us
        mark = b"\2" + self._names.to_bytes(16, "big")
        lane = Lane.FAST if effort else Lane.SLOW
        begin, end = now + round(ripens_s * SECOND), now + round(lives_s * SECOND)
        return Token(lane, epoch, mark, lot, begin, end, effort)


def buckets(*names: str, interval_us: int = SECOND, burst: int = 5) -> tuple[Bucket, ...]:
    """Buckets of one rate."""
    return tuple(Bucket(name, Rate(interval_us, burst)) for name in names)


def step(token: Token, *names: str, interval_us: int = SECOND, burst: int = 5, room: str = "room") -> Step:
    """A step over buckets of one rate."""
    return Step(token, room, buckets(*(names or ("own",)), interval_us=interval_us, burst=burst))


@asynccontextmanager
async def world(kind: str, folder: Path, redis_url: str, seed: bytes = b"w") -> AsyncIterator[World]:
    """A fresh limiter of a kind under a clock of its own."""
    clock = Clock()
    limiter: Limiter
    match kind:
        case "memory":
            limiter = InProcessLimiter(clock, seeded(seed))
        case "sqlite":
            limiter = SqliteLimiter(folder / "limiter.sqlite", clock, system)
        case _:
            limiter = await open_redis_limiter(redis_url, system, prefix=os.urandom(6).hex(), clock=clock)
    try:
        await limiter.pulse("any", Rate(SECOND, 5))  # so that each has seen the clock's first moment
        yield World(limiter, clock)
    finally:
        await limiter.close()


_RUSH = """
import asyncio, sys
from abuse.limits import Bucket, Rate
from service.storage.limiters import open_limiter

async def main(address, count):
    limiter = await open_limiter(address)
    buckets = (Bucket("wide", Rate(3_600_000_000, 400)), Bucket("rush", Rate(3_600_000_000, 20)))
    print("ready", flush=True)
    sys.stdin.readline()
    done = await asyncio.gather(*(limiter.debit(buckets) for _ in range(count)))
    print(sum(result.allowed for result in done), flush=True)
    await limiter.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def rush(address: str, processes: int, each: int) -> list[int]:
    """How many of `each` concurrent debits of a burst of 20 each of several processes got through."""
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", _RUSH, address, str(each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for one in crowd:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in crowd:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    outputs = await asyncio.gather(*(asyncio.to_thread(one.communicate) for one in crowd))
    return [int(out) for out, _ in outputs]
