"""When someone is in danger: the operator's program, a real one, is run once, for those who can read the report."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from service.server import paging
from service.server.records import group_partition
from service.server.settings import Settings, SettingsRefused
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.pages import Visitor


@pytest.fixture
async def group(world: World) -> Group:
    drawn = Group.draw("Aurora", ["Ada", "Bo", "Cy"])
    await world.found(drawn)
    return drawn


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
    await paging.once(world.deps)
    assert calls(called) == []
    world.clock.forward(70)
    for _ in range(2):
        await paging.once(world.deps)
    [told] = calls(called)
    first, *ids, ours = told.split()
    assert (first, ours) == (group.id.hex(), "0")
    assert set(ids) == {reader.id.hex() for reader in readers}
    assert await waiting(world, group) == 0


async def test_a_call_that_fails_is_made_again_for_a_day(world: World, group: Group, called: Path) -> None:
    """After a minute each time; and then no more."""
    (called.parent / "code").write_text("1")
    await world.submit(group, group.seal(b"help"), urgent=True)
    world.clock.forward(70)
    for expected in (1, 1):
        await paging.once(world.deps)
        assert len(calls(called)) == expected
    world.clock.forward(61)
    await paging.once(world.deps)
    assert len(calls(called)) == 2
    world.clock.forward(paging.LIVES_S)
    await world.keep_house()
    await paging.once(world.deps)
    assert len(calls(called)) == 2
    assert await waiting(world, group) == 0


async def test_one_of_two_workers_calls(world: World, group: Group, called: Path) -> None:
    """Both have seen that a call is due."""
    await world.submit(group, group.seal(b"help"), urgent=True)
    world.clock.forward(70)
    await asyncio.gather(paging.once(world.deps), paging.once(world.deps))
    assert len(calls(called)) == 1


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
    await paging.once(world.deps)
    [told] = calls(called)
    assert set(told.split()[1:-1]) == {bo.hex(), ada.hex()}
    (called.parent / "code").write_text("0")
    world.clock.forward(61)
    await paging.once(world.deps)
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
