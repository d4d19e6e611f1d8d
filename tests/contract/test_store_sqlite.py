"""What only the SQLite store promises: private files, real erasure, an event loop that is never held up."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import pytest

from service.storage import (
    Committed,
    Conflict,
    Delete,
    Insert,
    Put,
    StoreRefused,
    StoreUnavailable,
    sqlite_files,
)
from service.storage.protocol import MAX_VALUE
from service.storage.sqlite import SqliteStore, open_sqlite
from service.storage.sqlite_writer import ThreadWriter

P = "p"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(path, time.time)
    yield opened
    await opened.close()


async def test_files_belong_to_their_owner_alone(path: Path) -> None:
    """Database, log and shared memory 0600, folder 0700, whatever the umask; also after a file was made public."""
    old = os.umask(0)
    try:
        store = await open_sqlite(path, time.time)
        await store.commit(P, [Put(b"a", b"")])
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
        assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
        await store.close()
        path.chmod(0o644)
        await (await open_sqlite(path, time.time)).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(old)


async def test_a_folder_open_to_others_is_refused(path: Path) -> None:
    """It says what to do, and nothing is created."""
    path.parent.mkdir()
    path.parent.chmod(0o750)
    with pytest.raises(StoreRefused, match="chmod 700"):
        await open_sqlite(path, time.time)
    assert list(path.parent.iterdir()) == []


def _write(content: bytes):  # type: ignore[no-untyped-def]
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


def _later(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(
        f"PRAGMA application_id = {sqlite_files.APPLICATION_ID}; PRAGMA user_version = 99;"
    )
    connection.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_write(b"not a database, but longer than a header is" * 100), "not a database|damaged"),
        (_foreign, "not of this service"),
        (_later, "later version"),
        (lambda path: path.mkdir(), "can't be created"),
    ],
    ids=["text", "foreign", "later", "folder"],
)
async def test_other_files_are_refused_and_left_alone(path: Path, make: object, message: str) -> None:
    """A person who named the wrong file loses nothing."""
    path.parent.mkdir(mode=0o700)
    make(path)  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreRefused, match=message):
        await open_sqlite(path, time.time)
    assert (path.read_bytes() if path.is_file() else b"") == before


async def test_every_connection_syncs_and_erases(path: Path, store: SqliteStore) -> None:
    """The settings on which durability and erasure rest, as SQLite itself reports them."""
    connection = sqlite_files.connect(path)
    found = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete", "fullfsync", "page_size")
    }
    connection.close()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "fullfsync": 1,
        "page_size": 8192,
    }


async def _churn(store: SqliteStore, expires_of: Callable[[int], int | None]) -> dict[bytes, bytes]:
    """600 records of all sizes under random names, so that pages split and merge under them: name → mark in its value.

    Each third is written again, longer or shorter, with the same mark.
    """
    draw = random.Random(7)
    marks = {draw.randbytes(draw.randint(10, 40)): draw.randbytes(16) for _ in range(600)}
    names = list(marks)
    for sizes in ((1, 3, 20, 300, 900), (1, 10, 50, 400)):
        for start in range(0, 600, 30):
            batch = range(start, start + 30, 1 if 3 in sizes else 3)
            await store.commit(
                P, [Put(names[n], marks[names[n]] * draw.choice(sizes), expires_of(n)) for n in batch]
            )
    return marks


def _found_in_files(path: Path, wanted: Iterable[bytes]) -> int:
    everything = b"".join(file.read_bytes() for file in path.parent.iterdir())
    return sum(one in everything for one in wanted)


async def test_no_byte_of_purged_records_is_left_between_those_that_stay(
    path: Path, store: SqliteStore
) -> None:
    """Of every second record neither value nor name is left, though its pages live on with its neighbours."""
    marks = await _churn(store, lambda _: None)
    names = list(marks)
    doomed, kept = names[::2], names[1::2]
    assert _found_in_files(path, marks.values()) == 600
    await store.purge(P, doomed)
    assert _found_in_files(path, [marks[name] for name in doomed]) == 0
    assert _found_in_files(path, doomed) == 0
    assert _found_in_files(path, [marks[name] for name in kept]) == len(kept)


async def test_swept_records_leave_the_files_but_for_fragments(path: Path, store: SqliteStore) -> None:
    """The sweep zeroes and empties the write-ahead log; what page moves left behind goes with the next purge."""
    marks = await _churn(store, lambda n: 5 + n % 2)
    swept, kept = list(marks.values())[::2], list(marks.values())[1::2]
    assert await store.sweep(5) == 300
    assert path.with_name("store.db-wal").stat().st_size == 0
    assert _found_in_files(path, swept) <= 6
    await store.purge("other", [])
    assert _found_in_files(path, swept) == 0
    assert _found_in_files(path, kept) == 300


async def test_a_purge_waits_for_readers_of_the_old_pages(path: Path, store: SqliteStore) -> None:
    """While another process still reads from the log, the purge does not claim to be done."""
    await store.commit(P, [Put(b"a", b"\xa5" * 300)])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM records").fetchone()
    purging = asyncio.create_task(store.purge(P, [b"a"]))
    await asyncio.wait([purging], timeout=0.4)
    assert not purging.done()
    assert _found_in_files(path, [b"\xa5" * 300]) == 1
    other.execute("ROLLBACK")
    other.close()
    await purging
    assert _found_in_files(path, [b"\xa5" * 16]) == 0
    assert {file.name for file in path.parent.iterdir()} == {"store.db", "store.db-wal", "store.db-shm"}


async def _worst_turn(work: Coroutine[Any, Any, object]) -> float:
    """Seconds that the event loop's slowest turn took while `work` was under way."""
    worst, done = 0.0, False

    async def watch() -> None:
        nonlocal worst
        while not done:
            begun = time.perf_counter()
            await asyncio.sleep(0)
            worst = max(worst, time.perf_counter() - begun)
            await asyncio.sleep(0.001)

    watcher = asyncio.create_task(watch())
    await work
    done = True
    await watcher
    return worst


