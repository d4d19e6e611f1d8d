"""A reporter answers whom their report was handed to: who reads the answer, and who was left out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from crypto.codes import from_words
from service.cases.log import Forwarded
from service.desk import actions
from service.desk.readers import told_of
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.signing import Signer
from tests.support.desks import synced
from tests.support.groups import Member
from tests.support.server import RunningServer, running_server
from tests.support.two_groups import NOW, TwoGroups

pytestmark = pytest.mark.xdist_group("forwarded answers")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With these tests' groups alone: who reads a mailbox fetches the lists of all that a server has."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, server: RunningServer, client: Client) -> Iterator[TwoGroups]:
    with ExitStack() as stack:
        yield TwoGroups(tmp_path, server, client, stack)


def test_an_answer_to_who_stepped_out_is_handed_on_unread(world: TwoGroups) -> None:
    """The mailbox still holds a letter from before: what is sealed to them reaches whom the report was forwarded to."""
    world.write("Bo", "We look at it.")
    world.forward("Cy", world.other, "Dina")
    for name in ("Bo", "Cy"):
        world.do(name, actions.recuse, "I know them")
    world.write("Dina", "We go on with it.")
    read = world.mailbox(message="It was Bo's friend.")
    assert [letter["known"] for letter in read["letters"]] == [True, True]
    assert read["recipients"] == "Aurora: Bo, Cy"
    world.sync()
    world.sync()
    for name in ("Bo", "Cy"):
        desk = world.desks[name]
        assert (desk.cases(), desk.outbox(), desk.unreadable()) == ({}, [], [])
        assert desk.vault.every("body", dict) == []
    [case] = world.desks["Dina"].cases().values()
    assert [held.headline for held in case.follow_ups] == ["It was Bo's friend."]
    world.reporter.code = from_words(" ".join(read["code"]))
    world.write("Dina", "Thank you.")
    assert world.mailbox(message="And then.")["recipients"] == "Borealis: Dina"
    world.sync()
    [case] = world.desks["Dina"].cases().values()
    assert [held.headline for held in case.follow_ups] == ["It was Bo's friend.", "And then."]


def test_who_joined_the_group_since_and_was_told_gets_the_answer(world: TwoGroups) -> None:
    """Dee was in no list that the reporter saw: sealed to others of her group alone, the answer would leave her out."""
    world.join("Dee")
    world.forward("Bo", world.group, "Dee")
    world.write("Bo", "Who saw it?")
    assert world.mailbox(message="It was Tom.")["recipients"] == "Aurora: Bo, Cy, Dee"
    for _ in range(2):
        for name in ("Bo", "Cy", "Dee"):
            assert synced(world.desks[name], world.client, world.now_s).warnings == []
    for name in ("Bo", "Cy", "Dee"):
        [case] = world.desks[name].cases().values()
        assert [held.headline for held in case.follow_ups] == ["It was Tom."]
    assert world.desks["Ada"].cases() == {}


@pytest.mark.parametrize("name", ["Dina", "Gil"])
def test_nobody_to_whom_the_answer_is_handed_on_can_be_left_out_of_it(world: TwoGroups, name: str) -> None:
    """They have the report, and so the desks that hand it on: to accept the name would be for show."""
    world.forward("Bo", world.other, name)
    world.write("Bo", "Who saw it?")
    refused = world.typed("--leave-out", name.upper(), message="Tom.")
    assert refused.exit_code == 3
    assert "keep it from them" in refused.stderr
    assert len(world.reporter.letters()) == 1
    assert world.typed("--leave-out", "Nobody", message="Tom.").exit_code == 3
    assert world.mailbox(message="Tom.")["sent"]


def test_a_member_of_the_own_council_cannot_be_left_out_for_show(world: TwoGroups) -> None:
    """Answers are not sealed to the council, so the server doesn't take it as left out."""
    world.group.add(Member.draw("Hal", "council"))
    world.group.found(world.client)
    world.sync()
    world.forward("Bo", world.group, "Hal")
    world.write("Bo", "Who saw it?")
    assert "keep it from them" in world.typed("--leave-out", "Hal", message="Tom.").stderr
    assert world.mailbox("--leave-out", "Cy", message="Tom.")["recipients"] == "Aurora: Bo; Aurora: Hal"


