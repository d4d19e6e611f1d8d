"""Senders who take their time: a place for a large body is held by those who keep sending, and by nobody else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.server import bodies
from service.server.bodies import CHUNK_S, FAST, GRACE_S, SLOWEST, WAITS_S
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.inprocess import World, in_process

pytestmark = pytest.mark.swift_time


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(bodies, "_large", bodies.Places(2))
    async with in_process(tmp_path) as opened:
        yield opened


async def post(
    world: World, group: Group, body: AsyncIterator[bytes] | bytes, length: int, token: str = ""
) -> httpx.Response:
    """Send a body as a report, with a token that is good."""
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(length),
        "Sottovoce-Admission": token or await world.token(group),
    }
    return await world.http.post(f"/v1/groups/{group.id.hex()}/reports", content=body, headers=headers)


async def waited_s(world: World, group: Group, envelope: bytes, token: str) -> float:
    """Send a report that is taken, and give how long it waited until the server began to read it.

    What comes after is the store's threads' time, in which the clock may jump.
    """
    asked, read = now_s(), list[float]()

    async def body() -> AsyncIterator[bytes]:
        read.append(now_s())
        yield envelope

    answer = await post(world, group, body(), len(envelope), token)
    assert answer.status_code == 200, answer.text
    return read[0] - asked


async def all_taken(places: int) -> None:
    """Wait until so many senders have a place."""
    while len(bodies._large._senders) < places:
        await asyncio.sleep(0.1)


def now_s() -> float:
    """The event loop's clock, on which waiting takes no time."""
    return asyncio.get_running_loop().time()


async def in_pieces(raw: bytes, size: int, pause_s: float) -> AsyncIterator[bytes]:
    for at in range(0, len(raw), size):
        yield raw[at : at + size]
        await asyncio.sleep(pause_s)


async def test_a_byte_now_and_then_buys_no_time(world: World) -> None:
    """Bytes that come before the longest pause ends, but slower than the slowest pace: cut off all the same."""
    group = Group.draw()
    await world.found(group)
    begun = now_s()
    answer = await post(world, group, in_pieces(bytes(100), 1, CHUNK_S / 6), 8_000_000)
    assert answer.json()["type"] == Kind.TOO_SLOW.type
    assert now_s() - begun == pytest.approx(CHUNK_S, abs=0.1)


async def test_what_was_sent_fast_buys_one_pause_only(world: World) -> None:
    """A megabyte at once, which at the slowest pace would take minutes, and then nothing: cut off after a pause."""
    group = Group.draw()
    await world.found(group)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield bytes(500_000)
        await asyncio.sleep(3 * CHUNK_S)

    begun = now_s()
    assert (await post(world, group, body(), 8_000_000)).json()["type"] == Kind.TOO_SLOW.type
    assert now_s() - begun == pytest.approx(CHUNK_S, abs=0.1)


async def test_a_slow_line_that_keeps_the_pace_gets_through(world: World) -> None:
    """For several times the longest pause, since what comes in buys the time; the report is whole."""
    group = Group.draw()
    await world.found(group)
    envelope = group.seal(os.urandom(200_000))
    begun = now_s()
    answer = await post(world, group, in_pieces(envelope, 4 * SLOWEST, 4), len(envelope))
    assert answer.status_code == 200, answer.text
    assert now_s() - begun > 2 * CHUNK_S
    assert envelope in (await world.rows(f"g:{group.id.hex()}")).values()


async def test_slow_senders_keep_large_reports_waiting_for_a_pause_at_most(world: World) -> None:
    """All places taken by those who send nothing more: an honest report waits until they are cut off."""
    group = Group.draw()
    await world.found(group)
    envelope, token = group.seal(os.urandom(100_000)), await world.token(group)
    stalled = [
        asyncio.create_task(post(world, group, in_pieces(bytes(8), 1, 3 * CHUNK_S), 8_000_000))
        for _ in range(2)
    ]
    await all_taken(2)
    assert GRACE_S - 1 < await waited_s(world, group, envelope, token) <= CHUNK_S
    for task in stalled:
        assert (await task).json()["type"] == Kind.TOO_SLOW.type


async def test_the_slowest_gives_way_to_who_waits(world: World) -> None:
    """All places taken by senders who keep the slowest pace for hours: one of them is cut off, the slower one."""
    group = Group.draw()
    await world.found(group)
    envelope, token = group.seal(os.urandom(100_000)), await world.token(group)
    senders = [
        asyncio.create_task(post(world, group, in_pieces(bytes(8_000_000), size, 1), 8_000_000))
        for size in (4 * SLOWEST, 2 * SLOWEST)
    ]
    await all_taken(2)
    await asyncio.sleep(2 * CHUNK_S)
    assert 0 < await waited_s(world, group, envelope, token) < 3
    assert (await senders[1]).json()["type"] == Kind.TOO_SLOW.type
    assert not senders[0].done()
    senders[0].cancel()


async def test_who_sends_fast_enough_keeps_the_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait: a report that is on its way at Tor's pace arrives."""
    monkeypatch.setattr(bodies, "_large", bodies.Places(1))
    group = Group.draw()
    await world.found(group)
    first, second = (group.seal(os.urandom(size)) for size in (800_000, 200_000))
    token = await world.token(group)
    arriving = asyncio.create_task(post(world, group, in_pieces(first, FAST + 4_096, 1), len(first)))
    await all_taken(1)
    assert GRACE_S < await waited_s(world, group, second, token) < WAITS_S
    assert (await arriving).status_code == 200


async def test_whoever_gets_no_place_is_told_to_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small reports go on meanwhile; a large one is answered `busy`, with its token unspent."""
    monkeypatch.setattr(bodies, "_large", bodies.Places(0))
    group = Group.draw()
    await world.found(group)
    large = group.seal(os.urandom(100_000))
    answer = await post(world, group, large, len(large))
    assert answer.json()["type"] == Kind.BUSY.type
    assert int(answer.headers["Retry-After"]) >= 1
    small = group.seal(b"what happened")
    assert (await post(world, group, small, len(small))).status_code == 200
