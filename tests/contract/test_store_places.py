"""Where SQLite keeps large scattered records: neither their ids nor their pages tell in which order they came."""

from __future__ import annotations

import itertools
import sqlite3
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.storage.protocol import Committed, Conflict, Delete, Insert, Put
from service.storage.sqlite import SqliteStore, open_sqlite
from service.storage.sqlite_changes import apply_changes
from service.storage.sqlite_files import connect, prepare

LENGTH = 9_328  # a letter's
COUNT = 40
P = "mail"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(path, time.time)
    yield opened
    await opened.close()


def letter(number: int, length: int = LENGTH) -> Insert:
    return Insert(b"letter/%03d" % number, b"%03d" % number * (length // 3), scattered=True)


def number_at(raw: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer of SQLite's file format (§1.6), and where it ends."""
    value = 0
    for place in range(8):
        value = value << 7 | raw[at + place] & 0x7F
        if not raw[at + place] & 0x80:
            return value, at + place + 1
    return value << 8 | raw[at + 8], at + 9


def overflow_pages(path: Path) -> dict[int, int]:
    """The first overflow page of each record that has one, by its id: SQLite's file format, §1.6."""
    with sqlite3.connect(path) as database:
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'records'").fetchone()
    raw = path.read_bytes()
    (size,) = struct.unpack(">H", raw[16:18])
    least = (size - 12) * 32 // 255 - 23
    found: dict[int, int] = {}
    waiting = [int(root)]
    while waiting:
        number = waiting.pop()
        page = raw[(number - 1) * size : number * size]
        inner = page[0] == 5
        (cells,) = struct.unpack(">H", page[3:5])
        for place in range(cells):
            (at,) = struct.unpack_from(">H", page, (12 if inner else 8) + 2 * place)
            if inner:
                waiting.append(struct.unpack_from(">I", page, at)[0])
                continue
            length, at = number_at(page, at)
            row, at = number_at(page, at)
            if length > size - 35:
                here = least + (length - least) % (size - 4)
                local = here if here <= size - 35 else least
                found[row - 2**64 if row >= 2**63 else row] = struct.unpack_from(">I", page, at + local)[0]
        if inner:
            waiting.append(struct.unpack_from(">I", page, 8)[0])
    return found


async def test_pages_do_not_tell_the_order_of_letters(path: Path, store: SqliteStore) -> None:
    """Each letter came with an entry that stands in its order, as when a desk sends."""
    for n in range(COUNT):
        both = [letter(n), Insert(b"log/%03d" % n, bytes(1_000))]
        assert await store.commit(P, both) == Committed()
    assert await store.sweep(0) == 0
    pages = overflow_pages(path)
    with sqlite3.connect(path) as database:
        rows = {bytes(name): place for place, name in database.execute("SELECT id, name FROM records")}
    names = [b"letter/%03d" % n for n in range(COUNT)]
    assert set(pages) == {rows[name] for name in names}
    for key in (rows.__getitem__, lambda name: pages[rows[name]]):
        there = sorted(names, key=key)
        assert sum(a == b for a, b in zip(there, names, strict=True)) < 12  # by chance once in 12! times
        assert sum(a == b for a, b in zip(there[::-1], names, strict=True)) < 12
    for n, name in enumerate(names):
        assert await store.read(P, name) == letter(n).value


async def test_what_moves_keeps_its_name_its_value_and_its_expiry(store: SqliteStore) -> None:
    """Whatever is written, deleted and written again meanwhile, and in other partitions."""
    kept: dict[tuple[str, bytes], tuple[bytes, int | None]] = {}
    for n in range(60):
        partition = ("mail", "other")[n % 2]
        one = Insert(
            letter(n).name,
            letter(n, 3_000 + 100 * n).value,
            expires_s=100 + n if n % 3 else None,
            scattered=True,
        )
        assert await store.commit(partition, [one]) == Committed()
        kept[partition, one.name] = (one.value, one.expires_s)
        if n % 5 == 4:
            gone = sorted(kept)[n % 7]
            await store.commit(gone[0], [Delete(gone[1])])
            del kept[gone]
    assert (
        await store.commit("mail", [Put(b"letter/000", b"x" * 5_000), letter(99), letter(98)]) == Committed()
    )
    kept["mail", b"letter/000"] = (b"x" * 5_000, None)
    for n in (99, 98):
        kept["mail", letter(n).name] = (letter(n).value, None)
    assert await store.commit("mail", [letter(97), letter(98)]) == Conflict(letter(98).name)
    for sweep in (0, 130, 1_000):
        await store.sweep(sweep)
        kept = {at: one for at, one in kept.items() if one[1] is None or one[1] > sweep}
        for partition in ("mail", "other"):
            found = dict(await store.scan(partition, b"letter/"))
            assert found == {name: value for (p, name), (value, _) in kept.items() if p == partition}


def test_every_order_is_as_likely(path: Path) -> None:
    """Three letters, 1,200 times: each of the six orders by place comes as often as the others."""
    prepare(path)
    database = connect(path)
    seen: Counter[tuple[bytes, ...]] = Counter()
    for _ in range(1_200):
        database.execute("BEGIN")
        for n in range(3):
            assert apply_changes(database, P, [letter(n)]) == Committed()
        told = "SELECT name FROM records WHERE id < 0 ORDER BY id"
        seen[tuple(row[0] for row in database.execute(told))] += 1
        database.execute("ROLLBACK")
    database.close()
    assert set(seen) == set(itertools.permutations(letter(n).name for n in range(3)))
    assert sum((count - 200) ** 2 / 200 for count in seen.values()) < 40  # five degrees: once in millions


async def test_the_log_of_writes_is_emptied_though_nothing_expired(path: Path, store: SqliteStore) -> None:
    """It holds what was written in its order."""
    await store.commit(P, [letter(1)])
    log = path.with_name("store.db-wal")
    assert log.stat().st_size > 0
    assert await store.sweep(0) == 0
    assert log.stat().st_size == 0
