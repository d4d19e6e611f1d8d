"""The desk's local store: sealed, bound to its place, all or nothing."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from crypto.secrets import SymmetricKey
from service.desk.records import Body, Cursors
from service.desk.vault import Vault, VaultDamaged

KEY = SymmetricKey(bytes(range(32)))
CANARY = b"canary-word"


def test_nothing_readable_reaches_the_disk(tmp_path: Path) -> None:
    """Values, kinds and names are unreadable without the key, in the database and its log."""
    vault = Vault(tmp_path / "d" / "desk.db", KEY)
    vault.put("canary-kind", b"canary-name", CANARY)
    for file in (tmp_path / "d").iterdir():
        raw = file.read_bytes()
        assert not any(word in raw for word in (CANARY, b"canary-kind", b"canary-name"))
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert vault.read("canary-kind", b"canary-name") == CANARY
    vault.close()


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    """Another handler's key finds no record; a record put in another's place doesn't open."""
    vault = Vault(tmp_path / "desk.db", KEY)
    vault.put("k", b"a", b"one")
    vault.put("k", b"b", b"two")
    other = Vault(tmp_path / "desk.db", SymmetricKey(bytes(32)))
    assert other.read("k", b"a") is None
    with sqlite3.connect(tmp_path / "desk.db") as raw:
        rows = raw.execute("SELECT name, sealed FROM records").fetchall()
        raw.execute("UPDATE records SET sealed = ? WHERE name = ?", (rows[0][1], rows[1][0]))
    raw.close()
    with pytest.raises(VaultDamaged):
        [vault.read("k", name) for name in (b"a", b"b")]
    other.close()
    vault.close()


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """An error inside leaves what was there before."""
    vault = Vault(tmp_path / "desk.db", KEY)
    vault.put("c", b"", Cursors(feed="aa"))

    def interrupted() -> None:
        with vault.transaction():
            vault.put("c", b"", Cursors(feed="bb"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert vault.get("c", b"", Cursors) == Cursors(feed="aa")
    vault.delete("c", b"")
    vault.delete("c", b"")
    assert vault.get("c", b"", Cursors) is None
    assert vault.every("body", Body) == []
    vault.close()
