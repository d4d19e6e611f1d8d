"""Whom the report page showed is who reads the report: what changed while it was written is shown before it goes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from crypto.codes import fingerprint_words
from service.cases import rosters
from service.cases.policies import baseline
from service.wire import calls
from tests.support.groups import Group, Member
from tests.support.inprocess import World
from tests.support.pages import Visitor

CHANGED = "The people of the group have changed. Please look at the list again."


@pytest.fixture
async def elders(world: World) -> Group:
    drawn = Group.draw("Elders", ["Nia", "Oto"])
    await world.found(drawn)
    return drawn


@pytest.fixture
async def group(world: World, elders: Group) -> Group:
    drawn = Group.draw("Aurora", ["Ada", "Bo", "Cy"], alternate=elders.id)
    await world.found(drawn)
    return drawn


def path(group: Group) -> str:
    return f"groups/{group.id.hex()}/report/conduct"


async def filed(world: World, group: Group, name: str) -> int:
    return len((await world.client.do(calls.feed(group.signer(name)))).entries)


def joins(group: Group) -> bytes:
    return group.add(Member.draw("Zed"))


def leaves(group: Group) -> bytes:
    return group.say(rosters.Retire(handler=group.member("Cy").id.hex()))


def takes_new_keys(group: Group) -> bytes:
    return group.say(rosters.Rotate(handler=group.member("Cy").id.hex(), card=Member.draw("Cy").card()))


def needs_more(group: Group) -> bytes:
    return group.say(rosters.Settings(name="Aurora", languages=("en",), minimum=3, alternate=None))


async def test_keys_are_shown_where_one_writes(group: Group, elders: Group, visitor: Visitor) -> None:
    """Of everybody who may read it, and of the group: no link in the form leads away from what was typed."""
    page = await visitor.get(path(group))
    form = page.html.split("<form", 1)[1].split("</form>")[0]
    keys = [member.signing.verify_key() for one in (group, elders) for member in one.handlers]
    for key in [*keys, group.root.verify_key()]:
        assert " ".join(fingerprint_words(key.raw)) in form
    assert [link for link in re.findall(r'href="(.*?)"', form) if not link.startswith("#")] == []


@pytest.mark.parametrize("change", [joins, leaves, takes_new_keys, needs_more])
async def test_who_reads_it_is_shown_again_when_it_changed(
    world: World, group: Group, visitor: Visitor, change: Callable[[Group], bytes]
) -> None:
    """Everything typed is still there, nothing was sent; sent once more, it goes to those who are shown now."""
    form = await visitor.get(path(group))
    bo = group.member("Bo").id.hex()
    typed = {"what": "It happened.", "wants": "Peace."}
    change(group)
    await world.found(group)
    page = await visitor.post(path(group), {**form.carried, **typed}, [])
    assert (page.status, page.errors, page.words) == (422, [("leave_out", CHANGED)], [])
    assert (page.value("what"), page.value("wants")) == ("It happened.", "Peace.")
    assert await filed(world, group, "Ada") == 0
    assert ("Leave out: <bdi>Zed" in page.html) == (change is joins)
    sent = await visitor.post(path(group), {**page.carried, **typed}, [])
    assert (sent.status, len(sent.words)) == (200, 12)
    assert await filed(world, group, "Ada") == 1
    assert bo not in sent.html


@pytest.mark.parametrize("roster", ["", "zz", "00" * 32, "ff" * 3])
async def test_a_form_that_names_no_roster_is_shown_again(
    world: World, group: Group, visitor: Visitor, roster: str
) -> None:
    """Whom it showed is not known then."""
    fields = {**(await visitor.get(path(group))).carried, "what": "It happened."}
    page = await visitor.post(path(group), {**fields, "roster": roster}, [])
    assert (page.status, page.errors) == (422, [("leave_out", CHANGED)])
    assert await filed(world, group, "Ada") == 0


async def test_what_changes_nobody_who_reads_it_stops_no_report(
    world: World, group: Group, visitor: Visitor
) -> None:
    """A policy is a step of the same chain."""
    form = await visitor.get(path(group))
    group.say(rosters.Publish(policy=baseline()))
    await world.found(group)
    assert (await visitor.post(path(group), {**form.carried, "what": "It happened."}, [])).status == 200


async def test_consent_to_the_other_group_is_to_its_people_as_shown(
    world: World, group: Group, elders: Group, visitor: Visitor
) -> None:
    """Somebody joined there: asked anew, not ticked beforehand; whoever sends it to their own group isn't asked."""
    form = await visitor.get(path(group))
    elders.add(Member.draw("Zed"))
    await world.found(elders)
    out = [group.member(name).id.hex() for name in ("Ada", "Bo")]
    agreed = {"leave_out": out, "agreed": elders.id.hex(), "what": "It was Ada."}
    page = await visitor.post(path(group), {**form.carried, **agreed}, [])
    assert (page.status, page.errors) == (422, [("agreed", CHANGED)])
    assert not page.ticked("agreed")
    assert '"other-person">Zed<' in page.html
    assert await filed(world, elders, "Nia") == 0
    assert (await visitor.post(path(group), {**page.carried, **agreed}, [])).status == 200
    assert await filed(world, elders, "Zed") == 1
    own = await visitor.post(path(group), {**form.carried, "what": "It was Ada.", "leave_out": out[0]}, [])
    assert own.status == 200


@pytest.mark.parametrize("changed", [False, True])
async def test_consent_outlives_a_mistake_and_not_a_change(
    world: World, group: Group, elders: Group, visitor: Visitor, changed: bool
) -> None:
    """The form comes back with its tick, unless the tick would say yes to somebody who was not shown."""
    form = await visitor.get(path(group))
    if changed:
        elders.add(Member.draw("Zed"))
        await world.found(elders)
    page = await visitor.post(path(group), {**form.carried, "agreed": elders.id.hex(), "what": ""}, [])
    assert [field for field, _ in page.errors] == ["what"]
    assert page.ticked("agreed") == (not changed)


async def test_consent_to_one_other_group_is_none_to_another(
    world: World, group: Group, elders: Group, visitor: Visitor
) -> None:
    """The group named another alternate meanwhile."""
    form = await visitor.get(path(group))
    others = Group.draw("Others", ["Uma", "Vic"])
    await world.found(others)
    group.say(rosters.Settings(name="Aurora", languages=("en",), minimum=2, alternate=others.id.hex()))
    await world.found(group)
    out = [group.member(name).id.hex() for name in ("Ada", "Bo")]
    agreed = {"leave_out": out, "agreed": elders.id.hex(), "what": "It was Ada."}
    page = await visitor.post(path(group), {**form.carried, **agreed}, [])
    assert (page.errors, page.ticked("agreed")) == ([("leave_out", CHANGED)], False)
    assert await filed(world, others, "Uma") == 0
