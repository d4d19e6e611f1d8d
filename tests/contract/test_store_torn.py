"""A crash of Redis in the middle of writing a commit to its file: no half of it comes back, not even later.

The file is cut as a power failure would cut it, so that every place inside a commit can be tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from abuse.admission import Step, Token
from abuse.limits import Bucket, Rate
from abuse.routes import Lane
from service.storage import (
    Absent,
    Append,
    Change,
    Committed,
    Delete,
    Forget,
    Insert,
    Present,
    Put,
    Replace,
    Store,
    StoreRefused,
    StoreUnavailable,
    open_store,
    redis_readiness,
)
from service.storage.limiter import LimiterUnavailable
from service.storage.limiters import open_limiter
from tests.support.engines import P
from tests.support.redis_server import RedisServer, redis_server

OPERATING = Path(__file__).parents[2] / "docs/operating.md"
pytestmark = pytest.mark.redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as running:
        yield running


async def _commit(store: Store, name: bytes) -> object:
    return await store.commit(
        P, [Insert(b"a" + name, b"value"), Put(b"b" + name, name), Append(b"log", name)]
    )


def _log(server: RedisServer) -> Path:
    (log,) = (path for path in server.files if path.name.endswith(".incr.aof"))
    return log


async def _crash(server: RedisServer, torn: int = 0) -> None:
    """Kill Redis, take the last `torn` bytes from its file, and start it."""
    server.kill9()
    log = _log(server)
    log.write_bytes(log.read_bytes()[: log.stat().st_size - torn])
    server.start()
    await asyncio.sleep(0.02)  # lets the event loop see that the connections were closed


async def _in(server: RedisServer) -> dict[bytes, bytes]:
    store = await open_store(server.url)
    found = dict(await store.scan(P, b"", limit=1000))
    await store.close()
    return found


@pytest.mark.parametrize("opened", ["before", "after"])
async def test_a_torn_commit_is_gone_for_good(server: RedisServer, opened: str) -> None:
    """Cut everywhere in turn, inside its commands and between them; by a store that was open, and by a new one."""
    store = await open_store(server.url)
    await _commit(store, b"0")
    whole = await _in(server)
    size = _log(server).stat().st_size
    await _commit(store, b"torn")
    length = _log(server).stat().st_size - size
    assert length > 200
    for torn in range(1, length, 29):
        if opened == "after":
            await store.close()
        await _crash(server, torn)
        if opened == "after":
            store = await open_store(server.url)
        name = b"%d" % torn
        assert isinstance(await _commit(store, name), Committed)
        expected = await _in(server)
        assert expected == whole | {b"a" + name: b"value", b"b" + name: name} | {
            b"log/" + len([n for n in expected if n.startswith(b"log/")]).to_bytes(8): name
        }
        await _crash(server)
        assert await _in(server) == expected
        whole = expected
        await _commit(store, b"torn")
    await store.close()


async def test_a_single_write_after_a_torn_commit_lasts(server: RedisServer) -> None:
    """A write that is one command, so has no EXEC of its own to end the torn commit with."""
    store = await open_store(server.url)
    assert await store.commit(P, [Append(b"log", b"1", expires_s=1)]) == Committed((1,))
    await store.sweep(2)
    await _commit(store, b"torn")
    await _crash(server, 5)
    assert await store.commit(P, [Forget(b"log")]) == Committed()
    await _crash(server)
    assert await store.commit(P, [Append(b"log", b"")]) == Committed((1,))
    await store.close()


async def test_while_the_file_is_put_in_order_writes_are_told_so_and_reads_go_on(server: RedisServer) -> None:
    """A rewrite of seconds: nothing waits for long, nothing was done, and it works afterwards by itself."""
    store = await open_store(server.url)
    for n in range(5):
        await store.commit(f"p{n}", [Put(b"a", b"1")])
    server.config["rdb-key-save-delay"] = "700000"  # µs for each of the ten keys
    await _crash(server)
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable, match="put in order"):
        await store.commit(P, [Insert(b"new", b"")])
    assert 2.5 < time.monotonic() - begun < 20
    assert await store.read("p0", b"a") == b"1"
    for _ in range(10):
        try:
            assert await store.commit(P, [Insert(b"new", b"")]) == Committed()
            break
        except StoreUnavailable:
            await asyncio.sleep(0.1)
    else:
        pytest.fail("writes did not begin")
    await store.close()


async def test_a_store_closes_while_the_file_is_put_in_order(server: RedisServer) -> None:
    """At once; whoever waits is told."""
    store = await open_store(server.url)
    for n in range(5):
        await store.commit(f"p{n}", [Put(b"a", b"1")])
    server.config["rdb-key-save-delay"] = "1000000"
    await _crash(server)
    waiting = asyncio.create_task(store.commit(P, [Insert(b"new", b"")]))
    await asyncio.sleep(0.5)
    begun = time.monotonic()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await waiting
    assert time.monotonic() - begun < 5


async def test_limits_in_the_same_redis_end_no_torn_commit(server: RedisServer) -> None:
    """They are written by scripts too, and came first: then a second crash before the rewrite."""
    store = await open_store(server.url)
    await _commit(store, b"0")
    whole = await _in(server)
    bucket = Bucket("room", Rate.hourly(3_600, 10))
    limiter = await open_limiter(server.url, ready=store.healthy)
    await _commit(store, b"torn")
    await _crash(server, 30)
    assert (await limiter.debit((bucket, Bucket("other", bucket.rate)))).allowed
    await _crash(server)
    assert await _in(server) == whole
    server.config["rdb-key-save-delay"] = "2000000"
    await _crash(server)
    with pytest.raises(LimiterUnavailable, match="not ready"):
        await limiter.debit((bucket,))
    await limiter.close()
    await store.close()


async def test_a_user_who_may_not_rewrite_is_refused_with_what_to_allow(server: RedisServer) -> None:
    """Before anything is written."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">hunter2-app", "~*", "+@all", "-bgrewriteaof")
        url = f"redis://app:hunter2-app@{server.address}"
        with pytest.raises(StoreRefused, match=r"\+bgrewriteaof"):
            await open_store(url)
        client.execute_command("ACL", "SETUSER", "app", "+bgrewriteaof", "-info")
        with pytest.raises(StoreRefused, match=r"\+info"):
            await open_store(url)
        client.execute_command("ACL", "SETUSER", "app", "+info")
    await (await open_store(url)).close()


