"""The application that a worker serves: opens what the settings name inside the worker's own event loop."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from typing import Any, Final

from crypto import selftest
from service.server import events
from service.server.app import create_app
from service.server.forgetting import Collecting
from service.server.opening import opened, when_reachable
from service.server.settings import Settings, from_environment

# A full search for cycles takes some milliseconds: seldom enough that nobody waits for it, well within a minute.
COLLECT_AFTER_S: Final = 20.0

# Granian hands these over as plain dictionaries, and the life of a worker among them.
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Served:
    """An ASGI application that makes the real one when the worker starts, and closes its parts when it stops."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: Any = None
        self._collecting = Collecting(COLLECT_AFTER_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the worker's life."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif self._app is not None:
            self._collecting.soon()
            if scope.get("method") == "HEAD":
                scope, send = {**scope, "method": "GET"}, _without_content(send)
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            selftest.check_once()
            async with AsyncExitStack() as parts:
                deps = await when_reachable(lambda: parts.enter_async_context(opened(self._settings)))
                self._app = create_app(deps)
                gc.collect()
                gc.freeze()  # what start-up made lives as long as the worker: don't look through it again
                await self._app(scope, receive, send)
                self._app = None
        except Exception as error:  # noqa: BLE001 - the edge: the worker must not serve half a server
            events.failure("start-up", error)
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "The server could not start."})


def _without_content(send: Send) -> Send:
    """Answer HEAD as GET is answered, and leave the content out (RFC 9110 §9.3.2): for those who only look if we live.

    A handler's request signs its method, so one that signed HEAD is refused.
    """

    async def sent(message: MutableMapping[str, Any]) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sent


def application() -> Served:
    """Make the application of this worker, from the settings its parent left in the environment."""
    events.set_up()
    return Served(from_environment())
