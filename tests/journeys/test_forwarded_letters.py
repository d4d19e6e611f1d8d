"""Who was handed a report writes to its reporter: believed, answered, and named with everybody who reads the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crypto.codes import ReplyCode, from_words, to_words
from crypto.entropy import system
from crypto.errors import Refused
from service.cases.answers import Answers
from service.cases.log import Forwarded
from service.cli import main
from service.desk import actions
from service.desk.readers import told_of
from service.desk.rosters import pull_roster
from service.desk.session import Session, handlers_named
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.signing import Signer
from tests.support.desks import desk_of, synced
from tests.support.groups import Group, Member
from tests.support.letters import posting, sealed_letter
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

NOW = 1_900_000_000


class World:
    """A group whose Ada was left out, another one, the open desks of both, and a report that Bo and Cy have."""

    def __init__(self, folder: Path, server: RunningServer, client: Client, stack: ExitStack) -> None:
        self.server, self.client, self.folder, self.now_s = server, client, folder, NOW
        self.stack = stack
        self.other = Group.draw("Borealis", ["Dina", "Emil"], council=["Gil"])
        self.group = Group.draw(alternate=self.other.id)
        self.desks: dict[str, Session] = {}
        for group in (self.other, self.group):
            group.found(client)
            for member in group.handlers:
                self.desks[member.name] = stack.enter_context(
                    desk_of(folder, server.base, group, member.name)
                )
        self.reporter = Reporter(client, self.group)
        self.reporter.report(Answers(what="It happened."), to=("Bo", "Cy"))
        self.sync()

    def join(self, name: str) -> None:
        """Add a member to the group of the report, with an open desk unless somebody of that name has one."""
        self.group.add(Member.draw(name))
        self.group.found(self.client)
        if name not in self.desks:
            self.desks[name] = self.stack.enter_context(
                desk_of(self.folder, self.server.base, self.group, name)
            )
        self.sync()

    def sync(self) -> None:
        for desk in self.desks.values():
            self.now_s += 1
            synced(desk, self.client, self.now_s)

    def do(self, name: str, make: Any, *arguments: Any, **options: Any) -> None:
        """Have somebody do something on the one case, and everybody sync, twice: what one sends the others fetch."""
        desk = self.desks[name]
        [case] = desk.cases().values()
        desk.enqueue(make(desk.desk(self.now_s), case, *arguments, **options))
        self.sync()
        self.sync()

    def forward(self, name: str, to: Group, *names: str) -> None:
        groups, theirs = self.desks[name].histories(), self.desks[name].history_of(to.id)
        self.do(name, actions.forward, groups, theirs, handlers_named(theirs.latest, names), "help")

    def write(self, name: str, text: str) -> None:
        self.do(name, actions.write_letter, self.desks[name].histories(), text)

    def mailbox(self, *options: str, message: str | None = None) -> dict[str, Any]:
        """Read the mailbox as a reporter does who types."""
        result = self.typed(*options, message=message)
        assert result.exit_code == 0, result.output
        read: dict[str, Any] = json.loads(result.stdout)
        return read

    def typed(self, *options: str, message: str | None = None) -> Result:
        """Run the command that reads the mailbox and answers."""
        code, said = self.folder / "code.txt", self.folder / "message.txt"
        code.write_text(" ".join(to_words(self.reporter.code)))
        said.write_text(message or "")
        return CliRunner().invoke(
            main,
            ["mailbox", "--server", self.server.base, "--group", self.group.id.hex(), "--code-file", str(code),
             "--message-file", str(said), "--yes-i-wrote-it-down", "--json", *options],
        )  # fmt: skip


@pytest.fixture
def world(tmp_path: Path, server: RunningServer, client: Client) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, server, client, stack)


def test_the_wider_body_is_believed_and_everybody_who_reads_the_answer_is_named(world: World) -> None:
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


def test_a_colleague_s_desk_names_whom_another_forwarded_it_to(world: World) -> None:
    """In a group that is no alternate, and that only the desk has met which forwarded the report."""
    third = Group.draw("Cirrus", ["Tom"])
    third.found(world.client)
    pull_roster(world.desks["Bo"], world.client, third.id)
    world.forward("Bo", third)
    world.write("Cy", "Who saw it?")
    assert world.mailbox(message="Ann.")["recipients"] == "Aurora: Bo, Cy; Cirrus: Tom"


def test_when_all_recipients_stepped_out_the_wider_body_goes_on(world: World) -> None:
    """Their letters go out, and what the reporter answers goes to them alone."""
    world.forward("Bo", world.other, "Dina", "Emil", "Gil")
    for name in ("Bo", "Cy"):
        world.do(name, actions.recuse, "I know them")
        world.desks.pop(name)
    world.write("Dina", "We go on with it.")
    world.do("Emil", actions.set_state, world.desks["Emil"].histories(), "looking")
    read = world.mailbox(message="Good.")
    assert [(letter["author"], letter["known"]) for letter in read["letters"]] == [
        ("Dina", True),
        ("Emil", True),
    ]
    assert read["recipients"] == "Borealis: Dina, Emil; Borealis: Gil"
    world.sync()
    world.sync()
    for name in ("Dina", "Emil", "Gil"):
        [case] = world.desks[name].cases().values()
        assert [held.headline for held in case.follow_ups] == ["Good."]
        assert case.state.state == "looking"
    world.reporter.code = from_words(" ".join(read["code"]))
    world.write("Gil", "One more thing.")
    read = world.mailbox()
    assert [(letter["text"], letter["known"]) for letter in read["letters"]] == [("One more thing.", True)]


def test_an_answer_to_who_stepped_out_is_handed_on_unread(world: World) -> None:
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


def test_who_joined_the_group_since_and_was_told_gets_the_answer(world: World) -> None:
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


def test_nobody_is_named_whom_the_answer_does_not_reach(world: World) -> None:
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


@pytest.mark.parametrize("name", ["Dina", "Gil"])
def test_nobody_to_whom_the_answer_is_handed_on_can_be_left_out_of_it(world: World, name: str) -> None:
    """They have the report, and so the desks that hand it on: to accept the name would be for show."""
    world.forward("Bo", world.other, name)
    world.write("Bo", "Who saw it?")
    refused = world.typed("--leave-out", name.upper(), message="Tom.")
    assert refused.exit_code == 3
    assert "keep it from them" in refused.stderr
    assert len(world.reporter.letters()) == 1
    assert world.typed("--leave-out", "Nobody", message="Tom.").exit_code == 3
    assert world.mailbox(message="Tom.")["sent"]


def test_a_member_of_the_own_council_cannot_be_left_out_for_show(world: World) -> None:
    """Answers are not sealed to the council, so the server doesn't take it as left out."""
    world.group.add(Member.draw("Hal", "council"))
    world.group.found(world.client)
    world.sync()
    world.forward("Bo", world.group, "Hal")
    world.write("Bo", "Who saw it?")
    assert "keep it from them" in world.typed("--leave-out", "Hal", message="Tom.").stderr
    assert world.mailbox("--leave-out", "Cy", message="Tom.")["recipients"] == "Aurora: Bo; Aurora: Hal"


