"""The groups of a server: what it takes into a chain, and what it only still reads."""

from __future__ import annotations

import asyncio

import pytest

from service.cases.rosters import Add, RosterHistory, Settings, verified_history
from service.server import groups as module
from service.server.groups import Groups
from service.server.records import Head, encode, group_partition
from service.storage.protocol import Append, Insert
from service.wire import calls
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.groups import Group, Member
from tests.support.inprocess import World


async def refused(world: World, group: Group, statement: bytes) -> Kind | None:
    with pytest.raises(Declined) as caught:
        await world.client.do(calls.append_statement(group.id, statement))
    return caught.value.kind


@pytest.mark.parametrize("name", ["ADA\u200b", "Ａda", "Alice\u2028Bob", "\u3164"])
async def test_a_name_that_hides_somebody_is_not_taken(world: World, group: Group, name: str) -> None:
    """Signed by an older program: two of one name, or a name with what can't be seen."""
    member = Member.draw(name)
    statement = group.say(Add(handler=member.id.hex(), role="handler", card=member.old_card()))
    assert await refused(world, group, statement) is Kind.ROSTER_REFUSED


async def test_a_group_of_an_unseen_name_is_not_founded_nor_renamed_to(world: World, group: Group) -> None:
    assert (
        await refused(world, group, group.say(Settings("Au\u200brora", ("en",), 1, None)))
        is Kind.ROSTER_REFUSED
    )
    other = Group.draw("Au\u2028rora", ())
    assert await refused(world, other, other.chain.statements[0].raw) is Kind.ROSTER_REFUSED


async def test_a_chain_stored_with_such_names_is_served_and_grows(world: World) -> None:
    """Stored by an older server: refusing it now would lock its reporters and handlers out."""
    group = Group.draw("Au\u2028rora", ("José", "Bo"))
    group.add_old("Jose\u0301")
    head = encode(Head(group.roster.seq, group.roster.digest))
    stored = [Append(b"roster", statement.raw) for statement in group.chain.statements]
    await world.deps.store.commit(group_partition(group.id), [Insert(b"head", head), *stored])
    assert (await world.client.do(calls.roster(group.id))).latest == group.roster
    await world.client.do(calls.append_statement(group.id, group.retire("Jose\u0301")))
    groups = Groups(world.deps.store)
    history = await groups.history(group.id)
    assert history is not None
    assert [handler.pseudonym for handler in history.latest.active] == ["José", "Bo"]


async def test_of_many_who_ask_after_a_start_one_verifies_the_chain(
    world: World, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain may be of hundreds of statements, and the first requests to a restarted server come at once."""
    verified = list[bytes]()

    def counted(asked: bytes, statements: list[bytes]) -> RosterHistory:
        verified.append(asked)
        return verified_history(asked, statements)

    monkeypatch.setattr(module, "verified_history", counted)
    groups = Groups(world.deps.store)
    found = await asyncio.gather(*(groups.history(group.id) for _ in range(20)))
    assert verified == [group.id]
    assert {id(each) for each in found} == {id(groups.remembered(group.id))}
