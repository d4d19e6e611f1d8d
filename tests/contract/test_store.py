"""Records of every store: read back as written, changed all together or not at all, and numbered without gaps."""

from __future__ import annotations

import os
import time

import pytest

from service.storage import (
    Absent,
    Append,
    Change,
    Committed,
    Conflict,
    Delete,
    Forget,
    Insert,
    Keep,
    Present,
    Put,
    Replace,
    Store,
    Write,
    entry_name,
    sequence_of,
)
from service.storage.protocol import MAX_VALUE
from tests.support.engines import P, names


async def test_a_record_written_is_read_back_as_it_was(store: Store) -> None:
    """Any bytes, the empty value included; other names and other partitions are not touched."""
    for n, value in enumerate((b"", b"\0", bytes(range(256)), "ナイン".encode())):
        name = bytes((n,)) + b"\0\xff{}/\r\n"
        assert await store.commit(P, [Insert(name, value)]) == Committed()
        assert await store.read(P, name) == value
        assert await store.read("other", name) is None
        assert await store.read(P, name + b"\0") is None


async def test_read_many_keeps_the_order_asked_for(store: Store) -> None:
    """Missing names are None in their place, and a name may be asked for twice."""
    await store.commit(P, [Put(b"a", b"1"), Put(b"b", b"")])
    assert await store.read_many(P, [b"b", b"x", b"a", b"b"]) == [b"", None, b"1", b""]
    assert await store.read_many(P, []) == []


async def test_the_largest_value_fits(store: Store) -> None:
    """A value of MAX_VALUE bytes is stored, read, compared and scanned."""
    value = os.urandom(MAX_VALUE)
    await store.commit(P, [Insert(b"big", value)])
    assert await store.read(P, b"big") == value
    assert await store.commit(P, [Replace(b"big", value, b"small")]) == Committed()
    assert await store.scan(P, b"") == [(b"big", b"small")]


async def test_insert_refuses_a_name_that_exists(store: Store) -> None:
    """The first value stays."""
    await store.commit(P, [Insert(b"a", b"first")])
    assert await store.commit(P, [Insert(b"a", b"second")]) == Conflict(b"a")
    assert await store.read(P, b"a") == b"first"


async def test_replace_compares_the_whole_value(store: Store) -> None:
    """A missing record, another value, a longer and a shorter one are conflicts."""
    assert await store.commit(P, [Replace(b"a", b"", b"x")]) == Conflict(b"a")
    await store.commit(P, [Put(b"a", b"value\0one")])
    for wrong in (b"", b"value", b"value\0one\0", b"value\0two"):
        assert await store.commit(P, [Replace(b"a", wrong, b"x")]) == Conflict(b"a")
    assert await store.commit(P, [Replace(b"a", b"value\0one", b"x")]) == Committed()
    assert await store.read(P, b"a") == b"x"


async def test_conditions_without_changes(store: Store) -> None:
    """Absent and Present only look."""
    assert await store.commit(P, [Absent(b"a")]) == Committed()
    assert await store.commit(P, [Present(b"a")]) == Conflict(b"a")
    await store.commit(P, [Put(b"a", b"")])
    assert await store.commit(P, [Absent(b"a")]) == Conflict(b"a")
    assert await store.commit(P, [Present(b"a")]) == Committed()
    assert await store.commit(P, []) == Committed()
    assert await names(store) == [b"a"]


@pytest.mark.parametrize(
    "failing",
    [
        Insert(b"there", b"x"),
        Absent(b"there"),
        Present(b"nowhere"),
        Replace(b"there", b"wrong", b"x"),
        Replace(b"nowhere", b"", b"x"),
    ],
)
async def test_a_failed_condition_leaves_everything_as_it_was(
    store: Store, failing: Absent | Present | Replace | Insert
) -> None:
    """Wherever it stands among the changes, whatever they are; no number of a log is used up."""
    before: list[Change] = [Put(b"there", b"old"), Put(b"kept", b"old"), Append(b"log", b"1")]
    await store.commit(P, before)
    changes: list[Change] = [Put(b"new", b"x"), Delete(b"kept"), Append(b"log", b"2"), Append(b"log2", b"1")]
    state = await store.scan(P, b"")
    for place in range(len(changes) + 1):
        attempt = [*changes[:place], failing, *changes[place:]]
        assert await store.commit(P, attempt) == Conflict(failing.name)
        assert await store.scan(P, b"") == state
    assert await store.commit(P, [Append(b"log", b"2"), Append(b"log2", b"1")]) == Committed((2, 1))


