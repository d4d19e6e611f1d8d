"""When someone is in danger: the operator's program, a real one, is run once, for those who can read the report."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.server import paging
from service.server.app import create_app
from service.server.records import Calling, encode, group_partition
from service.server.settings import Settings, SettingsRefused
from service.storage.protocol import Put
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.pages import Visitor


@pytest.fixture
def called(world: World, tmp_path: Path) -> Path:
    """Where the program of this server writes down how it was called, and with which of our variables."""
    told, program = tmp_path / "told", tmp_path / "call"
    program.write_text(
        f'#!/bin/sh\necho "$@" "$(env | grep -c SOTTOVOCE_)" >> {told}\nexit $(cat {tmp_path}/code)\n'
    )
    program.chmod(0o700)
    (tmp_path / "code").write_text("0")
    settings = msgspec.structs.replace(world.deps.settings, paging=str(program), batch_seconds=900)
    object.__setattr__(world.deps, "settings", settings)
    return told


async def pages(world: World) -> None:
    """Make the calls that a worker knows of, to their end."""
    pager = paging.Pager()
    await pager.once(world.deps)
    await pager.done()


def another(world: World) -> World:
    """A second worker on the same store, after its housekeeping."""
    deps = replace(world.deps)
    deps.to_call.update(world.deps.to_call)
    return replace(world, deps=deps)


def calls(told: Path) -> list[str]:
    return told.read_text().splitlines() if told.exists() else []


async def waiting(world: World, group: Group) -> int:
    rows = await world.rows(group_partition(group.id))
    return sum(name.startswith(b"call/") for name in rows)


async def test_who_can_read_an_urgent_report_is_called_when_it_can_be_read(
    world: World, group: Group, called: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before, not twice, not who was left out; and nothing of the server's settings goes along."""
    monkeypatch.setenv("SOTTOVOCE_REDIS_URL", "redis://:hidden@127.0.0.1")
    readers = [group.member("Ada"), group.member("Bo")]
    await world.submit(group, group.seal(b"help", readers), urgent=True)
    await world.submit(group, group.seal(b"no hurry"))
    await pages(world)
    assert calls(called) == []
    world.clock.forward(70)
    for _ in range(2):
        await pages(world)
    [told] = calls(called)
    first, *ids, ours = told.split()
    assert (first, ours) == (group.id.hex(), "0")
    assert set(ids) == {reader.id.hex() for reader in readers}
    assert await waiting(world, group) == 0


