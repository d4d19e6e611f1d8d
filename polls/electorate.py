"""Who may vote: the members' keys, frozen, and what their number allows to be shown. SPEC.md §3.2.

The accused and the recused are left out before the electorate freezes. All rules depend on its size, which
is known before anybody votes, never on how they voted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final

from crypto.errors import Refused
from crypto.group import Point
from crypto.hashing import digest
from crypto.labels import Label
from crypto.ring import Ring
from crypto.ring_split import split

SECRET_FROM: Final = 5
"""Below this many members there is no secret poll: n − 1 votes guessed are all votes known."""
COUNTS_FROM: Final = 20
"""From this many members on, counts leave the trustees."""
DIFFERENCE: Final = 5
"""Two polls on one question must differ by this many voters, or the difference of counts tells votes."""


class Disclosure(Enum):
    """What is told of a result: the outcome alone, or counts to the council and the outcome to the electorate."""

    OUTCOME = "outcome"
    COUNTS = "counts"


class TooFew(Refused):
    """An electorate too small for a secret poll."""


class TooAlike(Refused):
    """A repeat of a question whose electorate differs too little from before, within the cooling-off."""


def most_disclosed(size: int) -> Disclosure:
    """Give the most that may be told of a poll among `size` members; raises TooFew below 5."""
    if size < SECRET_FROM:
        raise TooFew("electorate: below 5 members there is no secret poll; ask the wider body instead")
    return Disclosure.COUNTS if size >= COUNTS_FROM else Disclosure.OUTCOME


@dataclass(frozen=True)
class Electorate:
    """A frozen electorate of at least 5: one ring up to 255 members, several beyond (`crypto.ring_split`)."""

    rings: tuple[Ring, ...]

    def __post_init__(self) -> None:
        most_disclosed(self.size)
        if len(self.members) != self.size:
            raise Refused("electorate: a member is in two rings")

    @classmethod
    def freeze(
        cls, members: Iterable[Point], *, left_out: Collection[Point], beacon: bytes = bytes(32)
    ) -> Electorate:
        """Freeze the electorate: `members` without the accused and the recused (`left_out`).

        beacon: 32 bytes fixed after the registry froze; only used beyond 255 members.
        """
        staying = [member for member in members if member not in left_out]
        most_disclosed(len(staying))
        return cls(split(staying, beacon))

    @property
    def size(self) -> int:
        """How many may vote."""
        return sum(len(ring) for ring in self.rings)

    @cached_property
    def members(self) -> frozenset[Point]:
        """The members' keys."""
        return frozenset(member for ring in self.rings for member in ring.members)

    @cached_property
    def digest(self) -> bytes:
        """Name the electorate: 32 bytes over all its rings in order."""
        return digest(Label.ELECTORATE, *(ring.digest for ring in self.rings))

    def place_of(self, member: Point) -> int:
        """Give the place of the ring that `member` is in, from 0; Refused when in none."""
        for place, ring in enumerate(self.rings):
            if member in ring:
                return place
        raise Refused("electorate: this key may not vote in this poll")


@dataclass(frozen=True)
class EarlierPoll:
    """What has to be remembered of a poll to judge a repeat: its matter, its electorate, its cooling-off's end."""

    matter: bytes
    members: frozenset[Point]
    cooling_off_until: int


def check_repeat(matter: bytes, members: frozenset[Point], now: int, earlier: Iterable[EarlierPoll]) -> None:
    """Refuse (TooAlike) a poll on a matter already polled among nearly the same people in its cooling-off."""
    for poll in earlier:
        if poll.matter == matter and now < poll.cooling_off_until:
            # Replacing one voter changes the two sets by two keys but the counts by one ballot.
            gone, new = len(poll.members - members), len(members - poll.members)
            if max(gone, new) < DIFFERENCE:
                raise TooAlike("electorate: this matter was polled among nearly the same members; wait")
