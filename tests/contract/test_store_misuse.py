"""Callers' mistakes with every store: malformed commits and partitions, and work after the close."""

from __future__ import annotations

import pytest

from service.storage import Absent, Append, Delete, Forget, Insert, Put, Store, StoreUnavailable, entry_name
from service.storage.protocol import MAX_NAME, MAX_PARTITION, MAX_VALUE
from tests.support.engines import Engine, P, names


async def test_a_closed_store_says_so(engine: Engine) -> None:
    """Closing twice is harmless; work after it is StoreUnavailable."""
    async with engine.open() as store:
        await store.close()
        for attempt in (
            store.read(P, b"a"),
            store.commit(P, [Put(b"a", b"")]),
            store.scan(P, b""),
            store.healthy(),
        ):
            with pytest.raises(StoreUnavailable):
                await attempt


@pytest.mark.parametrize(
    "changes",
    [
        [Put(b"", b"")],
        [Put(b"n" * (MAX_NAME + 1), b"")],
        [Put(b"n", b"x" * (MAX_VALUE + 1))],
        [Put(b"n%d" % n, bytes(MAX_VALUE)) for n in range(4)],
        [Put(b"n", b"", -1)],
        [Put(b"n", b"", 2**53 + 1)],
        [Put(b"n", b""), Delete(b"n")],
        [Absent(b"n"), Insert(b"n", b"")],
        [Append(b"", b"")],
        [Append(b"l" * (MAX_NAME - 8), b"")],
        [Append(b"l", b""), Delete(entry_name(b"l", 1))],
        [Append(b"l", b""), Forget(b"l")],
        [Forget(b"")],
        [Delete(b"%d" % n) for n in range(1001)],
    ],
    ids=lambda changes: f"{type(changes[0]).__name__}x{len(changes)}",
)
async def test_malformed_commits_are_the_callers_mistake(store: Store, changes: list[Put]) -> None:
    """ValueError before anything is sent, with fixed text."""
    with pytest.raises(ValueError, match=r"^[a-z][a-z0-9 ',]+$"):
        await store.commit(P, changes)
    assert await names(store) == []


@pytest.mark.parametrize("partition", ["", "a{b", "a}", "a b", "ä", "a\n", "a\0", "x" * (MAX_PARTITION + 1)])
async def test_malformed_partitions_are_the_callers_mistake(store: Store, partition: str) -> None:
    """A brace would break the hash tag; so only a small alphabet is allowed."""
    for attempt in (
        store.read(partition, b"a"),
        store.read_many(partition, [b"a"]),
        store.commit(partition, [Put(b"a", b"")]),
        store.scan(partition, b""),
        store.purge(partition, [b"a"]),
    ):
        with pytest.raises(ValueError, match="partition"):
            await attempt
