"""One Redis server: connections to it, and commits sent to it in groups.

`exchange` sends commands together on one connection and returns one reply for each. Nothing is ever sent a second
time from here: after a lost connection nobody knows whether a commit was made, and making an Insert twice would
turn a success into a conflict with itself. Callers are told apart: `NotSent`, where a repeat is safe, and `Lost`.

`Groups` gathers the commits that arrive while earlier ones are under way. A group is one script (not in a cluster,
where partitions live in different slots), so that Redis syncs its append-only file once for all of it, followed by
WAIT for the replicas, and by a look at the settings on which durability rests: nothing is acknowledged that was
written while they were wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import hiredis
from redis.asyncio import Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    RedisError,
    ResponseError,
)

from service.storage.protocol import StoreRefused, StoreUnavailable
from service.storage.redis_scripts import Asked, commits_call
from service.storage.redis_settings import Durability, what_is_wrong

Command = tuple[bytes | str | int, ...]

MAX_GROUP: Final = 128
MAX_GROUP_BYTES: Final = 4 * 2**20
_FLIGHTS: Final = 2  # groups under way at once: one is being synced while the next one travels
_CONNECTIONS: Final = 16
_CONNECT_S: Final = 2.0
_REPLY_S: Final = 10.0
# hiredis packs twenty commits in 88 µs, redis-py in 297; from sixty on both are alike.
_pack: Final = cast(Callable[[Command], bytes], hiredis.pack_command)  # its stub says: a tuple of one


class NotSent(Exception):
    """The server could not be reached, or is loading its files: nothing was done."""


class Lost(Exception):
    """The connection broke, or the reply took too long: what was sent may have been done or not."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to connect to every server of a deployment."""

    tls: bool = False
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    db: int = 0


class Node:
    """One server at one address. Safe to use from many tasks of one event loop."""

    def __init__(self, host: str, port: int, login: Login) -> None:
        self._login = login
        self._pool = ConnectionPool(
            connection_class=SSLConnection if login.tls else Connection,
            max_connections=_CONNECTIONS + 1,
            host=host,
            port=port,
            db=login.db,
            username=login.username,
            password=login.password,
            protocol=2,
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=_REPLY_S,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),  # how often is decided by the store
        )
        self._free = asyncio.Semaphore(_CONNECTIONS)

    async def exchange(self, *commands: Command) -> list[Any]:
        """Send the commands together; one reply each, an error reply being returned as the ResponseError it is.

        Raises NotSent, Lost, or StoreRefused if the server does not accept the user name or password.
        """
        async with self._free:
            try:
                connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
            except AuthenticationError:
                raise StoreRefused(
                    "Redis does not accept the user name or password in the store's address."
                ) from None
            except BusyLoadingError as loading:
                raise NotSent from loading
            except (RedisError, OSError) as unreachable:
                raise NotSent from unreachable
            try:
                return await self._converse(connection, commands)
            except AuthenticationError:
                await connection.disconnect(nowait=True)
                raise StoreRefused("Redis wants a password, and the store's address has none.") from None
            except (RedisError, OSError) as broken:
                await connection.disconnect(nowait=True)
                raise Lost from broken
            except BaseException:  # cancelled: replies are still under way on this connection
                await connection.disconnect(nowait=True)
                raise
            finally:
                await self._pool.release(connection)

    @staticmethod
    async def _converse(connection: Any, commands: Sequence[Command]) -> list[Any]:
        await connection.send_packed_command([_pack(command) for command in commands], check_health=False)
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response())
            except (ResponseError, BusyLoadingError) as refused:
                replies.append(refused)
        return replies

    async def ask(self, *command: bytes | str | int) -> Any:
        """One command, its reply; an error reply is raised as the ResponseError it is. Else as `exchange`."""
        (reply,) = await self.exchange(command)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def sibling(self, host: str, port: int) -> Node:
        """Another server of the same deployment."""
        return Node(host, port, self._login)

    async def close(self) -> None:
        """Close every connection."""
        with contextlib.suppress(RedisError, OSError):
            await self._pool.disconnect()


@dataclass(slots=True, eq=False)
class _Job:
    asked: Asked
    size: int
    done: asyncio.Future[Any]


class Groups:
    """Sends the commits for one server, in groups."""

    def __init__(self, node: Node, durability: Durability, *, together: bool) -> None:
        """together: whether one script may touch every partition; not in a cluster, where they live in slots."""
        self._node = node
        self._durability = durability
        self._together = together
        self._waiting: deque[_Job] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._closed = False

    async def commit(self, asked: Asked, size: int) -> Any:
        """Send a commit with whatever else is waiting. Returns its reply (or ResponseError) once it is durable.

        size: bytes of values. Raises NotSent, Lost, StoreRefused as `exchange`; StoreUnavailable if fewer replicas
        than asked for have it, or if the settings are no longer those that make it durable.
        """
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        job = _Job(asked, size, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._depart()
        return await job.done

    async def close(self) -> None:
        """Finish what is waiting."""
        self._closed = True
        while self._flights:
            await asyncio.wait(self._flights)

    def _depart(self) -> None:
        while self._waiting and len(self._flights) < _FLIGHTS:
            group = [self._waiting.popleft()]
            size = group[0].size
            while (
                self._waiting and len(group) < MAX_GROUP and size + self._waiting[0].size <= MAX_GROUP_BYTES
            ):
                group.append(self._waiting.popleft())
                size += group[-1].size
            flight = asyncio.create_task(self._fly(group))
            self._flights.add(flight)
            flight.add_done_callback(self._land)

    def _land(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._depart()

    async def _fly(self, group: list[_Job]) -> None:
        failure: BaseException | None = None
        replies: list[Any] = []
        try:
            replies = await self._send([job.asked for job in group])
        except BaseException as failed:  # noqa: BLE001 - whoever waits must hear of it
            failure = failed
        for n, job in enumerate(group):
            if job.done.done():  # the task that asked has been cancelled
                continue
            if failure is None:
                job.done.set_result(replies[n])
            elif isinstance(failure, NotSent | Lost | StoreRefused | StoreUnavailable):
                job.done.set_exception(type(failure)(*failure.args))
            else:
                job.done.set_exception(StoreUnavailable("Redis was not understood. Try again."))

    async def _send(self, asked: list[Asked]) -> list[Any]:
        replicas = self._durability.replicas
        calls = [commits_call(asked)] if self._together else [commits_call([one]) for one in asked]
        wait: list[Command] = [(b"WAIT", replicas, self._durability.wait_ms)] if replicas else []
        settings = self._durability.questions()
        answers = await self._node.exchange(*calls, *wait, *settings)
        wrong = what_is_wrong(answers[len(calls) + len(wait) :], self._durability)
        reached = answers[len(calls)] if wait else 0
        replies: list[Any] = []
        each = len(asked) // len(calls)
        for answer in answers[: len(calls)]:
            # Refused as a whole, such as by a server that doesn't know the script: that is everybody's reply.
            replies += answer if isinstance(answer, list) else [answer] * each
        if all(isinstance(reply, Exception) for reply in replies):
            return replies  # nothing was written, so there is nothing to be durable
        if wrong:
            raise StoreUnavailable(wrong)
        if isinstance(reached, Exception) or reached < replicas:
            raise StoreUnavailable("Too few replicas have the change: it is not durable yet. Try again.")
        return replies
