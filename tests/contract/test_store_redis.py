"""Which Redis is refused and when, and that what is not durable is not acknowledged."""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from service.storage import (
    Append,
    Committed,
    Insert,
    Put,
    StoreRefused,
    StoreUnavailable,
    open_store,
)
from service.storage.redis_settings import Durability, what_is_wrong
from tests.support import redis_server as servers
from tests.support.redis_server import RedisServer, free_port, redis_server

pytestmark = pytest.mark.redis
P = "p"
PASSWORD = "hunter2-hunter2"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as running:
        yield running


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"maxmemory-policy": "allkeys-lru", "maxmemory": "100mb"}, "maxmemory-policy noeviction"),
        ({"maxmemory-policy": "volatile-ttl"}, "maxmemory-policy noeviction"),
        ({"appendonly": "no"}, "appendonly yes"),
        ({"appendfsync": "everysec"}, "appendfsync always"),
        ({"appendfsync": "no"}, "appendfsync always"),
    ],
    ids=str,
)
async def test_a_redis_that_may_forget_is_refused(
    tmp_path: Path, config: dict[str, str], message: str
) -> None:
    """At the start, with what to change; also while no memory limit is set."""
    with redis_server(tmp_path, config) as server:
        with pytest.raises(StoreRefused, match=message):
            await open_store(server.url)
        # Not even where the operator accepts everysec is that true of anything else.
        with pytest.raises(StoreRefused):
            await open_store(server.url, replicas=1, every_second=True)


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, {"maxmemory_policy": "noeviction"}),
        ({"appendfsync": "everysec"}, {"appendfsync": "always"}),
        ({"appendonly": "no"}, {"appendonly": "yes"}),
    ],
    ids=["policy", "fsync", "appendonly"],
)
async def test_a_change_of_settings_stops_acknowledgements_at_once(
    server: RedisServer, bad: dict[str, str], good: dict[str, str]
) -> None:
    """From the next commit on, until it is put right; `healthy` says what is wrong."""
    store = await open_store(server.url)
    assert await store.commit(P, [Put(b"a", b"")]) == Committed()
    server.configure(**bad)
    with pytest.raises(StoreUnavailable, match="Set `"):
        await store.commit(P, [Put(b"b", b"")])
    with pytest.raises(StoreRefused, match="Set `"):
        await store.healthy()
    server.configure(**good)
    assert await store.commit(P, [Put(b"c", b"")]) == Committed()
    await store.healthy()
    await store.close()


async def test_a_redis_restarted_with_other_settings_is_noticed(server: RedisServer) -> None:
    """The open store's next commit is not acknowledged."""
    store = await open_store(server.url)
    server.stop()
    server.config["appendfsync"] = "everysec"
    server.start()
    await asyncio.sleep(0.02)  # lets the event loop see that the connections were closed
    with pytest.raises(StoreUnavailable, match="appendfsync always"):
        await store.commit(P, [Put(b"a", b"")])
    await store.close()


async def test_full_memory_is_unavailable_and_changes_nothing(server: RedisServer) -> None:
    """No half of a commit, and what is there can still be read."""
    store = await open_store(server.url)
    await store.commit(P, [Insert(b"old", b"x")])
    server.configure(maxmemory="1mb")
    with pytest.raises(StoreUnavailable, match="memory of Redis is full"):
        await store.commit(P, [Insert(b"one", b"x"), Insert(b"two", b"y"), Append(b"log", b"z")])
    assert await store.scan(P, b"") == [(b"old", b"x")]
    server.configure(maxmemory="0")
    assert await store.commit(P, [Append(b"log", b"z")]) == Committed((1,))
    await store.close()


async def test_a_commit_that_redis_refuses_leaves_the_others_of_its_group(server: RedisServer) -> None:
    """Commits that wait together are one script; what stops one of them there stops no other."""
    store = await open_store(server.url)
    with server.client() as client:
        client.set("sv:{taken}:v", "not a hash")
    partitions = [*(f"p{n}" for n in range(8)), "taken", *(f"p{n}" for n in range(8, 16))]
    outcomes = await asyncio.gather(
        *(store.commit(p, [Insert(b"a", b"1"), Append(b"log", b"2")]) for p in partitions),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Committed] * 8 + [StoreUnavailable] + [Committed] * 8
    for partition in partitions:
        expected = [] if partition == "taken" else [b"a", b"log/" + bytes(7) + b"\1"]
        with server.client() as client:
            assert client.zrange(f"sv:{{{partition}}}:n", 0, -1) == expected
    await store.close()


async def test_a_commit_sent_once_never_conflicts_with_itself(server: RedisServer) -> None:
    """Connections that Redis closed in between are opened anew, and scripts it forgot are loaded anew."""
    store = await open_store(server.url)
    for n in range(3):
        assert await store.commit(P, [Insert(b"a%d" % n, b"")]) == Committed()
        with server.client() as client:
            client.script_flush()
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await asyncio.sleep(0.02)
        assert await store.commit(P, [Insert(b"b%d" % n, b"")]) == Committed()
        assert len(await store.scan(P, b"b")) == n + 1
    await store.close()


