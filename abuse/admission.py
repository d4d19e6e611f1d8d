"""Admission as one decision: given a ledger and the time, let through, wait, or take a new token. SPEC.md.

`take` is the whole of it. A limiter (service/storage/limiter*.py) runs it as ONE atomic step on its own
clock; the Redis script says the same in Lua, and one table of cases holds them together. What a token
must be is decided before (`recognise`), by pure computation.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Protocol

from msgspec import Struct

from abuse import lottery, puzzle, tickets
from abuse.limits import Bucket, Rate, Verdict, ask_all, pay_one, room_left
from abuse.routes import AdmissionKey, Lane, Route
from crypto.errors import Refused

CLOCK_MARGIN_US = 3_600_000_000
"""Spent marks outlive their token by this much, so that a clock set back by an hour revives nothing."""

TOKEN_TEXT_MAX = 152
_PUZZLE_TOKEN = puzzle.CHALLENGE_SIZE + puzzle.SOLUTION_SIZE


@unique
class Mark(Enum):
    """What the ledger remembers of a token."""

    SPENT = 1
    WON = 2


@unique
class Why(Enum):
    """Why a token did not do. Each means: take a new one and try again; none refuses the report."""

    MISSING = "missing"
    UNUSABLE = "unusable"
    STALE = "stale"
    EXPIRED = "expired"
    EARLY = "early"
    SPENT = "spent"
    NOT_DRAWN = "not drawn"


class Token(Struct, frozen=True, gc=False):
    """A token the server recognised: its lane, what to spend, and when. `effort` is 0 for tickets."""

    lane: Lane
    epoch: bytes
    mark: bytes
    lot: int
    not_before_us: int
    expires_us: int
    effort: int


class Step(Struct, frozen=True, gc=False):
    """One request to a limiter: spend `token` in `room` if every bucket allows. The last bucket is the room's own."""

    token: Token
    room: str
    buckets: tuple[Bucket, ...]


class Passed(Struct, frozen=True, gc=False):
    """The token is spent and every bucket has paid."""


class Queued(Struct, frozen=True, gc=False):
    """The token takes part in the running draw; bring it again after `retry_after_us`."""

    retry_after_us: int


class Turned(Struct, frozen=True, gc=False):
    """The token does not do; `retry_after_us` is when the same one may (only for EARLY), else 0."""

    why: Why
    retry_after_us: int = 0


Outcome = Passed | Queued | Turned


@dataclass(frozen=True, slots=True)
class Debited:
    """What a plain debit of buckets did: all of them, or none."""

    allowed: bool
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Pulse:
    """A room as seen when a challenge is made: the epoch, the clock, the pressure and the efforts accepted."""

    epoch: bytes
    now_us: int
    pressure: int
    efforts: tuple[int, ...]


class Ledger(Protocol):
    """The ephemeral records `take` works on. Used only inside one atomic step."""

    def epoch(self, now_us: int) -> bytes:
        """Give the epoch; a new one if the clock is more than CLOCK_MARGIN_US behind the latest seen."""

    def mark(self, token: bytes, now_us: int) -> Mark | None:
        """Read a token's mark, unless it has expired."""

    def put_mark(self, token: bytes, mark: Mark, until_us: int) -> None:
        """Mark a token until then."""

    def arrivals(self, buckets: Sequence[Bucket]) -> list[int | None]:
        """Read the buckets' numbers."""

    def put_arrivals(self, buckets: Sequence[Bucket], arrivals_us: Sequence[int]) -> None:
        """Keep the buckets' numbers."""

    def room(self, name: str) -> lottery.Room | None:
        """Read a room."""

    def put_room(self, name: str, room: lottery.Room) -> None:
        """Keep a room."""

    def efforts(self, name: str) -> tuple[int, ...]:
        """Read the efforts lately accepted in a room."""

    def put_effort(self, name: str, effort: int) -> None:
        """Add one, forgetting all but the latest EFFORTS_KEPT."""


def recognise(key: AdmissionKey, group: bytes, route: Route, text: str) -> Token:
    """Read what the header `Sottovoce-Admission` carries. Raises Refused; work is bounded by 152 characters.

    base64url without padding, of a solved puzzle (50 + 64 bytes) or a ticket (50 bytes).
    """
    if not text or len(text) > TOKEN_TEXT_MAX or not text.isascii():
        raise Refused("not an admission token")
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError):
        raise Refused("not an admission token") from None
    if encode(raw) != text:  # the decoder skips characters it doesn't know; we don't
        raise Refused("not an admission token")
    if len(raw) == _PUZZLE_TOKEN:
        split = puzzle.CHALLENGE_SIZE
        solved = puzzle.check(key, group, route, raw[:split], raw[split:])
        lot = lottery.lot_of(key, puzzle.KIND, solved.nonce)
        mark = bytes([puzzle.KIND]) + solved.nonce
        return Token(Lane.FAST, solved.epoch, mark, lot, 0, solved.expires_s * 1_000_000, solved.difficulty)
    ticket = tickets.check(key, group, route, raw)
    lot = lottery.lot_of(key, tickets.KIND, ticket.nonce)
    mark = bytes([tickets.KIND]) + ticket.nonce
    begin, end = ticket.not_before_s * 1_000_000, ticket.expires_s * 1_000_000
    return Token(Lane.SLOW, ticket.epoch, mark, lot, begin, end, 0)


