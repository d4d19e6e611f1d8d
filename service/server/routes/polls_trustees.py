"""Boards and their trustees: the key ceremony, proofs of shares, agreements, decryptions, statements, verdicts."""

from __future__ import annotations

from typing import TypeVar

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from service.server import polls_boards, polls_closing, polls_shown
from service.server.bodies import decode_json
from service.server.deps import Deps
from service.server.described import Described
from service.server.http import JSON, AnyRequest, check_headers, expect_type, hex16, json_answer, no_query
from service.server.polls_boards import Speaker, verified_trustee
from service.server.routes.polls import phi_of
from service.wire import poll_closing_shapes as closing_shapes
from service.wire import poll_shapes as shapes
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import MAX_SMALL_JSON

T = TypeVar("T", bound=Struct)
_LATER = (Kind.NOT_FOUND, Kind.POLL_NOT_CLOSED, Kind.POLL_ARCHIVED, Kind.POLL_LAPSED)


async def _spoken(
    deps: Deps, request: AnyRequest, shape: type[T], cap: int, board: bytes | None = None
) -> tuple[Speaker, T]:
    """Give the trustee who signed a request, of a certain board if one is given, and what they sent."""
    check_headers(request)
    no_query(request)
    expect_type(request, JSON)
    speaker, raw = await verified_trustee(deps, request, cap)
    if board is not None and speaker.board != board:
        raise ProblemError(Kind.SIGNATURE)
    return speaker, decode_json(raw, shape)


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    return [*_ceremony(deps), *_agreeing(deps), *_closing(deps)]


