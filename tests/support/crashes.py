"""Stores that are killed while they are written to: the writers, and what must be there afterwards."""

from __future__ import annotations

import asyncio
import contextlib

from service.storage import Append, Committed, Insert, Put, Store, StoreUnavailable, sequence_of
from tests.support.store_writer import PARTITION, value_of


async def everything(store: Store, prefix: bytes = b"", partition: str = PARTITION) -> dict[bytes, bytes]:
    """Read all records with that prefix, page by page."""
    found: dict[bytes, bytes] = {}
    last = b""
    while page := await store.scan(partition, prefix, last, 1000):
        found.update(page)
        last = page[-1][0]
    return found


def check_whole(found: dict[bytes, bytes], acknowledged: dict[bytes, int]) -> int:
    """Nothing acknowledged is missing, nothing is there by halves, the log has no gap. Returns commits found."""
    names = {name[1:] for name in found if name.startswith(b"a")}
    assert names == {name[1:] for name in found if name.startswith(b"b")}
    log = {sequence_of(name): value for name, value in found.items() if name.startswith(b"log/")}
    assert sorted(log) == list(range(1, len(log) + 1))
    assert set(log.values()) == names
    for name, position in acknowledged.items():
        assert log[position] == name
    for name in names:
        assert found[b"a" + name] == value_of(name)
        assert found[b"b" + name] == name
    return len(names)


async def write_until_it_fails(store: Store, seed: str, acknowledged: dict[bytes, int]) -> None:
    """Eight writers, each until its store is unavailable."""

    async def one(task: int) -> None:
        count = 0
        with contextlib.suppress(StoreUnavailable):
            while True:
                name = f"{seed}.{task}.{count}".encode()
                outcome = await store.commit(
                    PARTITION,
                    [Insert(b"a" + name, value_of(name)), Put(b"b" + name, name), Append(b"log", name)],
                )
                assert isinstance(outcome, Committed)
                acknowledged[name] = outcome.positions[0]
                count += 1

    await asyncio.gather(*(one(task) for task in range(8)))
