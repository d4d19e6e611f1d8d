"""Polls for mediators and the council, with signed requests: boards, polls, results, what was done and became of it."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from service.server import polls_boards, polls_council, polls_making, polls_reviews, polls_shown
from service.server.bodies import decode_json
from service.server.deps import Deps
from service.server.described import Described
from service.server.http import JSON, AnyRequest, check_headers, expect_type, hex16, json_answer, no_query
from service.server.routes.polls import phi_of
from service.server.signed import Caller, verified
from service.wire import poll_closing_shapes as closing_shapes
from service.wire import poll_council_shapes as council_shapes
from service.wire import poll_shapes as shapes
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import MAX_SMALL_JSON

_COUNCIL = (Kind.NOT_FOUND, Kind.ROLE, Kind.POLL_ARCHIVED, Kind.POLL_LAPSED)


async def _caller(deps: Deps, request: AnyRequest, group: bytes, cap: int) -> tuple[Caller, bytes]:
    """Give the caller, a mediator or council member of the group in the path."""
    check_headers(request)
    no_query(request)
    expect_type(request, JSON)
    caller, raw = await verified(deps, request, cap)
    if caller.group != group:
        raise ProblemError(Kind.SIGNATURE)
    if caller.handler.role not in polls_making.ROLES:
        raise ProblemError(Kind.ROLE)
    return caller, raw


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    return [*_making(deps), *_result(deps)]


def _making(deps: Deps) -> list[HTTPRouteHandler]:
    defined = Described(
        "Define a board of trustees.",
        shapes.BoardDefined,
        shapes.DefineBoard,
        signed=True,
        problems=(Kind.ROLE, Kind.BOARD_REFUSED, Kind.TOO_MANY),
    )

    @post("/v1/groups/{group:str}/boards", status_code=200, opt=defined.opt())
    async def define_board(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        gid = hex16(group)
        _, raw = await _caller(deps, request, gid, MAX_SMALL_JSON)
        board = await polls_boards.define(deps, gid, decode_json(raw, shapes.DefineBoard))
        return json_answer(shapes.BoardDefined(board.hex()))

    made = Described(
        "Create a poll.",
        shapes.PollCreated,
        shapes.CreatePoll,
        signed=True,
        problems=(
            Kind.ROLE,
            Kind.NOT_FOUND,
            Kind.MANIFEST_REFUSED,
            Kind.MANIFEST_ELSEWHERE,
            Kind.BOARD_INCOMPLETE,
            Kind.NO_COUNCIL,
            Kind.REGISTRY,
            Kind.ELECTORATE,
            Kind.SUMMARY,
            Kind.POLL_REPEATED,
        ),
    )

    @post("/v1/groups/{group:str}/polls", status_code=200, opt=made.opt())
    async def create_poll(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        caller, raw = await _caller(deps, request, hex16(group), shapes.MAX_CREATE_JSON)
        phi = await polls_making.create(deps, caller, decode_json(raw, shapes.CreatePoll))
        return json_answer(shapes.PollCreated(phi.hex()))

    return [define_board, create_poll]


def _result(deps: Deps) -> list[HTTPRouteHandler]:
    fetched = Described(
        "Fetch the trustees' verdicts sealed to the signer, who is on the council.",
        closing_shapes.Verdicts,
        signed=True,
        problems=(*_COUNCIL, Kind.POLL_NOT_CLOSED),
    )

    @get("/v1/polls/{poll:str}/result", opt=fetched.opt())
    async def result(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        phi = phi_of(poll)
        caller, _ = await verified(deps, request)
        return json_answer(await polls_council.verdicts_for(deps, caller, phi))

    said = Described(
        "Say, as the council, that the result is there.",
        shapes.PollShape,
        council_shapes.Acknowledge,
        signed=True,
        problems=(*_COUNCIL, Kind.POLL_NOT_DECIDED, Kind.TRUSTEE_REFUSED),
    )

    @post("/v1/polls/{poll:str}/acknowledgement", status_code=200, opt=said.opt())
    async def acknowledge(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        phi = phi_of(poll)
        expect_type(request, JSON)
        caller, raw = await verified(deps, request, MAX_SMALL_JSON)
        sent = decode_json(raw, council_shapes.Acknowledge)
        standing = await polls_council.acknowledge(deps, caller, phi, sent.signature)
        return json_answer(await polls_shown.shown(deps, standing))

    done = Described(
        "Record, as the council, what was done and when it ends.",
        shapes.PollShape,
        council_shapes.Implement,
        signed=True,
        problems=(*_COUNCIL, Kind.POLL_NOT_DECIDED, Kind.TRUSTEE_REFUSED, Kind.SAID_BEFORE),
    )

    @post("/v1/polls/{poll:str}/implementation", status_code=200, opt=done.opt())
    async def implement(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        phi = phi_of(poll)
        expect_type(request, JSON)
        caller, raw = await verified(deps, request, MAX_SMALL_JSON)
        standing = await polls_council.implement(
            deps, caller, phi, decode_json(raw, council_shapes.Implement)
        )
        return json_answer(await polls_shown.shown(deps, standing))

    looked = Described(
        "Say, as the council, that a measure has ended, or when it is looked at again. Also once the poll is archived.",
        shapes.PollShape,
        council_shapes.Review,
        signed=True,
        problems=(
            Kind.NOT_FOUND,
            Kind.ROLE,
            Kind.NOT_IMPLEMENTED,
            Kind.REVIEW_NOT_DUE,
            Kind.MEASURE_ENDED,
            Kind.SAID_BEFORE,
            Kind.TRUSTEE_REFUSED,
            Kind.TOO_MANY,
        ),
    )

    @post("/v1/polls/{poll:str}/reviews", status_code=200, opt=looked.opt())
    async def review(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        phi = phi_of(poll)
        expect_type(request, JSON)
        caller, raw = await verified(deps, request, MAX_SMALL_JSON)
        standing = await polls_reviews.review(deps, caller, phi, decode_json(raw, council_shapes.Review))
        return json_answer(await polls_shown.shown(deps, standing))

    filed = Described(
        "File a verifier's report, as a mediator or the council. The signature in it is not checked.",
        council_shapes.Reports,
        council_shapes.FileReport,
        signed=True,
        problems=(*_COUNCIL, Kind.POLL_NOT_CLOSED, Kind.TOO_MANY),
    )

    @post("/v1/polls/{poll:str}/reports", status_code=200, opt=filed.opt())
    async def file_report(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        standing = await deps.polls.standing(phi_of(poll))
        group = standing.poll.record.group
        _, raw = await _caller(deps, request, group, shapes.MAX_MESSAGE_JSON)
        text = decode_json(raw, council_shapes.FileReport).text
        return json_answer(await polls_shown.file_report(deps, standing, text))

    return [result, acknowledge, implement, review, file_report]
