"""Damages records in a running server's store, and restores them, as a disk does and an operator.

with damaged(server, group, b"report/" + report): ...        # all of the group's records that begin like that
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.server.records import group_partition
from service.storage.addresses import open_store
from service.storage.protocol import Put
from tests.support.groups import Group
from tests.support.server import RunningServer

BROKEN = b"damaged: canary"


@contextmanager
def damaged(
    server: RunningServer,
    group: Group,
    *beginnings: bytes,
    end: bytes = b"",
    how: Callable[[bytes], bytes] = lambda _: BROKEN,
) -> Iterator[None]:
    """Damage records of a group, by how their names begin and end; afterwards they are as they were.

    how: makes the damaged record of the whole one.
    """
    kept = {
        name: value
        for beginning in beginnings
        for name, value in asyncio.run(_found(server, group, beginning))
        if name.endswith(end)
    }
    assert kept
    asyncio.run(_write(server, group, {name: how(value) for name, value in kept.items()}))
    try:
        yield
    finally:
        asyncio.run(_write(server, group, kept))


async def _found(server: RunningServer, group: Group, beginning: bytes) -> list[tuple[bytes, bytes]]:
    store = await open_store(f"sqlite://{server.data / 'store.db'}")
    try:
        return list(await store.scan(group_partition(group.id), beginning, b"", 500))
    finally:
        await store.close()


async def _write(server: RunningServer, group: Group, records: dict[bytes, bytes]) -> None:
    store = await open_store(f"sqlite://{server.data / 'store.db'}")
    try:
        await store.commit(group_partition(group.id), [Put(name, value) for name, value in records.items()])
    finally:
        await store.close()
