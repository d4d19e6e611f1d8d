"""POST /v1/mailboxes/open and /burn: a reporter reads answers, and uses the code up."""

from __future__ import annotations

from typing import Final

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from abuse.routes import NO_GROUP, Route
from crypto.codes import Claim
from crypto.envelope import GROUP_ID_SIZE, MAX_ENVELOPE, MIN_ENVELOPE
from service.server import intake, mailboxes
from service.server.bodies import read_body, read_json
from service.server.deps import Deps
from service.server.described import Described
from service.server.http import (
    BYTES,
    AnyRequest,
    bytes_answer,
    check_headers,
    expect_type,
    json_answer,
    no_query,
)
from service.server.routes.reports import ENVELOPE_PROBLEMS, receipt_shape
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import MAX_LETTERS, MAX_SMALL_JSON, BurnAnswer, OpenMailbox
from service.wire.signing import ADMISSION_HEADER

_FIXED: Final = Claim.SIZE + 2


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    opened = Described("Open a mailbox: eight slots, whatever is in it.", bytes, OpenMailbox, admission=True)

    @post("/v1/mailboxes/open", status_code=200, opt=opened.opt())
    async def open_(request: AnyRequest) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        asked = await read_json(request, OpenMailbox, MAX_SMALL_JSON)
        await deps.gate.admit(NO_GROUP, Route.MAILBOX, request.headers.get(ADMISSION_HEADER), 0)
        return bytes_answer(await mailboxes.slots(deps, Claim(asked.claim), asked.page))

    burned = Described(
        "Burn a mailbox and store the follow-up that comes with it, in one step. "
        "Body: claim 32, number of letters seen as u16, envelope.",
        BurnAnswer,
        bytes,
        admission=True,
        problems=(Kind.BURN, Kind.NOT_FOUND, *ENVELOPE_PROBLEMS),
    )

    @post("/v1/mailboxes/burn", status_code=200, opt=burned.opt())
    async def burn(request: AnyRequest) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        expect_type(request, BYTES)
        token = request.headers.get(ADMISSION_HEADER)
        if token is None:
            raise ProblemError(Kind.ADMISSION_MISSING)
        claim, seen, raw = _parts(await read_body(request, _FIXED + MAX_ENVELOPE))
        group = raw[2 : 2 + GROUP_ID_SIZE]  # checked with the rest of the header
        accepted = await intake.check(deps, group, raw, follow_up=True)
        if await mailboxes.unread(deps, claim, seen):
            # What changes nothing takes no place for large reports: by such burns, and without a trace, somebody left
            # out could else learn whether a large report has come to the group.
            await deps.gate.admit(group, Route.REPORTS, token, 0)
            return json_answer(BurnAnswer("unread", None))
        try:
            await deps.gate.admit(group, Route.REPORTS, token, len(raw))
        except ProblemError as problem:
            earlier = await mailboxes.repeated(deps, claim, accepted)
            if problem.kind is not Kind.ADMISSION_SPENT or earlier is None:
                raise
            return json_answer(BurnAnswer("done", receipt_shape(earlier.receipt)))
        match await mailboxes.burn(deps, claim, seen, accepted):
            case mailboxes.Unread():
                return json_answer(BurnAnswer("unread", None))
            case mailboxes.Burned(receipt):
                return json_answer(BurnAnswer("done", receipt_shape(receipt)))

    return [open_, burn]


def _parts(body: bytes) -> tuple[Claim, int, bytes]:
    seen = int.from_bytes(body[Claim.SIZE : _FIXED], "big")
    if len(body) < _FIXED + MIN_ENVELOPE or seen > MAX_LETTERS:
        raise ProblemError(Kind.BURN)
    return Claim(body[: Claim.SIZE]), seen, body[_FIXED:]