async def test_the_first_failed_condition_is_named(store: Store) -> None:
    """In the order of the changes."""
    await store.commit(P, [Put(b"a", b"")])
    assert await store.commit(P, [Present(b"z"), Insert(b"a", b"")]) == Conflict(b"z")
    assert await store.commit(P, [Insert(b"a", b""), Present(b"z")]) == Conflict(b"a")


async def test_a_commit_changes_many_records_at_once(store: Store) -> None:
    """All kinds of change together."""
    await store.commit(P, [Put(b"p", b"1"), Put(b"r", b"1"), Put(b"d", b"1"), Put(b"here", b"")])
    outcome = await store.commit(
        P,
        [
            Insert(b"i", b"2"),
            Put(b"p", b"2"),
            Replace(b"r", b"1", b"2"),
            Delete(b"d"),
            Delete(b"never was"),
            Absent(b"d2"),
            Present(b"here"),
            Append(b"log", b"one"),
            Append(b"log", b"two"),
        ],
    )
    assert outcome == Committed((1, 2))
    assert await store.scan(P, b"") == [
        (b"here", b""),
        (b"i", b"2"),
        (entry_name(b"log", 1), b"one"),
        (entry_name(b"log", 2), b"two"),
        (b"p", b"2"),
        (b"r", b"2"),
    ]


async def test_as_many_changes_as_a_commit_may_have(store: Store) -> None:
    """A thousand of each kind, with expiry and without."""
    assert (
        await store.commit(P, [Insert(b"i%d" % n, b"1", n % 2 or None) for n in range(1_000)]) == Committed()
    )
    assert await store.commit(P, [Append(b"l", b"1", 5) for _ in range(1_000)]) == Committed(
        tuple(range(1, 1_001))
    )
    replaced = [Replace(b"i%d" % n, b"1", b"2", 5 if n % 2 else None) for n in range(1_000)]
    assert await store.commit(P, replaced) == Committed()
    assert await store.commit(P, [Present(b"i%d" % n) for n in range(1_000)]) == Committed()
    assert await store.sweep(5) == 1_500
    assert await store.commit(P, [Delete(b"i%d" % n) for n in range(1_000)]) == Committed()
    assert await store.scan(P, b"") == []


async def test_a_log_counts_without_gaps(store: Store) -> None:
    """From 1, across commits, per log, and never again a number it gave out, also when the entry is gone."""
    assert await store.commit(P, [Append(b"l", b"a")]) == Committed((1,))
    assert await store.commit(P, [Append(b"l", b"b"), Append(b"m", b"a"), Append(b"l", b"c")]) == Committed(
        (2, 1, 3)
    )
    await store.commit(P, [Delete(entry_name(b"l", 3))])
    assert await store.commit(P, [Append(b"l", b"d")]) == Committed((4,))
    assert [sequence_of(name) for name in await names(store, b"l/")] == [1, 2, 4]
    assert await store.commit("other", [Append(b"l", b"a")]) == Committed((1,))


async def test_a_forgotten_log_begins_again(store: Store) -> None:
    """And an entry that is in its way is a conflict, not overwritten."""
    await store.commit(P, [Append(b"l", b"a")])
    await store.commit(P, [Forget(b"l"), Forget(b"never was")])
    assert await store.commit(P, [Append(b"l", b"b")]) == Conflict(entry_name(b"l", 1))
    assert await store.read(P, entry_name(b"l", 1)) == b"a"
    await store.commit(P, [Delete(entry_name(b"l", 1))])
    assert await store.commit(P, [Append(b"l", b"b")]) == Committed((1,))


async def test_update_decides_from_what_is_there(store: Store) -> None:
    """Write stores and answers; Keep stores nothing; what the decision raises comes through."""

    def count(old: bytes | None) -> Write[str] | Keep[str]:
        if old == b"2":
            return Keep("full")
        return Write(b"1" if old is None else b"2", "written", 10)

    assert [await store.update(P, b"n", count) for _ in range(3)] == ["written", "written", "full"]
    assert await store.read(P, b"n") == b"2"

    def refuse(_: bytes | None) -> Keep[None]:
        raise LookupError

    with pytest.raises(LookupError):
        await store.update(P, b"n", refuse)
    assert await store.sweep(10) == 1


async def test_the_clock_is_the_stores(store: Store) -> None:
    """Seconds since 1970, shared by all that use the store; here one machine, so near to its clock."""
    assert abs(await store.clock_s() - time.time()) < 5


async def test_a_sound_store_is_healthy(store: Store) -> None:
    """And looking leaves no record."""
    await store.healthy()
    assert await names(store) == []
