"""The Structs of polls on the wire: boards of trustees, polls, casting, the opened board.

As in `service.wire.shapes`: what decodes is well-formed and not yet believed. Texts that are signed or hashed
elsewhere (manifest, ballot, certificate, receipt, statement) travel as the exact bytes they are, in base64.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from crypto.errors import Refused
from service.cases.names import readable_name
from service.wire.poll_council_shapes import MAX_REVIEWS, Acknowledged, Implemented, Reviewed
from service.wire.shapes import Bytes32, Bytes64, Hex16, Hex32

MIN_TRUSTEES = 3
MAX_TRUSTEES = 15
MAX_CEREMONY_MESSAGE = 128 * 1_024  # a polynomial of 15 trustees, whose shares are encrypted, takes 20 KiB
MAX_MANIFEST = 32 * 1_024
MAX_SUMMARY = 4 * 1_024 * 1_024  # 1,000 members take 1.2 MiB; service.cases.summaries
MAX_VOTERS = 2_000
HEADS_PAGE = 500
BALLOTS_PAGE = 100
CERTIFICATES_PAGE = 50
POLLS_PAGE = 100
MAX_POLL_PAGES = 10_000
"""The most pages this server's boards may have: 13 months by the hour, five weeks by five minutes."""
MAX_CREATE_JSON = 8 * 1_024 * 1_024
MAX_MESSAGE_JSON = 256 * 1_024

Place = Annotated[int, Meta(ge=1, le=MAX_TRUSTEES)]
"""A trustee's place on their board, counted from 1."""
PageNumber = Annotated[int, Meta(ge=0, le=MAX_POLL_PAGES + 8)]
Seconds = Annotated[int, Meta(ge=0, le=2**40)]
"""Seconds since 1970 UTC."""
Name = Annotated[str, Meta(min_length=1, max_length=120)]
SnapshotName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z", max_length=64)]
Account = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]*(/[a-z0-9._~@+-]+)+\Z", max_length=120)]


class TrusteeCard(Struct, frozen=True, forbid_unknown_fields=True):
    """A trustee as the board's definition names them. `key`: Ed25519, signs their requests and what they say in
    the ceremony, and nothing else. Refused unless the name is one line: it is shown beside the words of keys.
    """

    name: Name
    key: Bytes32

    def __post_init__(self) -> None:
        try:
            readable_name(self.name)
        except Refused as refused:
            raise Refused(f"a trustee's card: {refused.reason}") from None


class DefineBoard(Struct, frozen=True, forbid_unknown_fields=True):
    """A new board of trustees. Its id is a digest of group and definition, so a repeat is harmless."""

    name: Name
    threshold: Annotated[int, Meta(ge=2, le=MAX_TRUSTEES - 1)]
    trustees: Annotated[tuple[TrusteeCard, ...], Meta(min_length=MIN_TRUSTEES, max_length=MAX_TRUSTEES)]


class BoardDefined(Struct, frozen=True, forbid_unknown_fields=True):
    """The board's id."""

    board: Hex16


CeremonyStep = Literal["certificate", "commitment", "polynomial", "output"]


class SaidMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """A message of the ceremony, as it was sent. `signature`: by the key of the trustee's card."""

    step: CeremonyStep
    place: Place
    message: Annotated[bytes, Meta(min_length=1, max_length=MAX_CEREMONY_MESSAGE)]
    signature: Bytes64


class BoardShape(Struct, frozen=True, forbid_unknown_fields=True):
    """A board and everything that was said in its ceremony, by step and place."""

    board: Hex16
    group: Hex16
    definition: DefineBoard
    said: Annotated[tuple[SaidMessage, ...], Meta(max_length=4 * MAX_TRUSTEES)]
    complete: bool


class BoardList(Struct, frozen=True, forbid_unknown_fields=True):
    """The boards of a group."""

    boards: Annotated[tuple[Hex16, ...], Meta(max_length=POLLS_PAGE)]


class SayMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """The message that is due from the trustee who signs the request. The same again is harmless.

    `signature`: by the key of the trustee's card (service.wire.poll_views.sign_message), for everybody to check.
    """

    step: CeremonyStep
    message: Annotated[bytes, Meta(min_length=1, max_length=MAX_CEREMONY_MESSAGE)]
    signature: Bytes64


class CreatePoll(Struct, frozen=True, forbid_unknown_fields=True):
    """A new poll. Its id is φ, the manifest's digest, so a repeat is harmless.

    The electorate is the snapshot's members without `left_out`; manifest, registry and this have to agree. The server
    makes the rings of it and doesn't keep it.
    `summary` is sealed to exactly the electorate (service.cases.summaries); only an urgent poll may leave it empty.
    """

    manifest: Annotated[bytes, Meta(min_length=1, max_length=MAX_MANIFEST)]
    board: Hex16
    registry: Hex32
    snapshot: SnapshotName
    left_out: Annotated[tuple[Account, ...], Meta(max_length=MAX_VOTERS)]
    summary: Annotated[bytes, Meta(max_length=MAX_SUMMARY)]


