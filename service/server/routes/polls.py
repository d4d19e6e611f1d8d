"""Polls for everybody, without a login: where one stands, what to vote on, casting, the opened board."""

from __future__ import annotations

import re
from typing import Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from abuse.routes import Route
from polls.casting import MAX_CAST
from service.server import polls_casting, polls_pages, polls_shown
from service.server.bodies import read_body
from service.server.deps import Deps
from service.server.described import Described
from service.server.http import (
    BYTES,
    JSON,
    AnyRequest,
    bytes_answer,
    check_headers,
    expect_type,
    header,
    hex16,
    json_answer,
    no_query,
    query,
)
from service.wire import poll_council_shapes as council_shapes
from service.wire import poll_shapes as shapes
from service.wire.problems import Kind, ProblemError
from service.wire.signing import ADMISSION_HEADER

_PHI: Final = re.compile(r"[0-9a-f]{64}")
_AFTER: Final = re.compile(r"(?:[0-9a-f]{64})?")
_PAGE: Final = re.compile(r"[0-9]{0,6}")
_ADMISSION: Final = ADMISSION_HEADER.lower().encode()
_GONE: Final = (Kind.NOT_FOUND, Kind.POLL_ARCHIVED, Kind.POLL_LAPSED)


def phi_of(text: str) -> bytes:
    """Read a poll's id of a path."""
    if _PHI.fullmatch(text) is None:
        raise ProblemError(Kind.MALFORMED_PATH)
    return bytes.fromhex(text)


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    return [*_standing(deps), *_voting(deps), *_opened(deps)]


def _standing(deps: Deps) -> list[HTTPRouteHandler]:
    listed = Described(
        "List a group's polls.",
        shapes.PollList,
        query="after",
        query_pattern=_AFTER.pattern,
        problems=(Kind.NOT_FOUND,),
    )

    @get("/v1/groups/{group:str}/polls", opt=listed.opt())
    async def polls(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        gid, after = hex16(group), query(request, "after", _AFTER)
        if await deps.groups.history(gid) is None:
            raise ProblemError(Kind.NOT_FOUND)
        return json_answer(await polls_shown.listed(deps, gid, bytes.fromhex(after)))

    shown = Described("Say where a poll stands.", shapes.PollShape, problems=(Kind.NOT_FOUND,))

    @get("/v1/polls/{poll:str}", opt=shown.opt())
    async def poll(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        standing = await deps.polls.standing(phi_of(poll))
        return json_answer(await polls_shown.shown(deps, standing))

    who = Described("Say who may vote in a poll.", shapes.ElectorateShape, problems=_GONE)

    @get("/v1/polls/{poll:str}/electorate", opt=who.opt())
    async def electorate(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        standing = await deps.polls.standing(phi_of(poll))
        return json_answer(await polls_shown.electorate(deps, standing))

    filed = Described("Give the verifiers' reports.", council_shapes.Reports, problems=(Kind.NOT_FOUND,))

    @get("/v1/polls/{poll:str}/reports", opt=filed.opt())
    async def verifications(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        standing = await deps.polls.standing(phi_of(poll))
        return json_answer(await polls_shown.reports(deps, standing))

    return [polls, poll, electorate, verifications]


def _voting(deps: Deps) -> list[HTTPRouteHandler]:
    sealed = Described(
        "Give the sealed summary, until the poll closes.", bytes, problems=(*_GONE, Kind.POLL_CLOSED)
    )

    @get("/v1/polls/{poll:str}/summary", opt=sealed.opt())
    async def summary(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        standing = await deps.polls.standing(phi_of(poll))
        return bytes_answer(await polls_shown.summary(deps, standing))

    taken = Described(
        "Cast a ballot with its certificate; the answer is the signed receipt. Repeating is harmless.",
        bytes,
        bytes,
        admission=True,
        problems=(*_GONE, Kind.POLL_NOT_OPEN, Kind.POLL_CLOSED, Kind.CAST_REFUSED, Kind.CAST_TOO_OFTEN),
    )

    @post("/v1/polls/{poll:str}/casts", status_code=200, opt=taken.opt())
    async def cast(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        phi = phi_of(poll)
        expect_type(request, BYTES)
        token = header(request, _ADMISSION)
        if token is None:  # before the body is read
            raise ProblemError(Kind.ADMISSION_MISSING)
        raw = await read_body(request, MAX_CAST)
        standing = await deps.polls.standing(phi)
        # A repeat after a lost response: nothing is checked or spent for what has its receipt already.
        if (
            standing.progress.archived
            or (earlier := await polls_casting.receipt_of(deps, standing.poll, raw)) is None
        ):
            polls_casting.ensure_open(standing)
            await deps.gate.admit(standing.poll.record.group, Route.CASTS, token, len(raw))
            earlier = await polls_casting.take(deps, standing, raw)
        return Response(earlier, media_type=JSON)

    return [summary, cast]


def _opened(deps: Deps) -> list[HTTPRouteHandler]:
    early = (*_GONE, Kind.POLL_NOT_CLOSED)
    signed = Described(
        "Give signed heads of the board from a page on.",
        shapes.HeadsPage,
        query="after",
        query_pattern=_PAGE.pattern,
        problems=_GONE,
    )

    @get("/v1/polls/{poll:str}/heads", opt=signed.opt())
    async def heads(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        phi, start = phi_of(poll), query(request, "after", _PAGE)
        standing = await deps.polls.standing(phi)
        return json_answer(await polls_pages.heads(deps, standing, int(start or "0")))

    pages = Described("Give the opened pages of a closed poll.", shapes.OpenedBoard, problems=early)

    @get("/v1/polls/{poll:str}/board", opt=pages.opt())
    async def opened(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        standing = await deps.polls.standing(phi_of(poll))
        return Response(await polls_pages.opened_json(deps, standing), media_type=JSON)

    texts = Described(
        "Give ballots of a closed poll, by hash.",
        shapes.BallotsPage,
        query="after",
        query_pattern=_AFTER.pattern,
        problems=early,
    )

    @get("/v1/polls/{poll:str}/ballots", opt=texts.opt())
    async def ballots(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        phi, after = phi_of(poll), query(request, "after", _AFTER)
        standing = await deps.polls.standing(phi)
        return json_answer(await polls_pages.ballots(deps, standing, bytes.fromhex(after)))

    certified = Described(
        "Give certificates of a closed poll, by credential.",
        shapes.CertificatesPage,
        query="after",
        query_pattern=_AFTER.pattern,
        problems=early,
    )

    @get("/v1/polls/{poll:str}/certificates", opt=certified.opt())
    async def certificates(request: AnyRequest, poll: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        phi, after = phi_of(poll), query(request, "after", _AFTER)
        standing = await deps.polls.standing(phi)
        return json_answer(await polls_pages.certificates(deps, standing, bytes.fromhex(after)))

    return [heads, opened, ballots, certificates]
