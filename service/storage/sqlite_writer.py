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

from service.storage.protocol import Change, Committed, Conflict, Insert, StoreUnavailable
from service.storage.sqlite_changes import apply_changes, apply_inserts, only_inserts
from service.storage.sqlite_files import connect

log = logging.getLogger(__name__)

MAX_GROUP: Final = 256
MAX_GROUP_BYTES: Final = 32 * 2**20


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    size: int
    alone: bool
    done: asyncio.Future[Any]
    inserts: tuple[str, Sequence[Insert]] | None = None
    """Partition and changes of a commit that only inserts: all of a group's are made together."""


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

    async def commit(self, partition: str, changes: Sequence[Change], size: int) -> Committed | Conflict:
        """Make the changes or none, in the transaction of a group. Errors as `write` has them."""

        def work(connection: sqlite3.Connection) -> Committed | Conflict:
            return apply_changes(connection, partition, changes)

        inserts = only_inserts(changes)
        given = None if inserts is None else (partition, inserts)
        outcome: Committed | Conflict = await self._submit(work, size, alone=False, inserts=given)
        return outcome

    async def run_alone(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run `work` outside of any transaction, for what SQLite does not allow inside one (a checkpoint)."""
        return await self._submit(work, 0, alone=True)

    async def close(self) -> None:
        """Finish everything that was asked for, then end the thread."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _submit(
        self,
        work: Callable[[sqlite3.Connection], Any],
        size: int,
        *,
        alone: bool,
        inserts: tuple[str, Sequence[Insert]] | None = None,
    ) -> Any:
        if self._closing:
            raise StoreUnavailable("The store is closed.")
        job = _Job(work, size, alone, self._loop.create_future(), inserts)
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
            # Jobs of one group wait at the same time, so any order among them is right.
            together = [job for job in group if job.inserts is not None]
            made = apply_inserts(connection, [job.inserts for job in together if job.inserts is not None])
            done = dict(zip(map(id, together), made, strict=True))
            results = [done[id(job)] if id(job) in done else job.work(connection) for job in group]
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
