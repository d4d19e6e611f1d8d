"""People outside of a report are asked: what they see, and what of it is kept where."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crypto.errors import Refused
from service.cases.consultations import open_advice, seal_consultation, sign_consultation
from service.cases.log import MAX_CONSULTED
from service.desk.session import Session
from tests.support.consulting import EXTRACT, World
from tests.support.groups import Group, Member

pytestmark = pytest.mark.xdist_group("asking advice")


def test_a_council_is_consulted_and_sees_the_extract_alone(world: World) -> None:
    """Its advice stands in the case's log for both handlers; nobody who was left out can open either file."""
    report = world.report()
    typed = world.asking(report=report)
    done = world("Ada", *typed)
    assert done.exit_code == 0, done.output
    assert "Gil, Hedy (The council) will see this, your name, and nothing of the report:" in done.stderr
    assert "    Somebody was shouted at, twice.\n    May we go to the second step?" in done.stderr
    assert "Not asked: CY, who must not know of the report" in done.stderr
    question = typed[-1]
    [open_] = world.does("Ada", "show", report)["consultations"]
    assert (open_["open"], open_["asked"], open_["shown"]) == (True, ["Gil", "Hedy"], EXTRACT)
    world.does("Ada", "sync")
    world.does("Bo", "sync")
    assert (
        "Advice is waited for from Gil, Hedy (The council), asked by Ada"
        in world("Bo", "show", report).stdout
    )

    seen = world.does("Gil", "advise", question)
    assert (seen["asked_by"], seen["group_name"], seen["text"]) == ("Ada", "Aurora", EXTRACT)
    held = str({**msgspec.to_builtins(world.question(question)), "answer_key": "drawn for it"})
    assert not any(word in held + str(seen) for word in (report, "Cy", "Tess", "kitchen"))
    assert "Ada (Aurora) asks for advice" in world("Gil", "advise", question).stdout
    for name in ("CY", "Cy"):
        assert "sealed to others" in world.refused(name, "advise", question)

    answer = world.answered("Hedy", question, "Yes,\nbut talk to both first.")
    assert "sealed to others" in world.refused("Cy", "take-advice", answer)
    with pytest.raises(Refused, match="sealed to others"):
        open_advice(
            Path(answer).read_bytes(), [world.member(name).sealing for name in ("Ada", "Bo", "Cy", "Gil")]
        )
    taken = world("Bo", "take-advice", answer)  # by another handler than who asked
    assert (taken.exit_code, "    but talk to both first." in taken.stdout) == (0, True), taken.output
    for name in ("Bo", "Ada"):
        world.does(name, "sync")
    for name in ("Ada", "Bo"):
        [closed] = world.does(name, "show", report)["consultations"]
        assert (closed["open"], [one["adviser"] for one in closed["advice"]]) == (False, ["Hedy"])
        assert [one["taken_in"] for one in closed["advice"]] == [[{"by": "Bo", "as_from": "Hedy"}]]
        assert world.said(name, report) == [
            f"asked Gil, Hedy (The council) for advice, showing them this and nothing else: {EXTRACT}",
            "took in the advice of Hedy: Yes,\nbut talk to both first.",
        ]
        assert "Advice is waited for" not in world(name, "show", report).stdout
    world.does("Cy", "sync")
    assert world.does("Cy", "list") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the question is empty"),
        (" \n\t", "the question is empty"),
        ("x" * (MAX_CONSULTED + 1), f"longer than {MAX_CONSULTED}"),
        ("See {} for more.", "names the report by its id"),
    ],
)
def test_what_cannot_be_asked_is_refused(world: World, text: str, words: str) -> None:
    """And leaves neither a file nor a word in the log."""
    before = world.said("Ada")
    typed = world.asking(text=text.format(world.report_id[:8].upper()))
    assert words in world.refused("Ada", *typed)
    assert not Path(typed[-1]).exists()
    assert world.said("Ada") == before


