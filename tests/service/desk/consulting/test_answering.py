"""What those asked answer: taken once, waited for, and to no other question."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from service.cases.log import MAX_CONSULTED
from tests.support.consulting import World

pytestmark = pytest.mark.xdist_group("answering advice")


def test_an_answer_is_taken_once_and_a_second_thought_too(world: World) -> None:
    """Each of those asked may answer, more than once; the same file again changes nothing."""
    question = world.asked(report=(report := world.report()))
    yes = world.answered("Gil", question)
    assert [world.does("Ada", "take-advice", yes)["queued"] for _ in range(2)] == [1, 0]
    assert "Nothing was changed" in world("Ada", "take-advice", yes).stdout
    for name, text in (("Gil", "No, rather the first."), ("Hedy", "Yes.")):
        assert world.does("Ada", "take-advice", world.answered(name, question, text))["queued"] == 1
    [one] = world.does("Ada", "show", report)["consultations"]
    advice = [(given["adviser"], given["text"]) for given in one["advice"]]
    assert advice == [("Gil", "Yes."), ("Gil", "No, rather the first."), ("Hedy", "Yes.")]


def test_who_stepped_out_takes_no_advice(world: World) -> None:
    """As they do nothing else in the case; a colleague takes it."""
    answer = world.answered("Gil", world.asked(report=(report := world.report())))
    world.does("Ada", "recuse", report)
    assert "you stepped out of this report" in world.refused("Ada", "take-advice", answer)
    for name in ("Ada", "Bo"):
        world.does(name, "sync")
    assert world.does("Bo", "take-advice", answer)["queued"] == 1


def test_advice_that_is_waited_for_is_not_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the list at once and at sync after a week, at every desk, until it came or the case is closed."""
    report, now = world.report(), time.time()

    def told(name: str) -> tuple[bool, bool, int]:
        done = world(name, "sync")
        [row] = (one for one in world.does(name, "list", "--all") if one["id"] == report)
        lines = world(name, "list", "--all").stdout.splitlines()
        [place] = (at for at, line in enumerate(lines) if report[:8] in line)
        under = "".join(lines[place + 1 : place + 2])
        waited = "Cases that waited a week for advice: 1. See `sottovoce desk list`." in done.stdout
        since = row["advice_waited_since"]
        told = under == f"{'':12}Advice is waited for since {since}."
        assert told == (since is not None)
        return waited, told, row["advice_waited_for"]

    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: now - 6 * 86_400)
        world.asked("Gil", report=report)
        patched.setattr(time, "time", lambda: now - 2 * 86_400)
        world.asked("Hedy", report=report)
    for name in ("Ada", "Bo"):
        assert told(name) == (False, True, 2)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: now - 7 * 86_400)
        old = world.asked("Gil", report=report)
    for name in ("Ada", "Bo"):
        assert told(name) == (True, True, 3)
    world.does("Bo", "take-advice", world.answered("Gil", old))
    assert told("Bo") == (False, True, 2)
    world.does("Ada", "state", report, "closed", "--quietly")
    assert told("Ada") == (False, False, 0)
    assert not any(one["open"] for one in world.does("Ada", "show", report)["consultations"])
    assert "Advice is waited for" not in world("Ada", "show", report).stdout


def test_an_answer_to_nothing_that_this_desk_knows_is_refused(world: World) -> None:
    """Before the colleague's log came, at other groups' desks, and of another kind of file."""
    question = world.asked(report=world.report())
    answer = world.answered("Gil", question)
    assert "run `sottovoce desk sync` first" in world.refused("Bo", "take-advice", answer)
    for name in ("Bo", "Ada", "Bo"):
        world.does(name, "sync")
    assert world.does("Bo", "take-advice", answer)["adviser"] == "Gil"
    assert "no consultation that this desk knows" in world.refused("Tom", "take-advice", answer)
    assert "that is no advice" in world.refused("Ada", "take-advice", question)
    assert "that is no consultation" in world.refused("Gil", "advise", answer)
    raw = Path(answer).read_bytes()
    for damaged, words in (
        (raw[:-1], "too short"),
        (raw + b"x", "left over"),
        (raw[:-1] + bytes([raw[-1] ^ 1]), "damaged"),
        (b"x" * 99, "no advice"),
        (b"x", "no advice"),
        (b"", "the file is empty"),
        (bytes(20_000), ""),
    ):
        assert words in world.refused("Ada", "take-advice", world.file(damaged))
    assert world.refused("Gil", "advise", world.file(Path(question).read_bytes()[:-1]))


def test_answers_that_cannot_be_are_refused(world: World) -> None:
    """Empty, too long, to nowhere; a file that is there is not touched."""
    question = world.asked()
    assert "with --out where to write" in world.refused(
        "Gil", "advise", question, "--text-file", world.file("Yes.")
    )
    for text, words in (("", "the advice is empty"), ("x" * (MAX_CONSULTED + 1), "longer than")):
        out = world.new()
        typed = ["advise", question, "--out", out, "--text-file", world.file(text)]
        assert words in world.refused("Gil", *typed)
        assert not Path(out).exists()
    mine = world.file("mine")
    assert "exists already" in world.refused(
        "Gil", "advise", question, "--out", mine, "--text-file", world.file("Yes.")
    )
    assert Path(mine).read_text() == "mine"
