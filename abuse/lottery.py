"""Fair drawing under overload: who goes next is drawn by lot, not first come first served. SPEC.md, "Draw".

A room is one group's lane of one route. While it is calm, requests go straight through. When its
buckets are empty, requests wait for the end of the slot, and the lowest lots among them get the places that
have become free. A token's lot is fixed by a secret key (`lot_of`), so asking again, asking early or asking
faster changes nothing, and a room needs to remember only as many entrants as can win.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from abuse.difficulty import CALM
from abuse.limits import Rate
from abuse.routes import AdmissionKey
from crypto.hashing import keyed
from crypto.labels import Label

SLOT_US = 4_000_000
LOT_BITS = 40
WON_FOR_US = 900 * 1_000_000
"""A drawn place is kept for 15 minutes: long enough for a person who presses "send again" by hand."""

MAX_PRESSURE = 64 * CALM
_GAP_LIMIT = 64


def lot_of(key: AdmissionKey, kind: int, nonce: bytes) -> int:
    """Draw the lot of a token: 40 bits nobody can predict or choose without the admission key.

    The server chose the nonce, and the client never sees the lot; of any set of unspent tokens each is
    equally likely to have the lowest. SPEC.md, "Draw", has the argument.
    """
    return int.from_bytes(keyed(key.reveal(), Label.LOT, bytes([kind]), nonce, size=LOT_BITS // 8), "big")


class Room(Struct, frozen=True, gc=False):
    """What a room remembers: its slot, the lowest lots that wait, and how much was asked of it.

    `waiting` is sorted by (lot, id). `overflowed` means that higher lots were turned away in this slot.
    `served` counts requests let straight through. `pressure` is a moving average, CALM = full.
    """

    slot: int
    waiting: tuple[tuple[int, bytes], ...] = ()
    contended: bool = False
    overflowed: bool = False
    served: int = 0
    pressure: int = 0

    @property
    def straight(self) -> bool:
        """Whether nobody waits, so that a request may try the buckets at once."""
        return not self.contended and not self.waiting

    def with_one_served(self) -> Room:
        """Give the room after one more was let straight through."""
        return Room(self.slot, self.waiting, self.contended, self.overflowed, self.served + 1, self.pressure)


class Drawn(Struct, frozen=True, gc=False):
    """The room after a slot ended, and who won a place."""

    room: Room
    winners: tuple[bytes, ...]


def slot_at(now_us: int) -> int:
    """The slot a moment lies in."""
    return now_us // SLOT_US


def slot_ends_in_us(now_us: int) -> int:
    """How long until the slot ends and the draw is held."""
    return SLOT_US - now_us % SLOT_US


def load_of(room: Room, rate: Rate) -> int:
    """Estimate what was asked of a room in its slot, CALM = what it can serve.

    Counts distinct tokens, so replays don't count: with nobody turned away that is exact; else
    the k-th lowest of n uniform lots lies near k/n, which gives n from a list of bounded length.
    """
    count = len(room.waiting)
    if room.overflowed and count:
        count = (count << LOT_BITS) // (room.waiting[-1][0] + 1)
    load = (count + room.served) * rate.interval_us * CALM // SLOT_US
    return min(load, MAX_PRESSURE)


def pressure_at(room: Room, rate: Rate, now_us: int) -> int:
    """The pressure on a room at a moment: a fifth of each ended slot's load, four fifths of what was before."""
    slots = slot_at(now_us) - room.slot
    if slots == 0:
        return room.pressure
    pressure = (room.pressure * 4 + load_of(room, rate)) // 5
    for _ in range(min(max(slots - 1, 0), _GAP_LIMIT)):  # slots in which nobody came
        pressure = pressure * 4 // 5
    return pressure


def draw(room: Room, rate: Rate, places: int, now_us: int) -> Drawn:
    """End a room's slot when its time is over: the `places` lowest lots win, the next slot begins.

    With no place at all (another group's flood has emptied a shared bucket) those who wait keep waiting.
    A slot that has not ended is returned as it is. A clock that went back ends the slot as well.
    """
    slot = slot_at(now_us)
    if slot == room.slot:
        return Drawn(room, ())
    pressure = pressure_at(room, rate, now_us)
    if room.waiting and places <= 0:
        return Drawn(replace(room, slot=slot, contended=True, pressure=pressure, served=0), ())
    winners = room.waiting[: max(places, 0)]
    lost = room.overflowed or len(winners) < len(room.waiting)
    return Drawn(Room(slot, contended=lost, pressure=pressure), tuple(who for _, who in winners))


def enter(room: Room, lot: int, who: bytes, seats: int) -> tuple[Room, bool]:
    """Put a token into the running draw: the room, and whether it is among the `seats` lowest lots.

    Whoever isn't could not win in this slot and is told so at once. Entering twice changes nothing.
    """
    entry = (lot, who)
    if entry in room.waiting:
        return room, True
    lowest = tuple(sorted((*room.waiting, entry)))
    kept = lowest[: max(seats, 1)]
    overflowed = room.overflowed or len(kept) < len(lowest)
    return replace(room, waiting=kept, overflowed=overflowed), entry in kept


def seats_of(rate: Rate, places: int) -> int:
    """How many lots a slot keeps: the places free now and those that come free before it ends."""
    return min(rate.burst, max(places, 0) + SLOT_US // rate.interval_us + 1)
