"""Which server takes the writes of a partition: the one that is named, the one Sentinel names, or a cluster's.

Each answer can grow old while it is being used. Then the server says so (READONLY, MOVED) or does not answer, the
caller asks for a `refresh` and tries again; where a partition was last seen is only ever a guess.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

from redis.crc import key_slot
from redis.exceptions import ResponseError

from service.storage.addresses import RedisAddress
from service.storage.protocol import StoreRefused, StoreUnavailable
from service.storage.redis_node import Groups, Login, Lost, Node, NotSent
from service.storage.redis_readiness import Readiness
from service.storage.redis_scripts import keys_of
from service.storage.redis_settings import Durability

Place = tuple[str, int]

NOBODY_ANSWERS = "Redis can't be reached. Is it running, and is the store's address right? Try again."


@dataclass(frozen=True, slots=True)
class Server:
    """A server that takes writes, the groups in which they travel, and whether they may begin."""

    node: Node
    groups: Groups
    readiness: Readiness


class Topology(Protocol):
    """Where partitions live now, as far as is known."""

    fails_over: bool
    """Whether a replica may take over without anybody asking."""

    @property
    def generation(self) -> int:
        """Grows with each refresh."""

    async def server_of(self, partition: str) -> Server:
        """The master for a partition. Raises StoreUnavailable, StoreRefused."""

    async def masters(self) -> list[Server]:
        """Every master. Raises as `server_of`."""

    async def refresh(self, seen: int) -> None:
        """Look again, unless somebody has done so since generation `seen`. Raises as `server_of`."""

    async def close(self) -> None:
        """Finish all groups and close all connections."""


class _Known:
    """The servers met so far, by address; and one look at a time."""

    def __init__(self, login: Login, durability: Durability, *, together: bool) -> None:
        self._login = login
        self._durability = durability
        self._together = together
        self._servers: dict[Place, Server] = {}
        self._looking = asyncio.Lock()
        self._generation = 0
        self._closed = False

    @property
    def generation(self) -> int:
        return self._generation

    def _server_at(self, place: Place) -> Server:
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        found = self._servers.get(place)
        if found is None:
            node = Node(*place, self._login)
            found = Server(node, Groups(node, self._durability, together=self._together), Readiness(node))
            self._servers[place] = found
        return found

    async def refresh(self, seen: int) -> None:
        async with self._looking:
            if self._generation == seen:
                await self._look()
                self._generation += 1

    async def _look(self) -> None:
        """Nothing to find out."""

    async def close(self) -> None:
        self._closed = True
        for server in self._servers.values():
            await server.readiness.close()
            await server.groups.close()
        for server in self._servers.values():
            await server.node.close()


class Single(_Known):
    """One server, always the same."""

    fails_over = False

    def __init__(self, place: Place, login: Login, durability: Durability) -> None:
        super().__init__(login, durability, together=True)
        self._place = place

    async def server_of(self, partition: str) -> Server:  # noqa: ARG002
        """See Topology."""
        return self._server_at(self._place)

    async def masters(self) -> list[Server]:
        """See Topology."""
        return [self._server_at(self._place)]


class Sentinels(_Known):
    """The master of a service, as any of its Sentinels says."""

    fails_over = True

    def __init__(self, address: RedisAddress, login: Login, durability: Durability) -> None:
        super().__init__(login, durability, together=True)
        self._sentinels = list(address.hosts)
        self._service = address.service
        self._master: Place | None = None

    async def server_of(self, partition: str) -> Server:  # noqa: ARG002
        """See Topology."""
        if self._master is None:
            await self.refresh(self._generation)
        if self._master is None:
            raise StoreUnavailable(NOBODY_ANSWERS)
        return self._server_at(self._master)

    async def masters(self) -> list[Server]:
        """See Topology."""
        return [await self.server_of("")]

    async def _look(self) -> None:
        unknown, why = False, ""
        for place in self._sentinels:
            try:
                reply = await self._ask(place)
            except (NotSent, Lost, ResponseError) as failed:
                why = why or (str(failed) if isinstance(failed, NotSent) else "")
                continue
            if isinstance(reply, list) and len(reply) == 2:
                self._master = (reply[0].decode(), int(reply[1]))
                self._sentinels.remove(place)  # ask first whoever answered last
                self._sentinels.insert(0, place)
                return
            unknown = True
        if unknown:
            raise StoreRefused(
                "The Sentinels do not know the service named in the store's address (`sentinel monitor <service> …`)."
            )
        raise StoreUnavailable(why or "No Sentinel in the store's address answers. Try again.")

    async def _ask(self, place: Place) -> object:
        # Sentinels seldom have a password, and refuse one they don't have; so first without.
        for login in (
            Login(tls=self._login.tls),
            Login(self._login.tls, self._login.username, self._login.password),
        ):
            node = Node(*place, login)
            try:
                return await node.ask(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self._service)
            except StoreRefused:
                continue
            finally:
                await node.close()
        raise StoreRefused("The Sentinels do not accept the user name or password in the store's address.")


class Cluster(_Known):
    """The masters of a cluster, and the slots each serves."""

    def __init__(self, address: RedisAddress, login: Login, durability: Durability) -> None:
        super().__init__(login, durability, together=False)
        self.fails_over = False
        self._seeds = list(address.hosts)
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._places: list[Place] = []

    async def server_of(self, partition: str) -> Server:
        """See Topology."""
        if not self._places:
            await self.refresh(self._generation)
        slot = key_slot(keys_of(partition)[0])
        index = bisect_right(self._starts, slot) - 1
        if index < 0 or slot > self._ends[index]:
            raise StoreUnavailable("Nobody serves this part of the Redis cluster at the moment. Try again.")
        return self._server_at(self._places[index])

    async def masters(self) -> list[Server]:
        """See Topology."""
        if not self._places:
            await self.refresh(self._generation)
        return [self._server_at(place) for place in dict.fromkeys(self._places)]

    @property
    def complete(self) -> bool:
        """Whether every slot is served by somebody."""
        return sum(end - start + 1 for start, end in zip(self._starts, self._ends, strict=True)) == 16384

    async def _look(self) -> None:
        why = ""
        for place in dict.fromkeys((*self._places, *self._seeds)):
            node = self._server_at(place).node
            try:
                reply = await node.ask(b"CLUSTER", b"SLOTS")
            except (NotSent, Lost) as failed:
                why = why or str(failed)
                continue
            except ResponseError:
                raise StoreRefused(
                    "The Redis in the store's address is not part of a cluster. Use redis:// for a single one."
                ) from None
            ranges = sorted((start, end, self._place(place, master)) for start, end, master, *_ in reply)
            self.fails_over = any(len(found) > 3 for found in reply)  # start, end, master, replicas
            self._starts = [start for start, _, _ in ranges]
            self._ends = [end for _, end, _ in ranges]
            self._places = [master for _, _, master in ranges]
            return
        raise StoreUnavailable(why or NOBODY_ANSWERS)

    @staticmethod
    def _place(asked: Place, entry: list[bytes | int | None]) -> Place:
        host, port = entry[0], entry[1]
        # A node that does not know its own address means the one it was reached by.
        name = host.decode() if isinstance(host, bytes) and host not in (b"", b"?") else asked[0]
        return name, int(port or 0)
