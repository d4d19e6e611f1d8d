"""The desk's encrypted local store: what a handler opened, on the handler's own disk.

A SQLite file (mode 0600) whose every value is sealed with XChaCha20-Poly1305 under a key that only the handler's key
file gives. Kinds and names are stored as keyed hashes and bound into the seal as associated data, so a thief of the
disk learns how many records there are and how large, and can't move one to another place unseen.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from nacl.exceptions import CryptoError
from nacl.secret import Aead

from crypto.errors import Refused
from crypto.hashing import keyed
from crypto.labels import Label
from crypto.secrets import SymmetricKey

T = TypeVar("T")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
  kind BLOB NOT NULL, name BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
"""


_DAMAGED = (
    "desk.db is damaged: move it away, then `sottovoce desk sync` fetches the reports again; what was only there, such "
    "as letters that were not sent, is lost unless you have a backup"
)
# SQLite's own words for these name no content. Every other error comes from what is in the file.
_NOT_THE_FILES_FAULT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


class VaultDamaged(Refused):
    """The store or a record in it doesn't open: another key's store, or a damaged disk."""


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what SQLite raises into VaultDamaged, or Refused where the file is not at fault."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # without what extends it
        if code in _NOT_THE_FILES_FAULT:
            full = " (is the disk full?)" if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL} else ""
            raise Refused(f"the desk's local store can't be used now: {error}{full}") from None
        raise VaultDamaged(_DAMAGED) from None


class Vault:
    """Sealed records by (kind, name). One handler, one file; not for sharing between threads."""

    def __init__(self, path: Path, key: SymmetricKey) -> None:
        """Open the store, making it when there is none. Raises VaultDamaged; Refused when it can't be written."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise Refused(f"the desk's local store can't be written: {error.strerror}") from None
        self._key = key
        self._aead = Aead(keyed(key.reveal(), Label.DESK_STORE, b"seal"))
        with _explained():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
            try:
                self._db.executescript(
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;" + _SCHEMA
                )
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is written inside, or nothing. May be nested: the outermost one decides."""
        if self._db.in_transaction:
            yield
            return
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def put(self, kind: str, name: bytes, value: msgspec.Struct | bytes) -> None:
        """Write a record, replacing what was there."""
        raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
        of_kind, hashed_name = self._kind(kind), self._name(kind, name)
        self._run(
            "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sealed = excluded.sealed",
            (of_kind, hashed_name, bytes(self._aead.encrypt(raw, of_kind + hashed_name))),
        )

    def read(self, kind: str, name: bytes) -> bytes | None:
        """Read a record's bytes; None when there is none. Raises VaultDamaged."""
        place = self._kind(kind), self._name(kind, name)
        rows = self._run("SELECT sealed FROM records WHERE kind = ? AND name = ?", place)
        return self._open(*place, rows[0][0]) if rows else None

    def get(self, kind: str, name: bytes, as_type: type[T]) -> T | None:
        """Read a record as the Struct it was written from."""
        raw = self.read(kind, name)
        return None if raw is None else msgspec.json.decode(raw, type=as_type)

    def every(self, kind: str, as_type: type[T]) -> list[T]:
        """Read all records of a kind, in no meaningful order."""
        decoder = msgspec.json.Decoder(as_type)
        of_kind = self._kind(kind)
        rows = self._run("SELECT name, sealed FROM records WHERE kind = ?", (of_kind,))
        return [decoder.decode(self._open(of_kind, name, sealed)) for name, sealed in rows]

    def delete(self, kind: str, name: bytes) -> None:
        """Delete a record; deleting what isn't there is no error."""
        self._run(
            "DELETE FROM records WHERE kind = ? AND name = ?", (self._kind(kind), self._name(kind, name))
        )

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # SQLite ends it by itself where the disk is full
            self._run("ROLLBACK")

    def _run(self, statement: str, values: tuple[bytes, ...] = ()) -> list[tuple[bytes, ...]]:
        with _explained():
            return self._db.execute(statement, values).fetchall()

    def _kind(self, kind: str) -> bytes:
        return keyed(self._key.reveal(), Label.DESK_STORE, b"kind", kind.encode(), size=16)

    def _name(self, kind: str, name: bytes) -> bytes:
        return keyed(self._key.reveal(), Label.DESK_STORE, b"name", kind.encode(), name, size=16)

    def _open(self, of_kind: bytes, hashed_name: bytes, sealed: bytes) -> bytes:
        try:
            return bytes(self._aead.decrypt(sealed, of_kind + hashed_name))
        except (CryptoError, ValueError, TypeError):  # TypeError: something else than bytes stands there
            raise VaultDamaged("the desk's local store doesn't open with this key") from None