def test_what_cannot_be_written_is_not_in_the_log(world: World) -> None:
    """A file that is there is not touched; a report or a group that isn't is said."""
    before = world.said("Ada")
    typed = world.asking()
    Path(typed[-1]).write_text("mine")
    assert "exists already" in world.refused("Ada", *typed)
    assert (Path(typed[-1]).read_text(), world.said("Ada")) == ("mine", before)
    assert "no such report" in world.refused("Cy", *world.asking())
    assert "no such group" in world.refused("Ada", *world.asking(group=Group.draw("Nowhere")))
    typed[typed.index("--group") + 1] = "xyz"
    assert "32 hexadecimal digits" in world.refused("Ada", *typed)


def test_where_the_log_takes_nothing_there_is_no_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could open an answer to it, whose key would be lost."""

    def full(*_: object) -> None:
        raise Refused("the desk's local store can't be used now")

    typed = world.asking()
    with monkeypatch.context() as patched:
        patched.setattr(Session, "enqueue", full)
        assert "local store" in world.refused("Ada", *typed)
    assert not Path(typed[-1]).exists()
    world.does("Ada", *typed)


def test_no_text_is_written_for_a_file_that_is_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said before the editor opens."""
    question, there = world.asked(), world.file("mine")

    def opened(text: str) -> str:
        raise AssertionError(text)

    monkeypatch.setattr("service.desk.writing.click.edit", opened)
    where = ["--group", world.council.id.hex(), "--out", there]
    assert "exists already" in world.refused("Ada", "consult", world.report_id, *where)
    assert "exists already" in world.refused("Gil", "advise", question, "--out", there)


def test_a_file_s_name_need_not_be_text(world: World) -> None:
    """What was done is told as JSON, too."""
    typed = world.asking()
    typed[-1] += "\udcff"
    assert world.does("Ada", *typed)["written"] == typed[-1]


def test_nothing_is_asked_that_was_not_meant(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal a question is put first, after what will be seen and by whom."""
    put: list[str] = []

    def no(question: str) -> None:
        put.append(question)
        raise Refused("nothing was done")

    before, typed = world.said("Ada"), world.asking()
    monkeypatch.setattr("service.desk.consulting_cli.sure", no)
    told = world.refused("Ada", *typed)
    assert (put, "nothing of the report:" in told) == (["Write that for them?"], True)
    assert (Path(typed[-1]).exists(), world.said("Ada")) == (False, before)


def test_a_stranger_s_text_stays_set_in(world: World) -> None:
    """No line of a question or an answer begins as ours do, and none moves a cursor."""
    forged = "Yes.\nKept. It goes out\x1b[2J with the next sync."
    question = world.asked(report=world.report(), text=forged)
    lines = world("Gil", "advise", question).stdout.splitlines()
    assert "    Kept. It goes out[2J with the next sync." in lines
    taken = world("Ada", "take-advice", world.answered("Gil", question, forged)).stdout
    assert "    Kept. It goes out[2J" in taken
    assert "\x1b" not in taken


def test_a_group_of_the_same_name_is_told_apart(world: World) -> None:
    """Who may found a group names it, and its people, as they like; its id they can't choose."""
    ada = Member.draw("Ada")
    other = Group.draw("Aurora", [], minimum=1)
    other.add(ada)
    other.found(world.client)
    key, gil = ada.signing.verify_key().raw.hex(), world.member("Gil").sealing.public_key()
    question = msgspec.structs.replace(
        world.question(true := world.asked()), group=other.id.hex(), author_key=key
    )
    raw = sign_consultation(question, ada.signing)
    file = world.file(seal_consultation(raw, other.id, world.council.id, [gil]))
    for path, group in ((true, world.aurora), (file, other)):
        said = world("Gil", "advise", path).stdout
        assert said.startswith("Ada (Aurora) asks for advice")
        assert f"\nThat group's id is {group.id.hex()}: " in said
