"""The real server in a process of its own, whose clock the test moves: for polls, which take weeks.

    with timed_server(tmp_path) as server:                 # SQLite, or redis_url=…
        with Client(server.base, clock=server.clock) as client: ...
        server.forward(86_400)

Everything is the product's but the clock, that of the store too: the real time and what a file says is added.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import cast

from service.server import asgi, opening
from service.server.deps import Deps
from service.server.forgetting import forget_what_is_freed
from service.server.settings import Settings, load, to_environment
from service.storage.protocol import Store
from tests.support.inprocess import Timed
from tests.support.server import RunningServer

SHIFT = "SOTTOVOCE_TEST_SHIFT"


def shifted(path: Path) -> Callable[[], float]:
    """A clock that is ahead of the real one by the seconds in a file."""

    def clock() -> float:
        return time.time() + float(path.read_text(encoding="ascii") or "0")

    return clock


class TimedServer(RunningServer):
    """A running server and its clock."""

    @property
    def shift(self) -> Path:
        """The file that says how far ahead its clock is."""
        return self.folder / "shift"

    def clock(self) -> float:
        """Its time, seconds since 1970."""
        return shifted(self.shift)()

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        ahead = float(self.shift.read_text(encoding="ascii")) + seconds
        fresh = self.shift.with_suffix(".new")
        fresh.write_text(repr(ahead), encoding="ascii")
        fresh.replace(self.shift)


@contextmanager
def timed_server(
    folder: Path,
    *,
    redis_url: str | None = None,
    settings: Mapping[str, object] | None = None,
) -> Iterator[TimedServer]:
    """Start a server with its data in `folder`, and end it afterwards."""
    extra: dict[str, object] = dict(settings or {})
    variables = {SHIFT: str(folder / "shift")}
    if redis_url is not None:
        extra["store"] = "redis"
        variables["SOTTOVOCE_REDIS_URL"] = redis_url
    server = TimedServer(folder, extra, variables)
    server.shift.write_text("0", encoding="ascii")
    server.program = ("tests.support.timed_server", str(server.config))
    server.start()
    try:
        yield server
    finally:
        server.stop()


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
        "tests.support.timed_server:application",
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
    async with _opened(settings) as deps:
        await deps.store.healthy()


if __name__ == "__main__":
    main()
