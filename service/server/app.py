"""Puts the server together: routes, problem answers, headers, housekeeping. Everything comes in as `Deps`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from litestar import Litestar, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from crypto.entropy import system
from crypto.errors import Refused
from service.server import events, housekeeping, http, openapi, pages, paging
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

WAITS_S: Final = (
    60.0  # then the worker gives up, and whoever started it decides: Granian, systemd, a container
)
AGAIN_S: Final = 0.5

T = TypeVar("T")

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


@asynccontextmanager
async def opened(settings: Settings, *, apart: bool = True) -> AsyncIterator[Deps]:
    """Open what the settings name and close it at the end. Raises what a wrong set-up raises, before serving.

    apart: whether SQLite is written by a process of its own.
    """
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


async def when_reachable(step: Callable[[], Awaitable[T]]) -> T:
    """Take a step of a worker's start, again and again while the store or the limiter can't be reached, up to WAITS_S.

    The set-up was proven before the first worker (`serve.check`). Without patience here, a worker that starts while
    Redis does (one that took the place of another, say) fails twice within seconds, and Granian then ends them all.
    Raises what `step` raises at last.
    """
    until = time.monotonic() + WAITS_S
    said = False
    while True:
        try:
            return await step()
        except (StoreUnavailable, LimiterUnavailable) as error:
            if time.monotonic() > until:
                raise
            if not said:
                events.failure("waiting-at-start-up", error)
                said = True
        await asyncio.sleep(AGAIN_S)
