"""The desk's local store: sealed, bound to its place, all or nothing."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from crypto.errors import Refused
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


def filled(path: Path) -> bytes:
    """Make a store of many pages, and give its bytes."""
    vault = Vault(path, KEY)
    for number in range(200):
        vault.put("k", number.to_bytes(2, "big"), bytes(1_000))
    vault.close()
    return path.read_bytes()


def test_a_damaged_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    """Overwritten, cut off, or another program's: found when it is opened or read, and never a traceback."""
    path = tmp_path / "desk.db"
    whole = filled(path)
    hole = 4_096
    for damaged in (
        b"overwritten" * 1_000,
        whole[: len(whole) // 2],
        whole[:hole] + b"\xff" * (len(whole) - hole),
        whole[: hole // 2] + b"\xff" * 6_000 + whole[hole // 2 + 6_000 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(VaultDamaged, match="move it away"):
            use(path)
    path.unlink()
    with sqlite3.connect(path) as others:
        others.execute("CREATE TABLE records (something TEXT)")
    others.close()
    with pytest.raises(VaultDamaged, match="move it away"):
        use(path)
    path.unlink()
    use(path)


def use(path: Path) -> None:
    """Open a store and do everything with it."""
    vault = Vault(path, KEY)
    try:
        vault.every("k", Body)
        for number in range(200):
            vault.read("k", number.to_bytes(2, "big"))
        with vault.transaction():
            vault.put("c", b"", Cursors(feed="aa"))
            vault.delete("c", b"")
    finally:
        vault.close()


def test_a_store_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """No folder, a folder in its place: not the file's fault, so nobody is told to move it away."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "desk.db").mkdir()
    for path in (tmp_path / "file" / "desk.db", tmp_path / "desk.db"):
        with pytest.raises(Refused, match="can't be written") as refused:
            Vault(path, KEY)
        assert not isinstance(refused.value, VaultDamaged)


def test_another_process_that_writes_is_no_damage(tmp_path: Path) -> None:
    """It is waited for, and then said; what was there stays."""
    vault = Vault(tmp_path / "desk.db", KEY)
    vault.put("k", b"", b"before")
    other = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    vault._run("PRAGMA busy_timeout = 1")
    with pytest.raises(Refused, match="can't be used now") as refused, vault.transaction():
        vault.put("k", b"", b"after")
    assert not isinstance(refused.value, VaultDamaged)
    other.close()
    assert vault.read("k", b"") == b"before"
    vault.close()
