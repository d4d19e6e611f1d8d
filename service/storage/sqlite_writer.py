"""The one writer of a SQLite store: a thread that commits whatever is waiting as one transaction.

Syncing the disk costs the same for one change set as for a hundred, so while one group is being synced the next
one gathers; nothing waits for company on purpose. A change set whose condition fails writes nothing and does not
disturb the others of its group. If the engine fails, the whole group failed: nobody is told that anything was written.

Other processes may write to the same file; SQLite's write lock, taken at the beginning of each group, keeps them apart.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from service.storage.protocol import (
    Absent,
    Append,
    Change,
    Committed,
    Conflict,
    Delete,
    Forget,
    Insert,
    Present,
    Put,
    Replace,
    StoreUnavailable,
    entry_name,
)
from service.storage.sqlite_files import connect

log = logging.getLogger(__name__)

MAX_GROUP: Final = 256
MAX_GROUP_BYTES: Final = 32 * 2**20
_ASKED_AT_ONCE: Final = 64
_WRITTEN_AT_ONCE: Final = 16

_EXISTS: Final = "SELECT 1 FROM records WHERE partition = ? AND name = ?"
_HOLDS: Final = "SELECT 1 FROM records WHERE partition = ? AND name = ? AND value = ?"
_LAST: Final = "SELECT last FROM logs WHERE partition = ? AND log = ?"
_INSERT: Final = "INSERT INTO records (partition, name, expires_s, value) VALUES (?, ?, ?, ?)"
_UPSERT: Final = (
    _INSERT + " ON CONFLICT (partition, name) DO UPDATE"
    " SET value = excluded.value, expires_s = excluded.expires_s"
)
_DELETE: Final = "DELETE FROM records WHERE partition = ? AND name = ?"
_COUNT: Final = (
    "INSERT INTO logs (partition, log, last) VALUES (?, ?, ?)"
    " ON CONFLICT (partition, log) DO UPDATE SET last = excluded.last"
)
_FORGET: Final = "DELETE FROM logs WHERE partition = ? AND log = ?"


def apply_changes(
    connection: sqlite3.Connection, partition: str, changes: Sequence[Change]
) -> Committed | Conflict:
    """Check every condition, then make every change, inside the transaction that is open. Writes all or nothing."""
    execute = connection.execute
    last: dict[bytes, int] = {}
    positions: list[int] = []
    there = _existing(connection, partition, [c.name for c in changes if isinstance(c, (Insert, Absent))])
    for change in changes:
        match change:
            case Insert(name) | Absent(name):
                if name in there:
                    return Conflict(name)
            case Replace(name, expected):
                if not execute(_HOLDS, (partition, name, expected)).fetchone():
                    return Conflict(name)
            case Present(name):
                if not execute(_EXISTS, (partition, name)).fetchone():
                    return Conflict(name)
            case Append(name):
                if name not in last:
                    row = execute(_LAST, (partition, name)).fetchone()
                    last[name] = row[0] if row else 0
                last[name] += 1
                positions.append(last[name])
                entry = entry_name(name, last[name])
                if execute(_EXISTS, (partition, entry)).fetchone():
                    return Conflict(entry)
    given = iter(positions)
    _insert(connection, partition, [c for c in changes if isinstance(c, Insert)])
    for change in changes:
        match change:
            case Put(name, value, expires_s) | Replace(name, _, value, expires_s):
                execute(_UPSERT, (partition, name, expires_s, value))
            case Delete(name):
                execute(_DELETE, (partition, name))
            case Append(name, value, expires_s):
                execute(_INSERT, (partition, entry_name(name, next(given)), expires_s, value))
            case Forget(name):
                execute(_FORGET, (partition, name))
    for name, number in last.items():
        execute(_COUNT, (partition, name, number))
    return Committed(tuple(positions))


def _insert(connection: sqlite3.Connection, partition: str, inserts: list[Insert]) -> None:
    """Write records that are known not to exist, many in one statement."""
    for at in range(0, len(inserts), _WRITTEN_AT_ONCE):
        some = inserts[at : at + _WRITTEN_AT_ONCE]
        values = [value for c in some for value in (partition, c.name, c.expires_s, c.value)]
        connection.execute(_INSERT + ", (?, ?, ?, ?)" * (len(some) - 1), values)


def _existing(connection: sqlite3.Connection, partition: str, names: list[bytes]) -> set[bytes]:
    """Those of `names` that are there: one question to the engine for many names, as each costs a turn of the GIL."""
    there: set[bytes] = set()
    for at in range(0, len(names), _ASKED_AT_ONCE):
        some = names[at : at + _ASKED_AT_ONCE]
        # As many question marks as names, in steps, so that the prepared statements stay few.
        some = some + some[-1:] * (-len(some) % 4)
        marks = ", ".join("?" * len(some))
        query = f"SELECT name FROM records WHERE partition = ? AND name IN ({marks})"  # noqa: S608
        there.update(row[0] for row in connection.execute(query, (partition, *some)))
    return there


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    size: int
    alone: bool
    done: asyncio.Future[Any]


class GroupWriter:
    """Runs work on the writing connection, in groups, on a thread of its own. Belongs to one event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = False
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="sottovoce-sqlite-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[sqlite3.Connection], Any], size: int = 0) -> Any:
        """Run `work` in a transaction and return what it returns, once that is on the disk.

        size: bytes it will write, which bounds a group. Raises StoreUnavailable; then nothing is known to be written.
        """
        return await self._submit(work, size, alone=False)

    async def run_alone(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run `work` outside of any transaction, for what SQLite does not allow inside one (a checkpoint)."""
        return await self._submit(work, 0, alone=True)

    async def close(self) -> None:
        """Finish everything that was asked for, then end the thread."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _submit(self, work: Callable[[sqlite3.Connection], Any], size: int, *, alone: bool) -> Any:
        if self._closing:
            raise StoreUnavailable("The store is closed.")
        job = _Job(work, size, alone, self._loop.create_future())
        self._jobs.put(job)
        return await job.done

    def _run(self) -> None:
        held: _Job | None = None  # taken from the queue, but did not fit in the group before
        while True:
            first = held or self._jobs.get()
            held = None
            if first is None:
                break
            group, size = [first], first.size
            while not first.alone and len(group) < MAX_GROUP and not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    self._jobs.put(None)  # nothing comes after the end
                    break
                if job.alone or size + job.size > MAX_GROUP_BYTES:
                    held = job
                    break
                group.append(job)
                size += job.size
            self._report(group, self._transact(group))
        if self._connection is not None:
            self._connection.close()

    def _transact(self, group: list[_Job]) -> list[Any] | StoreUnavailable:
        try:
            if self._connection is None:
                self._connection = connect(self._path)
            connection = self._connection
            if group[0].alone:
                return [group[0].work(connection)]
            connection.execute("BEGIN IMMEDIATE")
            results = [job.work(connection) for job in group]
            connection.execute("COMMIT")
        except Exception as failed:  # noqa: BLE001
            # Whatever it was, this thread must live and nobody may be told "written". After a failed sync the
            # pages in memory can't be trusted, so the next group begins with a new connection.
            self._drop_connection()
            reason = failed.sqlite_errorname if isinstance(failed, sqlite3.Error) else type(failed).__name__
            log.error("the database did not take a group of writes: %s", reason)
            unavailable = StoreUnavailable(
                "The database could not write. Is its disk full or failing? Try again."
            )
            unavailable.__cause__ = failed
            return unavailable
        return results

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # rolls back

    def _report(self, group: list[_Job], results: list[Any] | StoreUnavailable) -> None:
        def resolve() -> None:
            for n, job in enumerate(group):
                if job.done.done():  # the task that asked has been cancelled
                    continue
                if isinstance(results, StoreUnavailable):
                    job.done.set_exception(StoreUnavailable(*results.args))
                else:
                    job.done.set_result(results[n])

        try:
            self._loop.call_soon_threadsafe(resolve)
        except RuntimeError:  # the event loop is gone, and with it whoever was waiting
            log.warning("the event loop ended before the store was closed")
