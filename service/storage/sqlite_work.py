"""What the writer of a SQLite store can be asked for, and how a group of it becomes one transaction.

Syncing the disk costs the same for one commit as for a hundred, so what waits at the same time is written together. A
commit whose condition fails writes nothing and does not disturb the others of its group. If the engine fails, the whole
group failed: nobody is told that anything was written.

The work may be done on a thread (`sqlite_writer`) or in a process (`sqlite_apart`); both do it with `Writing`.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from service.storage.protocol import Change, Committed, Conflict, Message
from service.storage.sqlite_changes import apply_changes, apply_inserts, insert_at_once, only_inserts
from service.storage.sqlite_files import BUSY_S, connect

MAX_GROUP: Final = 256
MAX_GROUP_BYTES: Final = 32 * 2**20
FAILED: Final = "The database could not write. Is its disk full or failing? Try again."

_PROBE: Final = "INSERT INTO probe VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET times = times + 1"
_SWEEP: Final = (
    "DELETE FROM records WHERE id IN"
    " (SELECT id FROM records WHERE expires_s IS NOT NULL AND expires_s <= ? LIMIT ?)"
)


class Commit(Message, frozen=True):
    """Make the changes or none. Outcome: Committed or Conflict. size: bytes of their values, which bounds a group."""

    partition: str
    changes: tuple[Change, ...]
    size: int


class Sweep(Message, frozen=True):
    """Remove at most `limit` records that have expired. Outcome: how many."""

    now_s: int
    limit: int


class Probe(Message, frozen=True):
    """Write a row. Outcome: 1."""


class EmptyLog(Message, frozen=True):
    """Write the log back into the database and cut it to zero bytes. Outcome: 1, or 0 if a reader still needs it."""


class Rebuild(Message, frozen=True):
    """Copy every record into new pages. Zeroing what is deleted is not enough: moving records between pages leaves
    stale copies in the gaps of pages that live on. Outcome: 1.
    """


Work = Commit | Sweep | Probe | EmptyLog | Rebuild
Outcome = Committed | Conflict | int


class Writer(Protocol):
    """Does work in order, in groups, and tells when it is on the disk."""

    async def ask(self, work: Work) -> Outcome:
        """Have the work done. Raises StoreUnavailable; then nothing is known to be written."""

    async def close(self) -> None:
        """Finish everything that was asked for, and end."""


def take_group(waiting: deque[tuple[int, Work]]) -> list[tuple[int, Work]]:
    """Take from the front what can be one transaction: at least one piece of work, with its number."""
    group = [waiting.popleft()]
    if isinstance(group[0][1], EmptyLog | Rebuild):
        return group
    size = _size(group[0][1])
    while waiting and len(group) < MAX_GROUP:
        work = waiting[0][1]
        size += _size(work)
        if isinstance(work, EmptyLog | Rebuild) or size > MAX_GROUP_BYTES:
            break
        group.append(waiting.popleft())
    return group


class Writing:
    """The writing connection of a store. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def transact(self, group: Sequence[Work]) -> list[Outcome] | str:
        """Do a group's work in one transaction: the outcomes, in order, or what failed, in a word for the log."""
        try:
            if self._connection is None:
                self._connection = connect(self._path)
            return _transact(self._connection, self._path.parent, group)
        except Exception as failed:  # noqa: BLE001
            # Whatever it was, the writer must live and nobody may be told "written". After a failed sync the
            # pages in memory can't be trusted, so the next group begins with a new connection.
            self.close()
            return failed.sqlite_errorname if isinstance(failed, sqlite3.Error) else type(failed).__name__

    def close(self) -> None:
        """Let go of the file, and roll back what was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _size(work: Work) -> int:
    return work.size if isinstance(work, Commit) else 0


def _transact(connection: sqlite3.Connection, folder: Path, group: Sequence[Work]) -> list[Outcome]:
    match group[0]:
        case EmptyLog():
            return [_empty_log(connection)]
        case Rebuild():
            return [_rebuild(connection, folder)]
    # Work of one group was asked for at the same time, so any order among it is right.
    inserts = [_only_inserts(work) for work in group]
    together = [commit for commit in inserts if commit is not None]
    if len(together) == len(group) and insert_at_once(connection, together):
        return [Committed()] * len(group)
    connection.execute("BEGIN IMMEDIATE")
    made = iter(apply_inserts(connection, together))
    outcomes = [
        _do(connection, work) if commit is None else next(made)
        for work, commit in zip(group, inserts, strict=True)
    ]
    connection.execute("COMMIT")
    return outcomes


def _only_inserts(work: Work) -> Commit | None:
    return work if isinstance(work, Commit) and only_inserts(work.changes) else None


def _do(connection: sqlite3.Connection, work: Work) -> Outcome:
    match work:
        case Commit(partition, changes):
            return apply_changes(connection, partition, changes)
        case Sweep(now_s, limit):
            return connection.execute(_SWEEP, (now_s, limit)).rowcount
        case _:
            return connection.execute(_PROBE).rowcount


def _empty_log(connection: sqlite3.Connection) -> int:
    connection.execute("PRAGMA busy_timeout = 100")
    try:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")
    return int(not busy)


def _rebuild(connection: sqlite3.Connection, folder: Path) -> int:
    # The copy is made in a file without a name, beside the database: not in memory, nor in a folder of others.
    quoted = str(folder).replace("'", "''")
    connection.execute(f"PRAGMA temp_store_directory = '{quoted}'")
    connection.execute("PRAGMA temp_store = FILE")
    try:
        connection.execute("VACUUM")
    finally:
        connection.execute("PRAGMA temp_store = MEMORY")
    return 1
