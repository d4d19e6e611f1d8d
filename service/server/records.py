"""Everything the server stores: one registry of names and shapes, which service/DATA.md explains field by field.

Values are msgpack arrays of the Structs below, or raw bytes. Nothing here holds an address of the network, a browser's
name, or a time of day other than the moment at which a batch was released, the times of a poll's manifest, the quarter
of an hour at whose end the mark of a signed request expires, and the second at which the server last called handlers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from service.server.polls_records import (
    Acknowledgement,
    Ballot,
    Board,
    Chain,
    Implementation,
    Matter,
    PageHead,
    PollRecord,
    Progress,
    Review,
    Rings,
    Said,
    Sealed,
    Stated,
    VerdictCopies,
    Voter,
)
from service.wire import shapes

R = TypeVar("R", bound=Struct)

MAIL: Final = "mail"
SERVER: Final = "server"

ENVELOPE_INSIDE: Final = 64 * 1024
"""Bytes of an envelope up to which it stands in its report's record: one record less to write for nearly all of them.
Whether somebody may act on a report is asked of that record often, so that larger ones have a record of their own."""

Id = Annotated[bytes, Meta(min_length=16, max_length=16)]
"""What a list shows is held to its size when it is read: a desk refuses a whole page for one value that can't be."""
SizeClass = Annotated[int, Meta(ge=0, le=5)]


def group_partition(group: bytes) -> str:
    """The partition of everything of one group."""
    return f"g:{group.hex()}"


def registry_partition(registry: bytes) -> str:
    """The partition of everything of one registry of members."""
    return f"r:{registry.hex()}"


def board_partition(board: bytes) -> str:
    """The partition of everything of one board of trustees."""
    return f"b:{board.hex()}"


def poll_partition(phi: bytes) -> str:
    """The partition of everything of one poll."""
    return f"p:{phi.hex()}"


def report_name(report: bytes) -> bytes:
    """The name of a report's record."""
    return b"report/" + report


def envelope_name(report: bytes) -> bytes:
    """The name of a report's envelope, where it is too large to stand in the report's record."""
    return b"report/" + report + b"/envelope"


class Head(Struct, frozen=True, array_like=True):
    """Where a group's chain ends."""

    seq: int
    digest: bytes


class Report(Struct, frozen=True, array_like=True):
    """A report. `envelope`: its sealed part; empty where that is larger than ENVELOPE_INSIDE."""

    day: shapes.Day
    size_class: SizeClass
    roster: int
    recipients: tuple[bytes, ...]
    urgent: bool
    follow_up: Literal[0, 1, 2]
    envelope: bytes = b""


class Feed(Struct, frozen=True, array_like=True):
    """A report in a handler's feed."""

    group: Id
    day: shapes.Day
    size_class: SizeClass
    urgent: bool
    granted: bool
    follow_up: Literal[0, 1, 2]


class Call(Struct, frozen=True, array_like=True):
    """That handlers are to be called about an urgent report."""

    readers: tuple[bytes, ...]


class Calling(Struct, frozen=True, array_like=True):
    """That somebody is calling a group's handlers. `again_s`: when that may be done again."""

    again_s: int


class Granted(Struct, frozen=True, array_like=True):
    """A content key sealed to a handler. `earlier`: as it was granted to keys they had before, latest first."""

    key_id: Id
    sealed: shapes.SealedKey
    earlier: tuple[shapes.SealedKey, ...] = ()


class Logged(Struct, frozen=True, array_like=True):
    """A sealed entry of a report's log."""

    item: Id
    entry: Annotated[bytes, Meta(max_length=shapes.SEALED_ENTRY_SIZES[-1])]


class Grew(Struct, frozen=True, array_like=True):
    """A report whose log has grown."""

    report: Id
    group: Id


class Handover(Struct, frozen=True, array_like=True):
    """A grant on its way to the feed of another group's handler."""

    report: bytes
    to_group: bytes
    to_handler: bytes


class Box(Struct, frozen=True, array_like=True):
    """A mailbox that a handler wrote to, or that was burned."""

    burned: bool
    count: int


class Outgoing(Struct, frozen=True, array_like=True):
    """A follow-up on its way from the mailboxes to its group."""

    group: bytes
    day: int
    first_use: bool
    envelope: bytes


class GroupEntry(Struct, frozen=True, array_like=True):
    """A group of this server, for its list."""

    name: str
    languages: tuple[str, ...]


class RegistryEntry(Struct, frozen=True, array_like=True):
    """A registry of members of this server, for its list."""

    name: str


class Waiter(Struct, frozen=True, array_like=True):
    """A request that waits for a registry's keeper. `vouched`: it came with an invitation or a member's consent."""

    digest: bytes
    account: str
    vouched: bool
    expires_s: int