async def test_large_writes_do_not_hold_up_the_event_loop(path: Path, store: SqliteStore) -> None:
    """While 9 MiB values are written, read and scanned, the loop turns at least every 100 ms.

    On top of what the machine itself takes: the slowest turn while another thread writes as much to a plain file. A
    busy machine spoils a round, a store that holds up the loop spoils all three.
    """
    value = os.urandom(MAX_VALUE)

    def plainly() -> None:
        with (path.parent / "plain").open("wb") as file:
            for _ in range(6):
                file.write(value)
            os.fsync(file.fileno())

    async def stored(turn: int) -> None:
        await asyncio.gather(*(store.commit(P, [Insert(b"%d/%d" % (turn, n), value)]) for n in range(6)))
        reads = (store.read(P, b"%d/%d" % (turn, n)) for n in range(6))
        await asyncio.gather(*reads, store.scan(P, b"%d/" % turn))

    over = []
    for turn in range(3):
        floor = await _worst_turn(asyncio.to_thread(plainly))
        over.append(await _worst_turn(stored(turn)) - floor)
        if over[-1] < 0.1:
            break
    assert min(over) < 0.1


async def test_a_loop_that_is_held_up_is_noticed() -> None:
    """What the test above looks for, done on purpose: writing in the loop's own thread."""

    async def held() -> None:
        await asyncio.sleep(0)
        time.sleep(0.15)

    assert await _worst_turn(held()) > 0.1


async def test_a_full_disk_is_unavailable_and_passes(store: SqliteStore) -> None:
    """Nothing of the failed group is written; what fits later is."""
    await store.commit(P, [Put(b"before", b"1")])
    assert isinstance(store._writer, ThreadWriter)
    connection = store._writer._writing._connection  # the thread uses it only while somebody waits
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
    outcomes = await asyncio.gather(
        store.commit(P, [Put(b"big", bytes(100_000))]),
        store.commit(P, [Put(b"small", b"")]),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], StoreUnavailable)
    assert "full" in str(outcomes[0])
    found = [name for name, _ in await store.scan(P, b"")]
    assert found == [b"before", *([b"small"] if outcomes[1] == Committed() else [])]
    assert await store.commit(P, [Delete(b"before"), Put(b"big", bytes(100_000))]) == Committed()


async def test_another_writer_that_does_not_let_go_is_unavailable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once it lets go, all is well."""
    monkeypatch.setattr(sqlite_files, "BUSY_S", 0.1)
    store = await open_sqlite(path, time.time)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await store.commit(P, [Put(b"a", b"")])
    assert await store.read(P, b"a") is None  # readers don't wait
    other.execute("ROLLBACK")
    other.close()
    assert await store.commit(P, [Put(b"a", b"")]) == Committed()
    await store.close()


async def test_the_clock_is_the_one_given(path: Path) -> None:
    """So that tests and journeys decide what time it is."""
    store = await open_sqlite(path, lambda: 12.5)
    assert await store.clock_s() == 12.5
    await store.close()


async def test_a_scattered_record_stands_nowhere_near_its_neighbours_in_time(
    path: Path, store: SqliteStore
) -> None:
    """By their places in the file nobody can tell between which records scattered ones were written."""
    for n in range(40):
        name = b"%02d" % n
        both = [Insert(b"box/" + name, b"", scattered=True), Insert(b"report/" + name, b"x")]
        assert await store.commit("p", both) == Committed()
    db = sqlite3.connect(path)
    order = [bytes(row[0]) for row in db.execute("SELECT name FROM records ORDER BY id")]
    db.close()
    boxes, reports = order[:40], order[41:]  # between them, the row that is no record
    assert reports == [b"report/%02d" % n for n in range(40)]
    assert sorted(boxes) == [b"box/%02d" % n for n in range(40)]
    assert boxes != sorted(boxes)  # by chance once in 40! times
    assert boxes != sorted(boxes, reverse=True)
    assert await store.read("p", b"box/07") == b""
    assert await store.commit("p", [Insert(b"box/07", b"", scattered=True)]) == Conflict(b"box/07")
