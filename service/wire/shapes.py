"""The Structs of HTTP API v1: what crosses the wire, and nothing else. SPEC: /v1/openapi.json.

Ids and digests are lower-case hexadecimal, longer bytes are base64 with padding (msgspec's `bytes`). Every Struct is
frozen and refuses unknown fields and wrong sizes, so that what decodes is well-formed; it is not yet believed:
the client checks signatures and chains, the server checks who may.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from crypto.secrets import Unshown

LETTER_SIZE = 9_328  # crypto.letters.LETTER_SIZE; held equal by tests/service/wire
LETTER_SLOTS = 8
MAX_LETTERS = 64  # unread letters a mailbox holds
MAX_PAGE = MAX_LETTERS // LETTER_SLOTS - 1
FEED_PAGE = 100
LOG_PAGE = 100
MAX_ACTIONS = 64
SEALED_ENTRY_SIZES = (1_064, 16_424)  # crypto.opening, which the server can't import
GRANT_SIZE = 1_168
EARLIER_GRANTS = 7  # to keys that a handler had before the last
MAX_STATEMENT = 520 * 1_024
MAX_STATEMENTS = 1_024
MAX_SMALL_JSON = 16 * 1_024
MAX_STATEMENT_JSON = MAX_STATEMENT * 4 // 3 + 1_024
MAX_BATCH_JSON = 2 * 1_024 * 1_024

Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z", min_length=32, max_length=32)]
Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", min_length=64, max_length=64)]
Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Bytes64 = Annotated[bytes, Meta(min_length=64, max_length=64)]
SealedKey = Annotated[bytes, Meta(min_length=GRANT_SIZE, max_length=GRANT_SIZE)]
Day = Annotated[int, Meta(ge=0, le=2**32 - 1)]
"""Days since 1970-01-01 UTC."""
Seq = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Cursor = Annotated[str, Meta(pattern=r"^[0-9a-f]*\Z", max_length=128)]


class GroupHead(Struct, frozen=True, forbid_unknown_fields=True):
    """A group as a list shows it. Unsigned: only the roster's chain says what is true."""

    group: Hex16
    name: Annotated[str, Meta(max_length=120)]
    languages: Annotated[tuple[str, ...], Meta(max_length=40)]


class ServerInfo(Struct, frozen=True, forbid_unknown_fields=True):
    """What a server says of itself."""

    protocol: Literal["sottovoce/1"]
    name: Annotated[str, Meta(max_length=120)]
    verify_key: Bytes32
    """Ed25519 key that signs receipts."""
    batch_seconds: Annotated[int, Meta(ge=0, le=86_400)]
    """How long a report may wait before handlers see it."""
    onion: Annotated[str, Meta(max_length=100)] | None
    now: Annotated[int, Meta(ge=0, le=2**40)]
    """The server's clock, seconds since 1970 UTC, so that a client with a wrong clock can say so."""


class GroupList(Struct, frozen=True, forbid_unknown_fields=True):
    """The groups of a server."""

    groups: Annotated[tuple[GroupHead, ...], Meta(max_length=1_024)]


class RosterChain(Struct, frozen=True, forbid_unknown_fields=True):
    """A group's signed statements, oldest first, as crypto.chains reads them."""

    group: Hex16
    statements: Annotated[
        tuple[Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT)], ...],
        Meta(min_length=1, max_length=MAX_STATEMENTS),
    ]


class AppendStatement(Struct, frozen=True, forbid_unknown_fields=True):
    """One more statement for a group's chain. Repeating the last one is harmless."""

    statement: Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT)]


