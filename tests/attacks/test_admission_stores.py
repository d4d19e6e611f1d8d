"""Admission over stores that fail: what lost its memory revives no spent token, what is gone lets nothing in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from abuse.admission import Why
from abuse.limits import Bucket, Rate
from abuse.routes import Lane, Route
from bench.flood import solved
from crypto.entropy import system
from service.server.admission import Admission, Admitted, Again, Waiting
from service.storage.limiter import LimiterUnavailable, UnfitForLimits
from service.storage.limiter_redis import open_redis_limiter
from service.storage.limiter_sqlite import SqliteLimiter
from service.storage.limiters import open_limiter
from tests.support.doors import GROUP, KEY, LIMITS, SMALL, why
from tests.support.limiters import Clock
from tests.support.redis_server import redis_server, wait_until
from tests.support.redis_topologies import redis_cluster


@pytest.mark.redis
@pytest.mark.parametrize("end", ["kill9", "flush", "old snapshot", "script flush"])
async def test_a_redis_that_lost_its_memory_revives_no_spent_token(end: str, tmp_path: Path) -> None:
    """Killed, flushed, restored from a snapshot before the spend: older tokens are stale, new ones pass."""
    with redis_server(tmp_path / "r", {"appendonly": "no"}) as server:
        limiter = await open_redis_limiter(server.url, system)
        other = await open_redis_limiter(server.url, system)
        door, second = Admission(KEY, limiter, LIMITS), Admission(KEY, other, LIMITS)
        spent = solved(await door.challenge(GROUP, Route.REPORTS))
        unspent = solved(await second.challenge(GROUP, Route.REPORTS))
        if end == "old snapshot":
            with server.client() as client:
                client.save()
        assert await door.admit(GROUP, Route.REPORTS, spent) == Admitted(Lane.FAST)
        assert why(await second.admit(GROUP, Route.REPORTS, spent)) is Why.SPENT
        match end:
            case "flush":
                with server.client() as client:
                    client.flushall()
            case "script flush":
                with server.client() as client:
                    client.script_flush()
            case _:
                server.kill9()
                server.start()
        if end == "old snapshot":
            with server.client() as client:
                assert client.dbsize() > 0, "the snapshot came back, with the old epoch in it"
        for text in (spent, unspent):
            for asked in (door, second):
                assert why(await asked.admit(GROUP, Route.REPORTS, text)) is Why.STALE
        fresh = solved(await second.challenge(GROUP, Route.REPORTS))
        decision = await door.admit(GROUP, Route.REPORTS, fresh)
        if why(decision) is Why.STALE:  # the second server's look was up to a second old
            assert isinstance(decision, Again)
            decision = await door.admit(GROUP, Route.REPORTS, solved(decision.challenge))
        assert decision == Admitted(Lane.FAST)
        await limiter.close()
        await other.close()


@pytest.mark.redis
async def test_a_promoted_replica_revives_no_spent_token(tmp_path: Path) -> None:
    """A replica may lack the last marks, so nothing of before its promotion passes there."""
    with (
        redis_server(tmp_path / "one", {"appendonly": "no"}) as one,
        redis_server(tmp_path / "two", {"appendonly": "no"}) as two,
    ):
        with two.client() as client:
            client.replicaof("127.0.0.1", str(one.port))
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", what="in step")
        before = await open_redis_limiter(one.url, system)
        door = Admission(KEY, before, LIMITS)
        spent = solved(await door.challenge(GROUP, Route.REPORTS))
        assert await door.admit(GROUP, Route.REPORTS, spent) == Admitted(Lane.FAST)
        await before.close()
        with two.client() as client:
            wait_until(lambda: bool(client.exists("{sv-limits}:life")), what="the epoch is replicated")
            one.kill9()
            client.replicaof("NO", "ONE")
        after = await open_redis_limiter(two.url, system)
        decision = await Admission(KEY, after, LIMITS).admit(GROUP, Route.REPORTS, spent)
        assert why(decision) is Why.STALE
        await after.close()


@pytest.mark.redis
@pytest.mark.slow
async def test_admission_works_on_a_cluster(tmp_path: Path) -> None:
    """Every key of a step is in one slot, or the cluster itself would refuse the script."""
    with redis_cluster(tmp_path) as cluster:
        limiter = await open_limiter(f"redis+cluster://127.0.0.1:{cluster.nodes[0].port}")
        door = Admission(KEY, limiter, SMALL)
        outcomes = []
        for _ in range(12):
            token = solved(await door.challenge(GROUP, Route.REPORTS))
            outcomes.append(await door.admit(GROUP, Route.REPORTS, token))
            again = await door.admit(GROUP, Route.REPORTS, token)
            assert not isinstance(again, Admitted)
        assert Admitted(Lane.FAST) in outcomes
        assert any(isinstance(outcome, Waiting) for outcome in outcomes)
        await limiter.close()


@pytest.mark.redis
async def test_a_redis_that_is_gone_lets_nothing_in(tmp_path: Path) -> None:
    with redis_server(tmp_path / "r", {"appendonly": "no"}) as server:
        limiter = await open_redis_limiter(server.url, system)
        door = Admission(KEY, limiter, LIMITS)
        token = solved(await door.challenge(GROUP, Route.REPORTS))
        server.kill9()
        with pytest.raises(LimiterUnavailable):
            await door.admit(GROUP, Route.REPORTS, token)
        with pytest.raises(LimiterUnavailable):
            await open_limiter(server.url)
        await limiter.close()


@pytest.mark.redis
async def test_a_redis_that_evicts_is_not_used(tmp_path: Path) -> None:
    with (
        redis_server(tmp_path / "r", {"appendonly": "no", "maxmemory-policy": "allkeys-lru"}) as server,
        pytest.raises(UnfitForLimits),
    ):
        await open_redis_limiter(server.url, system)


@pytest.mark.redis
async def test_a_start_meets_no_bucket_and_leaves_none(tmp_path: Path) -> None:
    """It asks a bucket of its own whether limits can be kept: one of another's name would lose what it owes."""
    with redis_server(tmp_path / "r", {"appendonly": "no"}) as server:
        limiter = await open_redis_limiter(server.url, system)
        with server.client() as client:
            assert list(client.scan_iter(b"*")) == [b"{sv-limits}:life"]
        buckets = [
            (Bucket(name, Rate(3_600_000_000, 1)),) for name in ("probe", "reports", "casts", "mailbox")
        ]
        for bucket in buckets:
            assert (await limiter.debit(bucket)).allowed
        again = await open_redis_limiter(server.url, system)
        for bucket in buckets:
            assert not (await again.debit(bucket)).allowed
        await limiter.close()
        await again.close()


