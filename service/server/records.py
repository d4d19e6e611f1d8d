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


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of record: its partition, the form of its name, and its shape (None: raw bytes)."""

    partition: Literal["group", "mail", "server"]
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
