"""The store for many machines: Redis or Valkey, single, under Sentinel, or a cluster.

A commit is one script, and is acknowledged when Redis has synced it to its append-only file and as many replicas as
asked for have it. What surely was not done (the server moved, is loading, has no script yet) is tried again for a
while; what may have been done never is, it is StoreUnavailable. Which Redis is trusted: `redis_settings`.
While a cluster moves a slot, the partitions in it are unavailable for that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from redis.exceptions import NoPermissionError

from service.storage import redis_erasing
from service.storage.addresses import RedisAddress
from service.storage.protocol import (
    MAX_SCAN,
    Change,
    Committed,
    Conflict,
    Delete,
    Keep,
    StoreRefused,
    StoreUnavailable,
    Write,
)
from service.storage.redis_files import info_of
from service.storage.redis_node import Command, Login, Lost, NotSent
from service.storage.redis_patience import UNKNOWN, patiently, translated
from service.storage.redis_scripts import SCAN, call, commit_of, keys_of
from service.storage.redis_settings import (
    FEW_REPLICAS,
    INCOMPLETE_CLUSTER,
    NOT_A_MASTER,
    QUESTION,
    UNWATCHED_FAILOVER,
    Durability,
    what_is_wrong,
)
from service.storage.redis_topology import (
    Cluster,
    Sentinels,
    Server,
    Single,
    Topology,
)
from service.storage.rules import (
    Updates,
    check_changes,
    check_names,
    check_partition,
    check_scan,
    scan_bounds,
)

T = TypeVar("T")

_PROBES: Final = 10_000  # enough to meet a master that serves but a few slots


class RedisStore:
    """A `Store` in Redis. Made by `open_redis`."""

    def __init__(self, topology: Topology, durability: Durability) -> None:
        self._topology = topology
        self._durability = durability
        self._updates = Updates(self, self._settle if durability.replicas else None)

    async def clock_s(self) -> float:
        """The clock of the (first) master."""
        reply = await self._read(self._first_master, (b"TIME",))
        return int(reply[0]) + int(reply[1]) / 1_000_000

    async def read(self, partition: str, name: bytes) -> bytes | None:
        """See Store."""
        check_partition(partition)
        check_names((name,))
        value: bytes | None = await self._read_in(partition, (b"HGET", keys_of(partition)[0], name))
        return value

    async def read_many(self, partition: str, names: Sequence[bytes]) -> list[bytes | None]:
        """See Store."""
        check_partition(partition)
        check_names(names)
        if not names:
            return []
        values: list[bytes | None] = await self._read_in(partition, (b"HMGET", keys_of(partition)[0], *names))
        return values

    async def commit(self, partition: str, changes: Sequence[Change]) -> Committed | Conflict:
        """See Store."""
        check_partition(partition)
        changes = tuple(changes)
        size = check_changes(changes)
        if not changes:
            return Committed()
        return await self._commit(partition, changes, size)

    async def update(
        self, partition: str, name: bytes, decide: Callable[[bytes | None], Write[T] | Keep[T]]
    ) -> T:
        """See Store."""
        return await self._updates.run(partition, name, decide)

    async def scan(
        self, partition: str, prefix: bytes, after: bytes = b"", limit: int = 100, *, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        """See Store."""
        check_partition(partition)
        check_scan(prefix, after, limit)
        lowest, beyond = scan_bounds(prefix, after, reverse=reverse)
        flat: list[bytes] = await self._read_in(
            partition, call(SCAN, partition, lowest, beyond, limit, MAX_SCAN, int(reverse))
        )
        return list(zip(flat[::2], flat[1::2], strict=True))

    async def sweep(self, now_s: int) -> int:
        """See Store."""
        removed = 0
        for server in await self._topology.masters():
            await translated(server.readiness.reach())
            removed += await translated(redis_erasing.sweep(server.node, now_s))
        return removed

    async def purge(self, partition: str, names: Sequence[bytes]) -> None:
        """See Store. Rewrites the files of the partition's master and of all its replicas."""
        check_partition(partition)
        check_names(names)
        await self.commit(partition, [Delete(name) for name in dict.fromkeys(names)])
        server = await self._topology.server_of(partition)
        await translated(redis_erasing.rewrite_files(server.node, partition))

    async def healthy(self) -> None:
        """See Store. Looks at every master's settings, and writes to each."""
        await self._topology.refresh(self._topology.generation)
        await self.check()
        await asyncio.gather(*(self._probe(server) for server in await self._topology.masters()))

    async def check(self) -> None:
        """StoreRefused unless every master is set up so that what is acknowledged lasts."""
        for server in await self._topology.masters():
            await translated(self._check_master(server))
        if isinstance(self._topology, Cluster) and not self._topology.complete:
            raise StoreRefused(INCOMPLETE_CLUSTER)
        if self._topology.fails_over and not self._durability.replicas:
            raise StoreRefused(UNWATCHED_FAILOVER)

    async def close(self) -> None:
        """See Store."""
        await self._topology.close()

    async def _check_master(self, server: Server) -> None:
        node = server.node
        role, settings = await node.exchange((b"ROLE",), QUESTION)
        if isinstance(role, NoPermissionError):
            raise StoreRefused("This service's Redis user may not ask ROLE. Allow it (in an ACL: +role).")
        if isinstance(role, Exception):
            raise role
        if role[0] != b"master":
            raise StoreRefused(NOT_A_MASTER)
        if wrong := what_is_wrong(settings, self._durability):
            raise StoreRefused(wrong)
        if len(role[2]) < self._durability.replicas:
            raise StoreRefused(FEW_REPLICAS)
        if (
            isinstance(self._topology, Single)
            and (await info_of(node, b"cluster")).get("cluster_enabled") == "1"
        ):
            raise StoreRefused(
                "This Redis is part of a cluster. Use redis+cluster:// in the store's address."
            )
        await server.readiness.reach()

    async def _probe(self, server: Server) -> None:
        """Write to one master and wait until that is durable; the key that is written lives a second."""
        for n in range(_PROBES):
            partition = f"probe:{n}"  # in a cluster, one that this master serves
            if await self._topology.server_of(partition) is server:
                await translated(server.groups.commit(commit_of(partition, (), barrier=True), 0))
                return

    async def _settle(self, partition: str) -> None:
        await self._commit(partition, (), 0)

    async def _first_master(self) -> Server:
        return (await self._topology.masters())[0]

    async def _commit(self, partition: str, changes: Sequence[Change], size: int) -> Committed | Conflict:
        asked = commit_of(partition, changes, barrier=bool(self._durability.replicas))

        try:
            made, *rest = await patiently(
                self._topology,
                lambda: self._topology.server_of(partition),
                lambda server: server.groups.commit(asked, size),
            )
        except Lost:
            raise StoreUnavailable(UNKNOWN) from None
        return Committed(tuple(rest)) if made else Conflict(rest[0])

    async def _read_in(self, partition: str, command: Command) -> Any:
        return await self._read(lambda: self._topology.server_of(partition), command)

    async def _read(self, where: Any, command: Command) -> Any:
        async def send(server: Server) -> Any:
            try:
                (reply,) = await server.node.exchange(command)
            except Lost as lost:  # reading twice does no harm
                raise NotSent from lost
            return reply

        return await patiently(self._topology, where, send)


async def open_redis(address: RedisAddress, *, replicas: int = 0, every_second: bool = False) -> RedisStore:
    """Open the store at `address`. StoreRefused, saying what to change, if what it acknowledges might not last.

    replicas, every_second: see `Durability`.
    """
    try:
        durability = Durability(replicas, every_second)
    except ValueError as wrong:
        raise StoreRefused(f"The settings of the store do not go together: {wrong}.") from None
    login = Login(address.tls, address.username, address.password, address.db)
    topology: Topology
    match address.kind:
        case "single":
            topology = Single(address.hosts[0], login, durability)
        case "sentinel":
            topology = Sentinels(address, login, durability)
        case "cluster":
            topology = Cluster(address, login, durability)
    store = RedisStore(topology, durability)
    try:
        await store.check()
    except BaseException:
        await store.close()
        raise
    return store
