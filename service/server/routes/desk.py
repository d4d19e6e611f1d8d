"""What handlers ask with signed requests: feed, activity, envelopes, grants, logs, and batches of actions."""

from __future__ import annotations

import re
from typing import Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from service.server import caseload, events, feeds
from service.server.activity import activity_page
from service.server.bodies import decode_json
from service.server.deps import Deps
from service.server.described import Described
from service.server.http import (
    JSON,
    AnyRequest,
    bytes_answer,
    check_headers,
    expect_type,
    hex16,
    json_answer,
    no_query,
    query,
)
from service.server.records import Damaged
from service.server.signed import Caller, verified
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import (
    MAX_BATCH_JSON,
    Action,
    ActivityPage,
    Batch,
    BatchAnswer,
    FeedPage,
    GrantShape,
    ItemOutcome,
    LogPage,
    Outcome,
)

FEED_CURSOR: Final = re.compile(r"(?:[0-9a-f]{48})?")
ACTIVITY_CURSOR: Final = re.compile(r"(?:[0-9a-f]{16})?")
AFTER: Final = re.compile(r"[0-9]{0,15}")


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    gone = (Kind.NOT_FOUND,)
    listed = Described(
        "List reports for the signer.",
        FeedPage,
        signed=True,
        query="cursor",
        query_pattern=FEED_CURSOR.pattern,
    )

    @get("/v1/groups/{group:str}/feed", opt=listed.opt())
    async def feed(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        gid, cursor = hex16(group), query(request, "cursor", FEED_CURSOR)
        caller, _ = await verified(deps, request)
        if caller.group != gid:
            raise ProblemError(Kind.SIGNATURE)
        return json_answer(await feeds.feed(deps, caller, bytes.fromhex(cursor)))

    grown = Described(
        "List reports whose logs have grown.",
        ActivityPage,
        signed=True,
        query="cursor",
        query_pattern=ACTIVITY_CURSOR.pattern,
    )

    @get("/v1/groups/{group:str}/activity", opt=grown.opt())
    async def activity(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        gid, cursor = hex16(group), query(request, "cursor", ACTIVITY_CURSOR)
        caller, _ = await verified(deps, request)
        if caller.group != gid:
            raise ProblemError(Kind.SIGNATURE)
        return json_answer(await activity_page(deps, caller, int(cursor or "0", 16)))

    @get(
        "/v1/groups/{group:str}/reports/{report:str}",
        opt=Described("Fetch a sealed report.", bytes, signed=True, problems=gone).opt(),
    )
    async def envelope(request: AnyRequest, group: FromPath[str], report: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        gid, rid = hex16(group), hex16(report)
        caller, _ = await verified(deps, request)
        raw = await caseload.envelope(deps, caller, gid, rid)
        if raw is None:
            raise ProblemError(Kind.NOT_FOUND)
        return bytes_answer(raw)

    @get(
        "/v1/groups/{group:str}/reports/{report:str}/grant",
        opt=Described("Fetch one's own grant of a report.", GrantShape, signed=True, problems=gone).opt(),
    )
    async def grant(request: AnyRequest, group: FromPath[str], report: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        gid, rid = hex16(group), hex16(report)
        caller, _ = await verified(deps, request)
        granted = await caseload.granted(deps, caller, gid, rid)
        if granted is None:
            raise ProblemError(Kind.NOT_FOUND)
        return json_answer(GrantShape(granted.key_id.hex(), granted.sealed, granted.earlier))

    read = Described(
        "Read a report's sealed log.",
        LogPage,
        signed=True,
        query="after",
        query_pattern=AFTER.pattern,
        problems=gone,
    )

    @get("/v1/groups/{group:str}/reports/{report:str}/log", opt=read.opt())
    async def log(request: AnyRequest, group: FromPath[str], report: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        gid, rid, after = hex16(group), hex16(report), query(request, "after", AFTER)
        caller, _ = await verified(deps, request)
        page = await caseload.read_log(deps, caller, gid, rid, int(after or "0"))
        if page is None:
            raise ProblemError(Kind.NOT_FOUND)
        return json_answer(page)

    done = Described(
        "Do a batch of actions, each once.", BatchAnswer, Batch, signed=True, problems=(Kind.BUSY,)
    )

    @post("/v1/groups/{group:str}/batch", status_code=200, opt=done.opt())
    async def batch(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        gid = hex16(group)
        expect_type(request, JSON)
        caller, raw = await verified(deps, request, MAX_BATCH_JSON)
        if caller.group != gid:
            raise ProblemError(Kind.SIGNATURE)
        sent = decode_json(raw, Batch)
        await deps.gate.act(caller.mark, sent.actions, deps.settings.admission)
        outcomes = []
        for action in sent.actions:
            outcomes.append(ItemOutcome(action.item, await _did(deps, caller, action)))  # noqa: PERF401
        return json_answer(BatchAnswer(tuple(outcomes)))

    return [feed, activity, envelope, grant, log, batch]


async def _did(deps: Deps, caller: Caller, action: Action) -> Outcome:
    """Do one action of a batch; where a record is in the way that is damaged, the others have their turn."""
    try:
        return await caseload.act(deps, caller, action)
    except Damaged as error:
        events.failure("act", error)
        return "failed"
