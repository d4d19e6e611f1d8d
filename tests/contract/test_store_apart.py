"""What only a SQLite store with a writer in its own process promises: it dies alone, and never outlives its store."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.storage import Committed, Conflict, Insert, Put, StoreUnavailable, sqlite_apart, sqlite_writer
from service.storage.protocol import MAX_VALUE
from service.storage.sqlite import SqliteStore, open_sqlite
from service.storage.sqlite_apart import ApartWriter
from service.storage.sqlite_frames import Answer, Asked, framed, frames
from service.storage.sqlite_work import MAX_GROUP, Commit, EmptyLog, Outcome, Probe, Rebuild, Work, take_group
from tests.support.crashes import check_whole, everything, write_until_it_fails
from tests.support.store_writer import PARTITION


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(tmp_path / "data" / "store.db", time.time, apart=True)
    yield opened
    await opened.close()


def writer_of(store: SqliteStore) -> int:
    assert isinstance(store._writer, ApartWriter)
    pid = store._writer.pid
    assert pid is not None
    return pid


def gone(pid: int) -> bool:
    """Whether there is no such process, or only what is left of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_it_is_another_process_and_ends_with_the_store(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "data" / "store.db", time.time, apart=True)
    assert await store.commit("p", [Put(b"a", b"1")]) == Committed()
    pid = writer_of(store)
    assert pid != os.getpid()
    await store.close()
    assert gone(pid)
    with pytest.raises(StoreUnavailable):
        await store.commit("p", [Put(b"b", b"1")])


async def test_what_was_asked_for_before_the_end_is_done(tmp_path: Path) -> None:
    path = tmp_path / "data" / "store.db"
    store = await open_sqlite(path, time.time, apart=True)
    asked = [asyncio.create_task(store.commit("p", [Insert(b"%d" % n, bytes(9_000))])) for n in range(300)]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*asked) == [Committed()] * 300


async def test_what_waits_together_is_one_transaction(store: SqliteStore) -> None:
    """The first commit is under way when the others come; they leave together when it is back."""
    sizes: list[int] = []
    settle = sqlite_writer.settle

    def counting(waiting: list[asyncio.Future[Outcome]], outcomes: list[Outcome] | str) -> None:
        sizes.append(len(waiting))
        settle(waiting, outcomes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite_apart, "settle", counting)
        await asyncio.gather(*(store.commit("p", [Insert(b"%d" % n, b"")]) for n in range(50)))
    assert sizes == [1, 49]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_it_is_not_interrupted(store: SqliteStore, number: signal.Signals) -> None:
    """Ctrl-C and a service manager's stop reach every process; the server still has requests to finish."""
    await store.commit("p", [Put(b"a", b"1")])
    pid = writer_of(store)
    os.kill(pid, number)
    assert await store.commit("p", [Put(b"a", b"2")]) == Committed()
    assert writer_of(store) == pid


async def test_when_it_dies_whoever_waits_is_told_and_another_begins(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """SIGKILL to the writer at ten random moments; the same open store goes on and nothing acknowledged is lost."""
    caplog.set_level(logging.CRITICAL)
    moments, acknowledged, pids = random.Random(22), dict[bytes, int](), set[int]()
    for round_number in range(10):
        writing = asyncio.create_task(write_until_it_fails(store, str(round_number), acknowledged))
        await asyncio.sleep(moments.uniform(0.02, 0.3))
        pids.add(writer_of(store))
        os.kill(writer_of(store), signal.SIGKILL)
        await asyncio.wait_for(writing, 20)
        check_whole(await everything(store), acknowledged)
        assert await store.commit(PARTITION + "x", [Put(b"after", b"")]) == Committed()
    assert len(pids) == 10
    assert len(acknowledged) > 100


async def test_a_writer_that_cannot_start_is_told_not_waited_for(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No memory for another process, a broken installation: an answer, and all is well once that is over."""
    assert await store.commit("p", [Put(b"a", b"1")]) == Committed()
    monkeypatch.setattr("service.storage.sqlite_apart.sys.executable", "/bin/false")
    os.kill(writer_of(store), signal.SIGKILL)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(store.commit("p", [Put(b"a", b"2")]), 10)
        await asyncio.sleep(0.2)
    monkeypatch.setattr("service.storage.sqlite_apart.sys.executable", "/nowhere/python")
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(store.commit("p", [Put(b"a", b"2")]), 10)
    monkeypatch.undo()
    assert await store.commit("p", [Put(b"a", b"3")]) == Committed()
    assert await store.read("p", b"a") == b"3"


async def test_largest_and_many(store: SqliteStore) -> None:
    """Values of 9 MiB, three in a commit, beside small ones: frames come whole out of any number of pieces."""
    big = random.Random(23).randbytes(MAX_VALUE)
    commits = [store.commit("p", [Insert(b"%d.%d" % (n, k), big) for k in range(3)]) for n in range(2)]
    small = [store.commit("p", [Insert(b"small%d" % n, b"%d" % n)]) for n in range(MAX_GROUP + 50)]
    assert set(await asyncio.gather(*commits, *small)) == {Committed()}
    assert await store.read("p", b"1.2") == big
    assert await store.commit("p", [Insert(b"small7", b"")]) == Conflict(b"small7")


def test_frames_come_out_as_they_went_in() -> None:
    """Byte by byte, all at once, and with a message's beginning left for later."""
    messages = [framed(Asked(n, Commit("p", (Insert(b"x" * n, bytes(n)),), n))) for n in range(1, 40)]
    messages.append(framed(Answer([1, 2], [Committed((3,)), 4])))
    stream = b"".join(messages)
    for step in (1, 7, 64, len(stream)):
        buffer, out = bytearray(), []
        for at in range(0, len(stream), step):
            buffer += stream[at : at + step]
            out += [bytes(frame) for frame in frames(buffer)]
        assert out == [bytes(message[4:]) for message in messages]
        assert not buffer
    buffer = bytearray(stream[:-1])
    assert len(frames(buffer)) == len(messages) - 1
    assert bytes(buffer) == messages[-1][:-1]


def test_groups_end_at_their_limits_and_before_what_runs_alone() -> None:
    from collections import deque

    def commit(size: int) -> Work:
        return Commit("p", (), size)

    works: list[Work] = [commit(1)] * (MAX_GROUP + 1)
    works += [Rebuild(), EmptyLog(), Probe(), commit(20 << 20), commit(20 << 20), commit(40 << 20)]
    waiting = deque(enumerate(works))
    sizes = []
    while waiting:
        sizes.append(len(take_group(waiting)))
    assert sizes == [MAX_GROUP, 1, 1, 1, 2, 1, 1]


def test_no_value_is_shown() -> None:
    """What a change holds is in no repr: it would end in a traceback."""
    shown = repr([Insert(b"name", b"hush"), Put(b"name", b"hush"), Commit("p", (Insert(b"n", b"hush"),), 4)])
    assert "hush" not in shown
    assert "name" in shown
