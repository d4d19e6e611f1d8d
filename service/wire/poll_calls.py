"""Every request about polls as a value, like `service.wire.calls`: what to send, and how not to believe the answer.

Parsers check that an answer is about what was asked: a board's id is its definition's digest and its ceremony is
replayed message by message, φ is the manifest's digest, heads and receipts carry the server's signature, the
electorate is the manifest's. What trustees send of a poll is in `service.wire.poll_closing_calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from crypto.group import Point
from crypto.ring import Ring
from polls.board import Board, HeadWire, Page
from polls.casting import read_receipt
from polls.electorate import Electorate
from polls.encoding import hash_hex
from polls.manifest import Manifest, check_electorate, check_summary
from polls.transcript import Step
from service.wire import poll_closing_shapes as closing_shapes
from service.wire import poll_council_shapes as council_shapes
from service.wire import poll_shapes as shapes
from service.wire.calls import BYTES, JSON, BadAnswer, Call
from service.wire.poll_views import (
    BoardPages,
    BoardView,
    ElectorateView,
    PollView,
    ballot_hash,
    board_id,
    board_view,
    checked_head,
    poll_view,
    sign_message,
)
from service.wire.signing import ADMISSION_HEADER, Signer

S = TypeVar("S")

MIB = 1_024 * 1_024


def define_board(signer: Signer, definition: shapes.DefineBoard) -> Call[bytes]:
    """Define a board of trustees, as a mediator or the council. Gives its id. Repeating is harmless."""
    expected = board_id(signer.group, definition)

    def parse(raw: bytes) -> bytes:
        if decoded(shapes.BoardDefined)(raw).board != expected.hex():
            raise BadAnswer("the server named the board otherwise than its definition does")
        return expected

    target = f"/v1/groups/{signer.group.hex()}/boards"
    return Call("POST", target, parse, body=msgspec.json.encode(definition), content_type=JSON, signer=signer)


def boards(group: bytes) -> Call[shapes.BoardList]:
    """List the boards of a group."""
    return Call("GET", f"/v1/groups/{group.hex()}/boards", decoded(shapes.BoardList))


def board(board: bytes) -> Call[BoardView]:
    """Fetch a board and replay its ceremony: a message that doesn't follow is Refused by name."""

    def parse(raw: bytes) -> BoardView:
        return board_view(board, decoded(shapes.BoardShape)(raw))

    return Call(
        "GET",
        f"/v1/boards/{board.hex()}",
        parse,
        cap=16 * MIB,
        missing="This server has no board with that id.",
    )


def say(signer: Signer, step: Step, message: bytes) -> Call[BoardView]:
    """Sign and send the message that is due from this trustee (`Transcript.answer`). The same again is harmless."""

    def parse(raw: bytes) -> BoardView:
        return board_view(signer.group, decoded(shapes.BoardShape)(raw))

    signature = sign_message(signer.key, signer.group, step, message)
    sent = msgspec.json.encode({"step": step.value, "message": message, "signature": signature})
    target = f"/v1/boards/{signer.group.hex()}/messages"
    return Call("POST", target, parse, body=sent, content_type=JSON, cap=16 * MIB, signer=signer)


def create_poll(
    signer: Signer,
    manifest: Manifest,
    *,
    board: bytes,
    registry: bytes,
    snapshot: str,
    left_out: Sequence[str],
    summary: bytes,
) -> Call[bytes]:
    """Create a poll, as a mediator or the council. Gives φ. Repeating is harmless.

    left_out: accounts of the accused and the recused. summary: service.cases.summaries.seal_summary to the electorate's
    sealing keys; empty for an urgent poll without one.
    """
    check_summary(manifest, summary)
    sent = shapes.CreatePoll(
        manifest=manifest.raw,
        board=board.hex(),
        registry=registry.hex(),
        snapshot=snapshot,
        left_out=tuple(sorted(set(left_out))),
        summary=summary,
    )

    def parse(raw: bytes) -> bytes:
        if decoded(shapes.PollCreated)(raw).poll != manifest.phi.hex():
            raise BadAnswer("the server named the poll otherwise than its manifest does")
        return manifest.phi

    target = f"/v1/groups/{signer.group.hex()}/polls"
    return Call("POST", target, parse, body=msgspec.json.encode(sent), content_type=JSON, signer=signer)


