"""What the server does by itself goes on, whatever goes wrong once."""

from __future__ import annotations

import asyncio

import pytest

from crypto.entropy import system
from service.cases.receipts import envelope_digest
from service.server import housekeeping
from service.server.deps import Deps
from service.server.records import (
    MAIL,
    MARK,
    SERVER,
    Damaged,
    Handover,
    Outgoing,
    encode,
    group_partition,
)
from service.storage.protocol import Insert, Put, StoreUnavailable
from tests.support.groups import Group
from tests.support.inprocess import World


async def test_one_failure_ends_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A record that can't be read, of one group, is no reason to call nobody and to sweep nothing ever after."""
    went_well = asyncio.Event()
    tries = 0

    async def once(deps: Deps) -> None:
        nonlocal tries
        assert deps is world.deps
        tries += 1
        if tries < 3:
            raise Damaged("a stored record is damaged: canary")
        went_well.set()

    task = asyncio.create_task(housekeeping.repeat(world.deps, once, 0.01, "some-work"))
    async with asyncio.timeout(10):
        await went_well.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    told = [record.getMessage() for record in caplog.records]
    assert sum(line.startswith("some-work Damaged at once") for line in told) == 2, told
    assert "canary" not in caplog.text


async def test_a_damaged_record_keeps_no_other_waiting(
    world: World, group: Group, caplog: pytest.LogCaptureFixture
) -> None:
    """In the outbox, on its way to a feed, among the polls: what comes after each is done, what has expired goes."""
    store, partition = world.deps.store, group_partition(group.id)
    envelope = group.seal(b"follow")
    first, last = bytes(16), b"\xff" * 16
    follow_up = Outgoing(group.id, 20_000, True, envelope)
    await store.commit(
        MAIL,
        [
            Insert(b"outbox/" + bytes(32), b"damaged: canary"),
            Insert(b"outbox/" + envelope_digest(envelope), encode(follow_up)),
        ],
    )
    ids = group.id + group.member("Ada").id
    await store.commit(
        partition,
        [
            Insert(b"handover/" + first + ids, b"damaged: canary"),
            Insert(b"handover/" + last + ids, encode(Handover(last, group.id, ids[16:]))),
            Insert(b"nudge/" + first + ids, MARK),
            Insert(b"nonce/" + system(32), MARK, expires_s=1),
        ],
    )
    phi, parts = bytes(32), (b"poll", b"manifest", b"trustees")
    await store.commit(SERVER, [Put(b"poll/" + phi, MARK)])
    await store.commit(f"p:{phi.hex()}", [Put(name, b"damaged: canary") for name in parts])
    before = await world.rows(MAIL)
    await world.keep_house()
    gone = before.keys() - (await world.rows(MAIL)).keys()
    assert gone == {b"outbox/" + envelope_digest(envelope)}
    rows = await world.rows(partition)
    assert not [name for name in rows if name.startswith((b"nudge/", b"nonce/"))]
    told = [record.getMessage().split(" at ")[0] for record in caplog.records]
    assert sorted(told) == ["handover Damaged", "poll-housekeeping Damaged", "relay Damaged"]
    assert "canary" not in caplog.text


async def test_a_store_that_is_away_is_not_asked_for_every_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again the next time."""
    await world.deps.store.commit(MAIL, [Insert(b"outbox/" + bytes([n]) * 32, b"") for n in range(3)])
    tries = 0

    async def away(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise StoreUnavailable

    monkeypatch.setattr("service.server.mailboxes.relay", away)
    with pytest.raises(StoreUnavailable):
        await world.keep_house()
    assert tries == 1
