"""The contract of a store, held against every engine there is."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    StoreUnavailable,
    Write,
    entry_name,
    sequence_of,
)
from service.storage.protocol import MAX_NAME, MAX_PARTITION, MAX_SCAN, MAX_VALUE
from tests.support.engines import Engine

P = "reports:g1"


async def names(store: Store, prefix: bytes = b"", partition: str = P) -> list[bytes]:
    return [name for name, _ in await store.scan(partition, prefix, limit=1000)]


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


async def test_scan_is_ordered_as_bytes_and_pages_in_both_directions(store: Store) -> None:
    """Shorter before longer, 0x00 to 0xff; a page begins strictly beyond `after`."""
    written = sorted(
        [b"a", b"a\0", b"a/", b"a/\0", b"a/\xff", b"a/\xff\xff", b"a0", b"b", b"\0", b"\xff", b"\xff\xff"]
    )
    for name in reversed(written):
        await store.commit(P, [Put(name, name * 2)])
    for prefix in (b"", b"a", b"a/", b"a/\xff", b"\xff", b"\xff\xff", b"\xff\xff\xff", b"nothing"):
        wanted = [name for name in written if name.startswith(prefix)]
        assert await names(store, prefix) == wanted
        for reverse in (False, True):
            found: list[tuple[bytes, bytes]] = []
            while page := await store.scan(P, prefix, found[-1][0] if found else b"", 2, reverse=reverse):
                assert len(page) <= 2
                found += page
            assert [name for name, _ in found] == (wanted[::-1] if reverse else wanted)
            assert all(value == name * 2 for name, value in found)


async def test_scan_begins_beyond_a_name_that_does_not_exist(store: Store) -> None:
    """A cursor stays good when its record is deleted, and may lie outside of the prefix."""
    await store.commit(P, [Put(b"k1", b""), Put(b"k3", b""), Put(b"l", b"")])
    assert [n for n, _ in await store.scan(P, b"k", b"k2")] == [b"k3"]
    assert [n for n, _ in await store.scan(P, b"k", b"a")] == [b"k1", b"k3"]
    assert await store.scan(P, b"k", b"z") == []
    assert [n for n, _ in await store.scan(P, b"k", b"k2", reverse=True)] == [b"k1"]
    assert [n for n, _ in await store.scan(P, b"k", b"z", reverse=True)] == [b"k3", b"k1"]
    assert await store.scan(P, b"k", b"a", reverse=True) == []


async def test_a_scan_of_large_values_stops_early_and_goes_on(store: Store) -> None:
    """No page holds much more than MAX_SCAN bytes, and only an empty page is the end."""
    size = 6 * 2**20
    for n in range(5):
        await store.commit(P, [Put(b"k%d" % n, bytes((n,)) * size)])
    found: list[bytes] = []
    while page := await store.scan(P, b"k", found[-1] if found else b""):
        assert sum(len(value) for _, value in page) <= MAX_SCAN + size
        found += [name for name, _ in page]
    assert found == [b"k0", b"k1", b"k2", b"k3", b"k4"]


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


async def test_concurrent_updates_lose_none(engine: Engine) -> None:
    """60 increments from two stores make 60."""

    def increment(old: bytes | None) -> Write[int]:
        value = int(old or b"0") + 1
        return Write(str(value).encode(), value)

    async with engine.open() as one, engine.open() as two:
        results = await asyncio.gather(*((one, two)[n % 2].update(P, b"n", increment) for n in range(60)))
        assert sorted(results) == list(range(1, 61))
        assert await one.read(P, b"n") == b"60"


async def test_100_claims_of_one_name_have_one_winner(engine: Engine) -> None:
    """From two stores at once; everybody else is told of the conflict, and the winner's value stays."""
    async with engine.open() as one, engine.open() as two:
        for round_number in range(5):
            name = b"claim%d" % round_number
            outcomes = await asyncio.gather(
                *(
                    (one, two)[n % 2].commit(P, [Insert(name, b"%d" % n), Append(b"won", b"%d" % n)])
                    for n in range(100)
                )
            )
            assert Counter(type(o) for o in outcomes) == {Committed: 1, Conflict: 99}
            winner = next(n for n, o in enumerate(outcomes) if isinstance(o, Committed))
            assert outcomes[winner] == Committed((round_number + 1,))
            assert await two.read(P, name) == b"%d" % winner


async def test_concurrent_appends_get_each_number_once(engine: Engine) -> None:
    """100 appends from two stores: 1 to 100, and each entry is where its author was told."""
    async with engine.open() as one, engine.open() as two:
        outcomes = await asyncio.gather(
            *((one, two)[n % 2].commit(P, [Append(b"log", b"%d" % n)]) for n in range(100))
        )
        positions = [o.positions[0] for o in outcomes if isinstance(o, Committed)]
        assert sorted(positions) == list(range(1, 101))
        for n, position in enumerate(positions):
            assert await one.read(P, entry_name(b"log", position)) == b"%d" % n


