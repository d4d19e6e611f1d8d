"""What the server stores of boards of trustees and of polls. service/DATA.md explains it field by field.

Names, partitions and coding are `service.server.records`', as for all records.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Board(Struct, frozen=True, array_like=True):
    """A board of trustees: whose, and its definition as wire.poll_shapes.DefineBoard."""

    group: bytes
    definition: bytes


class Message(Struct, frozen=True, array_like=True):
    """A message of a ceremony, signed by its trustee's card key."""

    step: str
    place: int
    message: bytes
    signature: bytes


class Said(Struct, frozen=True, array_like=True):
    """All that was said in a ceremony."""

    messages: tuple[Message, ...]


class EarlierPoll(Struct, frozen=True, array_like=True):
    """A poll of a matter, for judging repeats."""

    phi: bytes
    members: bytes
    opens_s: int
    until_s: int


class Matter(Struct, frozen=True, array_like=True):
    """The polls of a matter whose cooling-off is not over."""

    polls: tuple[EarlierPoll, ...]


class PollRecord(Struct, frozen=True, array_like=True):
    """A poll besides its manifest: whose, by which board, among whom."""

    group: bytes
    board: bytes
    registry: bytes
    snapshot: str


class Rings(Struct, frozen=True, array_like=True):
    """A poll's electorate: the members' keys of each ring, one after the other."""

    rings: tuple[bytes, ...]


class Progress(Struct, frozen=True, array_like=True):
    """How far a poll has come. It only ever goes forward."""

    opened: Literal[0, 1, 2] = 0
    proved: tuple[int, ...] = ()
    decrypted: tuple[int, ...] = ()
    signed: tuple[int, ...] = ()
    sent: tuple[int, ...] = ()
    outcome: bytes | None = None
    acknowledged: bool = False
    implemented: bool = False
    archived: Literal[0, 1, 2] = 0
    agreed: tuple[int, ...] = ()  # from here on, records of before have no such fields
    reviewed: int = 0
    ended: bool = False


class Voter(Struct, frozen=True, array_like=True):
    """What is kept under a voter's tag: the credential, and the ballots' hashes and pages in the order they came."""

    credential: str
    ballots: tuple[tuple[str, int], ...]


class Ballot(Struct, frozen=True, array_like=True):
    """A ballot and the page it is on."""

    page: int
    text: bytes


class PageHead(Struct, frozen=True, array_like=True):
    """A signed head of a board."""

    head: bytes
    signature: bytes


class Chain(Struct, frozen=True, array_like=True):
    """How many pages have a head, and the last one."""

    pages: int
    head: bytes


class Sealed(Struct, frozen=True, array_like=True):
    """A partial decryption, sealed to each trustee by place."""

    sealed: tuple[bytes, ...]


class Stated(Struct, frozen=True, array_like=True):
    """A trustee's statement about a board or an outcome, and signature."""

    statement: bytes
    signature: bytes


class VerdictCopies(Struct, frozen=True, array_like=True):
    """A trustee's verdict, sealed to each member of the council, by key id."""

    copies: tuple[tuple[bytes, bytes], ...]


class Acknowledgement(Struct, frozen=True, array_like=True):
    """The council's word that it has the result."""

    handler: bytes
    day: int
    signature: bytes


class Implementation(Struct, frozen=True, array_like=True):
    """What the council did and when it ends."""

    handler: bytes
    day: int
    text: str
    ends_on: int | None
    signature: bytes


class Review(Struct, frozen=True, array_like=True):
    """The council's word that a measure was looked at. again: the day of the next look; None: it has ended."""

    handler: bytes
    day: int
    again: int | None
    text: str
    signature: bytes
