"""Whom a handler asks about a report, and whom not: who must not know of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.codes import ReplyCode
from crypto.entropy import system
from service.cases.rosters import Handler
from service.desk import readers
from service.desk.records import Held
from tests.support.consulting import EXTRACT, World
from tests.support.groups import Group

pytestmark = pytest.mark.xdist_group("who is asked")


def test_only_those_named_are_asked(world: World) -> None:
    """Also a member of the council who handles no reports there; a name that nobody has is refused."""
    question = world.asked("Ivo")
    assert "sealed to others" in world.refused("Gil", "advise", question)
    assert world.question(question, "Ivo").text == EXTRACT
    assert "not in that group's list" in world.refused("Ada", *world.asking("Nobody"))


def test_no_more_are_asked_than_the_log_can_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large group is asked in part; the limit is smaller here."""
    monkeypatch.setattr("service.desk.consulting.MAX_ASKED", 1)
    assert "name some of them with --to" in world.refused("Ada", *world.asking())
    assert Path(world.asked("Gil")).exists()


def test_who_must_not_know_of_the_report_is_not_asked(world: World) -> None:
    """By any spelling of the name, in another group or the own one; who stepped out; who was left out since."""
    report = world.report()
    assert "left out one of these people" in world.refused("Ada", *world.asking("Gil", "CY", report=report))
    own = world.asking("Cy", report=report, group=world.aurora)
    assert "left out one of these people" in world.refused("Ada", *own)
    assert "name whom of your own group" in world.refused(
        "Ada", *world.asking(report=report, group=world.aurora)
    )
    world.does("Bo", "recuse", report, "--reason-file", world.file("I know them"))
    for name in ("Bo", "Ada"):
        world.does(name, "sync")
    out = "stepped out of the report"
    assert out in world.refused("Ada", *world.asking("Bo", report=report, group=world.aurora))
    typed = world.asking(report=report, group=(bo := world.group_with("bo", "Olga")))
    told = world.does("Ada", *typed)
    assert (told["asked"], told["not_asked"]) == (["Olga"], ["bo"])
    assert out in world.refused("Ada", *world.asking("bo", report=report, group=bo))
    alone = world.group_with("BO")
    assert "nobody is left to ask" in world.refused("Ada", *world.asking(report=report, group=alone))


def test_who_was_left_out_of_what_the_reporter_wrote_since_is_not_asked(world: World) -> None:
    """They have the report; the question may hold what the answer says."""
    report = world.report()
    prepared = world.reporter.prepared(ReplyCode.draw(system), 0, "Bo knows him.", to=("Ada",))
    assert world.reporter.burn(prepared, 0)
    world.does("Ada", "sync")
    typed = world.asking("Bo", report=report, group=world.aurora)
    assert "left out of what its reporter wrote since" in world.refused("Ada", *typed)


def test_nobody_is_asked_while_it_is_unknown_whom_an_answer_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This desk lacks the list that the reporter saw; the question may hold what they wrote."""
    report = world.report()
    prepared = world.reporter.prepared(ReplyCode.draw(system), 0, "Gil knows him.", to=("Ada", "Bo"))
    assert world.reporter.burn(prepared, 0)
    world.does("Ada", "sync")
    known = readers.left_out_of

    def lacking(held: Held, histories: readers.Histories) -> tuple[Handler, ...] | None:
        return known(held, histories) if held.id == report else None

    monkeypatch.setattr(readers, "left_out_of", lacking)
    for names in ((), ("Gil",)):
        assert "nobody can tell whom they left out" in world.refused(
            "Ada", *world.asking(*names, report=report)
        )


def test_nobody_asks_themself(world: World) -> None:
    """At 11 p.m. the wrong name is typed."""
    assert "you can't ask yourself" in world.refused("Ada", *world.asking("Ada", group=world.aurora))
    assert Path(world.asked("Bo", group=world.aurora)).exists()


def test_a_group_from_which_reports_come_is_asked_by_name(world: World) -> None:
    """Whom a reporter left out there, who came because too few were left, is in no report."""
    feeder = Group.draw("Feeder", ["Fay"], minimum=1, alternate=world.aurora.id)
    feeder.found(world.client)
    assert "perhaps its reporter left out" in world.refused("Ada", *world.asking(group=feeder))
    assert Path(world.asked("Fay", group=feeder)).exists()
