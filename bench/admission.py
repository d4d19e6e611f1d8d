"""What admission costs: checking, solving, and one atomic step on each limiter. Floors are measured in the same run.

python -m bench.admission
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from abuse import puzzle
from abuse.admission import Step, Token
from abuse.difficulty import WEAK_DEVICE_HASHES_PER_S
from abuse.plan import Limits, plan
from abuse.routes import AdmissionKey, Lane, Route
from service.storage.limiter import Limiter
from service.storage.limiters import open_limiter
from tests.support.redis_server import redis_server

KEY, GROUP = AdmissionKey(bytes(32)), bytes(range(16))
STEPS = 4_000


def puzzles() -> None:
    raw = puzzle.challenge(
        KEY, GROUP, Route.REPORTS, epoch=bytes(8), nonce=bytes(16), difficulty=64, expires_s=1
    )
    solution = puzzle.solve(raw)
    check = fastest(lambda: puzzle.check(KEY, GROUP, Route.REPORTS, raw, solution))
    floor = fastest(lambda: [sha256(raw).digest() for _ in range(17)])
    print(f"checking a puzzle: {check * 1e6:.1f} µs = {check / floor:.2f} × its 17 hashes (limit 20 µs)")
    tries = np.random.default_rng(1).geometric(1 / 16_384, size=(400_000, 16)).sum(axis=1)
    print(
        f"solving: p99/mean {np.percentile(tries, 99) / tries.mean():.3f} over 400,000 exact draws (limit 1.8)"
    )
    begin, hashes = time.perf_counter(), 0
    for number in range(40):
        raw = puzzle.challenge(
            KEY,
            GROUP,
            Route.REPORTS,
            epoch=bytes(8),
            nonce=number.to_bytes(16, "big"),
            difficulty=4096,
            expires_s=1,
        )
        hashes += int((np.frombuffer(puzzle.solve(raw), ">u4").astype(np.int64) + 1).sum())
    speed = hashes / (time.perf_counter() - begin)
    effort = Limits().report_effort
    for name, rate in (("this machine's command line", speed), ("a weak phone", WEAK_DEVICE_HASHES_PER_S)):
        calm, hard = (16 * d / rate for d in (effort.calm, effort.hardest))
        print(
            f"on {name} ({rate / 1e6:.2f} MH/s): {calm:.2f} s when calm, {hard:.1f} s at the ceiling, on average"
        )


def fastest(act: Any) -> float:
    best = 1.0
    for _ in range(30):
        begin = time.perf_counter()
        for _ in range(100):
            act()
        best = min(best, (time.perf_counter() - begin) / 100)
    return best


async def steps(limiter: Limiter, limits: Limits) -> float:
    """Seconds per step, one after the other."""
    where = plan(limits, GROUP, Route.REPORTS, Lane.FAST)
    pulse = await limiter.pulse(where.room, where.rate)
    tokens = [
        Token(Lane.FAST, pulse.epoch, b"\1" + os.urandom(16), n, 0, pulse.now_us + 10**9, 16_384)
        for n in range(STEPS)
    ]
    begin = time.perf_counter()
    for token in tokens:
        await limiter.take(Step(token, where.room, where.buckets))
    return (time.perf_counter() - begin) / STEPS


async def limiters() -> None:
    calm = Limits(
        server_reports_per_hour=36_000_000,
        server_reports_burst=4096,
        group_reports_per_hour=36_000_000,
        group_reports_burst=4096,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with redis_server(folder / "redis", {"appendonly": "no"}) as server:
            for address in ("memory:", f"sqlite:{folder / 'limits.sqlite'}", server.url):
                for state, limits in (("all let through", calm), ("all waiting", Limits())):
                    limiter = await open_limiter(address)
                    if address == server.url:
                        with server.client() as client:
                            client.flushall()
                            client.config_resetstat()
                    seconds = await steps(limiter, limits)
                    line = f"{address.split(':')[0]:>7}, {state}: {seconds * 1e6:.0f} µs a step seen by the client"
                    if address == server.url:
                        with server.client() as client:
                            stats: Any = client.info("commandstats")
                        line += f", {stats['cmdstat_evalsha']['usec_per_call']:.1f} µs in Redis (limit 50)"
                    print(line)
                    await limiter.close()


if __name__ == "__main__":
    puzzles()
    asyncio.run(limiters())
