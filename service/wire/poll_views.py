"""What a client holds of boards and polls after checking it, and the names that derive from it.

A view exists only for an answer that is about what was asked: a board's id is its definition's digest and its ceremony
is replayed message by message; φ is the manifest's digest; heads and outcome carry their signatures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.signatures import BadSignature, SigningKey, VerifyKey, sign, verify
from polls.board import Board, HeadWire, Page, check_head
from polls.electorate import Electorate
from polls.encoding import hash_hex
from polls.evidence import Remains, read_remains
from polls.group import ED25519
from polls.manifest import Manifest, parse_manifest
from polls.results import SignedOutcome, check_counts, check_outcome, read_outcome
from polls.transcript import Step, Transcript
from polls.trustees import Trustees
from service.cases.registry import Registry
from service.cases.texts import counted
from service.wire import poll_shapes as shapes
from service.wire.calls import BadAnswer
from service.wire.signing import Signer


@dataclass(frozen=True)
class BoardView:
    """A board of trustees with its ceremony so far, checked."""

    shape: shapes.BoardShape
    transcript: Transcript[Any, Any]


@dataclass(frozen=True)
class PollView:
    """A poll as the server shows it, with what of it could be checked: manifest, trustees, last head, outcome.

    remains: its outcome, and counts if any, are checked like `outcome`. Its digests and reports nobody signed here.
    """

    shape: shapes.PollShape
    manifest: Manifest
    trustees: Trustees[Any, Any]
    head: HeadWire | None
    outcome: SignedOutcome | None
    remains: Remains | None

    @property
    def state(self) -> shapes.PollState:
        """Where the poll stands, by the server's word."""
        return self.shape.state


@dataclass(frozen=True)
class ElectorateView:
    """The electorate, its digest the manifest's. That it is the registry's is for who has the registry to check."""

    shape: shapes.ElectorateShape
    electorate: Electorate


@dataclass(frozen=True)
class BoardPages:
    """A closed poll's board, chained and under the server's signature."""

    board: Board
    pages: tuple[Page, ...]
    head: HeadWire


def left_out_of(view: ElectorateView, registry: Registry) -> tuple[str, ...]:
    """Hold an electorate against a verified registry; give the accounts of its snapshot that may not vote.

    Refused unless it is exactly what the snapshot gives without them, sub-rings and all.
    """
    if registry.id.hex() != view.shape.registry:
        raise Refused("electorate: of another registry than the group's root key names")
    snapshot = registry.snapshot(view.shape.snapshot)
    voters = view.electorate.members
    missing = tuple(each.account for each in snapshot.members if each.member_key not in voters)
    if Electorate(snapshot.rings(missing)).digest != view.electorate.digest:
        raise Refused("electorate: not what the registry's snapshot gives")
    return missing


def left_out_told(snapshot: str, left_out: Sequence[str]) -> str:
    """Say who of a snapshot's members may not vote. Whoever makes a poll chooses them, so everybody is told."""
    named = ", ".join(left_out) if left_out else "nobody"
    return f"Of the members in the snapshot {snapshot!r}, left out: {named}."


def quorum_told(manifest: Manifest) -> str:
    """Say the quorum, and what a small one means for whoever votes. Whoever makes a poll chooses it."""
    said = f"Quorum: {manifest.quorum}."
    if manifest.quorum == 1:
        said += " Even a single ballot is opened: whoever knows who cast it then knows the vote."
    elif manifest.few_may_be_opened:
        said += " So few ballots, opened together, may tell whoever knows who voted how each of them did."
    return said


_STATES: Final[Mapping[shapes.PollState, str]] = {
    "waiting": "waiting, not open yet",
    "open": "open, members can vote",
    "closed": "closed, the trustees count",
    "decided": "decided, the trustees have signed the outcome",
    "delivered": "delivered, the council was sent the result",
    "acknowledged": "acknowledged, the council has said that it has the result",
    "implemented": "implemented, the council has said what it did",
    "archived": "archived, ballots and summary are destroyed",
    "lapsed": "lapsed, it did not open",
}


def state_told(view: PollView) -> str:
    """Say where a poll stands: the state's name, as other sentences and --json have it, and what it means."""
    return f"State: {_STATES[view.state]}."


def waits_for(view: PollView) -> str:
    """Say what a poll waits for, and which command brings it on; empty when it waits for nobody any more."""
    shape, outcome = view.shape, view.outcome
    match view.state:
        case "waiting" if (missing := shape.proofs_needed - len(shape.proved)) > 0:
            awaited = counted(missing, "more trustee", "more trustees")
            return f"It waits for {awaited}: `sottovoce trustee prove`. Else it never opens."
        case "waiting":
            return "It waits for its opening; enough trustees are ready."
        case "lapsed":
            return "It never opens: too few trustees had run `sottovoce trustee prove`. Create another one."
        case "open":
            return "It waits for its close."
        case "closed":
            return "It waits for the trustees: `sottovoce trustee decrypt`, until that waits for nothing."
        case "decided":
            return "It waits for trustees to send the council the result: `sottovoce trustee decrypt`."
        case "delivered":
            return "It waits for the council: `sottovoce desk result`, then `sottovoce desk acknowledge`."
        case "acknowledged" if outcome is None or outcome.statement.outcome:
            return "It waits for the council to say what it did: `sottovoce desk implemented`."
    return ""