def _ceremony(deps: Deps) -> list[HTTPRouteHandler]:
    @get(
        "/v1/groups/{group:str}/boards",
        opt=Described("List a group's boards of trustees.", shapes.BoardList).opt(),
    )
    async def boards(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        found = await polls_boards.listed(deps, hex16(group))
        return json_answer(shapes.BoardList(tuple(board.hex() for board in found)))

    shown = Described(
        "Give a board and what was said in its ceremony.", shapes.BoardShape, problems=(Kind.NOT_FOUND,)
    )

    @get("/v1/boards/{board:str}", opt=shown.opt())
    async def board(request: AnyRequest, board: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        return json_answer(await polls_boards.shown(deps, hex16(board)))

    said = Described(
        "Send the message of the ceremony that is due from the signer.",
        shapes.BoardShape,
        shapes.SayMessage,
        signed=True,
        problems=(Kind.BOARD_REFUSED, Kind.SAID_BEFORE),
    )

    @post("/v1/boards/{board:str}/messages", status_code=200, opt=said.opt())
    async def say(request: AnyRequest, board: FromPath[str]) -> Response[bytes]:
        bid, cap = hex16(board), shapes.MAX_MESSAGE_JSON
        speaker, sent = await _spoken(deps, request, shapes.SayMessage, cap, bid)
        return json_answer(await polls_boards.say(deps, speaker, sent))

    return [boards, board, say]


def _agreeing(deps: Deps) -> list[HTTPRouteHandler]:
    agreed = Described(
        "Say which board the signer verified, before anybody decrypts.",
        shapes.PollShape,
        closing_shapes.PostAgreement,
        signed=True,
        problems=(*_LATER, Kind.TRUSTEE_REFUSED, Kind.SAID_BEFORE),
    )

    @post("/v1/polls/{poll:str}/agreements", status_code=200, opt=agreed.opt())
    async def agree(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        phi = phi_of(poll)
        speaker, sent = await _spoken(deps, request, closing_shapes.PostAgreement, MAX_SMALL_JSON)
        standing = await polls_closing.take_agreement(deps, speaker, phi, sent)
        return json_answer(await polls_shown.shown(deps, standing))

    told = Described(
        "Fetch which board each trustee says they verified, with their signatures.",
        closing_shapes.Agreements,
        signed=True,
        problems=_LATER,
    )

    @get("/v1/polls/{poll:str}/agreements", opt=told.opt())
    async def agreements(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        phi = phi_of(poll)
        speaker, _ = await verified_trustee(deps, request)
        return json_answer(await polls_closing.agreements_for(deps, speaker, phi))

    return [agree, agreements]


def _closing(deps: Deps) -> list[HTTPRouteHandler]:
    proved = Described(
        "Prove, before the poll opens, that the signer still has their share.",
        shapes.PollShape,
        closing_shapes.ProveShare,
        signed=True,
        problems=(
            Kind.NOT_FOUND,
            Kind.TRUSTEE_REFUSED,
            Kind.POLL_OPEN,
            Kind.POLL_LAPSED,
            Kind.POLL_ARCHIVED,
        ),
    )

    @post("/v1/polls/{poll:str}/shares", status_code=200, opt=proved.opt())
    async def prove(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        phi = phi_of(poll)
        speaker, sent = await _spoken(deps, request, closing_shapes.ProveShare, MAX_SMALL_JSON)
        standing = await polls_closing.prove(deps, speaker, phi, sent.proof)
        return json_answer(await polls_shown.shown(deps, standing))

    decrypted = Described(
        "Post the signer's partial decryption, sealed to every trustee of the board.",
        shapes.PollShape,
        closing_shapes.PostDecryptions,
        signed=True,
        problems=(*_LATER, Kind.TRUSTEE_REFUSED, Kind.BELOW_QUORUM, Kind.NOT_AGREED, Kind.SAID_BEFORE),
    )

    @post("/v1/polls/{poll:str}/decryptions", status_code=200, opt=decrypted.opt())
    async def decrypt(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        phi = phi_of(poll)
        speaker, sent = await _spoken(
            deps, request, closing_shapes.PostDecryptions, closing_shapes.MAX_DECRYPTION_JSON
        )
        standing = await polls_closing.take_decryption(deps, speaker, phi, sent)
        return json_answer(await polls_shown.shown(deps, standing))

    exchanged = Described(
        "Fetch the partial decryptions sealed to the signer.",
        closing_shapes.Decryptions,
        signed=True,
        problems=_LATER,
    )

    @get("/v1/polls/{poll:str}/decryptions", opt=exchanged.opt())
    async def decryptions(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        phi = phi_of(poll)
        speaker, _ = await verified_trustee(deps, request)
        return json_answer(await polls_closing.decryptions_for(deps, speaker, phi))

    stated = Described(
        "Publish the signer's outcome statement.",
        shapes.PollShape,
        closing_shapes.PostStatement,
        signed=True,
        problems=(*_LATER, Kind.TRUSTEE_REFUSED, Kind.SAID_BEFORE),
    )

    @post("/v1/polls/{poll:str}/statements", status_code=200, opt=stated.opt())
    async def state(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        phi = phi_of(poll)
        speaker, sent = await _spoken(deps, request, closing_shapes.PostStatement, MAX_SMALL_JSON)
        standing = await polls_closing.state_outcome(deps, speaker, phi, sent)
        return json_answer(await polls_shown.shown(deps, standing))

    delivered = Described(
        "Send the council the signer's verdict, sealed to each of its members.",
        shapes.PollShape,
        closing_shapes.PostVerdicts,
        signed=True,
        problems=(*_LATER, Kind.COUNCIL_KEYS, Kind.POLL_NOT_DECIDED),
    )

    @post("/v1/polls/{poll:str}/result", status_code=200, opt=delivered.opt())
    async def deliver(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        phi = phi_of(poll)
        speaker, sent = await _spoken(
            deps, request, closing_shapes.PostVerdicts, closing_shapes.MAX_VERDICTS_JSON
        )
        standing = await polls_closing.deliver(deps, speaker, phi, sent)
        return json_answer(await polls_shown.shown(deps, standing))

    return [prove, decrypt, decryptions, state, deliver]
