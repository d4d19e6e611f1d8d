"""What a failed exchange with Redis means: tried again when surely not done, StoreUnavailable when it may have been."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

from service.storage.protocol import StoreUnavailable
from service.storage.redis_node import Lost, NotSent
from service.storage.redis_topology import NOBODY_ANSWERS, Topology

log = logging.getLogger(__name__)

_PATIENCE_S: Final = 3.0
_PAUSE_S: Final = 0.05
_ELSEWHERE: Final = (
    AskError,  # and MovedError
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    ReadOnlyError,
    TryAgainError,
)
UNKNOWN: Final = "The connection to Redis broke before it answered, so nobody knows what was done. Try again."
_LOADING: Final = "Redis has just started, and is loading its files. Try again."
_FULL: Final = "The memory of Redis is full, so it takes no more records. Raise maxmemory, or free some."


async def patiently(topology: Topology, where: Any, send: Any) -> Any:
    """Send to the right server, wherever it is now; try again what was surely not done, for three seconds.

    where: finds the server, anew for each try; send: sends to it. Raises StoreUnavailable, and Lost when the
    connection broke before the answer.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + _PATIENCE_S
    while True:
        seen = topology.generation
        try:
            server = await where()
            reply = await send(server)
        except NotSent as failed:
            reason = str(failed) or NOBODY_ANSWERS
        else:
            if not isinstance(reply, Exception):
                return reply
            if isinstance(reply, NoScriptError):
                await translated(server.readiness.reach(give_up - loop.time()))
                reason = "Redis keeps forgetting this service's scripts. Try again."
                if loop.time() < give_up:
                    continue
            elif isinstance(reply, _ELSEWHERE):
                reason = "Redis is starting, failing over, or moving records. Try again."
            else:
                raise _understood(reply)
        if loop.time() > give_up:
            raise StoreUnavailable(reason)
        await asyncio.sleep(_PAUSE_S)
        try:
            await topology.refresh(seen)
        except StoreUnavailable:
            if loop.time() > give_up:
                raise


async def translated(work: Any) -> Any:
    """Await an exchange; what goes wrong, raised or answered, becomes StoreUnavailable."""
    try:
        result = await work
    except NotSent as failed:
        loading = isinstance(failed.__cause__, BusyLoadingError)
        raise StoreUnavailable(_LOADING if loading else str(failed) or NOBODY_ANSWERS) from None
    except Lost:
        raise StoreUnavailable(UNKNOWN) from None
    except ResponseError as refused:
        raise _understood(refused) from None
    if isinstance(result, Exception):
        raise _understood(result)
    return result


def _understood(reply: Exception) -> StoreUnavailable:
    if isinstance(reply, OutOfMemoryError):
        return StoreUnavailable(_FULL)
    # Only the code: what follows may repeat arguments.
    log.error("redis refused a command: %s", type(reply).__name__)
    return StoreUnavailable(
        "Redis refused a command. Its log, or this service's permissions in it, may say why."
    )