def board_id(group: bytes, definition: shapes.DefineBoard) -> bytes:
    """Name a board: 16 bytes, the digest of its group and definition."""
    return digest(Label.TRUSTEE, b"board", group, msgspec.json.encode(definition), size=16)


def trustee_key_id(key: VerifyKey) -> bytes:
    """Name a trustee's request key: 16 bytes."""
    return digest(Label.KEY_ID, b"trustee", key.raw, size=16)


def trustee_signer(board: bytes, key: SigningKey) -> Signer:
    """Sign as a trustee: the board stands in the group's place, so no handler's request is a trustee's."""
    return Signer(board, trustee_key_id(key.verify_key()), key)


def sign_message(key: SigningKey, board: bytes, step: Step, message: bytes) -> bytes:
    """Sign a message of a board's ceremony with the key of the trustee's card: 64 bytes.

    The ceremony's own proofs say that one person made all of a trustee's messages, not who. The board's id holds the
    cards, whose words people read to each other: with this, the server can't stand in for a trustee.
    """
    return sign(key, Label.CEREMONY, board, step.value.encode(), message)


def check_message(card: VerifyKey, board: bytes, step: Step, message: bytes, signature: bytes) -> None:
    """Refused unless the trustee of that card signed this message for this step of this board."""
    try:
        verify(card, Label.CEREMONY, signature, board, step.value.encode(), message)
    except BadSignature:
        raise Refused("board: a message is not signed by the trustee whom it is shown of") from None


class _BallotOnly(msgspec.Struct):
    ballot: str


def ballot_hash(cast: bytes) -> str:
    """Give the hash of the ballot in a cast, without checking either. Refused when it isn't a cast's JSON."""
    try:
        return hash_hex(msgspec.json.decode(cast, type=_BallotOnly).ballot.encode())
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Refused("cast: not well formed") from None


def board_view(board: bytes, shape: shapes.BoardShape) -> BoardView:
    """Check a board's id and replay its ceremony, every message being signed by the key of its trustee's card.

    BadAnswer for another board, Refused for a false message.
    """
    if shape.board != board.hex() or board_id(bytes.fromhex(shape.group), shape.definition) != board:
        raise BadAnswer("the server answered with another board")
    definition = shape.definition
    transcript: Transcript[Any, Any] = Transcript(ED25519, len(definition.trustees), definition.threshold)
    cards = [VerifyKey(trustee.key) for trustee in definition.trustees]
    for said in shape.said:
        if not 1 <= said.place <= len(cards):
            raise Refused("board: a message of no trustee")
        step = Step(said.step)
        check_message(cards[said.place - 1], board, step, said.message, said.signature)
        transcript = transcript.with_message(step, said.place, said.message)
    if transcript.complete(Step.POLYNOMIAL):
        transcript.check_commitments()
    return BoardView(shape, transcript)


def poll_view(phi: bytes, shape: shapes.PollShape) -> PollView:
    """Check a poll against φ. BadAnswer for another poll, Refused for what doesn't hold."""
    manifest = parse_manifest(shape.manifest)
    if shape.poll != phi.hex() or manifest.phi != phi or manifest.group_id != shape.group:
        raise BadAnswer("the server answered with another poll")
    trustees: Trustees[Any, Any] = Trustees.parse(ED25519, shape.trustees)
    if trustees.hash != manifest.trustees:
        raise BadAnswer("the server answered with other trustees than the manifest names")
    head = None if shape.last_head is None else checked_head(manifest, shape.last_head)
    outcome = None if shape.outcome is None else read_outcome(manifest, trustees, shape.outcome)
    remains = None if shape.remains is None else checked_remains(manifest, trustees, outcome, shape.remains)
    return PollView(shape, manifest, trustees, head, outcome, remains)


def checked_remains(
    manifest: Manifest, trustees: Trustees[Any, Any], outcome: SignedOutcome | None, raw: bytes
) -> Remains:
    """Read what remains of a poll, whose ballots nobody can count again: only what trustees signed is its outcome.

    outcome: the one that the server shows beside it, checked. BadAnswer for another poll or another outcome, Refused
    for one that isn't signed by a threshold.
    """
    remains = read_remains(raw)
    if remains.manifest != manifest:
        raise BadAnswer("the server answered with what remains of another poll")
    check_outcome(manifest, trustees, remains.outcome)
    if outcome is not None and outcome.statement != remains.outcome.statement:
        raise BadAnswer("the server answered with two outcomes of one poll")
    if remains.counts is not None:
        check_counts(manifest, trustees, remains.outcome.statement, remains.counts)
    return remains


def signed_board(view: PollView, pages: BoardPages) -> bool:
    """Whether the trustees signed the outcome of just this board; False while there is no outcome.

    Refused if they signed that of another: then a ballot on this board may be missing from theirs.
    """
    if view.outcome is None:
        return False
    if view.outcome.statement.head != pages.head.head:
        raise Refused(
            "the server shows another board than the one whose outcome the trustees signed: keep the file of "
            "receipts, with the outcome it can prove that a ballot is missing"
        )
    return True


def checked_head(manifest: Manifest, shape: shapes.HeadShape) -> HeadWire:
    """Check a head's signature."""
    head = HeadWire(page=shape.page, head=shape.head, signature=shape.signature.hex())
    check_head(manifest, head)
    return head
