"""Load over HTTP, cheaply: keep-alive connections that send prepared requests, flat out or at a fixed rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

CONNECTIONS = 64


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends prepared requests and checks the status, cheaply."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[None] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answered is None:
            return
        head = self._buffer[:end].lower()
        at = head.index(b"content-length:") + 15
        stop = head.find(b"\r\n", at)
        if len(self._buffer) < end + 4 + int(head[at : stop if stop > 0 else None]):
            return
        answered, self._answered, self._buffer = self._answered, None, b""
        if head.startswith(b"http/1.1 200"):
            answered.set_result(None)
        else:
            answered.set_exception(RuntimeError(head.split(b"\r\n", 1)[0].decode()))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None:
            self._answered.set_exception(exc or ConnectionError("closed"))

    async def send(self, request: bytes) -> None:
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._answered

    async def close(self) -> None:
        assert self._transport is not None
        self._transport.close()


async def connect(port: int, count: int) -> list[Connection]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(count)]


async def flat_out(port: int, requests: Sequence[bytes]) -> float:
    """Send all requests as fast as they are answered; give requests per second."""
    waiting = iter(requests)
    connections = await connect(port, CONNECTIONS)

    async def work(connection: Connection) -> None:
        for request in waiting:
            await connection.send(request)

    begun = time.perf_counter()
    await asyncio.gather(*(work(connection) for connection in connections))
    took = time.perf_counter() - begun
    for connection in connections:
        await connection.close()
    return len(requests) / took


async def paced(port: int, requests: Sequence[bytes], rate: float) -> list[float]:
    """Send requests at a fixed rate, whether or not earlier ones were answered; give seconds from due to answered."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in await connect(port, CONNECTIONS * 2):
        free.put_nowait(connection)
    times: list[float] = []

    async def one(request: bytes, due: float) -> None:
        connection = await free.get()
        await connection.send(request)
        times.append(time.perf_counter() - due)
        free.put_nowait(connection)

    begun = time.perf_counter() + 0.05
    tasks = []
    for index, request in enumerate(requests):
        due = begun + index / rate
        pause = due - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(one(request, due)))
    await asyncio.gather(*tasks)
    while not free.empty():
        await free.get_nowait().close()
    return times
