"""Whose question and whose answer a desk believes, by the lists that it has verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from service.cases.answers import Answers
from service.cases.consultations import (
    Advice,
    Consultation,
    seal_advice,
    seal_consultation,
    sign_advice,
    sign_consultation,
)
from tests.support.consulting import SECRET, World
from tests.support.desks import home_of
from tests.support.groups import Group, Member
from tests.support.reporters import Reporter

pytestmark = pytest.mark.xdist_group("believing advice")


def test_what_a_group_s_people_did_not_sign_is_not_believed(world: World) -> None:
    """A stranger's question, one for another group sealed anew, one of somebody who retired."""
    gil = world.member("Gil").sealing.public_key()
    question = world.question(world.asked())

    def forged(by: Member, **changes: Any) -> str:
        key = by.signing.verify_key().raw.hex()
        raw = sign_consultation(msgspec.structs.replace(question, author_key=key, **changes), by.signing)
        return world.file(seal_consultation(raw, world.aurora.id, bytes.fromhex(to), [gil]))

    to = world.council.id.hex()
    for by in (Member.draw("Ada"), world.member("Tom"), world.member("Hedy")):
        assert "who asks is not in Aurora" in world.refused("Gil", "advise", forged(by))
    ada = world.member("Ada")
    for changes in ({"group": world.cirrus.id.hex()}, {"to": world.cirrus.id.hex()}):
        assert "sealed anew by somebody else" in world.refused("Gil", "advise", forged(ada, **changes))
    to = world.cirrus.id.hex()
    assert "for people of another group" in world.refused("Gil", "advise", forged(ada, to=to))
    world.aurora.add(Member.draw("Dee"))
    dee = world.aurora.member("Dee")
    world.aurora.retire("Dee")
    world.aurora.found(world.client)
    world.does("Gil", "sync")
    to = world.council.id.hex()
    assert "who asks is not in Aurora" in world.refused("Gil", "advise", forged(dee))
    assert world("Gil", "advise", forged(ada)).exit_code == 0


def test_advice_of_who_was_not_asked_is_not_taken(world: World) -> None:
    """Of another group, of a colleague of those asked, of a stranger, to another text, or who retired since."""
    report = world.report()
    world.council.add(Member.draw("Kim"))
    world.council.found(world.client)
    world.does("Ada", "sync")
    question = world.question(world.asked("Gil", "Kim", report=report))

    def forged(
        by: str | Member, group: Group | None = None, asked: Consultation = question, **changes: Any
    ) -> str:
        who = by if isinstance(by, Member) else (group or world.council).member(by)
        advice = Advice(
            group=(group or world.council).id.hex(), to=question.group, id=question.id, asked=asked.digest(),
            author_key=who.signing.verify_key().raw.hex(), day=20_000, text="Yes.",
        )  # fmt: skip
        raw = sign_advice(msgspec.structs.replace(advice, **changes), who.signing)
        to = msgspec.structs.replace(question, to=advice.group, group=changes.get("to", question.group))
        return world.file(seal_advice(raw, to))

    other = msgspec.structs.replace(question, text="May we go to the third step?")
    cases: list[tuple[str, Callable[[], str]]] = [
        ("group that was not asked", lambda: forged("Tom", world.cirrus)),
        ("group that was not asked", lambda: forged("Gil", to=world.cirrus.id.hex())),
        ("Hedy was not asked", lambda: forged("Hedy")),
        ("its author is not in The council", lambda: forged(Member.draw("Gil"))),
        ("its author is not in The council", lambda: forged(world.member("Ada"))),
        ("answers another question", lambda: forged("Gil", asked=other)),
        ("answers another question", lambda: forged("Gil", id="0" * 32)),
    ]
    for words, make in cases:
        assert words in world.refused("Ada", "take-advice", make())
    world.council.retire("Kim")
    world.council.found(world.client)
    world.does("Ada", "sync")
    assert "its author is not in The council" in world.refused("Ada", "take-advice", forged("Kim"))
    [still] = world.does("Ada", "show", report)["consultations"]
    assert still["open"]
    assert world.does("Ada", "take-advice", forged("Gil"))["queued"] == 1


@pytest.mark.usefixtures("quick_key_files")
def test_what_former_keys_signed_is_not_believed(world: World) -> None:
    """They may have been changed because somebody else has them; who has new ones is asked, and answers, with those."""
    group = world.group_with("Olga", "Pia")
    world.groups |= dict.fromkeys(("Olga", "Pia"), group)
    for name in ("Olga", "Pia"):
        home_of(world.folder / name, world.server.base, group, name, "open sesame")
        world.does(name, "sync")
    report = world.report()
    question = world.asked("Olga", report=report, group=group)
    before = world.answered("Olga", question)
    world.rotate("Olga")
    world.does("Ada", "sync")
    assert "Olga has new keys since this was signed" in world.refused("Ada", "take-advice", before)
    after = world.answered("Olga", question)  # sealed to her former key, which her desk keeps
    assert world.does("Ada", "take-advice", after)["adviser"] == "Olga"

    theirs = Reporter(world.client, group)
    theirs.report(Answers(what=SECRET), to=("Pia",))
    world.does("Pia", "sync")
    [row] = world.does("Pia", "list")
    asked = world.asked("Gil", by="Pia", report=row["id"])
    assert world.does("Gil", "advise", asked)["asked_by"] == "Pia"
    world.rotate("Pia")
    world.does("Gil", "sync")
    assert "Pia has new keys since this was signed" in world.refused("Gil", "advise", asked)


def test_who_left_their_group_neither_asks_nor_answers(world: World) -> None:
    """Nobody could believe them; nor somebody whose desk never synced, which is told to."""
    world.council.add(Member.draw("Lea"))
    world.council.found(world.client)
    home_of(world.folder / "Lea", world.server.base, world.council, "Lea", "open sesame")
    world.does("Ada", "sync")
    typed = ["advise", world.asked("Lea"), "--out", world.new(), "--text-file", world.file("Yes.")]
    assert "if you are in it, run `sottovoce desk sync`" in world.refused("Lea", *typed)
    world.does("Lea", "sync")
    assert world.does("Lea", *typed)["written"] == typed[3]
    world.council.retire("Lea")
    world.aurora.retire("Bo")
    for group in (world.council, world.aurora):
        group.found(world.client)
    for name, again in (("Lea", [*typed[:3], world.new(), *typed[4:]]), ("Bo", world.asking())):
        world(name, "sync")
        assert "doesn't have you" in world.refused(name, *again)
