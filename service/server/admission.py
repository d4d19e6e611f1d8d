"""Admission in the server: hand out puzzles and tickets, spend them, hold those who can't retry by themselves.

Knows nothing of HTTP and nothing of the client: a group, a route, the text of one header. Decisions are
`abuse.admission`'s, atomicity the limiter's. abuse/SPEC.md says what clients do with each outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from abuse import puzzle, tickets
from abuse.admission import Outcome, Passed, Pulse, Queued, Step, Token, Turned, Why, encode, recognise
from abuse.difficulty import difficulty, ripening_s
from abuse.limits import Bucket
from abuse.lottery import SLOT_US
from abuse.plan import Limits, plan
from abuse.routes import NONCE_SIZE, AdmissionKey, Lane, Route
from crypto.entropy import Entropy, system
from crypto.errors import Refused
from service.storage.limiter import Limiter

BULK_FROM = 256 * 1024
"""A body of this many bytes or more goes to the rooms for bulk."""

HELD_AT_ONCE = 64 * 1024 * 1024
"""Bytes of the bodies that `admit_patiently` holds at a time, besides the number of requests."""

_PULSE_LIVES_S = 1.0
_PULSES_KEPT = 1024
_RENEWED_RIPENS_S = -(-SLOT_US // 1_000_000)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a client needs for one request: a puzzle to solve, or a ticket to wait with. Either will do.

    `puzzle` is 50 bytes in base64url; the token is base64url(puzzle bytes + 64 bytes of solution).
    `ticket` is a token as it is, once `ticket_ripens_in_s` has passed. Times in seconds.
    """

    puzzle: str
    difficulty: int
    puzzle_expires_in_s: int
    ticket: str
    ticket_ripens_in_s: int
    ticket_expires_in_s: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """Go ahead; the token is spent. The lane is for counting only."""

    lane: Lane


@dataclass(frozen=True, slots=True)
class Waiting:
    """The token takes part in the draw: present the same one again after `retry_after_s`."""

    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Again:
    """This token does not do, here is what makes a new one. EARLY: the same ticket does after `retry_after_s`."""

    why: Why
    retry_after_s: int
    challenge: Challenge


Decision = Admitted | Waiting | Again


