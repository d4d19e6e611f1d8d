"""Opens what the settings name: keys, store, limiter. No route is loaded for it, so whoever only checks is light."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from crypto.entropy import system
from service.server import events, paging
from service.server.admission import Admission
from service.server.deps import Deps
from service.server.gate import Gate, limits_of
from service.server.keys import load_or_make
from service.server.settings import Settings, limiter_url, store_url
from service.storage.addresses import open_store
from service.storage.limiter import LimiterUnavailable
from service.storage.limiters import open_limiter
from service.storage.protocol import StoreUnavailable

WAITS_S: Final = 60.0  # then the worker gives up, and whoever started it decides: Granian, a container
AGAIN_S: Final = 0.5

T = TypeVar("T")


@asynccontextmanager
async def opened(settings: Settings, *, apart: bool = True) -> AsyncIterator[Deps]:
    """Open what the settings name and close it at the end. Raises what a wrong set-up raises, before serving.

    apart: whether SQLite is written by a process of its own.
    """
    paging.checked(settings)
    keys = load_or_make(settings.folder, system)
    store = await open_store(store_url(settings), replicas=settings.redis_replicas, apart=apart)
    try:
        limiter = await open_limiter(limiter_url(settings), ready=store.healthy)
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