async def test_the_server_calls_by_itself_while_it_serves(
    world: World, group: Group, called: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a report that a worker took which is gone; and it ends while a program runs, which goes on."""
    monkeypatch.setattr(paging, "EVERY_S", 0.01)
    await world.submit(group, group.seal(b"help"), urgent=True)
    world.deps.to_call.clear()
    world.clock.forward(70)
    async with create_app(world.deps).lifespan(), asyncio.timeout(20):
        while not calls(called):
            await asyncio.sleep(0.01)
        (called.parent / "call").write_text(f"#!/bin/sh\necho hangs $$ >> {called}\nexec sleep 60\n")
        await world.submit(group, group.seal(b"help again"), urgent=True)
        world.clock.forward(70)
        while not calls(called)[-1].startswith("hangs "):
            await asyncio.sleep(0.01)
    assert await waiting(world, group) == 1
    hanging = int(calls(called)[-1].split()[1])
    assert runs(hanging)  # whoever it is calling is not cut off
    os.kill(hanging, 9)
    async with asyncio.timeout(10):
        while Path(f"/proc/{hanging}").exists():
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # for asyncio to hear that it ended


async def test_a_call_that_fails_is_made_again_for_a_day(world: World, group: Group, called: Path) -> None:
    """After a minute each time; and then no more."""
    (called.parent / "code").write_text("1")
    await world.submit(group, group.seal(b"help"), urgent=True)
    world.clock.forward(70)
    for expected in (1, 1):
        await pages(world)
        assert len(calls(called)) == expected
    world.clock.forward(61)
    await pages(world)
    assert len(calls(called)) == 2
    world.clock.forward(paging.LIVES_S)
    await world.keep_house()
    await pages(world)
    assert len(calls(called)) == 2
    assert await waiting(world, group) == 0


async def test_one_of_two_workers_calls(world: World, group: Group, called: Path) -> None:
    """Both have seen that a call is due."""
    await world.submit(group, group.seal(b"help"), urgent=True)
    world.clock.forward(70)
    await asyncio.gather(pages(world), pages(another(world)))
    assert len(calls(called)) == 1


async def test_a_call_made_between_the_look_and_the_claim_is_not_made_again(
    world: World, group: Group, called: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This worker saw that it is due; the other was done with it before this one asked who calls."""
    await world.submit(group, group.seal(b"help"), urgent=True)
    world.clock.forward(70)
    other, store = another(world), world.deps.store
    real = store.read

    async def late(partition: str, name: bytes) -> bytes | None:
        if name == b"calling":
            monkeypatch.setattr(store, "read", real)
            await pages(other)
        return await real(partition, name)

    monkeypatch.setattr(store, "read", late)
    await pages(world)
    assert len(calls(called)) == 1
    assert await world.rows(group_partition(group.id)) == await other.rows(group_partition(group.id))
    assert b"calling" not in await world.rows(group_partition(group.id))


async def test_the_store_is_asked_about_no_group_that_nobody_waits_in(
    world: World, group: Group, called: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are: every few seconds would be too often. After the call it is asked no more either."""
    asked: list[bytes] = []
    real = world.deps.store.scan

    async def seen(partition: str, prefix: bytes, *rest: Any, **more: Any) -> Any:
        asked.append(prefix)
        return await real(partition, prefix, *rest, **more)

    await world.submit(group, group.seal(b"no hurry"))
    await world.keep_house()
    monkeypatch.setattr(world.deps.store, "scan", seen)
    await pages(world)
    assert asked == []
    await world.submit(group, group.seal(b"help"), urgent=True)
    asked.clear()
    await pages(world)  # not yet due, so it is looked at again
    assert asked == [b"call/"]
    world.clock.forward(70)
    await pages(world)
    assert len(calls(called)) == 1
    asked.clear()
    await pages(world)
    assert asked == []


async def test_a_damaged_record_and_a_clock_that_was_ahead_hold_up_no_call(
    world: World, group: Group, called: Path
) -> None:
    """Somebody is in danger: a claim of next year, or one that can't be read, is no reason to wait."""
    partition, now_s = group_partition(group.id), world.deps.now_s()
    broken = msgspec.structs.replace(paging.call_for(bytes(16), (), now_s * 1_000), value=b"damaged")
    claims = (b"damaged", encode(Calling(now_s + 365 * 86_400)))
    for number, claim in enumerate(claims, 1):
        await world.submit(group, group.seal(b"help"), urgent=True)
        await world.deps.store.commit(
            partition, [Put(broken.name, broken.value), Put(b"calling", claim, now_s + 86_400)]
        )
        world.clock.forward(70)
        await pages(world)
        assert len(calls(called)) == number
    assert await waiting(world, group) == 1


def runs(process: int) -> bool:
    """Whether there is such a process that didn't end: nobody may have asked yet how it did."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_program_that_hangs_holds_up_no_other_group_and_leaves_nothing(
    world: World, group: Group, called: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its script waits for something else: both are ended, and the call is made again."""
    other = Group.draw("Borealis", ["Dan", "Eve"])
    await world.found(other)
    hanging = called.parent / "hanging"
    (called.parent / "call").write_text(
        f'#!/bin/sh\n[ "$1" = {group.id.hex()} ] && {{ sleep 600 & echo $! > {hanging}; wait; exit 1; }}\n'
        f'echo "$@" >> {called}\n'
    )
    pager = paging.Pager()
    await world.submit(group, group.seal(b"help"), urgent=True)
    world.clock.forward(70)
    await pager.once(world.deps)
    while not (hanging.exists() and hanging.read_text().strip()):
        await asyncio.sleep(0.01)
    await world.submit(other, other.seal(b"help"), urgent=True)
    world.clock.forward(70)
    await pager.once(world.deps)
    while not calls(called):
        await asyncio.sleep(0.01)
    assert calls(called)[0].startswith(other.id.hex())
    await pager.stop()
    os.kill(int(hanging.read_text()), 9)
    hanging.unlink()
    monkeypatch.setattr(paging, "PATIENCE_S", 0.5)
    await world.keep_house()
    await pages(world)
    assert len(calls(called)) == 1
    assert await waiting(world, group) == 1
    async with asyncio.timeout(10):
        while runs(int(hanging.read_text())):
            await asyncio.sleep(0.01)


async def test_a_flood_of_urgent_reports_is_one_call_to_all_who_can_read_one(
    world: World, group: Group, called: Path
) -> None:
    """However many wait, and however often it failed: nobody behind them waits for their turn."""
    (called.parent / "code").write_text("1")
    limit = 2 * paging._PAGE
    partition = group_partition(group.id)
    bo, ada = group.member("Bo").id, group.member("Ada").id
    due_ms = int(world.clock() * 1_000)
    for at in range(0, limit, 500):
        batch = [paging.call_for(n.to_bytes(16, "big"), (bo,), due_ms) for n in range(at, at + 500)]
        await world.deps.store.commit(partition, batch)
    await world.deps.store.commit(partition, [paging.call_for(b"z" * 16, (ada,), due_ms + 1_000)])
    world.clock.forward(1)
    await world.keep_house()  # another worker took them
    await pages(world)
    [told] = calls(called)
    assert set(told.split()[1:-1]) == {bo.hex(), ada.hex()}
    (called.parent / "code").write_text("0")
    world.clock.forward(61)
    await pages(world)
    assert len(calls(called)) == 2
    assert await waiting(world, group) == 0


async def test_the_page_says_whether_anybody_is_called(world: World, group: Group, called: Path) -> None:
    """Nobody in danger is to wait for a call that doesn't come."""
    path = f"groups/{group.id.hex()}/report/conduct"
    assert "the group is called at once" in (await Visitor(world.http).get(path)).html
    settings = msgspec.structs.replace(world.deps.settings, paging=None)
    object.__setattr__(world.deps, "settings", settings)
    page = await Visitor(world.http).get(path)
    assert "called at once" not in page.html
    assert "Nobody is called" in page.html
    await world.submit(group, group.seal(b"help"), urgent=True)
    assert await waiting(world, group) == 0


@pytest.mark.parametrize("program", ["call", "/nowhere/call", "/"])
def test_a_program_that_cannot_be_run_is_refused_at_the_start(program: str) -> None:
    with pytest.raises(SettingsRefused, match="paging"):
        paging.checked(Settings("/srv", paging=program))