class PollCreated(Struct, frozen=True, forbid_unknown_fields=True):
    """The poll's id."""

    poll: Hex32


PollState = Literal[
    "waiting",
    "open",
    "closed",
    "decided",
    "delivered",
    "acknowledged",
    "implemented",
    "archived",
    "lapsed",
]
"""`waiting` for trustees or for its time; `open`; `closed`: trustees work; `decided`: a threshold signed one outcome;
`delivered`: a threshold sent the council its result; `acknowledged` and `implemented`
by the council; `archived`: the cooling-off is over and the ballots are destroyed; `lapsed`: too few
trustees were ready."""


class HeadShape(Struct, frozen=True, forbid_unknown_fields=True):
    """A signed head of the board."""

    page: PageNumber
    head: Hex32
    signature: Bytes64


class PollShape(Struct, frozen=True, forbid_unknown_fields=True):
    """A poll as everybody may see it. No turnout: that is on the board once it is opened.

    `trustees`: Belenios' text of the board. `proved`, `agreed`, `decrypted`, `signed`, `sent`: the places that proved a
    share, said which board they verified, posted a decryption, signed a statement, sent the council its result.
    `outcome`: the exact text of a `polls.results.SignedOutcome` once a threshold agrees.
    `remains`: `polls.evidence.Remains`, once archived. `reviewed`: the council's words on its measure, by number.
    """

    poll: Hex32
    group: Hex16
    board: Hex16
    state: PollState
    manifest: Annotated[bytes, Meta(max_length=MAX_MANIFEST)]
    trustees: Annotated[bytes, Meta(max_length=1_024 * 1_024)]
    proofs_needed: Place
    proved: tuple[Place, ...]
    agreed: tuple[Place, ...]
    decrypted: tuple[Place, ...]
    signed: tuple[Place, ...]
    sent: tuple[Place, ...]
    last_head: HeadShape | None
    outcome: Annotated[bytes, Meta(max_length=64 * 1_024)] | None
    acknowledged: Acknowledged | None
    implemented: Implemented | None
    remains: Annotated[bytes, Meta(max_length=1_024 * 1_024)] | None
    now: Seconds
    """The store's clock, by which the poll opens and closes."""
    reviewed: Annotated[tuple[Reviewed, ...], Meta(max_length=MAX_REVIEWS)] = ()


class PollEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A poll as a list shows it. `reviewed`: how many words of the council on its measure there are."""

    poll: Hex32
    state: PollState
    question: Annotated[str, Meta(max_length=500)]
    opens_at: Seconds
    closes_at: Seconds
    reviewed: Annotated[int, Meta(ge=0, le=MAX_REVIEWS)] = 0


class PollList(Struct, frozen=True, forbid_unknown_fields=True):
    """Polls of a group in the order of their ids; `more`: ask again after the last one."""

    polls: Annotated[tuple[PollEntry, ...], Meta(max_length=POLLS_PAGE)]
    more: bool


class ElectorateShape(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may vote: the rings, and from which snapshot of which registry they were made."""

    registry: Hex32
    snapshot: SnapshotName
    rings: Annotated[tuple[tuple[Bytes32, ...], ...], Meta(max_length=64)]


class HeadsPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Signed heads by ascending page."""

    heads: Annotated[tuple[HeadShape, ...], Meta(max_length=HEADS_PAGE)]
    more: bool


class OpenedPage(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the board, opened: its salt and the hashes of its ballots, ascending."""

    salt: Bytes32
    ballots: tuple[Hex32, ...]


class OpenedBoard(Struct, frozen=True, forbid_unknown_fields=True):
    """All pages of a closed poll and the last signed head."""

    pages: Annotated[tuple[OpenedPage, ...], Meta(max_length=MAX_POLL_PAGES + 9)]
    head: HeadShape


class BallotsPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Ballots' texts by ascending hash."""

    ballots: Annotated[
        tuple[Annotated[bytes, Meta(max_length=128 * 1_024)], ...], Meta(max_length=BALLOTS_PAGE)
    ]
    more: bool


class CertificatesPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Certificates' texts (polls.membership.CertificateWire) by ascending credential."""

    certificates: Annotated[
        tuple[Annotated[bytes, Meta(max_length=128 * 1_024)], ...], Meta(max_length=CERTIFICATES_PAGE)
    ]
    more: bool
