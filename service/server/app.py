"""Puts the server together: routes, problem answers, headers, housekeeping. Everything comes in as `Deps`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from crypto.errors import Refused
from service.server import housekeeping, http, openapi, pages, paging
from service.server.deps import Deps
from service.server.opening import when_reachable
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
from service.storage.limiter import LimiterUnavailable
from service.storage.protocol import StoreRefused, StoreUnavailable
from service.wire.problems import ProblemError

_ROUTES = (about, groups, reports, desk, mailboxes, polls, polls_desk, polls_trustees, registries)


def create_app(deps: Deps) -> Litestar:
    """Make the application: the API and the reporter's pages."""
    handlers: list[HTTPRouteHandler] = [handler for module in _ROUTES for handler in module.handlers(deps)]
    description = functools.cache(lambda: openapi.document(handlers))  # written once somebody asks for it

    @get("/v1/openapi.json")
    async def described() -> Response[bytes]:
        return Response(description(), media_type=http.JSON)

    @asynccontextmanager
    async def housekept(_app: Litestar) -> AsyncIterator[None]:
        await when_reachable(lambda: housekeeping.once(deps))
        pager = paging.Pager()
        works = (
            (housekeeping.once, housekeeping.EVERY_S, "housekeeping"),
            (pager.once, paging.EVERY_S, "paging"),
        )
        tasks = [asyncio.create_task(housekeeping.repeat(deps, *work)) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await pager.stop()

    site = Site(deps)

    def for_people_too(answer: Callable[..., Response[bytes]]) -> Callable[..., Response[bytes]]:
        """Have what a program gets as a problem document come to a person as a page."""

        def answered(request: http.AnyRequest, error: Exception) -> Response[bytes]:
            plain = answer(request, error)
            return pages.problem(site, request, plain.status_code or 500) or plain

        return answered

    on_errors: dict[Any, Any] = {
        kind: for_people_too(answer)
        for kind, answer in (
            (ProblemError, http.on_problem),
            (StoreUnavailable, http.on_store),
            (StoreRefused, http.on_store),
            (LimiterUnavailable, http.on_store),
            (Refused, http.on_refused),
            (HTTPException, http.on_http),
            (Exception, http.on_error),
        )
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