def polls(group: bytes, after: bytes = b"") -> Call[shapes.PollList]:
    """List polls of a group whose id comes after `after`."""
    target = f"/v1/groups/{group.hex()}/polls?after={after.hex()}"
    return Call("GET", target, decoded(shapes.PollList), cap=MIB)


def poll(phi: bytes) -> Call[PollView]:
    """Fetch where a poll stands. Manifest, trustees, head, outcome and what remains are checked against φ."""

    def parse(raw: bytes) -> PollView:
        return poll_view(phi, decoded(shapes.PollShape)(raw))

    return Call(
        "GET", f"/v1/polls/{phi.hex()}", parse, cap=4 * MIB, missing="This server has no poll with that id."
    )


def electorate(manifest: Manifest) -> Call[ElectorateView]:
    """Fetch the electorate; Refused unless it is the one the manifest names."""

    def parse(raw: bytes) -> ElectorateView:
        shape = decoded(shapes.ElectorateShape)(raw)
        found = Electorate(tuple(Ring(tuple(Point(key) for key in ring)) for ring in shape.rings))
        check_electorate(manifest, found)
        return ElectorateView(shape, found)

    return Call("GET", f"/v1/polls/{manifest.phi.hex()}/electorate", parse, cap=MIB)


def summary(manifest: Manifest) -> Call[bytes]:
    """Fetch the sealed summary, until the poll closes; Refused unless it is the one the manifest names.

    Declined where the manifest names none, which is the digest of nothing: don't ask then.
    """

    def parse(raw: bytes) -> bytes:
        check_summary(manifest, raw)
        return raw

    target = f"/v1/polls/{manifest.phi.hex()}/summary"
    return Call("GET", target, parse, accept=BYTES, cap=shapes.MAX_SUMMARY)


def cast(manifest: Manifest, raw: bytes, *, admission: str) -> Call[bytes]:
    """Cast a ballot (`polls.casting.make_cast`): no login, nothing that says who. Gives the checked receipt's text.

    admission: a token for the route `casts` of the manifest's group. Repeating with the same bytes is harmless.
    """

    def parse(answer: bytes) -> bytes:
        receipt = read_receipt(manifest, answer)
        if receipt.ballot != ballot_hash(raw):
            raise BadAnswer("the server's receipt is for another ballot")
        return answer

    return Call(
        "POST",
        f"/v1/polls/{manifest.phi.hex()}/casts",
        parse,
        body=raw,
        content_type=BYTES,
        headers={ADMISSION_HEADER: admission},
    )


def heads(manifest: Manifest, after: int = -1) -> Call[tuple[HeadWire, ...]]:
    """Fetch up to 500 signed heads of pages after `after`; an empty answer is the end so far."""

    def parse(raw: bytes) -> tuple[HeadWire, ...]:
        found, last = [], after
        for shape in decoded(shapes.HeadsPage)(raw).heads:
            if shape.page != last + 1:
                raise BadAnswer("the server's heads are out of order")
            last = shape.page
            found.append(checked_head(manifest, shape))
        return tuple(found)

    target = f"/v1/polls/{manifest.phi.hex()}/heads?after={after + 1}"
    return Call("GET", target, parse, cap=MIB)


def opened_board(manifest: Manifest) -> Call[BoardPages]:
    """Fetch all pages of a closed poll's board, chained up to the last signed head."""

    def parse(raw: bytes) -> BoardPages:
        shape = decoded(shapes.OpenedBoard)(raw)
        pages = tuple(Page(page.salt, page.ballots) for page in shape.pages)
        head = checked_head(manifest, shape.head)
        return BoardPages(Board.check(manifest, pages, head), pages, head)

    return Call("GET", f"/v1/polls/{manifest.phi.hex()}/board", parse, cap=32 * MIB)