def encode(raw: bytes) -> str:
    """Write a token for the header: base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def debit(ledger: Ledger, buckets: tuple[Bucket, ...], quantity: int, now_us: int) -> Debited:
    """Take `quantity` from every bucket, or nothing from any."""
    ledger.epoch(now_us)
    arrivals = _arrivals(ledger, buckets, now_us)
    allowed, verdicts = ask_all(arrivals, buckets, quantity, now_us)
    if allowed and quantity:
        ledger.put_arrivals(buckets, [verdict.arrival_us for verdict in verdicts])
    return Debited(allowed, verdicts)


def _paid(ledger: Ledger, buckets: tuple[Bucket, ...], now_us: int) -> bool:
    """Take one from every bucket, or nothing from any: `debit` for the path that nearly every request takes."""
    kept = pay_one(ledger.arrivals(buckets), buckets, now_us)
    if kept is None:  # whoever looks next pulls in what a clock set back has left in the future
        return False
    ledger.put_arrivals(buckets, kept)
    return True


def _arrivals(ledger: Ledger, buckets: tuple[Bucket, ...], now_us: int) -> list[int | None]:
    """Read the buckets' numbers. One left in the future by a clock set back is pulled in, and kept so.

    Kept, because a bucket that is only looked at through a clamp would stay full until the clock has
    caught up: an hour set back would be an hour shut.
    """
    arrivals = ledger.arrivals(buckets)
    for at, (bucket, arrival) in enumerate(zip(buckets, arrivals, strict=True)):
        latest = now_us + bucket.rate.tolerance_us
        if arrival is not None and arrival > latest:
            ledger.put_arrivals((bucket,), (latest,))
            arrivals[at] = latest
    return arrivals


def take(ledger: Ledger, step: Step, now_us: int) -> Outcome:
    """Decide one request and keep what follows from it. To be run as one atomic step.

    The order is part of the contract: epoch, mark, the draw that is due, the token's own times, the
    buckets, the running draw. Nothing is debited or marked unless the outcome is Passed or a draw was held.
    """
    token = step.token
    if token.epoch != ledger.epoch(now_us):
        return Turned(Why.STALE)
    room = _hold_draw(ledger, step, now_us)
    if ledger.mark(token.mark, now_us) is Mark.SPENT:
        return Turned(Why.SPENT)
    if ledger.mark(_place(step.room, token.mark), now_us) is Mark.WON:  # paid for when it was drawn
        _spend(ledger, step, now_us)
        return Passed()
    if token.expires_us <= now_us:
        return Turned(Why.EXPIRED)
    if token.not_before_us > now_us:
        return Turned(Why.EARLY, token.not_before_us - now_us)
    if room.straight and _paid(ledger, step.buckets, now_us):
        ledger.put_room(step.room, room.with_one_served())
        _spend(ledger, step, now_us)
        return Passed()
    places = room_left(_arrivals(ledger, step.buckets, now_us), step.buckets, now_us)
    seats = lottery.seats_of(step.buckets[-1].rate, places)
    room, entered = lottery.enter(room, token.lot, token.mark, seats)
    ledger.put_room(step.room, room)
    return Queued(lottery.slot_ends_in_us(now_us)) if entered else Turned(Why.NOT_DRAWN)


def _hold_draw(ledger: Ledger, step: Step, now_us: int) -> lottery.Room:
    """Hold the draw of a slot that has ended: winners' places are paid for now, so none can be taken away."""
    room = ledger.room(step.room)
    if room is None:
        return lottery.Room(lottery.slot_at(now_us))
    if room.slot == lottery.slot_at(now_us):
        return room
    places = room_left(_arrivals(ledger, step.buckets, now_us), step.buckets, now_us)
    drawn = lottery.draw(room, step.buckets[-1].rate, places, now_us)
    if drawn.winners:
        debit(ledger, step.buckets, len(drawn.winners), now_us)
    for winner in drawn.winners:
        ledger.put_mark(_place(step.room, winner), Mark.WON, now_us + lottery.WON_FOR_US)
    ledger.put_room(step.room, drawn.room)
    return drawn.room


def _place(room: str, token: bytes) -> bytes:
    """Name a drawn place. It is good in its own room only: a small report's place lets no big report in."""
    return room.encode() + b":" + token


def _spend(ledger: Ledger, step: Step, now_us: int) -> None:
    token = step.token
    until = max(token.expires_us, now_us) + CLOCK_MARGIN_US
    ledger.put_mark(token.mark, Mark.SPENT, until)
    if token.effort:
        ledger.put_effort(step.room, token.effort)


def pulse(ledger: Ledger, name: str, rate: Rate, now_us: int) -> Pulse:
    """Look at a room of that rate, to make a challenge for it. Changes nothing but the clock's trace."""
    room = ledger.room(name)
    pressure = 0 if room is None else lottery.pressure_at(room, rate, now_us)
    return Pulse(ledger.epoch(now_us), now_us, pressure, ledger.efforts(name))
