"""What leaves every store: expired records at the sweep and not before, purged bytes from every file."""

from __future__ import annotations

import os

from service.storage import Append, Committed, Conflict, Delete, Insert, Put, Replace, Store
from tests.support.engines import Engine, P, names


async def test_sweep_removes_what_has_expired_and_nothing_else(store: Store) -> None:
    """At `expires_s` sharp; until then, and until the sweep, a record is read and in the way."""
    await store.commit(
        P, [Insert(b"a", b"x", 100), Put(b"b", b"x", 101), Put(b"c", b"x"), Append(b"l", b"x", 100)]
    )
    await store.commit("other", [Insert(b"a", b"x", 99)])
    assert await store.sweep(98) == 0
    assert await store.commit(P, [Insert(b"a", b"y")]) == Conflict(b"a")
    assert await store.sweep(100) == 3
    assert await names(store) == [b"b", b"c"]
    assert await names(store, partition="other") == []
    assert await store.read(P, b"a") is None
    assert await store.commit(P, [Insert(b"a", b"y")]) == Committed()
    assert await store.sweep(100) == 0


async def test_a_new_value_brings_its_own_expiry(store: Store) -> None:
    """Put and Replace drop the expiry that was there; deleting and inserting anew, too."""
    await store.commit(P, [Put(n, b"1", 10) for n in (b"put", b"replaced", b"deleted", b"later")])
    await store.commit(
        P, [Put(b"put", b"2"), Replace(b"replaced", b"1", b"2"), Delete(b"deleted"), Put(b"later", b"2", 50)]
    )
    await store.commit(P, [Insert(b"deleted", b"2")])
    assert await store.sweep(49) == 0
    assert await store.sweep(50) == 1
    assert await names(store) == [b"deleted", b"put", b"replaced"]


async def test_a_large_sweep_takes_several_turns(store: Store) -> None:
    """More than any page of a sweep."""
    for start in range(0, 1200, 400):
        await store.commit(P, [Put(b"%05d" % n, b"x", 5) for n in range(start, start + 400)])
    await store.commit(P, [Put(b"kept", b"x", 6)])
    assert await store.sweep(5) == 1200
    assert await names(store) == [b"kept"]


async def test_purged_values_are_in_no_file(engine: Engine) -> None:
    """Before, they are found there; afterwards no byte of them is, and what shares the files is unharmed.

    The values are random, so that no compression can hide them from the search.
    """
    doomed = {b"secret%d" % n: os.urandom(48 + 700 * n) for n in range(25)}
    kept = {b"kept%d" % n: os.urandom(500) for n in range(25)}
    marks = [value[-40:] for value in doomed.values()] + [value[:40] for value in doomed.values()]
    async with engine.open() as store:
        for (name, value), (other, stays) in zip(doomed.items(), kept.items(), strict=True):
            await store.commit(P, [Put(name, value[::-1])])
            await store.commit(P, [Put(name, value), Put(other, stays)])
        everything = b"".join(_all_bytes(engine))
        assert all(mark in everything for mark in marks)
        await store.purge(P, [*doomed, b"never was"])
        everything = b"".join(_all_bytes(engine))
        assert not [mark for mark in marks if mark in everything or mark[::-1] in everything]
        assert await store.read_many(P, [*kept]) == [*kept.values()]
        assert await names(store, b"secret") == []
    everything = b"".join(_all_bytes(engine))
    assert not [mark for mark in marks if mark in everything or mark[::-1] in everything]


def _all_bytes(engine: Engine) -> list[bytes]:
    return [path.read_bytes() for path in sorted(engine.folder.rglob("*")) if path.is_file()]