@pytest.mark.redis
async def test_all_keys_of_a_step_lie_in_one_cluster_slot(tmp_path: Path) -> None:
    """And no key, name or value in Redis says anything but lane, group, token and numbers."""
    with redis_server(tmp_path / "r", {"appendonly": "no"}) as server:
        limiter = await open_redis_limiter(server.url, system)
        door = Admission(KEY, limiter, SMALL)
        for _ in range(12):
            await door.admit(GROUP, Route.REPORTS, solved(await door.challenge(GROUP, Route.REPORTS)))
        with server.client() as client:
            keys = list(client.scan_iter(b"*"))
            assert len(keys) > 8
            assert all(key.startswith(b"{sv-limits}:") for key in keys)
            lasting = [key for key in keys if client.ttl(key) < 0]
            assert lasting == [b"{sv-limits}:life"], "everything but the epoch goes by itself"
        await limiter.close()


async def test_an_sqlite_limiter_from_before_a_boot_revives_no_spent_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may lag behind what was answered when the power went: after a boot its tokens are stale."""
    path = tmp_path / "limits.sqlite"
    first = SqliteLimiter(path, Clock(), system)
    again = SqliteLimiter(path, Clock(), system)
    door, second = Admission(KEY, first, LIMITS), Admission(KEY, again, LIMITS)
    token = solved(await door.challenge(GROUP, Route.REPORTS))
    assert await second.admit(GROUP, Route.REPORTS, token) == Admitted(Lane.FAST)
    await first.close()
    await again.close()
    monkeypatch.setattr("service.storage.limiter_sqlite.boot_id", lambda: "another boot")
    later = SqliteLimiter(path, Clock(), system)
    assert why(await Admission(KEY, later, LIMITS).admit(GROUP, Route.REPORTS, token)) is Why.STALE
    await later.close()


async def test_a_damaged_sqlite_limiter_lets_nothing_in(tmp_path: Path) -> None:
    path = tmp_path / "limits.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LimiterUnavailable):
        SqliteLimiter(path, Clock(), system)
    with pytest.raises(LimiterUnavailable):
        SqliteLimiter(tmp_path / "no folder" / "x", Clock(), system)
    shutil.rmtree(tmp_path)
