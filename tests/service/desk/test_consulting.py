"""People outside of a report are asked: by two groups' desks on a real server, as typed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from crypto.codes import ReplyCode
from crypto.entropy import system
from crypto.errors import Refused
from service.cases.answers import Answers
from service.cases.consultations import (
    Advice,
    Consultation,
    open_advice,
    open_consultation,
    seal_advice,
    seal_consultation,
    sign_advice,
    sign_consultation,
)
from service.cases.log import MAX_CONSULTED
from service.cases.rosters import Handler, HandlerCard, Rotate
from service.cli import main
from service.desk import readers
from service.desk.records import Held
from service.desk.session import Session
from service.wire.client import Client
from tests.support.desks import home_of
from tests.support.groups import Group, Member
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

SECRET = "Cy shouted at Tess in the kitchen."
EXTRACT = "Somebody was shouted at, twice.\nMay we go to the second step?"


class World:
    """A group whose Cy is left out, a council with another Cy, a third group, and what is typed at their desks."""

    def __init__(self, folder: Path, server: RunningServer, client: Client) -> None:
        self.folder, self.server, self.client, self.files = folder, server, client, 0
        (folder / "passphrase").write_text("open sesame\n")
        self.aurora = Group.draw("Aurora", ["Ada", "Bo", "Cy"])
        self.council = Group.draw("The council", ["Gil", "Hedy", "CY"], council=["Ivo"])
        self.cirrus = Group.draw("Cirrus", ["Tom"])
        self.groups = {name: group for group in self.all for name in [m.name for m in group.handlers]}
        for group in self.all:
            group.found(client)
        for name in ("Ada", "Bo", "Cy", "Gil", "Hedy", "CY", "Tom"):
            home_of(folder / name, server.base, self.groups[name], name, "open sesame")
            self.does(name, "sync")
        self.report_id = self.report()

    @property
    def all(self) -> tuple[Group, ...]:
        return self.aurora, self.council, self.cirrus

    def member(self, name: str) -> Member:
        return self.groups[name].member(name)

    def report(self) -> str:
        """File a report that leaves Cy out, and give its id when Ada and Bo have it."""
        self.reporter = Reporter(self.client, self.aurora)
        self.reporter.report(Answers(what=SECRET), to=("Ada", "Bo"))
        before = {row["id"] for row in self.does("Ada", "list")}
        for name in ("Ada", "Bo"):
            self.does(name, "sync")
        [new] = {str(row["id"]) for row in self.does("Ada", "list")} - before
        return new

    def __call__(self, name: str, *arguments: str) -> Result:
        options = ["--home", str(self.folder / name), "--passphrase-file", str(self.folder / "passphrase")]
        return CliRunner().invoke(main, ["desk", *options, *arguments])

    def does(self, name: str, *arguments: str) -> Any:
        """Run it, see that it worked, and give its JSON."""
        done = self(name, *arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def refused(self, name: str, *arguments: str) -> str:
        """Run it, see that it was refused with a sentence, and give that."""
        done = self(name, *arguments)
        assert done.exit_code == 3, done.output
        assert done.stderr.splitlines()[-1].startswith("sottovoce: ")
        return done.stderr

    def file(self, text: str | bytes) -> str:
        """Write something into a new file."""
        path = self.new()
        Path(path).write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def new(self) -> str:
        """Give the path of a file that isn't there."""
        self.files += 1
        return str(self.folder / f"file{self.files}")

    def asking(
        self, *to: str, report: str = "", text: str = EXTRACT, group: Group | None = None
    ) -> list[str]:
        """What to type to ask; its last word is the file that it writes."""
        names = [word for name in to for word in ("--to", name)]
        where = ["--group", (group or self.council).id.hex(), *names, "--text-file", self.file(text)]
        return ["consult", report or self.report_id, *where, "--out", self.new()]

    def asked(self, *to: str, by: str = "Ada", **more: Any) -> str:
        """Have somebody ask, and give the file."""
        typed = self.asking(*to, **more)
        self.does(by, *typed)
        return typed[-1]

    def answered(self, name: str, question: str, text: str = "Yes.") -> str:
        """Have somebody answer, and give the file."""
        out = self.new()
        self.does(name, "advise", question, "--out", out, "--text-file", self.file(text))
        return out

    def question(self, file: str, reader: str = "Gil") -> Consultation:
        return open_consultation(Path(file).read_bytes(), [self.member(reader).sealing])

    def said(self, name: str, report: str = "") -> list[str]:
        """Give what a case's log says at a desk."""
        return [entry["said"] for entry in self.does(name, "show", report or self.report_id)["log"]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, server: RunningServer) -> Iterator[World]:
    with Client(server.base) as client:
        yield World(tmp_path_factory.mktemp("consulting"), server, client)


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
        assert [one["taken_in_by"] for one in closed["advice"]] == ["Bo"]
        assert world.said(name, report) == [
            f"asked Gil, Hedy (The council) for advice, showing them this and nothing else: {EXTRACT}",
            "took in the advice of Hedy: Yes,\nbut talk to both first.",
        ]
        assert "Advice is waited for" not in world(name, "show", report).stdout
    world.does("Cy", "sync")
    assert world.does("Cy", "list") == []


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
        return waited, under.startswith(" " * 12 + "Advice is waited for since 20"), row["advice_waited_for"]

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
    typed = world.asking(report=report, group=(bo := _group_with(world, "bo", "Olga")))
    told = world.does("Ada", *typed)
    assert (told["asked"], told["not_asked"]) == (["Olga"], ["bo"])
    assert out in world.refused("Ada", *world.asking("bo", report=report, group=bo))
    alone = _group_with(world, "BO")
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
        (bytes(20_000), ""),
    ):
        assert words in world.refused("Ada", "take-advice", world.file(damaged))
    assert world.refused("Gil", "advise", world.file(Path(question).read_bytes()[:-1]))


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


