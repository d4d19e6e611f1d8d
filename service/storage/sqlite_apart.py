"""The writer of a SQLite store as a process of its own, for servers: its work takes no turn of this interpreter's lock.

On a thread the writer and the event loop take that lock from each other many times for every group (measured over HTTP
on two cores: 3,000 reports a second there, 3,400 here). It is started with the store, talks over a socket pair that
nobody else has, and ends when this end of it closes, however this process dies. If it dies, whoever waits gets
StoreUnavailable, and the next commit starts another.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final, cast

import msgspec

from service.storage.protocol import StoreUnavailable
from service.storage.sqlite_frames import Answer, Asked, framed, frames
from service.storage.sqlite_work import FAILED, Outcome, Work
from service.storage.sqlite_writer import settle

ENDS_WITHIN_S: Final = 60
_AT_ONCE: Final = 1 << 16  # bytes; answers are numbers mostly
_answers: Final = msgspec.msgpack.Decoder(Answer)


class _Line(asyncio.BufferedProtocol):
    """This end of the socket pair, and whoever waits for an answer over it. It reads into one place, as the child does.

    What is asked while works are under way leaves together when they have come back: so the process syncs few large
    groups, and nobody is woken for every piece.
    """

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._loop = asyncio.get_running_loop()
        self.ended = self._loop.create_future()
        self._place = memoryview(bytearray(_AT_ONCE))
        self._outgoing: list[bytearray] = []
        self._number = 0
        self._under_way = 0  # number of the last work that left, until its answer is here
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class

    def ask(self, work: Work) -> asyncio.Future[Outcome]:
        """Send a piece of work, now or with the next flight."""
        self._number += 1
        done: asyncio.Future[Outcome] = self._loop.create_future()
        self.waiting[self._number] = done
        self._outgoing.append(framed(Asked(self._number, work)))
        if not self._under_way:
            self._leave()
        return done

    def hang_up(self) -> None:
        """Tell the process that nothing more comes."""
        self._leave()
        if self._transport is not None and not self.ended.done():
            self._transport.write_eof()

    def _leave(self) -> None:
        if self._transport is None or not self._outgoing:
            return
        self._transport.writelines(self._outgoing)
        self._outgoing = []
        self._under_way = self._number

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._place

    def buffer_updated(self, nbytes: int) -> None:
        self._buffer += self._place[:nbytes]
        for frame in frames(self._buffer):
            answer = _answers.decode(frame)
            settle([self.waiting.pop(number) for number in answer.numbers], answer.outcomes)
            if answer.numbers[-1] == self._under_way:
                self._under_way = 0
                self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.waiting:
            settle(list(self.waiting.values()), "the writing process ended")
            self.waiting.clear()
        self.ended.set_result(None)


class ApartWriter:
    """See `Writer`. Belongs to one event loop. Made by `start`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._starting = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: _Line | None = None
        self._closing = False

    @property
    def pid(self) -> int | None:
        """The process id of the writer, if there is one."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process, unless it runs."""
        async with self._starting:
            if self._line is not None and not self._line.ended.done():
                return
            await asyncio.to_thread(self._let_go)
            ours, theirs = socket.socketpair()
            program = ["-m", "service.storage.sqlite_child", str(theirs.fileno()), str(self._path)]
            with theirs:
                try:
                    self._process = subprocess.Popen(
                        [sys.executable, *program], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
                    )
                except OSError:
                    ours.close()
                    raise
            _, self._line = await asyncio.get_running_loop().create_connection(_Line, sock=ours)

    async def ask(self, work: Work) -> Outcome:
        """See Writer."""
        if self._closing:
            raise StoreUnavailable("The store is closed.")
        if self._line is None or self._line.ended.done():
            try:
                await self.start()
            except OSError:
                raise StoreUnavailable(FAILED) from None
        if self._line is None or self._line.ended.done():  # it ended as soon as it began
            raise StoreUnavailable(FAILED)
        return await self._line.ask(work)

    async def close(self) -> None:
        """See Writer."""
        self._closing = True
        if self._line is None:
            return
        self._line.hang_up()  # the process finishes what it was asked for, and hangs up too
        await self._line.ended
        await asyncio.to_thread(self._let_go)

    def _let_go(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
        self._process = None
