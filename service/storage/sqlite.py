"""The default store: one SQLite file, nothing to set up.

Durable means synced: a commit returns after its group's write-ahead log is on the disk. Reads come from connections of
their own and see every commit that has returned; they never wait for the writer. Nothing here blocks the event loop.
Several processes may share the file; several machines may not (use Redis).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from service.storage.protocol import (
    MAX_SCAN,
    Change,
    Committed,
    Conflict,
    Delete,
    Keep,
    StoreUnavailable,
    Write,
)
from service.storage.rules import (
    Updates,
    check_changes,
    check_names,
    check_partition,
    check_scan,
    scan_bounds,
)
from service.storage.sqlite_apart import ApartWriter
from service.storage.sqlite_files import connect, prepare
from service.storage.sqlite_work import Commit, EmptyLog, Probe, Rebuild, Sweep, Writer
from service.storage.sqlite_writer import ThreadWriter

T = TypeVar("T")

_READERS: Final = 3
_SWEEP_PAGE: Final = 500
_ERASE_ATTEMPTS: Final = 100

_READ: Final = "SELECT value FROM records WHERE partition = ? AND name = ?"
_SCAN_UP: Final = (
    "SELECT name, value FROM records WHERE partition = ? AND name >= ? AND name < ? ORDER BY name LIMIT ?"
)
_SCAN_DOWN: Final = (
    "SELECT name, value FROM records WHERE partition = ? AND name >= ? AND name < ?"
    " ORDER BY name DESC LIMIT ?"
)


class SqliteStore:
    """A `Store` in one file. Made by `open_sqlite`."""

    def __init__(self, path: Path, clock: Callable[[], float], writer: Writer) -> None:
        self._path = path
        self._clock = clock
        self._writer = writer
        self._updates = Updates(self)
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="sottovoce-sqlite-reader")
        self._mine = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False

    async def clock_s(self) -> float:
        """The machine's clock, or the one given to `open_sqlite`."""
        return self._clock()

    async def read(self, partition: str, name: bytes) -> bytes | None:
        """See Store."""
        check_partition(partition)
        check_names((name,))

        def one(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(_READ, (partition, name)).fetchone()
            return row[0] if row else None

        return await self._reading(one)

    async def read_many(self, partition: str, names: Sequence[bytes]) -> list[bytes | None]:
        """See Store."""
        check_partition(partition)
        check_names(names)

        def many(connection: sqlite3.Connection) -> list[bytes | None]:
            connection.execute("BEGIN")  # so that all is read from one snapshot
            try:
                rows = [connection.execute(_READ, (partition, name)).fetchone() for name in names]
            finally:
                connection.execute("COMMIT")
            return [row[0] if row else None for row in rows]

        return await self._reading(many)

    async def commit(self, partition: str, changes: Sequence[Change]) -> Committed | Conflict:
        """See Store."""
        check_partition(partition)
        changes = tuple(changes)
        size = check_changes(changes)
        if not changes:
            return Committed()
        outcome = await self._writer.ask(Commit(partition, changes, size))
        return Committed() if isinstance(outcome, int) else outcome

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
        query = _SCAN_DOWN if reverse else _SCAN_UP

        def page(connection: sqlite3.Connection) -> list[tuple[bytes, bytes]]:
            found, size = [], 0
            cursor = connection.execute(query, (partition, lowest, beyond, limit))
            for name, value in cursor:
                found.append((name, value))
                size += len(value)
                if size > MAX_SCAN:
                    break
            cursor.close()  # ends the snapshot
            return found

        return await self._reading(page)

    async def sweep(self, now_s: int) -> int:
        """See Store. Writers get their turn between pages; afterwards the write-ahead log is emptied if it can be, also
        when nothing was removed: it holds what was written in its order, which is nobody's to know for longer.

        What is removed is overwritten with zeros, but fragments that SQLite copied while it moved records between
        pages may outlive it until the next `purge` of anything (tests/contract/test_store_sqlite.py).
        """
        removed = 0
        while True:
            page = await self._count(Sweep(now_s, _SWEEP_PAGE))
            removed += page
            if page < _SWEEP_PAGE:
                break
        await self._writer.ask(EmptyLog())
        return removed

    async def purge(self, partition: str, names: Sequence[bytes]) -> None:
        """See Store. Rebuilds the database, for which the disk needs to hold it three times; writers wait meanwhile."""
        check_partition(partition)
        check_names(names)
        await self.commit(partition, [Delete(name) for name in dict.fromkeys(names)])
        await self._writer.ask(Rebuild())
        for _ in range(_ERASE_ATTEMPTS):
            if await self._count(EmptyLog()):
                return
            await asyncio.sleep(0.05)  # a reader of this or another process still needs the log
        raise StoreUnavailable(
            "The records are deleted, but a long read keeps their bytes in the log. Try again."
        )

    async def healthy(self) -> None:
        """See Store. Writes one row durably, and reads."""
        await self._writer.ask(Probe())
        await self._reading(lambda connection: connection.execute("SELECT times FROM probe").fetchone())

    async def close(self) -> None:
        """See Store."""
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._pool.shutdown)
        while self._connections:
            self._connections.pop().close()

    async def _count(self, work: Sweep | EmptyLog) -> int:
        outcome = await self._writer.ask(work)
        return outcome if isinstance(outcome, int) else 0

    async def _reading(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
            if connection is None:
                connection = connect(self._path, read_only=True)
                self._mine.connection = connection
                self._connections.append(connection)
            return work(connection)

        if self._closed:
            raise StoreUnavailable("The store is closed.")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, run)
        except sqlite3.Error as failed:
            raise StoreUnavailable(
                "The database could not be read. Is its disk failing? Try again."
            ) from failed


async def open_sqlite(path: Path, clock: Callable[[], float], *, apart: bool = False) -> SqliteStore:
    """Open the store in `path`, creating it and its folder if there is none.

    clock: seconds since 1970. apart: write in a process of its own, for whoever writes much.
    Raises StoreRefused with what to change if the file or its folder can't be used.
    """
    await asyncio.to_thread(prepare, path)
    if not apart:
        return SqliteStore(path, clock, ThreadWriter(path))
    writer = ApartWriter(path)
    await writer.start()
    return SqliteStore(path, clock, writer)