class Admission:
    """The guard of the routes in `Route`. One per server process; all share the key and the limiter's state."""

    def __init__(
        self,
        key: AdmissionKey,
        limiter: Limiter,
        limits: Limits | None = None,
        *,
        entropy: Entropy = system,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        held_requests: int = 64,
    ) -> None:
        self._key = key
        self._limiter = limiter
        self._limits = limits or Limits()
        self._entropy = entropy
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._seats = held_requests
        self._held = 0
        self._pulses: dict[tuple[bytes, Route, Lane], tuple[float, Pulse]] = {}

    async def debit(self, wanted: Mapping[Bucket, int]) -> int | None:
        """Take from each bucket its quantity. Gives None when that was done, else seconds to wait.

        All are looked at before any pays: a request that one of them refuses costs the others nothing, unless another
        request came between.
        """
        for bucket, quantity in wanted.items():
            (seen,) = (await self._limiter.debit((bucket,), 0)).verdicts
            if seen.remaining < quantity:
                return _seconds((quantity - seen.remaining) * bucket.rate.interval_us)
        for bucket, quantity in wanted.items():
            done = await self._limiter.debit((bucket,), quantity)
            if not done.allowed:
                return _seconds(done.verdicts[0].retry_after_us)
        return None

    async def challenge(self, group: bytes, route: Route, *, renewed: bool = False) -> Challenge:
        """Make a challenge for a group (NO_GROUP for mailboxes). Costs no memory and no limit.

        renewed: the ticket ripens within one slot, for someone who has waited already and was not drawn.
        Raises LimiterUnavailable.
        """
        fast = await self._pulse(group, route, Lane.FAST)
        slow = await self._pulse(group, route, Lane.SLOW)
        limits = self._limits
        effort = difficulty(limits.effort(route), fast.pressure, fast.efforts)
        wait_s = ripening_s(limits.wait(route), slow.pressure)
        if renewed:
            wait_s = min(wait_s, _RENEWED_RIPENS_S)
        fast_s, slow_s = fast.now_us // 1_000_000, slow.now_us // 1_000_000
        if wait_s:  # in whole seconds, and no less than it says
            slow_s = -(-slow.now_us // 1_000_000)
        raw_puzzle = puzzle.challenge(
            self._key,
            group,
            route,
            epoch=fast.epoch,
            nonce=self._entropy(NONCE_SIZE),
            difficulty=effort,
            expires_s=fast_s + limits.puzzle_lives_s,
        )
        raw_ticket = tickets.issue(
            self._key,
            group,
            route,
            epoch=slow.epoch,
            nonce=self._entropy(NONCE_SIZE),
            not_before_s=slow_s + wait_s,
            expires_s=slow_s + limits.ticket_lives_s,
        )
        return Challenge(
            encode(raw_puzzle),
            effort,
            limits.puzzle_lives_s,
            encode(raw_ticket),
            wait_s,
            limits.ticket_lives_s,
        )

    async def admit(self, group: bytes, route: Route, token: str | None, *, size: int = 0) -> Decision:
        """Spend the token of one request. `size` is the length of its body in bytes.

        `group` must be a group that exists: limits are kept by its name. Raises LimiterUnavailable.
        """
        if token is None:
            return Again(Why.MISSING, 0, await self.challenge(group, route))
        try:
            recognised = recognise(self._key, group, route, token)
        except Refused:
            return Again(Why.UNUSABLE, 0, await self.challenge(group, route))
        where = plan(self._limits, group, route, recognised.lane, size >= BULK_FROM)
        outcome = await self._limiter.take(Step(recognised, where.room, where.buckets))
        return await self._decision(group, route, recognised, outcome)

    async def admit_patiently(
        self, group: bytes, route: Route, token: str | None, *, size: int = 0, patience_s: float = 50.0
    ) -> Decision:
        """Do what a script would do, for pages without scripts: wait, present again, take renewed tickets.

        At most `held_requests` of HELD_AT_ONCE bytes together are held at a time; beyond that, and when patience
        ends, the decision is what `admit` says, and the page asks the person to press "send again".
        Raises LimiterUnavailable.
        """
        until = self._monotonic_s() + patience_s
        decision = await self.admit(group, route, token, size=size)
        if self._seats <= 0 or self._held + size > HELD_AT_ONCE:
            return decision
        self._seats -= 1
        self._held += size
        try:
            while True:
                match decision:
                    case Waiting(pause_s):
                        pass
                    case Again(Why.EARLY, pause_s, _):
                        pass
                    case Again(Why.NOT_DRAWN, _, fresh):
                        token, pause_s = fresh.ticket, fresh.ticket_ripens_in_s
                    case _:
                        return decision
                if self._monotonic_s() + pause_s > until:
                    return decision
                await self._sleep(pause_s)
                decision = await self.admit(group, route, token, size=size)
        finally:
            self._seats += 1
            self._held -= size

    async def _decision(self, group: bytes, route: Route, token: Token, outcome: Outcome) -> Decision:
        match outcome:
            case Passed():
                return Admitted(token.lane)
            case Queued(wait_us):
                return Waiting(max(1, -(-wait_us // 1_000_000)))
            case Turned(why, wait_us):
                if why is Why.STALE:
                    self._pulses.clear()
                renewed = why is Why.NOT_DRAWN and token.lane is Lane.SLOW
                challenge = await self.challenge(group, route, renewed=renewed)
                return Again(why, -(-wait_us // 1_000_000), challenge)

    async def _pulse(self, group: bytes, route: Route, lane: Lane) -> Pulse:
        """Look at a room at most once a second: handing out challenges costs the limiter nearly nothing."""
        at_s = self._monotonic_s()
        kept = self._pulses.get((group, route, lane))
        if kept is not None and at_s - kept[0] < _PULSE_LIVES_S:
            return kept[1]
        where = plan(self._limits, group, route, lane)
        pulse = await self._limiter.pulse(where.room, where.rate)
        if len(self._pulses) >= _PULSES_KEPT:
            self._pulses.clear()
        self._pulses[group, route, lane] = (at_s, pulse)
        return pulse


def _seconds(us: int) -> int:
    return max(1, -(-us // 1_000_000))