async def test_a_conflict_does_not_spoil_its_neighbours(store: Store) -> None:
    """Commits gathered into one group succeed and fail each for itself."""
    await store.commit(P, [Put(b"taken", b"")])
    outcomes = await asyncio.gather(
        *(store.commit(P, [Insert(b"taken" if n % 3 == 0 else b"free%d" % n, b"")]) for n in range(60))
    )
    assert [isinstance(o, Conflict) for o in outcomes] == [n % 3 == 0 for n in range(60)]
    assert len(await names(store, b"free")) == 40


async def test_a_cancelled_commit_disturbs_nobody(store: Store) -> None:
    """The one that was given up may be written or not; the others are."""
    given_up = asyncio.ensure_future(store.commit(P, [Insert(b"given up", b"")]))
    others = [asyncio.ensure_future(store.commit(P, [Insert(b"%d" % n, b"")])) for n in range(20)]
    await asyncio.sleep(0)
    given_up.cancel()
    assert await asyncio.gather(*others) == [Committed()] * 20
    assert await store.commit(P, [Insert(b"after", b"")]) == Committed()


async def test_another_store_sees_what_was_committed(engine: Engine) -> None:
    """At once, and after the first is closed."""
    async with engine.open() as reader:
        async with engine.open() as writer:
            await writer.commit(P, [Put(b"a", b"1"), Append(b"l", b"x")])
            assert await reader.read(P, b"a") == b"1"
        assert await reader.read(P, b"a") == b"1"
    async with engine.open() as again:
        assert await again.commit(P, [Present(b"a"), Append(b"l", b"y")]) == Committed((2,))


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


async def test_the_clock_is_the_stores(store: Store) -> None:
    """Seconds since 1970, shared by all that use the store; here one machine, so near to its clock."""
    assert abs(await store.clock_s() - time.time()) < 5


async def test_a_sound_store_is_healthy(store: Store) -> None:
    """And looking leaves no record."""
    await store.healthy()
    assert await names(store) == []


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


async def test_scan_limits_are_bounded(store: Store) -> None:
    """1 to 1,000."""
    for limit in (0, -1, 1001):
        with pytest.raises(ValueError, match="limit"):
            await store.scan(P, b"", limit=limit)


_NAMES = st.sampled_from([b"a", b"b", b"b/", b"c\0", b"\xff"])
_VALUES = st.sampled_from([b"", b"1", b"2"])
_EXPIRIES = st.sampled_from([None, 5, 10])
_CHANGES = st.one_of(
    st.builds(Insert, _NAMES, _VALUES, _EXPIRIES),
    st.builds(Put, _NAMES, _VALUES, _EXPIRIES),
    st.builds(Replace, _NAMES, _VALUES, _VALUES, _EXPIRIES),
    st.builds(Delete, _NAMES),
    st.builds(Absent, _NAMES),
    st.builds(Present, _NAMES),
    st.builds(Append, st.just(b"log"), _VALUES, _EXPIRIES),
)
_STEPS = st.lists(
    st.one_of(
        st.lists(_CHANGES, max_size=4, unique_by=lambda c: c.name if not isinstance(c, Append) else object()),
        st.sampled_from([4, 5, 10]),
    ),
    max_size=12,
)


class Model:
    """What the protocol says, in the simplest code that says it."""

    def __init__(self) -> None:
        self.records: dict[bytes, tuple[bytes, int | None]] = {}
        self.last = 0

    def commit(self, changes: list[object]) -> Committed | Conflict:
        number = self.last
        for change in changes:
            match change:
                case Insert(name) | Absent(name) if name in self.records:
                    return Conflict(name)
                case Present(name) if name not in self.records:
                    return Conflict(name)
                case Replace(name, expected) if self.records.get(name, (None,))[0] != expected:
                    return Conflict(name)
        positions = []
        for change in changes:
            match change:
                case (
                    Insert(name, value, expires)
                    | Put(name, value, expires)
                    | Replace(name, _, value, expires)
                ):
                    self.records[name] = (value, expires)
                case Delete(name):
                    self.records.pop(name, None)
                case Append(_, value, expires):
                    number += 1
                    positions.append(number)
                    self.records[entry_name(b"log", number)] = (value, expires)
        self.last = number
        return Committed(tuple(positions))

    def sweep(self, now: int) -> int:
        dead = [n for n, (_, expires) in self.records.items() if expires is not None and expires <= now]
        for name in dead:
            del self.records[name]
        return len(dead)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
async def test_every_store_does_what_the_model_does(
    engine: Engine, store: Store, steps: list[object]
) -> None:
    """Any sequence of commits and sweeps ends in the same outcomes and the same records."""
    partition = f"model:{os.urandom(6).hex()}"
    model = Model()
    for step in steps:
        if isinstance(step, int):
            await store.sweep(step)
            model.sweep(step)
        else:
            assert await store.commit(partition, step) == model.commit(step)  # type: ignore[arg-type]
        assert await store.scan(partition, b"") == sorted((n, v) for n, (v, _) in model.records.items())
