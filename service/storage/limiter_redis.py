"""A limiter in Redis or Valkey (7 or later), for many machines. abuse/SPEC.md, "Limiter".

One script, one round trip, one atomic step on the server's own clock (TIME). All keys carry one hash tag, so a
cluster keeps them together. It needs no persistence; it needs `maxmemory-policy noeviction`, for a spent mark that is
evicted could be spent again, and `open_redis_limiter` refuses anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import AuthenticationError, NoPermissionError, NoScriptError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from abuse.admission import Debited, Outcome, Passed, Pulse, Queued, Step, Turned, Why
from abuse.limits import Bucket, Rate, Verdict
from abuse.routes import EPOCH_SIZE
from crypto.entropy import Entropy
from service.storage.limiter import Clock, LimiterUnavailable, UnfitForLimits
from service.storage.limiter_lua import script_of, sha_of
from service.storage.protocol import StoreRefused, StoreUnavailable
from service.storage.redis_settings import what_tls_lacks

Ready = Callable[[], Awaitable[object]]

_ADOPTIONS = 8
_RECONNECTIONS = 2
_PATIENCE_S = 5.0  # for a place among them: with a Redis that hangs, requests are told so and don't pile up
_AT_ONCE = 64
"""Steps under way together; the others wait. The client's pool refuses what is beyond its 100 connections, and a flood
would have honest requests refused with it."""

_PROBE = (Bucket("", Rate(1, 1)),)
"""What a start asks of, taking nothing: no route has an empty name, so it meets no bucket whose debts it would cut."""

_MAY_NOT = "the limiter's Redis user lacks permissions: docs/operating.md says which it needs"


class RedisLimiter:
    """See Limiter. Get one from `open_redis_limiter`; `clock` replaces the server's TIME in tests only."""

    def __init__(
        self,
        client: Redis | RedisCluster,
        entropy: Entropy,
        *,
        prefix: str = "sv",
        clock: Clock | None = None,
        ready: Ready | None = None,
    ) -> None:
        self._client: Any = client
        self._ready = ready
        self._entropy = entropy
        self._tag = f"{{{prefix}-limits}}:".encode()
        self._clock = clock
        self._life: tuple[bytes, str] | None = None
        self._free = asyncio.Semaphore(_AT_ONCE)

    def _key(self, kind: bytes, name: bytes = b"") -> bytes:
        return self._tag + kind + name

    async def _adopt(self) -> tuple[bytes, str]:
        """Find the epoch this server lives in, or begin one."""
        found = await self._client.hget(self._key(b"life"), "epoch")
        if found is not None:
            epoch = bytes.fromhex(found.decode("ascii"))
            sha = sha_of(script_of(epoch))
            if all(await self._client.script_exists(sha)):
                return epoch, sha
        if self._ready is not None:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._ready()
            except (TimeoutError, StoreUnavailable, StoreRefused):
                raise LimiterUnavailable("the store is not ready for writes") from None
        epoch = self._entropy(EPOCH_SIZE)
        script = script_of(epoch)
        # Script first: whoever sees the new epoch finds its script; whoever races us begins one more epoch.
        await self._client.script_load(script)
        await self._client.hset(self._key(b"life"), mapping={"epoch": epoch.hex(), "latest": "0"})
        return epoch, sha_of(script)

    async def _run(self, keys: list[bytes], argv: list[bytes | str | int]) -> tuple[bytes, list[Any]]:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._free.acquire()
        except TimeoutError:
            raise LimiterUnavailable("the limiter's Redis does not answer") from None
        try:
            return await self._step(keys, argv)
        finally:
            self._free.release()

    async def _step(self, keys: list[bytes], argv: list[bytes | str | int]) -> tuple[bytes, list[Any]]:
        now = "" if self._clock is None else self._clock()
        arguments = [argv[0], now, *argv[1:]]
        reconnections = _RECONNECTIONS
        try:
            for _ in range(_ADOPTIONS):
                if self._life is None:
                    self._life = await self._adopt()
                epoch, sha = self._life
                try:
                    reply = await self._evaluate(sha, keys, arguments)
                except NoScriptError:
                    self._life = None
                    continue
                except RedisConnectionError:
                    # A connection of before a restart. Asking twice is safe: if the first did arrive, the token
                    # is spent and the second says so.
                    if not reconnections:
                        raise
                    reconnections -= 1
                    continue
                if reply[0] == b"reload":
                    self._life = None
                    continue
                return epoch, reply
        except NoPermissionError:
            raise LimiterUnavailable(_MAY_NOT) from None
        except (RedisError, OSError):
            raise LimiterUnavailable("the limiter's Redis can't be reached") from None
        raise LimiterUnavailable("the limiter's Redis keeps losing its state")

    async def _evaluate(self, sha: str, keys: list[bytes], arguments: list[Any]) -> list[Any]:
        evalsha = cast(Callable[..., Awaitable[Any]], self._client.evalsha)
        return list(await evalsha(sha, len(keys), *keys, *arguments))

    def _bucket_keys(self, buckets: tuple[Bucket, ...]) -> list[bytes]:
        return [self._key(b"bucket:", bucket.name.encode()) for bucket in buckets]

    def _room_keys(self, mark: bytes, room: str) -> list[bytes]:
        name = room.encode()
        return [
            self._key(b"life"),
            self._key(b"mark:", mark),
            self._key(b"room:", name),
            self._key(b"waiting:", name),
            self._key(b"won:", name),
            self._key(b"efforts:", name),
        ]

    async def take(self, step: Step) -> Outcome:
        """See Limiter."""
        token = step.token
        keys = [*self._room_keys(token.mark, step.room), *self._bucket_keys(step.buckets)]
        argv: list[bytes | str | int] = ["take", token.epoch.hex(), token.mark, token.lot]
        argv += [token.not_before_us, token.expires_us, token.effort, 1, *_rates(step.buckets)]
        _, reply = await self._run(keys, argv)
        match reply:
            case [b"passed"]:
                return Passed()
            case [b"queued", wait]:
                return Queued(int(wait))
            case [b"turned", why, wait]:
                return Turned(Why(why.decode("ascii")), int(wait))
        raise LimiterUnavailable("the limiter's Redis gave an answer that makes no sense")

    async def debit(self, buckets: tuple[Bucket, ...], quantity: int = 1) -> Debited:
        """See Limiter."""
        keys = [*self._room_keys(b"", ""), *self._bucket_keys(buckets)]
        argv: list[bytes | str | int] = ["debit", "", "", 0, 0, 0, 0, quantity, *_rates(buckets)]
        _, reply = await self._run(keys, argv)
        numbers = [int(number) for number in reply[2:]]
        verdicts = tuple(
            Verdict(bool(limited), left, reset, retry, arrival)
            for limited, left, reset, retry, arrival in zip(*[iter(numbers)] * 5, strict=True)
        )
        return Debited(bool(reply[1]), verdicts)

    async def pulse(self, room: str, rate: Rate) -> Pulse:
        """See Limiter."""
        bucket = Bucket(room, rate)
        keys = [*self._room_keys(b"", room), *self._bucket_keys((bucket,))]
        argv: list[bytes | str | int] = ["pulse", "", "", 0, 0, 0, 0, 0, *_rates((bucket,))]
        epoch, reply = await self._run(keys, argv)
        return Pulse(epoch, int(reply[1]), int(reply[2]), tuple(int(effort) for effort in reply[3]))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _rates(buckets: tuple[Bucket, ...]) -> list[int]:
    return [number for bucket in buckets for number in (bucket.rate.interval_us, bucket.rate.burst)]


