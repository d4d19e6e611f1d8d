"""POST /v1/groups/{group}/reports: take a sealed report in."""

from __future__ import annotations

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from abuse.routes import Route
from crypto.envelope import MAX_ENVELOPE
from service.cases.receipts import Receipt
from service.server import intake
from service.server.bodies import read_body
from service.server.deps import Deps
from service.server.described import Described
from service.server.http import (
    BYTES,
    AnyRequest,
    check_headers,
    expect_type,
    header,
    hex16,
    json_answer,
    no_query,
)
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import ReceiptShape
from service.wire.signing import ADMISSION_HEADER, URGENT_HEADER

_ADMISSION = ADMISSION_HEADER.lower().encode()
_URGENT = URGENT_HEADER.lower().encode()
ENVELOPE_PROBLEMS = (
    Kind.ENVELOPE,
    Kind.WRONG_GROUP,
    Kind.UNKNOWN_ROSTER,
    Kind.WRONG_RECIPIENTS,
    Kind.TOO_FEW_RECIPIENTS,
    Kind.STALE_ROSTER,
)


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    described = Described(
        "File a sealed report. Repeating is harmless.",
        ReceiptShape,
        bytes,
        admission=True,
        problems=(Kind.NOT_FOUND, *ENVELOPE_PROBLEMS),
    )

    @post("/v1/groups/{group:str}/reports", status_code=200, opt=described.opt())
    async def submit(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        gid = hex16(group)
        expect_type(request, BYTES)
        urgent = header(request, _URGENT) or "0"
        if urgent not in {"0", "1"}:
            raise ProblemError(Kind.BAD_REQUEST)
        token = header(request, _ADMISSION)
        if token is None:  # before the body is read: it may be large
            raise ProblemError(Kind.ADMISSION_MISSING)
        raw = await read_body(request, MAX_ENVELOPE)
        accepted = await intake.check(deps, gid, raw, follow_up=False)
        try:
            await deps.gate.admit(gid, Route.REPORTS, token, len(raw))
        except ProblemError as problem:
            # A repeat after a lost response comes with the same, spent token.
            earlier = await intake.known(deps, gid, accepted.digest)
            if problem.kind is not Kind.ADMISSION_SPENT or earlier is None:
                raise
            return json_answer(receipt_shape(earlier))
        return json_answer(receipt_shape(await intake.store(deps, accepted, urgent=urgent == "1")))

    return [submit]


def receipt_shape(receipt: Receipt) -> ReceiptShape:
    """Put a receipt on the wire."""
    return ReceiptShape(receipt.envelope.hex(), receipt.day, receipt.group.hex(), receipt.signature)
