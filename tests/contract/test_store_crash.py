"""What was acknowledged survives: the death of this program, of Redis, of a master, at any moment.

Moments are drawn from fixed seeds. A commit is two records and a log entry: after every crash all acknowledged
commits are there as they were, and those not acknowledged are there whole or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from service.storage import Committed, Insert, Put, Store, StoreUnavailable, open_store
from tests.support.crashes import check_whole, everything, write_until_it_fails
from tests.support.engines import Engine
from tests.support.redis_server import redis_server
from tests.support.redis_topologies import redis_cluster, redis_sentinel
from tests.support.store_writer import PARTITION

ROOT = Path(__file__).parents[2]
ENOUGH = 50  # acknowledged before the kills; a busy machine writes a few hundred, an idle one thousands


async def settled(store: Store) -> dict[bytes, bytes]:
    """Everything, once nothing is added any more: a writer apart may still finish what it was asked for."""
    seen = await everything(store)
    while (now := await everything(store)) != seen:
        seen = now
        await asyncio.sleep(0.1)
    return now


@pytest.mark.slow
@pytest.mark.parametrize("act", ["write", "apart"])
async def test_killing_the_program_loses_nothing_acknowledged(tmp_path: Path, act: str) -> None:
    """SIGKILL at ten random moments while eight tasks write to SQLite, on a thread or in a process of its own."""
    url = f"sqlite://{tmp_path}/store/store.db"
    moments = random.Random(20)
    acknowledged: dict[bytes, int] = {}
    for round_number in range(10):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_writer", url, act, str(round_number)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        assert await asyncio.to_thread(child.stdout.readline) == "ready\n"
        # Every other time once something was acknowledged, however busy the machine is.
        lines = await asyncio.to_thread(child.stdout.readline) if round_number % 2 else ""
        killer = threading.Timer(moments.uniform(0.005, 0.25), child.kill)
        killer.start()
        lines += await asyncio.to_thread(child.stdout.read)
        assert child.wait() == -signal.SIGKILL
        child.stdout.close()
        for line in lines.splitlines(keepends=True):
            if line.endswith("\n"):
                name, position = line.split()
                acknowledged[name.encode()] = int(position)
        store = await open_store(url)
        check_whole(await settled(store), acknowledged)
        await store.close()
    assert len(acknowledged) > ENOUGH


@pytest.mark.redis
@pytest.mark.slow
async def test_killing_redis_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """SIGKILL to Redis at six random moments; the store that was open finds it again by itself."""
    moments = random.Random(21)
    acknowledged: dict[bytes, int] = {}
    with redis_server(tmp_path) as server:
        store = await open_store(server.url)
        for round_number in range(6):
            writing = asyncio.create_task(write_until_it_fails(store, str(round_number), acknowledged))
            await asyncio.sleep(moments.uniform(0.02, 0.25))
            server.kill9()
            server.start()
            await asyncio.sleep(0.05)  # whoever could surely not send goes on by itself
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
            check_whole(await settled(store), acknowledged)
        await store.close()
    assert len(acknowledged) > ENOUGH


@pytest.mark.redis
@pytest.mark.slow
async def test_a_failover_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """The master is killed, its replica takes over, and the same open store goes on there."""
    acknowledged: dict[bytes, int] = {}
    with redis_sentinel(tmp_path, down_after_ms=1_000) as setup:
        store = await open_store(setup.url, replicas=1)
        writing = asyncio.create_task(write_until_it_fails(store, "before", acknowledged))
        await asyncio.sleep(0.3)
        setup.master.kill9()
        await writing
        found: dict[bytes, bytes] = {}
        for _ in range(10):
            with contextlib.suppress(StoreUnavailable):
                found = await everything(store)
                break
        check_whole(found, acknowledged)
        assert len(acknowledged) > 50
        # The new master has no replica, so nothing more can be promised until one is there.
        with pytest.raises(StoreUnavailable, match="not durable"):
            await store.commit(PARTITION, [Put(b"a", b"")])
        await store.close()


@pytest.mark.redis
@pytest.mark.slow
async def test_a_cluster_goes_on_where_it_can_and_loses_nothing(tmp_path: Path) -> None:
    """One of three masters is killed: its partitions are unavailable, the others work; it comes back whole."""
    with redis_cluster(
        tmp_path, config={"cluster-require-full-coverage": "no", "cluster-node-timeout": "2000"}
    ) as setup:
        store = await open_store(setup.url)
        partitions = [f"p{n}" for n in range(24)]
        for n, partition in enumerate(partitions):
            assert await store.commit(partition, [Insert(b"n", b"%d" % n)]) == Committed()
        setup.nodes[1].kill9()
        answers = await asyncio.gather(*(store.read(p, b"n") for p in partitions), return_exceptions=True)
        lost = [a for a in answers if isinstance(a, StoreUnavailable)]
        assert 0 < len(lost) < len(partitions)
        assert all(a == b"%d" % n for n, a in enumerate(answers) if not isinstance(a, StoreUnavailable))
        setup.nodes[1].start()
        for n, partition in enumerate(partitions):
            for _ in range(3):
                with contextlib.suppress(StoreUnavailable):
                    assert await store.read(partition, b"n") == b"%d" % n
                    break
            else:
                pytest.fail("a partition did not come back")
        await store.close()


@pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("single_redis", marks=pytest.mark.redis)], indirect=True
)
async def test_claims_from_four_processes_have_one_winner_each(engine: Engine) -> None:
    """50 names, four programs started at the same moment: each is won exactly once, by who is written there.

    With SQLite the four also create the database at the same moment.
    """
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_writer", engine.url, "claim", str(who)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for who in range(4)
    ]  # fmt: skip
    for child in children:
        assert child.stdout is not None
        assert await asyncio.to_thread(child.stdout.readline) == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    winners: dict[int, int] = {}
    for who, child in enumerate(children):
        out, _ = await asyncio.to_thread(child.communicate)
        assert child.returncode == 0
        for line in out.split():
            assert int(line) not in winners
            winners[int(line)] = who
    assert sorted(winners) == list(range(50))
    async with engine.open() as store:
        assert await everything(store) == {b"c%d" % n: b"%d" % who for n, who in winners.items()}