class Waiting(Struct, frozen=True, array_like=True):
    """All requests that wait for a registry's keeper. `replaced`: in whose place a newer one of the account is."""

    waiters: tuple[Waiter, ...] = ()
    replaced: tuple[Waiter, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of record: its partition, the form of its name, and its shape (None: raw bytes).

    Where prefixes are the same, the longer suffix tells.
    """

    partition: Literal["group", "mail", "server", "board", "poll", "registry"]
    prefix: bytes
    name: str
    shape: type[Struct] | None
    suffix: bytes = b""


REGISTRY: Final[tuple[Kept, ...]] = (
    Kept("group", b"head", "head", Head),
    Kept("group", b"roster/", "roster/<number>", None),
    Kept("group", b"report/", "report/<report>", Report),
    Kept("group", b"report/", "report/<report>/envelope", None, b"/envelope"),
    Kept("group", b"feed/", "feed/<handler><batch><report>", Feed),
    Kept("group", b"call/", "call/<moment><report>", Call),
    Kept("group", b"calling", "calling", Calling),
    Kept("group", b"grant/", "grant/<report><group><handler>", Granted),
    Kept("group", b"recused/", "recused/<report><group><handler>", None),
    Kept("group", b"log/", "log/<report>/<number>", Logged),
    Kept("group", b"logged/", "logged/<report><item>", None),
    Kept("group", b"nonce/", "nonce/<key><nonce>", None),
    Kept("group", b"listed/", "listed/<handler><report><key>", None),
    Kept("group", b"activity/", "activity/<handler>/<number>", Grew),
    Kept("group", b"nudge/", "nudge/<report><group><handler>", None),
    Kept("group", b"handover/", "handover/<report><group><handler>", Handover),
    Kept("mail", b"box/", "box/<address>", Box),
    Kept("mail", b"letter/", "letter/<address>/<number>", None),
    Kept("mail", b"posted/", "posted/<address><item>", None),
    Kept("mail", b"answered/", "answered/<answer>", None),
    Kept("mail", b"outbox/", "outbox/<envelope digest>", Outgoing),
    Kept("server", b"group/", "group/<group>", GroupEntry),
    Kept("server", b"poll/", "poll/<poll>", None),
    Kept("server", b"registry/", "registry/<registry>", RegistryEntry),
    Kept("registry", b"last", "last", Head),
    Kept("registry", b"statement/", "statement/<number>", None),
    Kept("registry", b"waiting", "waiting", Waiting),
    Kept("registry", b"request/", "request/<digest>", None),
    Kept("group", b"board/", "board/<board>", None),
    Kept("group", b"polled/", "polled/<poll>", None),
    Kept("group", b"matter/", "matter/<matter>", Matter),
    Kept("board", b"definition", "definition", Board),
    Kept("board", b"said", "said", Said),
    Kept("board", b"trustee-nonce/", "trustee-nonce/<key><nonce>", None),
    Kept("poll", b"poll", "poll", PollRecord),
    Kept("poll", b"manifest", "manifest", None),
    Kept("poll", b"trustees", "trustees", None),
    Kept("poll", b"rings", "rings", Rings),
    Kept("poll", b"summary", "summary", None),
    Kept("poll", b"progress", "progress", Progress),
    Kept("poll", b"share/", "share/<place>", None),
    Kept("poll", b"voter/", "voter/<tag>", Voter),
    Kept("poll", b"credential/", "credential/<credential>", None),
    Kept("poll", b"certificate/", "certificate/<credential>", None),
    Kept("poll", b"ballot/", "ballot/<hash>", Ballot),
    Kept("poll", b"placed/", "placed/<page><hash>", None),
    Kept("poll", b"salt/", "salt/<page>", None),
    Kept("poll", b"page/", "page/<page>", PageHead),
    Kept("poll", b"chain", "chain", Chain),
    Kept("poll", b"agreement/", "agreement/<place>", Stated),
    Kept("poll", b"decryption/", "decryption/<place>", Sealed),
    Kept("poll", b"statement/", "statement/<place>", Stated),
    Kept("poll", b"verdict/", "verdict/<place>", VerdictCopies),
    Kept("poll", b"acknowledged", "acknowledged", Acknowledgement),
    Kept("poll", b"implemented", "implemented", Implementation),
    Kept("poll", b"reviewed/", "reviewed/<number>", Review),
    Kept("poll", b"verification/", "verification/<digest>", None),
    Kept("poll", b"remains", "remains", None),
)

MARK: Final = b"\x01"
"""Value of records that say only that something happened."""


class Damaged(Exception):
    """A record is not what was written: the database is damaged, or another version wrote it."""


def encode(record: Struct) -> bytes:
    """Encode a record for the store."""
    return msgspec.msgpack.encode(record)


def decode(raw: bytes, shape: type[R]) -> R:
    """Decode a record. Raises Damaged."""
    try:
        return msgspec.msgpack.decode(raw, type=shape)
    except msgspec.MsgspecError:
        raise Damaged("a stored record is damaged") from None


def u64(number: int) -> bytes:
    """Eight bytes, big-endian, so that names sort as numbers do."""
    return number.to_bytes(8, "big")
