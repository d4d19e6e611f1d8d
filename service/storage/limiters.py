"""Opens a limiter by its address: `memory:`, `sqlite:PATH`, `redis://…`, `rediss://…` or `redis+cluster://…`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crypto.entropy import Entropy, system
from service.storage.limiter import InProcessLimiter, Limiter, steady_clock, wall_clock
from service.storage.limiter_sqlite import SqliteLimiter

if TYPE_CHECKING:  # with the Redis client, which a server without Redis never needs
    from service.storage.limiter_redis import Ready

_CLUSTER = "redis+cluster://"
_KINDS = "the limiter's address is memory:, sqlite:PATH, redis://HOST:PORT/DB or redis+cluster://HOST:PORT"


class UnknownLimiter(ValueError):
    """The address names no kind of limiter. The message lists the kinds."""


async def open_limiter(address: str, entropy: Entropy = system, *, ready: Ready | None = None) -> Limiter:
    """Open a limiter; close it with `close()`.

    ready: the store's `healthy`, where that may be in the same Redis. It is awaited before limits are written to a
    Redis that has started: its file may end with a torn commit of the store, which our write would complete
    (redis_readiness.py).

    `memory:` is right for one server process, `sqlite:PATH` (a file of its own) for several on one machine, Redis for
    many machines. Raises UnknownLimiter, LimiterUnavailable, UnfitForLimits.
    """
    if address == "memory:":
        return InProcessLimiter(steady_clock(), entropy)
    if address.startswith("sqlite:") and len(address) > len("sqlite:"):
        return SqliteLimiter(Path(address.removeprefix("sqlite:")), wall_clock, entropy)
    cluster = address.startswith(_CLUSTER)
    if cluster or address.startswith(("redis://", "rediss://", "unix://")):
        from service.storage.limiter_redis import open_redis_limiter

        try:
            return await open_redis_limiter(
                address.replace(_CLUSTER, "redis://", 1), entropy, cluster=cluster, ready=ready
            )
        except ValueError:  # its words may repeat the address, and the password in it
            raise UnknownLimiter(_KINDS) from None
    raise UnknownLimiter(_KINDS)