def test_a_letter_that_names_who_is_no_handler_locks_nobody_out(world: World) -> None:
    """Bo names the council as a recipient, to whom the server lets nothing be sealed: it is named as handed it."""
    world.group.add(Member.draw("Hal", "council"))
    world.group.found(world.client)
    named = [world.group.member(name) for name in ("Bo", "Hal")]
    rogue = sealed_letter(world.reporter.code, world.group, "Bo", "Tell us.", named)
    world.client.do(calls.batch(world.group.signer("Bo"), posting(world.reporter.code, [rogue])))
    read = world.mailbox(message="Tom.")
    assert (read["recipients"], read["sent"]) == ("Aurora: Bo; Aurora: Hal", True)


def test_who_may_have_been_told_since_the_letter_cannot_be_left_out_for_show(world: World) -> None:
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
    world: World, monkeypatch: pytest.MonkeyPatch
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


def test_who_was_left_out_of_an_answer_is_named_for_no_other(world: World) -> None:
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


def test_where_nobody_is_left_no_letter_is_written(world: World) -> None:
    """A council member can be handed a report, and envelopes are sealed to handlers only."""
    world.forward("Bo", world.other, "Gil")
    for name in ("Bo", "Cy"):
        world.do(name, actions.recuse, "I know them")
    with pytest.raises(Refused, match="nobody is left to read an answer"):
        world.write("Gil", "Can you read this?")


