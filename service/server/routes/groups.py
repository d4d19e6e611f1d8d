"""GET /v1/groups, GET and POST /v1/groups/{group}/roster: groups and their signed chains."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from service.server.bodies import read_json
from service.server.deps import Deps
from service.server.described import Described
from service.server.http import AnyRequest, check_headers, hex16, json_answer, no_query
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import (
    MAX_STATEMENT_JSON,
    Appended,
    AppendStatement,
    GroupHead,
    GroupList,
    RosterChain,
)


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give the handlers."""

    @get("/v1/groups", opt=Described("List the groups.", GroupList).opt())
    async def groups(request: AnyRequest) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        listed = await deps.groups.listed()
        return json_answer(
            GroupList(tuple(GroupHead(group.hex(), entry.name, entry.languages) for group, entry in listed))
        )

    shown = Described("Give a group's chain of statements.", RosterChain, problems=(Kind.NOT_FOUND,))

    @get("/v1/groups/{group:str}/roster", opt=shown.opt())
    async def roster(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        gid = hex16(group)
        statements = await deps.groups.statements(gid)
        if not statements:
            raise ProblemError(Kind.NOT_FOUND)
        return json_answer(RosterChain(gid.hex(), tuple(statements)))

    added = Described(
        "Add a statement signed by the group's root key; the first founds the group.",
        Appended,
        AppendStatement,
        problems=(Kind.FOUNDING_CLOSED, Kind.ROSTER_REFUSED, Kind.ROSTER_CONFLICT),
    )

    @post("/v1/groups/{group:str}/roster", status_code=200, opt=added.opt())
    async def append(request: AnyRequest, group: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        gid = hex16(group)
        sent = await read_json(request, AppendStatement, MAX_STATEMENT_JSON)
        may_found = deps.settings.open_groups or gid.hex() in deps.settings.groups
        latest = (await deps.groups.append(gid, sent.statement, may_found=may_found)).latest
        return json_answer(Appended(latest.seq, latest.digest.hex()))

    return [groups, roster, append]
