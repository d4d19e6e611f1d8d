"""With replicas: what is acknowledged is on one of them, and losing them stops acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.crc import key_slot

from service.storage import (
    Append,
    Committed,
    Conflict,
    Insert,
    Keep,
    Put,
    Store,
    StoreRefused,
    StoreUnavailable,
    open_store,
)
from tests.support.redis_server import free_port, redis_server
from tests.support.redis_topologies import ClusterSetup, SentinelSetup, redis_cluster, redis_sentinel

P = "p"


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[SentinelSetup]:
    with redis_sentinel(tmp_path) as setup:
        yield setup


async def test_a_store_under_sentinel_must_wait_for_a_replica(sentinel: SentinelSetup) -> None:
    """Else a failover loses what was acknowledged. A replica's address, and an unknown service, are refused, too."""
    with pytest.raises(StoreRefused, match="fails over"):
        await open_store(sentinel.url)
    with pytest.raises(StoreRefused, match="names a replica"):
        await open_store(sentinel.replicas[0].url)
    with pytest.raises(StoreRefused, match="do not know the service"):
        await open_store(sentinel.url + "2", replicas=1)
    with pytest.raises(StoreUnavailable, match="No Sentinel"):
        await open_store(f"redis+sentinel://127.0.0.1:{free_port()}/sottovoce", replicas=1)


async def test_everysec_is_accepted_with_a_replica(sentinel: SentinelSetup) -> None:
    """And only if that was allowed explicitly."""
    sentinel.master.configure(appendfsync="everysec")
    with pytest.raises(StoreRefused, match="appendfsync always"):
        await open_store(sentinel.url, replicas=1)
    store = await open_store(sentinel.url, replicas=1, every_second=True)
    assert await store.commit(P, [Put(b"a", b"")]) == Committed()
    await store.close()


async def test_without_its_replica_nothing_is_acknowledged(sentinel: SentinelSetup) -> None:
    """Neither a commit, nor a conflict or an update that rests on what only the master has; reads go on."""
    store = await open_store(sentinel.url, replicas=1)
    await store.commit(P, [Put(b"a", b"1")])
    assert await store.commit(P, [Insert(b"a", b"2")]) == Conflict(b"a")
    sentinel.replicas[0].kill9()
    attempts = (
        store.commit(P, [Put(b"b", b"1")]),
        store.commit(P, [Insert(b"a", b"2")]),
        store.update(P, b"a", Keep),
        store.healthy(),
    )
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert [type(o) for o in outcomes[:3]] == [StoreUnavailable] * 3
    assert isinstance(outcomes[3], StoreRefused | StoreUnavailable)
    assert await store.read(P, b"a") == b"1"
    await store.close()


async def test_a_conflict_with_what_no_replica_has_is_not_reported(sentinel: SentinelSetup) -> None:
    """The replica is there, but behind; what another connection wrote is only on the master and may yet be lost.

    Whoever repeats a commit after "not durable" would else take the conflict for "it was made".
    """
    store = await open_store(sentinel.url, replicas=1)
    assert await store.commit(P, [Put(b"a", b"1")]) == Committed()
    os.kill(sentinel.replicas[0].pid, signal.SIGSTOP)
    with sentinel.master.client() as client:
        client.hset("sv:{p}:v", "b", "1")
    outcomes = await asyncio.gather(
        store.commit(P, [Insert(b"b", b"2")]), store.update(P, b"b", Keep), return_exceptions=True
    )
    assert [type(o) for o in outcomes] == [StoreUnavailable] * 2
    os.kill(sentinel.replicas[0].pid, signal.SIGCONT)
    assert await store.commit(P, [Insert(b"b", b"2")]) == Conflict(b"b")
    await store.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterSetup]:
    with redis_cluster(tmp_path) as setup:
        yield setup


async def _commit_on_three(store: Store) -> None:
    for n in range(12):
        assert await store.commit(f"q{n}", [Insert(b"n%d" % n, b"")]) == Committed()


async def test_a_cluster_is_followed_when_slots_move(cluster: ClusterSetup) -> None:
    """An open store whose map has grown old is redirected, and a partition's records are all on one node."""
    store = await open_store(cluster.url)
    await _commit_on_three(store)
    slot = key_slot(b"sv:{moving}:v")
    home = slot // -(-16384 // 3)
    target = (home + 1) % 3
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(node.client()) for node in cluster.nodes]
        assert all(client.dbsize() for client in clients)
        new_owner = clients[target].execute_command("CLUSTER", "MYID").decode()
        for n in (target, home, (home + 2) % 3):
            clients[n].execute_command("CLUSTER", "SETSLOT", slot, "NODE", new_owner)
        assert await store.commit("moving", [Insert(b"a", b"1"), Append(b"l", b"2")]) == Committed((1,))
        assert await store.read("moving", b"a") == b"1"
        assert clients[target].execute_command("CLUSTER", "COUNTKEYSINSLOT", slot) == 3
    await store.close()


async def test_cluster_and_single_addresses_are_not_confused(cluster: ClusterSetup, tmp_path: Path) -> None:
    """Each is refused with the scheme to use."""
    with pytest.raises(StoreRefused, match=r"redis\+cluster://"):
        await open_store(cluster.nodes[0].url)
    with redis_server(tmp_path / "single") as server, pytest.raises(StoreRefused, match="Use redis://"):
        await open_store(f"redis+cluster://{server.address}")


async def test_an_incomplete_cluster_is_refused(cluster: ClusterSetup) -> None:
    """Some partitions would have nowhere to live."""
    with cluster.nodes[2].client() as client:
        client.execute_command("CLUSTER", "DELSLOTS", 16000)
    with pytest.raises(StoreRefused, match="all of its slots"):
        await open_store(f"redis+cluster://{cluster.nodes[2].address}")