def test_who_steps_out_is_handed_nothing_more(world: World) -> None:
    """Nor named as a reader."""
    world.forward("Bo", world.other, "Dina", "Emil")
    world.do("Emil", actions.recuse, "I know them")
    world.write("Dina", "Hello.")
    assert world.mailbox(message="Yes.")["recipients"] == "Aurora: Bo, Cy; Borealis: Dina"
    world.sync()
    world.sync()
    assert world.desks["Emil"].cases() == {}


def test_who_stepped_out_reads_nothing_of_what_follows(world: World) -> None:
    """A letter of before still names Bo: what its reporter answers comes to his desk and is not kept."""
    world.write("Cy", "Who saw it?")
    world.do("Bo", actions.recuse, "he is my brother")
    read = world.mailbox(message="Tom saw it; please don't tell Bo's brother.")
    assert read["recipients"] == "Aurora: Bo, Cy"
    bo = world.desks["Bo"]
    result = synced(bo, world.client, world.now_s)
    assert (result.new_follow_ups, result.sent, bo.cases(), bo.outbox()) == (0, 0, {}, [])
    world.reporter.code = from_words(" ".join(read["code"]))
    again = world.reporter.prepared(ReplyCode.draw(system), 0, "And Ann.", to=("Bo", "Cy"))
    assert world.reporter.burn(again, 0)
    world.sync()
    assert bo.cases() == {}
    [case] = world.desks["Cy"].cases().values()
    assert [held.headline for held in case.follow_ups][1:] == ["And Ann."]


def test_what_comes_while_a_recusal_waits_is_left_too(world: World) -> None:
    """Bo steps out offline; the reporter writes before his desk says so to the server."""
    bo = world.desks["Bo"]
    [case] = bo.cases().values()
    bo.enqueue(actions.recuse(bo.desk(world.now_s), case, "I know them"))
    prepared = world.reporter.prepared(ReplyCode.draw(system), 0, "One thing more.", to=("Bo", "Cy"))
    assert world.reporter.burn(prepared, 0)
    result = synced(bo, world.client, world.now_s)
    assert (result.new_follow_ups, bo.cases(), bo.outbox()) == (0, {}, [])


def test_nobody_left_out_is_named_or_handed_anything_by_a_false_entry(world: World) -> None:
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


def test_what_is_asked_for_tells_no_forward(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_stranger_in_a_letter_s_words_is_told_of(world: World) -> None:
    """Whoever signs with a key that no group of the letter has is not in the group's list."""
    letter = sealed_letter(world.reporter.code, world.other, "Dina", "Hello.", [world.other.member("Dina")])
    stranger = Group.draw("Nowhere", ["Dina"])
    forged = sealed_letter(world.reporter.code, stranger, "Dina", "Hello!", [world.group.member("Bo")])
    world.client.do(calls.batch(world.group.signer("Bo"), posting(world.reporter.code, [forged, letter])))
    assert [(one["text"], one["known"]) for one in world.mailbox()["letters"]] == [
        ("Hello!", False),
        ("Hello.", True),
    ]
