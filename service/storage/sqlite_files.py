"""The SQLite store's files: who may read them, how a connection is set up, what the tables are.

The database and its -wal and -shm companions are readable by the owner only, in a folder readable by the owner only.
Deleted content is overwritten with zeros (`secure_delete`), all but fragments that only `purge` removes, and nothing is
spilt into temporary files. The tables:

- `records(partition, name, expires_s, value)`: an ordinary rowid table, so that 8 KiB values go to the end of one
  b-tree and only the short names are kept in order (measured: twice the inserts of WITHOUT ROWID).
  Scattered records have ids below zero: small ones random ids, large ones the lowest, among which each new one changes
  places with another (`sqlite_changes.py`). A row of no partition, 0, keeps the others' ids above it: SQLite
  counts on from the largest id there is.
- `logs(partition, log, last)`: the last number given out in each log.
- `probe`: one row that `healthy` writes, to find out whether a write is durable.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from pathlib import Path
from typing import Final

from service.storage.protocol import StoreRefused, StoreUnavailable

APPLICATION_ID: Final = 0x53564F43  # "SVOC", shown by file(1)
VERSION: Final = 1
BUSY_S: Final = 15.0
"""How long a writer waits for the writer of another process."""

_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY,
    partition TEXT NOT NULL,
    name BLOB NOT NULL,
    expires_s INTEGER,
    value BLOB NOT NULL
);
INSERT OR IGNORE INTO records VALUES (0, '', x'', NULL, x'');
CREATE UNIQUE INDEX IF NOT EXISTS records_by_name ON records (partition, name);
CREATE INDEX IF NOT EXISTS records_by_expiry ON records (expires_s) WHERE expires_s IS NOT NULL;
CREATE TABLE IF NOT EXISTS logs (
    partition TEXT NOT NULL,
    log BLOB NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (partition, log)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY, times INTEGER NOT NULL);
PRAGMA application_id = %d;
PRAGMA user_version = %d;
COMMIT;
"""


def prepare(path: Path) -> None:
    """Make sure that folder and database exist, belong to nobody else, and have the expected tables.

    Raises StoreRefused if others could enter the folder, or the file is not a store's or a later version's;
    StoreUnavailable if it stays locked.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(path.parent.stat().st_mode) & 0o077:
            raise StoreRefused(
                "The folder of the database can be entered by other users of this machine. "
                "Run chmod 700 on it, or name a database in a folder that does not exist yet."
            )
        # Made by us first, with its mode: SQLite gives -wal and -shm the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as failed:
        raise StoreRefused(
            "The database can't be created or opened for writing. Check that its folder exists, belongs to the "
            f"service's user, and is on a disk mounted read-write ({failed.strerror})."
        ) from None
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            _refuse_others(path)
            connection = connect(path)
            try:
                _create(connection)
            finally:
                connection.close()
        except sqlite3.OperationalError as failed:
            # Several processes that start at once meet here, and not every step waits its turn by itself.
            if failed.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise StoreUnavailable(
                    "The database can't be used: it is locked, or its disk is failing."
                ) from failed
            time.sleep(0.02)
        except sqlite3.DatabaseError:
            raise StoreRefused("The file is not a database of this service, or it is damaged.") from None
        else:
            return


def _refuse_others(path: Path) -> None:
    """Look before anything is set: what is not ours is left as it is."""
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (objects or application) and application != APPLICATION_ID:
        raise StoreRefused("The file is a database, but not of this service.")
    if version > VERSION:
        raise StoreRefused(
            "The database was written by a later version of this program. Install that version, or restore a backup."
        )


def _create(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise StoreRefused("The disk of the database does not support write-ahead logging. Use a local disk.")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < VERSION:
        connection.executescript(_SCHEMA % (APPLICATION_ID, VERSION))


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection set up as durability and deletion need it. Used by one thread at a time.

    Raises sqlite3.Error.
    """
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA page_size = 8192")  # only counts before the first table
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL, not NORMAL: the write-ahead log is synced before a commit returns.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone does not empty the drive's cache
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cache_size = -8192")
        # Checkpoint every 8 MiB: keeps the log short; the size limit gives the disk back after a rush.
        connection.execute("PRAGMA wal_autocheckpoint = 1024")
        connection.execute("PRAGMA journal_size_limit = 33554432")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection
