"""Junk in both lanes at 10,000 an hour each, and how long honest reports wait. Time is simulated, the code is real.

Every challenge, puzzle check, ticket, limit and draw below is the server's own; only the clock and the speed at which
clients hash are simulated (a puzzle of difficulty d takes 16·d hashes on average; here one in 16,384 is really made).
Junk knows the protocol, solves at no cost in time, and presents a token that was not drawn in five further slots.

    python -m bench.flood [--minutes 60] [--seed 1]
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import math
import random
import types
from base64 import urlsafe_b64decode
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any

from abuse.admission import Why, encode
from abuse.difficulty import Effort
from abuse.lottery import SLOT_US
from abuse.plan import Limits
from abuse.puzzle import SUB_PUZZLES, solve
from abuse.routes import AdmissionKey, Route
from crypto.entropy import seeded
from service.server.admission import Admission, Admitted, Again, Challenge, Waiting
from service.storage.limiter import InProcessLimiter

SCALE = 16_384
GROUP = bytes(range(16))
LAPTOP, PHONE, WEAK = 1_000_000, 200_000, 70_000
"""Hashes per second in a browser."""
SLOT_S = SLOT_US / 1_000_000


@types.coroutine
def sleep(seconds: float) -> Generator[float, None, None]:
    """Let simulated time pass."""
    yield seconds


def solved(challenge: Challenge) -> str:
    """Really solve a puzzle."""
    raw = urlsafe_b64decode(challenge.puzzle + "==")
    return encode(raw + solve(raw))


@dataclass
class World:
    """A server under a simulated clock, and everyone who talks to it."""

    seed: int = 1
    held_requests: int = 64
    now_s: float = 1_790_000_000.0
    waits: dict[str, list[float]] = field(default_factory=dict)
    refused: int = 0
    junk_in: dict[str, int] = field(default_factory=lambda: {"fast": 0, "slow": 0})
    hardest: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._queue: list[tuple[float, int, Coroutine[float, None, None]]] = []
        self._order = itertools.count()
        limiter = InProcessLimiter(lambda: int(self.now_s * 1e6), seeded(b"epochs"))
        self.admission = Admission(
            AdmissionKey(bytes(range(32))),
            limiter,
            Limits(report_effort=Effort(1, 8)),
            entropy=seeded(self.seed.to_bytes(8, "big")),
            monotonic_s=lambda: self.now_s,
            sleep=sleep,
            held_requests=self.held_requests,
        )

    def start(self, at_s: float, who: Coroutine[float, None, None]) -> None:
        """Let someone begin at a moment."""
        heapq.heappush(self._queue, (at_s, next(self._order), who))

    def run(self, until_s: float, honest: float = math.inf) -> None:
        """Run everyone until a moment, or until that many honest people are through."""
        while self._queue and self._queue[0][0] <= until_s and self.through() < honest:
            at_s, _, who = heapq.heappop(self._queue)
            self.now_s = max(self.now_s, at_s)
            try:
                delay = who.send(None)
            except StopIteration:
                continue
            self.start(self.now_s + delay, who)
        for _, _, who in self._queue:
            who.close()

    def through(self) -> int:
        """How many honest people were let in, or refused."""
        return self.refused + sum(len(waits) for waits in self.waits.values())

    async def ask(self) -> Challenge:
        return await self.admission.challenge(GROUP, Route.REPORTS)

    async def junk_fast(self) -> None:
        await self._junk("fast", solved(await self.ask()))

    async def junk_slow(self) -> None:
        challenge = await self.ask()
        await sleep(challenge.ticket_ripens_in_s)
        await self._junk("slow", challenge.ticket)

    async def _junk(self, lane: str, token: str) -> None:
        left = 5
        while left:
            match await self.admission.admit(GROUP, Route.REPORTS, token):
                case Admitted():
                    self.junk_in[lane] += 1
                    return
                case Waiting(pause_s):
                    await sleep(pause_s)
                case Again():
                    left -= 1
                    await sleep(SLOT_S)

    async def honest_fast(self, name: str, hashes_per_s: float) -> None:
        """Solve while typing; send; if not drawn, solve the next one and send again."""
        token = solved(await self.ask())
        await sleep(self.rng.uniform(120, 300))
        sent_s = self.now_s
        while True:
            match await self.admission.admit(GROUP, Route.REPORTS, token):
                case Admitted():
                    self.waits.setdefault(name, []).append(self.now_s - sent_s)
                    return
                case Waiting(pause_s):
                    await sleep(pause_s + self.rng.random())
                case Again(Why.NOT_DRAWN, _, fresh):
                    self.hardest = max(self.hardest, fresh.difficulty * SCALE)
                    hashes = self.rng.gammavariate(SUB_PUZZLES, fresh.difficulty * SCALE)
                    await sleep(hashes / hashes_per_s)
                    token = solved(fresh)
                case Again():
                    self.refused += 1
                    return

    async def honest_slow(self, name: str) -> None:
        """No scripts: write, press "send", let the page load; if it says so, press "send again"."""
        token = (await self.ask()).ticket
        await sleep(self.rng.uniform(150, 300))
        sent_s = self.now_s
        while True:
            match await self.admission.admit_patiently(GROUP, Route.REPORTS, token):
                case Admitted():
                    self.waits.setdefault(name, []).append(self.now_s - sent_s)
                    return
                case Again(Why.NOT_DRAWN | Why.EARLY, _, fresh):
                    token = fresh.ticket
                case Again():
                    self.refused += 1
                    return
                case Waiting():
                    pass
            await sleep(self.rng.uniform(5, 15))

    def arrive(self, per_hour: float, from_s: float, to_s: float, who: Any) -> int:
        """Let people begin at random moments of a span; returns how many."""
        count = 0
        at_s = from_s + self.rng.expovariate(per_hour / 3600)
        while at_s < to_s:
            self.start(at_s, who())
            count += 1
            at_s += self.rng.expovariate(per_hour / 3600)
        return count


def flood(
    minutes: float = 60,
    *,
    seed: int = 1,
    junk_per_hour: float = 10_000,
    honest_per_hour: float = 120,
    held_requests: int = 64,
    until_through: bool = False,
) -> dict[str, Any]:
    """Flood for a while, with honest reporters in between; give every number there is.

    until_through: end once all who are honest are through, so that of the numbers only the junk let in is less.
    """
    world = World(seed, held_requests)
    start, end = world.now_s, world.now_s + minutes * 60
    junk = sum(
        world.arrive(junk_per_hour, start, end + 1800, who) for who in (world.junk_fast, world.junk_slow)
    )
    honest = {
        "fast, laptop": lambda: world.honest_fast("fast, laptop", LAPTOP),
        "fast, phone": lambda: world.honest_fast("fast, phone", PHONE),
        "fast, weak phone": lambda: world.honest_fast("fast, weak phone", WEAK),
        "scripts off": lambda: world.honest_slow("scripts off"),
    }
    # Honest people begin to write once the flood is in full swing; the flood goes on until all are through.
    sent = {name: world.arrive(honest_per_hour, start + 300, end, who) for name, who in honest.items()}
    world.run(end + 1800, sum(sent.values()) if until_through else math.inf)
    return {
        "junk submissions": junk,
        "junk admitted": world.junk_in,
        "highest difficulty": world.hardest,
        "refused honest": world.refused,
        "honest": {
            name: {
                "sent": sent[name],
                "accepted": len(world.waits.get(name, [])),
                **{f"p{p}_s": round(percentile(world.waits.get(name, []), p), 1) for p in (50, 95, 99)},
            }
            for name in honest
        },
    }


def percentile(values: list[float], p: float) -> float:
    """The value below which p of 100 lie."""
    ordered = sorted(values) or [float("inf")]
    return ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("pages that wait for the reporter:")
    print(json.dumps(flood(options.minutes, seed=options.seed), indent=2))
    print('"send again" by hand only (all held places taken):')
    print(json.dumps(flood(options.minutes, seed=options.seed, held_requests=0)["honest"]["scripts off"]))


if __name__ == "__main__":
    main()
