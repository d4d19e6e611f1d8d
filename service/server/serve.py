"""Runs the server: checks first, then Granian with one worker (SQLite) or several (Redis).

There is no access log, and Granian's own log is kept to errors: nothing of a request is written anywhere.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from contextlib import ExitStack, suppress
from functools import partial
from typing import Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server as Granian

from crypto import selftest
from service.server import events
from service.server.listening import check_free, kept
from service.server.opening import opened
from service.server.settings import Settings, to_environment

HEADER_READ_MS = 10_000
BUFFER = 64 * 1_024
GRACE_S = 20
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


async def check(settings: Settings) -> None:
    """Open and probe everything once. Raises what is wrong with the set-up, for a person to read."""
    selftest.check_once()
    async with opened(settings, apart=False) as deps:
        await deps.store.healthy()


def run(settings: Settings) -> None:
    """Check the set-up and serve until SIGTERM or SIGINT, then finish what is under way.

    What is freed is overwritten only after `forgetting.forget_what_is_freed`, which the caller does first. Refused when
    the address can't be listened at, or SQLite's folder is another server's; `check` raises what else is wrong.
    """
    events.set_up()
    with ExitStack() as held:
        if settings.store == "sqlite":
            held.enter_context(kept(settings.folder))
        check_free(settings.host, settings.port)
        asyncio.run(check(settings))
        _serve(settings)


def _serve(settings: Settings) -> None:
    os.environ.update(to_environment(settings))
    server = Granian(
        "service.server.asgi:application",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_MS, max_buffer_size=BUFFER),
        websockets=False,
        log_level=LogLevels.error,
        log_access=False,
        respawn_failed_workers=settings.workers > 1,
        workers_kill_timeout=GRACE_S,
    )
    os.register_at_fork(after_in_child=partial(_begin_worker, os.getpid()))
    events.event("serving")
    server.serve()
    events.event("stopped")


def _begin_worker(main: int) -> None:
    """Have a worker stop when it is told to, and, on Linux, when the main process ends in whatever way.

    Until it has loaded the server, it would have its parent's handler, which does nothing there: a stop in the first
    second was not heard, and took GRACE_S. And where the main process alone was killed, a worker went on serving, and
    held the folder against the server that was to take its place.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(AttributeError, OSError):  # elsewhere there is no such call
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != main:  # it ended before that
            os.kill(os.getpid(), signal.SIGTERM)
