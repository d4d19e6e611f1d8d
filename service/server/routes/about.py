"""GET /v1/server, GET /v1/admission/{group}/{route}: who this server is, and how to be let in."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from abuse.routes import Route
from service.server.deps import Deps
from service.server.described import Described
from service.server.gate import ROUTES
from service.server.http import AnyRequest, check_headers, hex16, json_answer, no_query
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import ChallengeShape, ServerInfo


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give the handlers."""

    @get("/v1/server", opt=Described("Say who this server is.", ServerInfo).opt())
    async def server(request: AnyRequest) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        settings = deps.settings
        return json_answer(
            ServerInfo(
                protocol="sottovoce/1",
                name=settings.name,
                verify_key=deps.keys.receipts.verify_key().raw,
                batch_seconds=settings.batch_seconds,
                onion=settings.onion,
                now=deps.now_s(),
            )
        )

    asked = Described(
        "Ask for a puzzle and a ticket.", ChallengeShape, problems=(Kind.NOT_FOUND, Kind.UNAVAILABLE)
    )

    @get("/v1/admission/{group:str}/{route:str}", opt=asked.opt())
    async def challenge(request: AnyRequest, group: FromPath[str], route: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        gid, kind = hex16(group), ROUTES.get(route)
        if kind is None:
            raise ProblemError(Kind.MALFORMED_PATH)
        # Limits are kept by group: only groups that exist may name one.
        if kind is not Route.MAILBOX and await deps.groups.history(gid) is None:
            raise ProblemError(Kind.NOT_FOUND)
        return json_answer(await deps.gate.challenge(gid, kind))

    return [server, challenge]
