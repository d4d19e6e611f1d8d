"""Everything the server stores: one registry of names and shapes, which service/DATA.md explains field by field.

Values are msgpack arrays of the Structs below, or raw bytes. Nothing here holds an address of the network, a browser's
name, or a time of day other than the moment at which a batch was released.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Struct

R = TypeVar("R", bound=Struct)

MAIL: Final = "mail"
SERVER: Final = "server"


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


class Head(Struct, frozen=True, array_like=True):
    """Where a group's chain ends."""

    seq: int
    digest: bytes


class Report(Struct, frozen=True, array_like=True):
    """A report without its sealed part."""

    day: int
    size_class: int
    roster: int
    recipients: tuple[bytes, ...]
    urgent: bool
    follow_up: Literal[0, 1, 2]


class Feed(Struct, frozen=True, array_like=True):
    """A report in a handler's feed."""

    group: bytes
    day: int
    size_class: int
    urgent: bool
    granted: bool
    follow_up: Literal[0, 1, 2]


class Granted(Struct, frozen=True, array_like=True):
    """A content key sealed to a handler."""

    key_id: bytes
    sealed: bytes


class Logged(Struct, frozen=True, array_like=True):
    """A sealed entry of a report's log."""

    item: bytes
    entry: bytes


class Grew(Struct, frozen=True, array_like=True):
    """A report whose log has grown."""

    report: bytes
    group: bytes


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
    """All requests that wait for a registry's keeper."""

    waiters: tuple[Waiter, ...] = ()


class Board(Struct, frozen=True, array_like=True):
    """A board of trustees: whose, and its definition as wire.poll_shapes.DefineBoard."""

    group: bytes
    definition: bytes


class Message(Struct, frozen=True, array_like=True):
    """A message of a ceremony."""

    step: str
    place: int
    message: bytes


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
    """A trustee's outcome statement and signature."""

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


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of record: its partition, the form of its name, and its shape (None: raw bytes)."""

    partition: Literal["group", "mail", "server", "board", "poll", "registry"]
    prefix: bytes
    name: str
    shape: type[Struct] | None


REGISTRY: Final[tuple[Kept, ...]] = (
    Kept("group", b"head", "head", Head),
    Kept("group", b"roster/", "roster/<number>", None),
    Kept("group", b"report/", "report/<report>", Report),
    Kept("group", b"envelope/", "envelope/<report>", None),
    Kept("group", b"feed/", "feed/<handler><batch><report>", Feed),
    Kept("group", b"grant/", "grant/<report><group><handler>", Granted),
    Kept("group", b"recused/", "recused/<report><group><handler>", None),
    Kept("group", b"log/", "log/<report>/<number>", Logged),
    Kept("group", b"logged/", "logged/<report><item>", None),
    Kept("group", b"nonce/", "nonce/<key><nonce>", None),
    Kept("group", b"listed/", "listed/<handler><report>", None),
    Kept("group", b"activity/", "activity/<handler>/<number>", Grew),
    Kept("group", b"nudge/", "nudge/<report><group><handler>", None),
    Kept("group", b"handover/", "handover/<report><group><handler>", Handover),
    Kept("mail", b"box/", "box/<address>", Box),
    Kept("mail", b"letter/", "letter/<address>/<number>", None),
    Kept("mail", b"posted/", "posted/<address><item>", None),
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
    Kept("poll", b"decryption/", "decryption/<place>", Sealed),
    Kept("poll", b"statement/", "statement/<place>", Stated),
    Kept("poll", b"verdict/", "verdict/<place>", VerdictCopies),
    Kept("poll", b"acknowledged", "acknowledged", Acknowledgement),
    Kept("poll", b"implemented", "implemented", Implementation),
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