def ballots(phi: bytes, after: str = "") -> Call[dict[str, bytes]]:
    """Fetch ballots of a closed poll, by hash, beyond the hash `after`; empty: that was all."""

    def parse(raw: bytes) -> dict[str, bytes]:
        return {hash_hex(ballot): ballot for ballot in decoded(shapes.BallotsPage)(raw).ballots}

    return Call("GET", f"/v1/polls/{phi.hex()}/ballots?after={after}", parse, cap=20 * MIB)


def certificates(phi: bytes, after: str = "") -> Call[tuple[bytes, ...]]:
    """Fetch certificates' texts of a closed poll beyond the credential `after`; empty: that was all."""

    def parse(raw: bytes) -> tuple[bytes, ...]:
        return decoded(shapes.CertificatesPage)(raw).certificates

    return Call("GET", f"/v1/polls/{phi.hex()}/certificates?after={after}", parse, cap=10 * MIB)


def verdicts(signer: Signer, phi: bytes) -> Call[tuple[tuple[int, bytes], ...]]:
    """Fetch, as a council member, the verdicts sealed to the signer: (place, sealed)."""

    def parse(raw: bytes) -> tuple[tuple[int, bytes], ...]:
        return tuple((each.place, each.sealed) for each in decoded(closing_shapes.Verdicts)(raw).verdicts)

    return Call("GET", f"/v1/polls/{phi.hex()}/result", parse, cap=MIB, signer=signer)


def acknowledge(signer: Signer, phi: bytes, signature: bytes) -> Call[PollView]:
    """Say, as the council, that the result is there (`service.cases.decisions.acknowledge`)."""
    return for_poll(phi, "acknowledgement", council_shapes.Acknowledge(signature), signer)


def implement(signer: Signer, phi: bytes, text: str, ends_on: int | None, signature: bytes) -> Call[PollView]:
    """Record, as the council, what was done and when it ends (`service.cases.decisions.implement`)."""
    return for_poll(phi, "implementation", council_shapes.Implement(text, ends_on, signature), signer)


def review(
    signer: Signer, phi: bytes, number: int, again: int | None, text: str, signature: bytes
) -> Call[PollView]:
    """Say, as the council, what became of a measure (`service.cases.decisions.review`). The same again is harmless."""
    return for_poll(phi, "reviews", council_shapes.Review(number, again, text, signature), signer)


def file_report(signer: Signer, phi: bytes, text: str) -> Call[council_shapes.Reports]:
    """File a verifier's report, as a mediator or the council, before the poll is archived.

    text: carries the verifier's own signature, which the server doesn't check. The same text again is harmless.
    """
    body = msgspec.json.encode(council_shapes.FileReport(text))
    target = f"/v1/polls/{phi.hex()}/reports"
    return Call(
        "POST", target, decoded(council_shapes.Reports), body=body, content_type=JSON, cap=MIB, signer=signer
    )


def reports(phi: bytes) -> Call[council_shapes.Reports]:
    """Fetch the reports that were filed. The verifiers' signatures in them are for the caller to check."""
    return Call("GET", f"/v1/polls/{phi.hex()}/reports", decoded(council_shapes.Reports), cap=MIB)


def for_poll(phi: bytes, what: str, body: msgspec.Struct, signer: Signer) -> Call[PollView]:
    """Post something about a poll, signed; the answer is where it stands then."""

    def parse(raw: bytes) -> PollView:
        return poll_view(phi, decoded(shapes.PollShape)(raw))

    target, sent = f"/v1/polls/{phi.hex()}/{what}", msgspec.json.encode(body)
    return Call("POST", target, parse, body=sent, content_type=JSON, cap=4 * MIB, signer=signer)


def decoded(shape: type[S]) -> Callable[[bytes], S]:
    """Give what reads an answer of that shape, or raises BadAnswer."""

    def parse(raw: bytes) -> S:
        try:
            return msgspec.json.decode(raw, type=shape)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise BadAnswer("the server's answer is not what was asked for") from None

    return parse