async def test_a_redis_that_is_gone_is_unavailable_within_seconds(server: RedisServer) -> None:
    """And found again when it is back."""
    store = await open_store(server.url)
    await store.commit(P, [Put(b"a", b"1")])
    server.kill9()
    begun = asyncio.get_running_loop().time()
    outcomes = await asyncio.gather(
        store.read(P, b"a"), store.commit(P, [Put(b"b", b"")]), store.healthy(), return_exceptions=True
    )
    assert [type(o) for o in outcomes] == [StoreUnavailable] * 3
    assert asyncio.get_running_loop().time() - begun < 8
    server.start()
    assert await store.read(P, b"a") == b"1"
    await store.close()


async def test_no_redis_no_store() -> None:
    """Nothing listens: StoreUnavailable, since it may yet come."""
    with pytest.raises(StoreUnavailable, match="can't be reached"):
        await open_store(f"redis://:{PASSWORD}@127.0.0.1:{free_port()}")


async def test_no_password_is_ever_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Wrong, missing or right: not in the message, the traceback, the log or a repr."""
    caplog.set_level(logging.DEBUG)
    shown = []
    with redis_server(tmp_path, {"requirepass": PASSWORD}) as server:
        for login in (f"hunter2-wrong:{PASSWORD}@", f":{PASSWORD}-no@", ""):
            with pytest.raises(StoreRefused, match="password") as refused:
                await open_store(f"redis://{login}{server.address}")
            shown.append("".join(traceback.format_exception(refused.value)) + repr(refused.value))
        store = await open_store(server.url)
        server.kill9()
        with pytest.raises(StoreUnavailable) as gone:
            await store.commit(P, [Put(b"a", b"")])
        shown.append("".join(traceback.format_exception(gone.value)))
        shown.append(repr(vars(store)))
        await store.close()
    assert "hunter2" not in "".join(shown) + caplog.text


async def test_a_user_without_config_get_is_refused_with_what_to_allow(server: RedisServer) -> None:
    """An ACL that hides the settings hides whether anything lasts."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", f">{PASSWORD}", "~*", "+@all", "-config")
    url = f"redis://app:{PASSWORD}@{server.address}"
    with pytest.raises(StoreRefused, match=r"\+config\|get"):
        await open_store(url)
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "+config|get")
    store = await open_store(url)
    assert await store.commit(P, [Put(b"a", b"")]) == Committed()
    await store.close()


def test_an_old_redis_is_told_as_such() -> None:
    """Redis 6 takes one name after CONFIG GET, and says so as it always has."""
    refusal = ResponseError("wrong number of arguments for 'config|get' command")
    wrong = what_is_wrong(refusal, Durability())
    assert wrong is not None
    assert "Use Redis 7" in wrong


@pytest.mark.parametrize("reply", [[], [b"appendonly", b"yes", b"appendfsync", b"always"], [None] * 6, b"OK"])
def test_a_redis_that_says_less_than_it_was_asked_is_told_as_such(reply: object) -> None:
    """Not as one that evicts, which nobody knows."""
    wrong = what_is_wrong(reply, Durability())
    assert wrong is not None
    assert "does not say how it is configured" in wrong


async def test_records_of_others_in_the_same_redis_are_left_alone(server: RedisServer) -> None:
    """A sweep meets keys of its own only."""
    with server.client() as client:
        client.set("other", "1")
        client.zadd("other:{p}:x", {"a": 1})
        client.set("sv:{", "1")
    store = await open_store(server.url)
    await store.commit(P, [Put(b"a", b"", 1)])
    assert await store.sweep(10) == 1
    with server.client() as client:
        assert sorted(client.keys()) == [b"other", b"other:{p}:x", b"sv:{"]
    await store.close()


async def test_a_dump_made_by_schedule_holds_no_purged_value(tmp_path: Path) -> None:
    """Where Redis also dumps, the dump is made anew."""
    value = os.urandom(64)
    with redis_server(tmp_path, {"save": "3600 1"}) as server:
        store = await open_store(server.url)
        await store.commit(P, [Put(b"a", value)])
        with server.client() as client:
            client.save()
        assert value in (tmp_path / "dump.rdb").read_bytes()
        await store.purge(P, [b"a"])
        assert (tmp_path / "dump.rdb").exists()
        assert not [path for path in server.files if value in path.read_bytes()]
        await store.close()


async def test_replicas_that_are_not_there_are_missed_at_the_start(server: RedisServer) -> None:
    """Asking for one where none is connected is refused."""
    with pytest.raises(StoreRefused, match="fewer replicas"):
        await open_store(server.url, replicas=1)


@pytest.mark.parametrize("settings", [{"replicas": -1}, {"every_second": True}])
async def test_settings_that_make_no_sense_are_refused(server: RedisServer, settings: dict[str, int]) -> None:
    """appendfsync everysec alone would lose a second of acknowledged writes."""
    with pytest.raises(StoreRefused, match="do not go together"):
        await open_store(server.url, **settings)  # type: ignore[arg-type]


def test_without_redis_the_tests_fail_and_say_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are never skipped."""
    monkeypatch.setattr("tests.support.redis_server.shutil.which", lambda _: None)
    with (
        pytest.raises(servers.RedisNotInstalled, match="apt-get install redis-server"),
        redis_server(tmp_path),
    ):
        pass