class Appended(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the statement stands now."""

    seq: Seq
    digest: Hex32


class ReceiptShape(Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt of service.cases.receipts."""

    envelope: Hex32
    day: Day
    group: Hex16
    signature: Bytes64


class FeedEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A report this handler may fetch."""

    report: Hex16
    group: Hex16
    """The group whose partition holds it: another one when it was forwarded."""
    day: Day
    size_class: Annotated[int, Meta(ge=0, le=5)]
    urgent: bool
    granted: bool
    """True when it came by a grant: fetch the sealed content key with it."""
    follow_up: Literal["none", "first", "repeat"]
    """`first` when it came with a mailbox's burning; `repeat` when that mailbox had been burned before."""


class FeedPage(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a handler's feed. `cursor` is the name of the last own entry, or what was sent when there is none.

    In hex: 8 bytes of the moment at which it was released, in ms since 1970, and its id.
    """

    entries: Annotated[tuple[FeedEntry, ...], Meta(max_length=FEED_PAGE)]
    cursor: Cursor
    more: bool
    damaged: Annotated[int, Meta(ge=0, le=FEED_PAGE)] = 0
    """Own entries in this part that the server can't read, nor make again: ask for this part again later."""


class Grown(Struct, frozen=True, forbid_unknown_fields=True):
    """A report, among those this handler may read, whose log has grown."""

    report: Hex16
    group: Hex16


class ActivityPage(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Reports whose logs have grown since `cursor`, each once in a page."""

    entries: Annotated[tuple[Grown, ...], Meta(max_length=FEED_PAGE)]
    cursor: Cursor
    more: bool
    damaged: Annotated[int, Meta(ge=0, le=FEED_PAGE)] = 0
    """Entries that the server can't read: any log may have grown."""


class LogItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One sealed entry of a report's log."""

    seq: Seq
    item: Hex16
    entry: Annotated[bytes, Meta(max_length=SEALED_ENTRY_SIZES[-1])]


class LogPage(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Entries from `after` on, in stored order."""

    entries: Annotated[tuple[LogItem, ...], Meta(max_length=LOG_PAGE)]
    more: bool
    damaged: Annotated[tuple[Seq, ...], Meta(max_length=LOG_PAGE)] = ()
    """Numbers of the entries among these that the server can't read."""


class GrantShape(Struct, frozen=True, forbid_unknown_fields=True):
    """A content key sealed to one handler."""

    key_id: Hex16
    sealed: SealedKey
    earlier: Annotated[tuple[SealedKey, ...], Meta(max_length=EARLIER_GRANTS)] = ()
    """As it was granted to keys that the handler had before, latest first: the last grant may be false."""


class AppendLog(Struct, frozen=True, forbid_unknown_fields=True, tag_field="act", tag="log"):
    """Append a sealed entry to a report's log."""

    item: Hex16
    group: Hex16
    report: Hex16
    entry: Annotated[bytes, Meta(min_length=1, max_length=SEALED_ENTRY_SIZES[-1])]


class PostLetter(Struct, frozen=True, forbid_unknown_fields=True, tag_field="act", tag="letter"):
    """Put a sealed letter into a mailbox."""

    item: Hex16
    address: Hex32
    letter: Annotated[bytes, Meta(min_length=LETTER_SIZE, max_length=LETTER_SIZE)]


class Grant(Struct, frozen=True, forbid_unknown_fields=True, tag_field="act", tag="grant"):
    """Hand a report to a handler, of this or another group of the server, by sealing its content key to them."""

    item: Hex16
    group: Hex16
    report: Hex16
    to_group: Hex16
    to_key: Hex16
    sealed: SealedKey


class Recuse(Struct, frozen=True, forbid_unknown_fields=True, tag_field="act", tag="recuse"):
    """Give up one's own access to a report, for good."""

    item: Hex16
    group: Hex16
    report: Hex16


Action = AppendLog | PostLetter | Grant | Recuse


class Batch(Struct, frozen=True, forbid_unknown_fields=True):
    """What a desk uploads in one signed request, shuffled."""

    actions: Annotated[tuple[Action, ...], Meta(min_length=1, max_length=MAX_ACTIONS)]


Outcome = Literal["done", "burned", "full", "gone", "left-out", "failed"]
"""`done` now or before; `burned`: the mailbox was used, write to the new one after the next sync; `full`: 64 letters
wait there; `gone`: no such report for this handler, or no such grantee; `left-out`: the reporter left that handler
out, so a grant to them is refused; `failed`: what the server has of it is damaged, so it was not done: send it again
later."""


class ItemOutcome(Struct, frozen=True, forbid_unknown_fields=True):
    """What became of one action."""

    item: Hex16
    outcome: Outcome


class BatchAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """Outcomes in the order of the actions."""

    outcomes: Annotated[tuple[ItemOutcome, ...], Meta(max_length=MAX_ACTIONS)]


class ChallengeShape(Struct, frozen=True, forbid_unknown_fields=True):
    """A puzzle to solve or a ticket to wait with; either gets one request in. abuse/SPEC.md; times in seconds."""

    puzzle: Annotated[str, Meta(max_length=200)]
    difficulty: Annotated[int, Meta(ge=1, le=2**20)]
    puzzle_expires_in_s: Annotated[int, Meta(ge=0, le=86_400)]
    ticket: Annotated[str, Meta(max_length=200)]
    ticket_ripens_in_s: Annotated[int, Meta(ge=0, le=86_400)]
    ticket_expires_in_s: Annotated[int, Meta(ge=0, le=86_400)]


class OpenMailbox(Unshown, Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for eight letters. `claim` proves ownership; it travels in the body, never in a URL."""

    claim: Bytes32
    page: Annotated[int, Meta(ge=0, le=MAX_PAGE)]


class BurnAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """`unread`: letters came that were not seen, nothing was changed. `done`: burned, and the follow-up is stored."""

    outcome: Literal["done", "unread"]
    receipt: ReceiptShape | None


class Problem(Struct, frozen=True, forbid_unknown_fields=False):
    """RFC 9457 problem details, without an instance and without input."""

    type: Annotated[str, Meta(max_length=100)]
    title: Annotated[str, Meta(max_length=300)]
    status: Annotated[int, Meta(ge=400, le=599)]
