"""How many letters one handler can post: a stolen key can't fill the disk with mailboxes that nobody owns."""

from __future__ import annotations

import msgspec
import pytest

from crypto.entropy import system
from crypto.letters import LETTER_SIZE
from service.server.settings import AdmissionSettings
from service.wire import calls, shapes
from service.wire.client import Declined
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.inprocess import World


def letters(count: int) -> list[shapes.Action]:
    """Letters to as many mailboxes that nobody owns."""
    return [shapes.PostLetter(system(16).hex(), system(32).hex(), bytes(LETTER_SIZE)) for _ in range(count)]


def limit(world: World, per_hour: int, burst: int) -> None:
    """Set the limit of a running server."""
    admission = msgspec.structs.replace(
        world.deps.settings.admission, handler_letters_per_hour=per_hour, handler_letters_burst=burst
    )
    object.__setattr__(
        world.deps, "settings", msgspec.structs.replace(world.deps.settings, admission=admission)
    )


async def test_a_handler_who_floods_mailboxes_is_stopped(world: World, group: Group) -> None:
    """After the burst a batch with letters is turned away whole, says when to come back, and stores nothing."""
    limit(world, per_hour=60, burst=64)
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
    limit(world, per_hour=60, burst=64)
    other = Group.draw("Other", ("Ada",))
    await world.found(other)
    await world.client.do(calls.batch(group.signer("Ada"), letters(64)))
    for signer in (group.signer("Bo"), other.signer("Ada")):
        answer = await world.client.do(calls.batch(signer, letters(1)))
        assert [one.outcome for one in answer.outcomes] == ["done"]


async def test_what_is_no_letter_is_not_counted(world: World, group: Group) -> None:
    """A handler at their limit can still read and keep the logs of reports."""
    limit(world, per_hour=60, burst=64)
    await world.client.do(calls.batch(group.signer("Ada"), letters(64)))
    entry = shapes.AppendLog(
        system(16).hex(), group.id.hex(), system(16).hex(), bytes(shapes.SEALED_ENTRY_SIZES[0])
    )
    answer = await world.client.do(calls.batch(group.signer("Ada"), [entry]))
    assert [one.outcome for one in answer.outcomes] == ["gone"]
    await world.client.do(calls.feed(group.signer("Ada")))


@pytest.mark.parametrize(("name", "value"), [("handler_letters_burst", 63), ("handler_letters_per_hour", 0)])
def test_a_limit_no_batch_would_fit_is_refused(name: str, value: int) -> None:
    """An operator can't set a burst smaller than one batch, or no letters at all."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({name: value}, AdmissionSettings)
