"""A door: an admission with its limiter in memory, under a clock that the test turns."""

from __future__ import annotations

import asyncio

from abuse.admission import Why
from abuse.difficulty import Effort, Wait
from abuse.plan import Limits
from abuse.routes import AdmissionKey, Route
from bench.flood import solved
from crypto.entropy import system
from service.server.admission import Admission, Again, Challenge, Decision
from service.storage.limiter import InProcessLimiter
from tests.support.limiters import Clock

GROUP, OTHER = bytes(range(16)), bytes(16 * [7])
KEY = AdmissionKey(bytes(range(32)))
LIMITS = Limits(report_effort=Effort(2, 16), mailbox_effort=Effort(2, 16), report_wait=Wait(5, 20))
SMALL = Limits(report_effort=Effort(1, 8), group_reports_burst=6, group_reports_per_hour=360)


class Door:
    """An admission with its clock."""

    def __init__(self, limits: Limits = LIMITS, held: int = 0) -> None:
        self.clock = Clock()
        self.limiter = InProcessLimiter(self.clock, system)
        self.slept: list[float] = []
        self.admission = Admission(
            KEY,
            self.limiter,
            limits,
            monotonic_s=lambda: self.clock.now_us / 1e6,
            sleep=self._sleep,
            held_requests=held,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.pass_s(seconds)
        await asyncio.sleep(0)

    async def challenge(self, group: bytes = GROUP, route: Route = Route.REPORTS) -> Challenge:
        return await self.admission.challenge(group, route)

    async def admit(
        self, token: str | None, group: bytes = GROUP, route: Route = Route.REPORTS, size: int = 0
    ) -> Decision:
        return await self.admission.admit(group, route, token, size=size)

    async def fill(self) -> None:
        """Use up every place of the fast and of the slow lane."""
        for _ in range(12):
            await self.admit(solved(await self.challenge()))
        tickets = [(await self.challenge()).ticket for _ in range(12)]
        self.clock.pass_s(20)
        for ticket in tickets:
            await self.admit(ticket)


def why(decision: Decision) -> Why | None:
    return decision.why if isinstance(decision, Again) else None