async def open_redis_limiter(
    url: str,
    entropy: Entropy,
    *,
    cluster: bool = False,
    prefix: str = "sv",
    clock: Clock | None = None,
    ready: Ready | None = None,
) -> RedisLimiter:
    """Connect, and check that this Redis can be trusted to remember what was spent.

    ready: awaited before anything is written to a Redis that has started; see `open_limiter`.
    Raises ValueError for an address that can't be read, UnfitForLimits when it evicts or is older than 7,
    LimiterUnavailable when it can't be reached, wants another password, or does not let this user do what is needed.
    """
    client: Any = RedisCluster.from_url(url) if cluster else Redis.from_url(url)
    try:
        targets: dict[str, Any] = {"target_nodes": RedisCluster.RANDOM} if cluster else {}
        about = await client.info("server", **targets)
        memory = await client.info("memory", **targets)
    except AuthenticationError:
        await client.aclose()
        raise LimiterUnavailable("the limiter's Redis wants another user name or password") from None
    except NoPermissionError:
        await client.aclose()
        raise LimiterUnavailable(_MAY_NOT) from None
    except (RedisError, OSError) as unreachable:
        await client.aclose()
        why = what_tls_lacks(unreachable) or "Is it running, and is its address right?"
        raise LimiterUnavailable(f"the limiter's Redis can't be reached. {why}") from None
    if int(str(about["redis_version"]).split(".")[0]) < 7:
        await client.aclose()
        raise UnfitForLimits("the limiter needs Redis 7 or later, or Valkey")
    if memory["maxmemory_policy"] != "noeviction":
        await client.aclose()
        raise UnfitForLimits("set maxmemory-policy noeviction: an evicted mark could be spent again")
    limiter = RedisLimiter(client, entropy, prefix=prefix, clock=clock, ready=ready)
    try:
        await limiter.debit(_PROBE, 0)
    except BaseException:
        await limiter.close()
        raise
    return limiter