async def test_the_documented_user_is_enough(server: RedisServer) -> None:
    """docs/operating.md's line, for everything that the store does."""
    (line,) = re.findall(r"^user sottovoce .*$", OPERATING.read_text(), re.MULTILINE)
    (more,) = re.findall(r"^~\{sv-limits.*$", OPERATING.read_text(), re.MULTILINE)
    name, *rules = line.replace("PASSWORD", "hunter2-app").split()[1:]
    url = f"redis://{name}:hunter2-app@{server.address}"
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", name, *rules)
        with pytest.raises(LimiterUnavailable, match="permissions"):
            await open_limiter(url)
        client.execute_command("ACL", "SETUSER", name, *rules, *more.split())
    limiter = await open_limiter(url)
    rate = Rate.hourly(3_600, 10)
    for lane in (Lane.FAST, Lane.SLOW):
        for n in range(40):
            epoch = (await limiter.pulse("room", rate)).epoch
            token = Token(lane, epoch, bytes([n, lane == Lane.FAST]) * 8, n, 0, 2**52, 5)
            await limiter.take(Step(token, "room", (Bucket("room", rate),)))
    await limiter.close()
    store = await open_store(url)
    changes: list[Change] = [
        Insert(b"a", b"", expires_s=1),
        Put(b"b", b""),
        Absent(b"d"),
        Append(b"log", b""),
        Forget(b"old"),
    ]
    assert await store.commit(P, changes) == Committed((1,))
    assert await store.commit(P, [Replace(b"b", b"", b"1"), Delete(b"c"), Present(b"a")]) == Committed()
    assert await store.read_many(P, [b"b", b"c"]) == [b"1", None]
    assert len(await store.scan(P, b"")) == len(await store.scan(P, b"", reverse=True)) == 3
    assert await store.clock_s() > 0
    assert await store.sweep(2) == 1
    await store.healthy()
    await store.purge(P, [b"b"])
    assert await store.read(P, b"b") is None
    await store.close()


async def test_a_file_that_can_t_be_rewritten_keeps_writes_from_beginning(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words say what may be the matter; not every request tries; and once it is mended it works."""
    monkeypatch.setattr(redis_readiness, "_PAUSE_S", 3.0)
    store = await open_store(server.url)
    await _commit(store, b"0")
    await _crash(server)
    folder = _log(server).parent
    (blocked := folder / "appendonly.aof.3.base.rdb").mkdir()  # where the next one would be moved to
    (blocked / "file").touch()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="could not rewrite its append-only file"):
            await _commit(store, b"1")
    with server.client() as client:
        assert client.info("persistence")["aof_rewrites"] == 1
    (blocked / "file").unlink()
    blocked.rmdir()
    await asyncio.sleep(3)
    assert await _commit(store, b"1") == Committed((2,))
    await store.close()


async def test_a_redis_that_loads_its_files_is_no_crash_of_ours(server: RedisServer) -> None:
    """Found where a server was started with its Redis, and the file was large: a traceback."""
    store = await open_store(server.url)
    for n in range(40):
        await store.commit(f"p{n}", [Put(b"a", b"1" * 2_000)])
    await store.purge(
        P, [b"none"]
    )  # so that all is in the part of the file during whose loading Redis answers
    server.kill9()
    server.config |= {
        "key-load-delay": "20000",
        "loading-process-events-interval-bytes": "1024",
    }  # µs a command
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    told = set()
    while not starting.done():
        await asyncio.sleep(0.05)
        with contextlib.suppress(StoreUnavailable):
            await store.sweep(1)
        try:
            await (await open_store(server.url)).close()
        except StoreUnavailable as error:
            told.add(str(error))
    await starting
    assert "Redis has just started, and is loading its files. Try again." in told
    assert await store.commit(P, [Insert(b"new", b"")]) == Committed()
    await store.close()


async def test_several_servers_have_the_file_rewritten_once(server: RedisServer) -> None:
    """Each of many would keep all writes waiting for as long again."""
    stores = [await open_store(server.url) for _ in range(4)]
    for n in range(5):
        await stores[0].commit(f"p{n}", [Put(b"a", b"1")])
    server.config["rdb-key-save-delay"] = "50000"  # µs for each of the ten keys
    await _crash(server)
    await asyncio.gather(*(store.commit(P, [Put(b"new", b"")]) for store in stores))
    with server.client() as client:
        assert client.info("persistence")["aof_rewrites"] == 1
    for store in stores:
        await store.close()
