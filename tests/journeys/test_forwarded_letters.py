"""Who was handed a report writes to its reporter: believed, answered, and named with everybody who reads the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from crypto.codes import from_words
from service.desk.rosters import pull_roster
from service.wire import calls
from service.wire.client import Client
from tests.support.desks import synced
from tests.support.groups import Group, Member
from tests.support.letters import posting, sealed_letter
from tests.support.server import RunningServer, running_server
from tests.support.two_groups import TwoGroups

pytestmark = pytest.mark.xdist_group("forwarded letters")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With these tests' groups alone: who reads a mailbox fetches the lists of all that a server has."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, server: RunningServer, client: Client) -> Iterator[TwoGroups]:
    with ExitStack() as stack:
        yield TwoGroups(tmp_path, server, client, stack)


def test_the_wider_body_is_believed_and_everybody_who_reads_the_answer_is_named(world: TwoGroups) -> None:
    """Dina was told by Bo: she writes as herself, and the answer reaches the first readers and her."""
    world.forward("Bo", world.other, "Dina")
    world.write("Dina", "We look at it from outside.")
    read = world.mailbox(message="Thank you.")
    [letter] = read["letters"]
    assert (letter["author"], letter["known"], letter["author_group"]) == ("Dina", True, "Borealis")
    assert letter["other_group"]
    assert read["recipients"] == "Aurora: Bo, Cy; Borealis: Dina"
    world.sync()
    world.sync()
    for name in ("Bo", "Cy", "Dina"):
        [case] = world.desks[name].cases().values()
        assert [held.headline for held in case.follow_ups] == ["Thank you."]
    for name in ("Ada", "Emil", "Gil"):
        assert world.desks[name].cases() == {}


def test_a_colleague_s_desk_names_whom_another_forwarded_it_to(world: TwoGroups) -> None:
    """In a group that is no alternate, and that only the desk has met which forwarded the report."""
    third = Group.draw("Cirrus", ["Tom"])
    third.found(world.client)
    pull_roster(world.desks["Bo"], world.client, third.id)
    world.forward("Bo", third)
    world.write("Cy", "Who saw it?")
    assert world.mailbox(message="Ann.")["recipients"] == "Aurora: Bo, Cy; Cirrus: Tom"


def test_nobody_is_named_whom_the_answer_does_not_reach(world: TwoGroups) -> None:
    """Somebody named like Borealis' Dina joins Aurora: she isn't sent the answer, so the server hands it to no Dina."""
    world.forward("Bo", world.other, "Dina", "Emil")
    world.join("Dina")
    world.write("Bo", "Who saw it?")
    assert world.mailbox(message="It was Tom.")["recipients"] == "Aurora: Bo, Cy; Borealis: Emil"
    for _ in range(2):
        for name in ("Bo", "Emil"):
            synced(world.desks[name], world.client, world.now_s)
    [case] = world.desks["Emil"].cases().values()
    assert [held.headline for held in case.follow_ups] == ["It was Tom."]


def test_a_letter_that_names_who_is_no_handler_locks_nobody_out(world: TwoGroups) -> None:
    """Bo names the council as a recipient, to whom the server lets nothing be sealed: it is named as handed it."""
    world.group.add(Member.draw("Hal", "council"))
    world.group.found(world.client)
    named = [world.group.member(name) for name in ("Bo", "Hal")]
    rogue = sealed_letter(world.reporter.code, world.group, "Bo", "Tell us.", named)
    world.client.do(calls.batch(world.group.signer("Bo"), posting(world.reporter.code, [rogue])))
    read = world.mailbox(message="Tom.")
    assert (read["recipients"], read["sent"]) == ("Aurora: Bo; Aurora: Hal", True)


def test_what_is_asked_for_tells_no_forward(world: TwoGroups, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rosters of all groups are fetched for every letter: the server sees the same before the forward and after."""
    asked: list[str] = []
    do = Client.do

    def seen(client: Client, call: Any) -> Any:
        asked.append(call.target)
        return do(client, call)

    def rosters() -> list[str]:
        asked.clear()
        with monkeypatch.context() as patched:
            patched.setattr(Client, "do", seen)
            read = world.mailbox(message="Yes.")
        world.reporter.code = from_words(" ".join(read["code"]))
        world.sync()
        return [target for target in asked if target.startswith("/v1/groups")]

    world.write("Bo", "Hello.")
    before = rosters()
    world.forward("Bo", world.other, "Dina")
    world.write("Bo", "Dina helps us.")
    world.write("Dina", "I do.")
    assert rosters() == before
    assert {f"/v1/groups/{group.id.hex()}/roster" for group in (world.group, world.other)} <= set(before)


def test_a_stranger_in_a_letter_s_words_is_told_of(world: TwoGroups) -> None:
    """Whoever signs with a key that no group of the letter has is not in the group's list."""
    letter = sealed_letter(world.reporter.code, world.other, "Dina", "Hello.", [world.other.member("Dina")])
    stranger = Group.draw("Nowhere", ["Dina"])
    forged = sealed_letter(world.reporter.code, stranger, "Dina", "Hello!", [world.group.member("Bo")])
    world.client.do(calls.batch(world.group.signer("Bo"), posting(world.reporter.code, [forged, letter])))
    assert [(one["text"], one["known"]) for one in world.mailbox()["letters"]] == [
        ("Hello!", False),
        ("Hello.", True),
    ]