def test_what_former_keys_signed_is_not_believed(world: World) -> None:
    """They may have been changed because somebody else has them; who has new ones is asked, and answers, with those."""
    group = _group_with(world, "Olga", "Pia")
    world.groups |= dict.fromkeys(("Olga", "Pia"), group)
    for name in ("Olga", "Pia"):
        home_of(world.folder / name, world.server.base, group, name, "open sesame")
        world.does(name, "sync")
    report = world.report()
    question = world.asked("Olga", report=report, group=group)
    before = world.answered("Olga", question)
    _rotate(world, "Olga")
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
    _rotate(world, "Pia")
    world.does("Gil", "sync")
    assert "Pia has new keys since this was signed" in world.refused("Gil", "advise", asked)


def test_who_left_their_group_neither_asks_nor_answers(world: World) -> None:
    """Nobody could believe them; nor somebody whose desk doesn't know yet that they joined it."""
    world.council.add(Member.draw("Lea"))
    world.council.found(world.client)
    home_of(world.folder / "Lea", world.server.base, world.council, "Lea", "open sesame")
    world.does("Ada", "sync")
    typed = ["advise", world.asked("Lea"), "--out", world.new(), "--text-file", world.file("Yes.")]
    assert "doesn't have you" in world.refused("Lea", *typed)
    world.does("Lea", "sync")
    assert world.does("Lea", *typed)["written"] == typed[3]
    world.council.retire("Lea")
    world.aurora.retire("Bo")
    for group in (world.council, world.aurora):
        group.found(world.client)
    for name, again in (("Lea", [*typed[:3], world.new(), *typed[4:]]), ("Bo", world.asking())):
        world(name, "sync")
        assert "doesn't have you" in world.refused(name, *again)


def _rotate(world: World, name: str) -> None:
    """Give somebody new keys, publish them, and have their own desk know."""
    group = world.groups[name]
    world.does(name, "rotate", "--new-passphrase-file", str(world.folder / "passphrase"))
    raw = (world.folder / name / "card.json").read_bytes()
    card = msgspec.json.decode(raw, type=HandlerCard)
    group.say(Rotate(handler=group.member(name).id.hex(), card=card))
    group.found(world.client)
    world.does(name, "sync")


def _group_with(world: World, *names: str) -> Group:
    group = Group.draw(f"Group of {time.monotonic_ns()}", names, minimum=1)
    group.found(world.client)
    return group
