"""Registries of members: their list, their signed chains in pages, and requests that wait for their keepers."""

from __future__ import annotations

import re
from typing import Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from abuse.routes import NO_GROUP, Route
from crypto.chains import Statement
from crypto.errors import Refused
from crypto.labels import Label
from service.cases.asking import ask_digest
from service.cases.registry_statements import Join, Leave, Rotate, decode_statement
from service.server import registry_requests
from service.server.bodies import read_json
from service.server.deps import Deps
from service.server.described import Described
from service.server.http import AnyRequest, check_headers, hex32, json_answer, no_query, query
from service.wire import registry_shapes as shapes
from service.wire.problems import Kind, ProblemError
from service.wire.registry_calls import check_dismissal
from service.wire.shapes import MAX_SMALL_JSON, Appended
from service.wire.signing import ADMISSION_HEADER

_AFTER: Final = re.compile(r"(?:0|[1-9][0-9]{0,4})?")
_AFTER_DIGEST: Final = re.compile(r"(?:[0-9a-f]{64})?")


def handlers(deps: Deps) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    return [*_chains(deps), *_requests(deps)]


def _chains(deps: Deps) -> list[HTTPRouteHandler]:
    @get("/v1/registries", opt=Described("List the registries of members.", shapes.RegistryList).opt())
    async def registries(request: AnyRequest) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        listed = await deps.registries.listed()
        return json_answer(
            shapes.RegistryList(tuple(shapes.RegistryHead(each.hex(), entry.name) for each, entry in listed))
        )

    shown = Described(
        "Give a part of a registry's chain of statements: from number `after` on, counted from 0.",
        shapes.StatementsPage,
        query="after",
        query_pattern=_AFTER.pattern,
        problems=(Kind.NOT_FOUND,),
    )

    @get("/v1/registries/{registry:str}", opt=shown.opt())
    async def registry(request: AnyRequest, registry: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        rid, after = hex32(registry), int(query(request, "after", _AFTER) or "0")
        found = await deps.registries.page(rid, after)
        if found is None:
            raise ProblemError(Kind.NOT_FOUND)
        return json_answer(shapes.StatementsPage(rid.hex(), after, tuple(found[0]), found[1]))

    added = Described(
        "Add statements signed by the registry's root key; the first one ever founds it.",
        Appended,
        shapes.AppendStatements,
        problems=(
            Kind.REGISTRY_CLOSED,
            Kind.REGISTRY_REFUSED,
            Kind.REGISTRY_CONFLICT,
            Kind.TOO_MANY,
            Kind.BUSY,
        ),
    )

    @post("/v1/registries/{registry:str}/statements", status_code=200, opt=added.opt())
    async def append_statements(request: AnyRequest, registry: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        rid = hex32(registry)
        sent = await read_json(request, shapes.AppendStatements, shapes.MAX_STATEMENTS_JSON)
        may_found = deps.settings.open_groups or rid.hex() in deps.settings.registries
        seq, digest = await deps.registries.append(rid, sent.statements, may_found=may_found)
        # Another change: after a crash in between the repeat settles, or the request's own end.
        await registry_requests.settle(deps, rid, _accounts(sent.statements))
        return json_answer(Appended(seq, digest.hex()))

    return [registries, registry, append_statements]


def _requests(deps: Deps) -> list[HTTPRouteHandler]:
    asked = Described(
        "Send a request to join, to replace one's keys or to leave, for the registry's keeper to fetch.",
        shapes.Waits,
        shapes.PostRequest,
        admission=True,
        problems=(Kind.NOT_FOUND, Kind.REQUEST_REFUSED, Kind.REQUESTS_FULL),
    )

    @post("/v1/registries/{registry:str}/applications", status_code=200, opt=asked.opt())
    async def ask(request: AnyRequest, registry: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        rid = hex32(registry)
        raw = (await read_json(request, shapes.PostRequest, shapes.MAX_REQUEST_JSON)).request
        growing = await deps.registries.growing(rid)
        if growing is None:
            raise ProblemError(Kind.NOT_FOUND)
        said = registry_requests.understood(raw)
        if not await registry_requests.waits(deps, rid, raw):
            await deps.gate.admit(NO_GROUP, Route.MAILBOX, request.headers.get(ADMISSION_HEADER), 0)
            await registry_requests.post(deps, growing, raw, said)
        return json_answer(shapes.Waits(ask_digest(raw).hex()))

    listed = Described(
        "List requests that wait, in the order of their digests, beyond the digest `after`.",
        shapes.RequestsPage,
        query="after",
        query_pattern=_AFTER_DIGEST.pattern,
        problems=(Kind.NOT_FOUND,),
    )

    @get("/v1/registries/{registry:str}/applications", opt=listed.opt())
    async def waiting(request: AnyRequest, registry: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        rid, after = hex32(registry), bytes.fromhex(query(request, "after", _AFTER_DIGEST))
        if await deps.registries.growing(rid) is None:
            raise ProblemError(Kind.NOT_FOUND)
        found, more = await registry_requests.page(deps, rid, after)
        requests = tuple(shapes.WaitingRequest(digest.hex(), raw) for digest, raw in found)
        return json_answer(shapes.RequestsPage(rid.hex(), requests, more))

    dropped = Described(
        "Drop requests that wait, signed by the registry's root key or a registrar.",
        shapes.Dismissed,
        shapes.Dismiss,
        problems=(Kind.NOT_FOUND, Kind.REGISTRAR, Kind.BUSY),
    )

    @post("/v1/registries/{registry:str}/applications/dismissals", status_code=200, opt=dropped.opt())
    async def dismiss(request: AnyRequest, registry: FromPath[str]) -> Response[bytes]:
        check_headers(request)
        no_query(request)
        rid = hex32(registry)
        sent = await read_json(request, shapes.Dismiss, MAX_SMALL_JSON)
        found = await deps.registries.registry(rid)
        if found is None:
            raise ProblemError(Kind.NOT_FOUND)
        try:
            key = check_dismissal(rid, sent)
        except Refused:
            raise ProblemError(Kind.REGISTRAR) from None
        if key != found.root and key.raw not in found.registrars:
            raise ProblemError(Kind.REGISTRAR)
        count = await registry_requests.dismiss(deps, rid, [bytes.fromhex(each) for each in sent.digests])
        return json_answer(shapes.Dismissed(count))

    return [ask, waiting, dismiss]


def _accounts(statements: tuple[bytes, ...]) -> frozenset[str]:
    """The accounts that statements, accepted already, are about."""
    found: set[str] = set()
    for raw in statements:
        match decode_statement(Statement.parse(raw, Label.REGISTRY).payload):
            case Join(application=application) | Rotate(application=application):
                found.add(application.account)
            case Leave(account=account):
                found.add(account)
    return frozenset(found)
