"""How much one handler can store: a stolen key can't fill the disk with letters that nobody reads, nor with logs."""

from __future__ import annotations

import msgspec
import pytest

from crypto.entropy import system
from crypto.letters import LETTER_SIZE
from service.server.records import group_partition
from service.server.settings import AdmissionSettings
from service.wire import calls, shapes
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.inprocess import World


def letters(count: int) -> list[shapes.Action]:
    """Letters to as many mailboxes that nobody owns."""
    return [shapes.PostLetter(system(16).hex(), system(32).hex(), bytes(LETTER_SIZE)) for _ in range(count)]


def entries(group: Group, count: int, size: int = 0, report: bytes | None = None) -> list[shapes.Action]:
    """Log entries of the smaller or larger size, on one report or on as many that don't exist."""
    sealed = bytes(shapes.SEALED_ENTRY_SIZES[size])
    return [
        shapes.AppendLog(system(16).hex(), group.id.hex(), (report or system(16)).hex(), sealed)
        for _ in range(count)
    ]


def limit(world: World, **settings: int) -> None:
    """Set limits of a running server."""
    admission = msgspec.structs.replace(world.deps.settings.admission, **settings)
    object.__setattr__(
        world.deps, "settings", msgspec.structs.replace(world.deps.settings, admission=admission)
    )


async def test_a_handler_who_floods_mailboxes_is_stopped(world: World, group: Group) -> None:
    """After the burst a batch with letters is turned away whole, says when to come back, and stores nothing."""
    limit(world, handler_letters_per_hour=60, handler_letters_burst=64)
    await world.client.do(calls.batch(group.signer("Ada"), letters(64)))
    before = await world.rows("mail")
    for count in (64, 1):
        with pytest.raises(Declined) as declined:
            await world.client.do(calls.batch(group.signer("Ada"), letters(count)))
        assert declined.value.kind is Kind.BUSY
        assert declined.value.retry_after_s is not None
        assert (count - 1) * 60 < declined.value.retry_after_s <= count * 60
        assert await world.rows("mail") == before


async def test_one_handlers_flood_stops_nobody_else(world: World, group: Group) -> None:
    """Another handler of the group can still answer, and so can one of another group."""
    limit(world, handler_letters_per_hour=60, handler_letters_burst=64)
    other = Group.draw("Other", ("Ada",))
    await world.found(other)
    await world.client.do(calls.batch(group.signer("Ada"), letters(64)))
    for signer in (group.signer("Bo"), other.signer("Ada")):
        answer = await world.client.do(calls.batch(signer, letters(1)))
        assert [one.outcome for one in answer.outcomes] == ["done"]


async def test_letters_and_entries_are_counted_apart(world: World, group: Group) -> None:
    """A handler at their limit of letters can still read and keep the logs of reports."""
    limit(world, handler_letters_per_hour=60, handler_letters_burst=64)
    await world.client.do(calls.batch(group.signer("Ada"), letters(64)))
    answer = await world.client.do(calls.batch(group.signer("Ada"), entries(group, 1)))
    assert [one.outcome for one in answer.outcomes] == ["gone"]
    await world.client.do(calls.feed(group.signer("Ada")))


async def test_a_refused_batch_costs_nothing(world: World, group: Group) -> None:
    """Letters that come with too many entries are not stored, so they are not counted either."""
    limit(
        world,
        handler_letters_per_hour=60,
        handler_letters_burst=64,
        handler_entries_per_hour=60,
        handler_entries_burst=1_024,
    )
    report = system(16)
    await world.client.do(calls.batch(group.signer("Ada"), entries(group, 64, 1, report)))
    for _ in range(3):
        with pytest.raises(Declined):
            await world.client.do(calls.batch(group.signer("Ada"), [*letters(60), *entries(group, 4, 1)]))
    answer = await world.client.do(calls.batch(group.signer("Ada"), letters(64)))
    assert {one.outcome for one in answer.outcomes} == {"done"}


@pytest.mark.parametrize(("size", "fits"), [(0, 1_024), (1, 64)])
async def test_a_handler_who_floods_a_log_is_stopped(
    world: World, group: Group, size: int, fits: int
) -> None:
    """After the burst a batch with entries is turned away whole; a large entry counts as sixteen small ones."""
    limit(world, handler_entries_per_hour=60, handler_entries_burst=1_024)
    await world.submit(group, group.seal(b"what happened"))
    (listed,) = (await world.client.do(calls.feed(group.signer("Ada")))).entries
    report = bytes.fromhex(listed.report)
    for _ in range(fits // 64):
        await world.client.do(calls.batch(group.signer("Ada"), entries(group, 64, size, report)))
    before = await world.everything(group)
    with pytest.raises(Declined) as declined:
        await world.client.do(calls.batch(group.signer("Ada"), entries(group, 1, size, report)))
    assert declined.value.kind is Kind.BUSY
    assert declined.value.retry_after_s is not None
    assert await world.everything(group) == before
    assert sum(name.startswith(b"log/") for name in before[group_partition(group.id)]) == fits


async def test_grants_are_counted_and_stepping_out_is_not(world: World, group: Group) -> None:
    """Grants fill the disk as entries do. Whoever has to step out of a report always can."""
    limit(world, handler_entries_per_hour=60, handler_entries_burst=1_024)
    report, key = system(16).hex(), group.member("Bo").key_id.hex()
    grants: list[shapes.Action] = [
        shapes.Grant(system(16).hex(), group.id.hex(), report, group.id.hex(), key, bytes(shapes.GRANT_SIZE))
        for _ in range(64)
    ]
    for _ in range(16):
        await world.client.do(calls.batch(group.signer("Ada"), grants))
    with pytest.raises(Declined):
        await world.client.do(calls.batch(group.signer("Ada"), grants[:1]))
    stepping_out = shapes.Recuse(system(16).hex(), group.id.hex(), report)
    answer = await world.client.do(calls.batch(group.signer("Ada"), [stepping_out]))
    assert [one.outcome for one in answer.outcomes] == ["gone"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("handler_letters_burst", 63),
        ("handler_letters_per_hour", 0),
        ("handler_entries_burst", 1_023),
        ("handler_entries_per_hour", 0),
    ],
)
def test_a_limit_no_batch_would_fit_is_refused(name: str, value: int) -> None:
    """An operator can't set a burst smaller than one batch, or nothing at all."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({name: value}, AdmissionSettings)
