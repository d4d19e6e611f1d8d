"""Puts the server together: routes, problem answers, headers, housekeeping. Everything comes in as `Deps`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from crypto.entropy import system
from crypto.errors import Refused
from service.server import housekeeping, http, openapi, pages, paging
from service.server.admission import Admission
from service.server.deps import Deps
from service.server.gate import Gate, limits_of
from service.server.keys import load_or_make
from service.server.pages.site import Site
from service.server.routes import (
    about,
    desk,
    groups,
    mailboxes,
    polls,
    polls_desk,
    polls_trustees,
    registries,
    reports,
)
from service.server.settings import Settings, limiter_url, store_url
from service.storage.addresses import open_store
from service.storage.limiter import LimiterUnavailable
from service.storage.limiters import open_limiter
from service.storage.protocol import StoreRefused, StoreUnavailable
from service.wire.problems import ProblemError

_ROUTES = (about, groups, reports, desk, mailboxes, polls, polls_desk, polls_trustees, registries)


def create_app(deps: Deps) -> Litestar:
    """Make the application: the API and the reporter's pages."""
    handlers: list[HTTPRouteHandler] = [handler for module in _ROUTES for handler in module.handlers(deps)]
    description = openapi.document(handlers)

    @get("/v1/openapi.json")
    async def described() -> Response[bytes]:
        return Response(description, media_type=http.JSON)

    @asynccontextmanager
    async def housekept(_app: Litestar) -> AsyncIterator[None]:
        await housekeeping.once(deps)
        tasks = [asyncio.create_task(work.forever(deps)) for work in (housekeeping, paging)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    site = Site(deps)

    def on_http(request: http.AnyRequest, error: HTTPException) -> Response[bytes]:
        page = pages.no_such_page(site, request) if error.status_code == 404 else None
        return page or http.on_http(request, error)

    on_errors: dict[Any, Any] = {
        ProblemError: http.on_problem,
        StoreUnavailable: http.on_store,
        StoreRefused: http.on_store,
        LimiterUnavailable: http.on_store,
        Refused: http.on_refused,
        HTTPException: on_http,
        Exception: http.on_error,
    }
    return Litestar(
        route_handlers=[*handlers, described, *pages.handlers(site)],
        exception_handlers=on_errors,
        before_send=[http.add_headers],
        lifespan=[housekept],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,  # every route caps what it reads; see bodies.read_body
        debug=False,
    )


@asynccontextmanager
async def opened(settings: Settings, *, apart: bool = True) -> AsyncIterator[Deps]:
    """Open what the settings name and close it at the end. Raises what a wrong set-up raises, before serving.

    apart: whether SQLite is written by a process of its own.
    """
    import time

    paging.checked(settings)
    keys = load_or_make(settings.folder, system)
    store = await open_store(store_url(settings), replicas=settings.redis_replicas, apart=apart)
    try:
        limiter = await open_limiter(limiter_url(settings))
        try:
            gate = Gate(Admission(keys.admission, limiter, limits_of(settings.admission)))
            yield Deps(settings, store, keys, gate, time.time, system)
        finally:
            await limiter.close()
    finally:
        await store.close()
