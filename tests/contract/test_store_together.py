"""Many at once on every store: no update is lost, one name has one winner, and nobody spoils another's commit."""

from __future__ import annotations

import asyncio
from collections import Counter

from service.storage import Append, Committed, Conflict, Insert, Present, Put, Store, Write, entry_name
from tests.support.engines import Engine, P, names


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
