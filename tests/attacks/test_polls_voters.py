"""A poll among made-up members, of whom one is real: the ballot that is opened is theirs.

Whoever makes the poll founds a registry of their own, lists the victim's public keys among invented ones, and has a
server that leaves out its own check. What is left are the checks on the machines of voter, trustees and verifiers.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Barrier
from typing import cast

import msgspec
import pytest

from crypto.codes import fingerprint_words
from crypto.errors import Refused
from service.booth import voting
from service.booth.trustees import TrusteeKeys
from service.booth.trustees_work import Trustee
from service.booth.vote_cli import told
from service.cases.rosters import Members, RosterHistory, verified_history
from service.member_home import PINS_FILE, STATE, MemberHome, MemberState
from service.poll_files import export_poll
from service.server import polls_making
from service.server.deps import Deps
from service.server.signed import Caller
from service.wire import pins
from service.wire.client import Client
from service.wire.poll_shapes import CreatePoll
from tests.support.communities import Community
from tests.support.groups import Group
from tests.support.inprocess import World, in_process
from tests.support.poll_trustees import Bridge, home_of
from tests.support.server_polls import DAY, ServerPoll

VICTIM = "github.com/m3"
ANOTHER = "another registry than the group's root key names"


@asynccontextmanager
async def made_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool = False
) -> AsyncIterator[tuple[World, ServerPoll, Community]]:
    """A poll among made-up members and the victim, not proved yet; and the victim's own registry.

    named: the group is the attacker's too, and its root key names the made-up registry.
    """
    real = Community.draw(8)
    fake = Community.draw(8, known={VICTIM: real.keys[VICTIM]})
    group = Group.draw(council=["Zoe"])
    group.say(Members(registry=(fake if named else real).id.hex()))
    honest = polls_making.create

    async def create(deps: Deps, caller: Caller, sent: CreatePoll) -> bytes:
        roster = dataclasses.replace(caller.roster, registry=bytes.fromhex(sent.registry))
        return await honest(deps, dataclasses.replace(caller, roster=roster), sent)

    monkeypatch.setattr(polls_making, "create", create)
    async with in_process(folder / "server") as world:
        await world.know(real)
        await world.know(fake)
        await world.found(group)
        poll = ServerPoll(world.client, world.clock, group, fake)
        await poll.hold_ceremony()
        await poll.create(await poll.make_manifest(quorum=1))
        yield world, poll, real


def joined(folder: Path, community: Community) -> Path:
    """The victim's folder, as `member check` leaves it."""
    folder.mkdir()
    key = community.keys[VICTIM][0].public().raw.hex()
    (folder / STATE).write_bytes(msgspec.json.encode(MemberState(key, community.id.hex(), VICTIM)))
    return folder


async def test_a_voter_takes_no_registry_that_the_group_does_not_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before anything is cast, whether or not the folder says which registry was joined."""
    async with made_up(tmp_path, monkeypatch) as (world, poll, real):
        bridge = cast(Client, Bridge(world.client))
        await poll.prove(range(1, 4))
        world.clock.forward(61)
        for home in (joined(tmp_path / "victim", real), tmp_path / "a key alone"):
            with pytest.raises(Refused, match=ANOTHER):
                await asyncio.to_thread(voting.check_poll, bridge, poll.phi, home)
        await poll.cast(VICTIM, 2)
        world.clock.forward(DAY)
        with pytest.raises(Refused, match=ANOTHER):
            await asyncio.to_thread(export_poll, bridge, poll.phi, tmp_path / "out")
        assert not (tmp_path / "out").exists()


async def test_nor_one_that_they_did_not_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of the attacker's own names the made-up registry: the member's folder says that it is another.

    With a key file alone, as on a second machine, nothing says so: there the registry's words are shown.
    """
    async with made_up(tmp_path, monkeypatch, named=True) as (world, poll, real):
        bridge = cast(Client, Bridge(world.client))
        home = joined(tmp_path / "victim", real)
        with pytest.raises(Refused, match="registry of members that you joined"):
            await asyncio.to_thread(voting.check_poll, bridge, poll.phi, home)
        assert [each.name for each in home.iterdir()] == [STATE]
        checked = await asyncio.to_thread(voting.check_poll, bridge, poll.phi, tmp_path / "a key alone")
        shown = "\n".join(told(checked, voting.Summary()))
        assert " ".join(fingerprint_words(poll.community.root.verify_key().raw)) in shown
        assert "members of the registry 'Example project'" in shown


async def test_a_trustee_shows_no_share_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before the proof leaves the machine: enough proofs would open the poll."""
    async with made_up(tmp_path, monkeypatch) as (world, poll, _):
        bridge = cast(Client, Bridge(world.client))
        for n in (1, 2, 3):
            trustee = Trustee(home_of(tmp_path, n), TrusteeKeys(poll.seeds[n - 1], poll.keys[n - 1]), bridge)
            with pytest.raises(Refused, match=ANOTHER):
                await asyncio.to_thread(trustee.prove, poll.phi)
        assert (await poll.view()).shape.proved == ()
        world.clock.forward(61)
        assert (await poll.view()).state == "lapsed"


def test_a_voter_remembers_the_groups_roster(tmp_path: Path) -> None:
    """An older one, which may name another registry, is refused by who has seen a newer."""
    group = Group.draw(council=["Zoe"])

    def shown() -> RosterHistory:
        return verified_history(group.id, [each.raw for each in group.chain.statements])

    before = shown()
    group.say(Members(registry="aa" * 32))
    home = MemberHome(tmp_path, None)
    home.accept(shown())
    home.accept(shown())
    with pytest.raises(pins.RolledBack):
        home.accept(before)


def test_two_votes_at_once_remember_both_groups(tmp_path: Path) -> None:
    """Eight commands in eight groups' polls: each group's roster is remembered, for a rollback to be found out."""
    shown = []
    for _ in range(8):
        group = Group.draw()
        shown.append(verified_history(group.id, [each.raw for each in group.chain.statements]))
    home, start = MemberHome(tmp_path, None), Barrier(8)

    def accept(history: RosterHistory) -> None:
        start.wait(10)
        home.accept(history)

    with ThreadPoolExecutor(8) as commands:
        list(commands.map(accept, shown))
    assert set(pins.load(tmp_path / PINS_FILE).groups) == {each.latest.group for each in shown}
