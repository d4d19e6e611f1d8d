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
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
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
from service.storage.redis_settings import QUESTION, Durability, what_is_wrong, what_tls_lacks

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
    """The server could not be reached, or is loading its files: nothing was done. The message: why, or empty."""


class Lost(Exception):
    """The connection broke, or the reply took too long: what was sent may have been done or not."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to connect to every server of a deployment."""

    tls: bool = False
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    db: int = 0


class Conversation:
    """Exchanges on one connection, one after the other. From `Node.conversation`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def exchange(self, *commands: Command) -> list[Any]:
        """See `Node.exchange`. Raises Lost, StoreRefused; none may follow one that failed."""
        connection = self._connection
        replies: list[Any] = []
        try:
            async with asyncio.timeout(_REPLY_S):
                packed = [_pack(command) for command in commands]
                await connection.send_packed_command(packed, check_health=False)
                for _ in commands:
                    try:
                        replies.append(await connection.read_response(timeout=math.inf))
                    except (ResponseError, BusyLoadingError) as refused:
                        replies.append(refused)
        except AuthenticationError:
            await connection.disconnect(nowait=True)
            raise StoreRefused("Redis wants a password, and the store's address has none.") from None
        except (RedisError, OSError) as broken:
            await connection.disconnect(nowait=True)
            raise Lost from broken
        except BaseException:  # cancelled: replies are still under way on this connection
            await connection.disconnect(nowait=True)
            raise
        return replies

    async def ask(self, *command: bytes | str | int) -> Any:
        """See `Node.ask`."""
        return _answer(*await self.exchange(command))


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
            socket_timeout=None,  # `conversation` and `exchange` have one limit for all they do
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),  # how often is decided by the store
        )
        self._free = asyncio.Semaphore(_CONNECTIONS)

    async def exchange(self, *commands: Command) -> list[Any]:
        """Send the commands together; one reply each, an error reply being returned as the ResponseError it is.

        Raises NotSent, Lost, or StoreRefused if the server does not accept the user name or password.
        """
        async with self.conversation() as conversation:
            return await conversation.exchange(*commands)

    @contextlib.asynccontextmanager
    async def conversation(self) -> AsyncIterator[Conversation]:
        """Hold a connection for several exchanges, until one of them fails. Raises NotSent, StoreRefused."""
        async with self._free:
            try:
                async with asyncio.timeout(_CONNECT_S + _REPLY_S):
                    connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
            except AuthenticationError:
                raise StoreRefused(
                    "Redis does not accept the user name or password in the store's address."
                ) from None
            except BusyLoadingError as loading:
                raise NotSent from loading
            except (RedisError, OSError) as unreachable:
                raise NotSent(what_tls_lacks(unreachable) or "") from unreachable
            try:
                yield Conversation(connection)
            finally:
                await self._pool.release(connection)

    async def ask(self, *command: bytes | str | int) -> Any:
        """One command, its reply; an error reply is raised as the ResponseError it is. Else as `exchange`."""
        return _answer(*await self.exchange(command))

    def sibling(self, host: str, port: int) -> Node:
        """Another server of the same deployment."""
        return Node(host, port, self._login)

    async def close(self) -> None:
        """Close every connection."""
        with contextlib.suppress(RedisError, OSError):
            await self._pool.disconnect()


def _answer(reply: Any) -> Any:
    if isinstance(reply, BusyLoadingError):  # which redis-py has among the broken connections
        raise NotSent from reply
    if isinstance(reply, Exception):
        raise reply
    return reply


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
        self._boarding = False  # a flight that has taken nobody yet: whoever comes now can go with it
        self._closed = False

    def commit(self, asked: Asked, size: int) -> asyncio.Future[Any]:
        """Send a commit with whatever else is waiting. Await its reply (or ResponseError): then it is durable.

        size: bytes of values. Raises, when awaited, NotSent, Lost, StoreRefused as `exchange`; StoreUnavailable if
        fewer replicas than asked for have it, or if the settings are no longer those that make it durable.
        """
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        job = _Job(asked, size, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._depart()
        return job.done

    async def close(self) -> None:
        """Finish what is waiting."""
        self._closed = True
        while self._flights:
            await asyncio.wait(self._flights)

    def _depart(self) -> None:
        if self._waiting and not self._boarding and len(self._flights) < _FLIGHTS:
            self._boarding = True
            flight = asyncio.create_task(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._land)

    def _land(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._depart()

    async def _fly(self) -> None:
        """Take group after group, on one connection, as long as anybody waits."""
        group: list[_Job] = []
        try:
            async with self._node.conversation() as conversation:
                while group := self._board():
                    replies = await self._send(conversation, [job.asked for job in group])
                    for job, reply in zip(group, replies, strict=True):
                        if not job.done.done():  # else the task that asked has been cancelled
                            job.done.set_result(reply)
        except BaseException as failure:  # noqa: BLE001 - whoever waits must hear of it
            for job in group or self._board():
                if not job.done.done():
                    job.done.set_exception(_as_told(failure))

    def _board(self) -> list[_Job]:
        """Take whoever waits, as far as there is room. Nobody: an empty list."""
        group: list[_Job] = []
        size = 0
        while self._waiting and len(group) < MAX_GROUP:
            size += self._waiting[0].size
            if group and size > MAX_GROUP_BYTES:
                break
            group.append(self._waiting.popleft())
        self._boarding = False
        self._depart()
        return group

    async def _send(self, conversation: Conversation, asked: list[Asked]) -> list[Any]:
        replicas = self._durability.replicas
        calls = [commits_call(asked)] if self._together else [commits_call([one]) for one in asked]
        wait: list[Command] = [(b"WAIT", replicas, self._durability.wait_ms)] if replicas else []
        *answers, settings = await conversation.exchange(*calls, *wait, QUESTION)
        wrong = what_is_wrong(settings, self._durability)
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


def _as_told(failure: BaseException) -> Exception:
    """Make each caller an exception of its own of what befell their group."""
    if isinstance(failure, NotSent | Lost | StoreRefused | StoreUnavailable):
        return type(failure)(*failure.args)
    return StoreUnavailable("Redis was not understood. Try again.")