def test_who_may_have_been_told_since_the_letter_cannot_be_left_out_for_show(world: TwoGroups) -> None:
    """The letter says nothing of a forward that came after it, and desks hand follow-ups on by their log."""
    world.group.add(Member.draw("Hal", "council"))
    world.group.found(world.client)
    world.sync()
    world.write("Bo", "Who saw it?")
    world.forward("Bo", world.group, "Hal")
    refused = world.typed("--leave-out", "Hal", message="It was Hal.")
    assert (refused.exit_code, "keep it from them" in refused.stderr) == (3, True), refused.output
    assert world.mailbox("--leave-out", "Cy", message="Tom.")["recipients"] == "Aurora: Bo"


def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Collect what desks ask the server to hand on, as (report, key id)."""
    asked: list[tuple[str, str]] = []
    batch = calls.batch

    def seen(signer: Signer, actions: Sequence[shapes.Action]) -> Any:
        asked.extend((one.report, one.to_key) for one in actions if isinstance(one, shapes.Grant))
        return batch(signer, actions)

    monkeypatch.setattr(calls, "batch", seen)
    return asked


def test_no_desk_hands_an_answer_to_whom_its_reporter_left_out_of_it(
    world: TwoGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dee, and a Dee elsewhere, have the report. A server that refuses nothing gets nothing to hand them."""
    world.other.add(Member.draw("Dee"))
    world.other.found(world.client)
    world.join("Dee")
    world.forward("Bo", world.group, "Dee")
    world.forward("Bo", world.other, "Dee", "Emil")
    world.write("Bo", "Who saw it?")
    asked = handed(monkeypatch)
    read = world.mailbox("--leave-out", "Dee", message="It was Dee.")
    assert read["recipients"] == "Aurora: Bo, Cy; Borealis: Emil"
    told = {name: synced(world.desks[name], world.client, world.now_s).warnings for name in ("Bo", "Cy")}
    assert {key_id for _, key_id in asked} == {world.other.member("Emil").key_id.hex()}
    assert all(len(warnings) == 2 and "handed to Dee" in warnings[0] for warnings in told.values()), told
    assert synced(world.desks["Bo"], world.client, world.now_s).warnings == []
    asked.clear()
    world.forward("Cy", world.other, "Dee", "Dina")
    [case] = world.desks["Cy"].cases().values()
    [answer] = case.follow_ups
    dees = {group.member("Dee").key_id.hex() for group in (world.group, world.other)}
    assert dees.isdisjoint(key_id for report, key_id in asked if report == answer.id)
    assert [len(world.desks[name].cases()) for name in ("Dina", "Emil")] == [1, 1]


def test_who_was_left_out_of_an_answer_is_named_for_no_other(world: TwoGroups) -> None:
    """Cy stays out, who was told once more under new keys, also when nobody else of the report's recipients is left."""
    world.forward("Bo", world.other, "Dina")
    cy = (world.group.member("Cy").key_id.hex(),)
    again = Forwarded(group=world.group.id.hex(), handlers=("Cy",), key_ids=cy, reason="keys lost")
    world.do("Bo", lambda desk, case: [actions.log(desk, case.first, again)])
    world.write("Bo", "Who saw it?")
    read = world.mailbox("--leave-out", "Cy", message="Cy's friend.")
    world.reporter.code = from_words(" ".join(read["code"]))
    world.sync()
    world.sync()
    world.write("Bo", "Thank you.")
    read = world.mailbox(message="More of it.")
    assert read["recipients"] == "Aurora: Bo; Borealis: Dina"
    world.reporter.code = from_words(" ".join(read["code"]))
    world.sync()
    world.do("Bo", actions.recuse, "I know them")
    world.write("Dina", "We go on with it.")
    assert world.mailbox(message="Good.")["recipients"] == "Borealis: Dina"
    [case] = world.desks["Cy"].cases().values()
    assert case.follow_ups == ()


def test_nobody_left_out_is_named_or_handed_anything_by_a_false_entry(world: TwoGroups) -> None:
    """A colleague writes into the log that Ada was told: no letter names her."""
    desk = world.desks["Bo"]
    [case] = desk.cases().values()
    ada = world.group.member("Ada")
    told = Forwarded(
        group=world.group.id.hex(), handlers=("Ada",), key_ids=(ada.key_id.hex(),), reason="please"
    )
    desk.enqueue([actions.log(desk.desk(NOW), case.first, told)])
    world.sync()
    [case] = world.desks["Cy"].cases().values()
    assert case.state.forwarded == (told,)
    assert told_of(case, world.group.histories) == {world.group.id.hex(): ()}
    world.write("Cy", "Hello.")
    [letter] = world.reporter.letters()
    assert letter.handed_to == ()
