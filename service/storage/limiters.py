"""Opens a limiter by its address: `memory:`, `sqlite:PATH`, `redis://…`, `rediss://…` or `redis+cluster://…`."""

from __future__ import annotations

from pathlib import Path

from crypto.entropy import Entropy, system
from service.storage.limiter import InProcessLimiter, Limiter, steady_clock, wall_clock
from service.storage.limiter_redis import open_redis_limiter
from service.storage.limiter_sqlite import SqliteLimiter

_CLUSTER = "redis+cluster://"


class UnknownLimiter(ValueError):
    """The address names no kind of limiter. The message lists the kinds."""


async def open_limiter(address: str, entropy: Entropy = system) -> Limiter:
    """Open a limiter; close it with `close()`.

    `memory:` is right for one server process, `sqlite:PATH` (a file of its own) for several on one machine, Redis for
    many machines. Raises UnknownLimiter, LimiterUnavailable, UnfitForLimits.
    """
    if address == "memory:":
        return InProcessLimiter(steady_clock(), entropy)
    if address.startswith("sqlite:") and len(address) > len("sqlite:"):
        return SqliteLimiter(Path(address.removeprefix("sqlite:")), wall_clock, entropy)
    if address.startswith(_CLUSTER):
        return await open_redis_limiter("redis://" + address.removeprefix(_CLUSTER), entropy, cluster=True)
    if address.startswith(("redis://", "rediss://", "unix://")):
        return await open_redis_limiter(address, entropy)
    raise UnknownLimiter(
        "a limiter is memory:, sqlite:PATH, redis://HOST:PORT/DB or redis+cluster://HOST:PORT"
    )
