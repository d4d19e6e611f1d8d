"""What the process of a timed server runs: the product, but for a clock that is ahead by what a file says.

It loads what the server loads and no more: no client, no test. tests.support.timed_server starts it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

from service.server import asgi, opening
from service.server.deps import Deps
from service.server.forgetting import forget_what_is_freed
from service.server.settings import Settings, load, to_environment
from service.storage.protocol import Store

SHIFT: Final = "SOTTOVOCE_TEST_SHIFT"


def shifted(path: Path) -> Callable[[], float]:
    """A clock that is ahead of the real one by the seconds in a file."""

    def clock() -> float:
        return time.time() + float(path.read_text(encoding="ascii") or "0")

    return clock


class Timed:
    """A store whose clock is the test's, for engines that have a clock of their own."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock

    async def clock_s(self) -> float:
        return self._clock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@asynccontextmanager
async def _opened(settings: Settings, *, apart: bool = True) -> AsyncIterator[Deps]:
    """What the product opens, with another clock."""
    clock = shifted(Path(os.environ[SHIFT]))
    async with _real_opened(settings, apart=apart) as deps:
        store = cast("Store", Timed(deps.store, clock))
        yield Deps(deps.settings, store, deps.keys, deps.gate, clock, deps.entropy)


_real_opened = opening.opened


def application() -> asgi.Served:
    """What a worker serves."""
    asgi.opened = _opened  # type: ignore[attr-defined]
    return asgi.application()


def main() -> None:
    """Serve the settings file that is named, as `service.server.serve.run` does."""
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels
    from granian.server import Server as Granian

    forget_what_is_freed()  # as the server does
    settings = load(Path(sys.argv[1]))
    os.environ.update(to_environment(settings))
    asyncio.run(_check(settings))
    Granian(
        "tests.support.timed_service:application",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
        log_access=False,
        respawn_failed_workers=settings.workers > 1,  # as service.server.serve has it
    ).serve()


async def _check(settings: Settings) -> None:
    async with _opened(settings, apart=False) as deps:
        await deps.store.healthy()


if __name__ == "__main__":
    main()
