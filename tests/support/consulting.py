"""Desks of two groups, one of which consults the other, on a real server, as typed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result

from service.cases.answers import Answers
from service.cases.consultations import (
    Advice,
    Asked,
    Consultation,
    open_consultation,
    seal_advice,
    sign_advice,
)
from service.cases.log import Act, Advised
from service.cases.rosters import HandlerCard, Rotate
from service.cli import main
from service.desk import actions
from service.wire.client import Client
from tests.support.desks import desk_at, home_of
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
        self.known: set[str] = set()
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
        for name in ("Ada", "Bo"):
            self.does(name, "sync")
        [new] = {str(row["id"]) for row in self.does("Ada", "list")} - self.known
        self.known.add(new)
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

    def asked_at(self, name: str, report: str) -> list[Asked]:
        """Give what a desk's log has of a case's consultations."""
        with desk_at(self.folder / name, self.groups[name], name) as session:
            return [one.asked for one in session.find(report).sought]

    def writes(self, name: str, report: str, *acts: Act) -> None:
        """Have somebody write into a case's log whatever they like, and Ada and Bo see it."""
        with desk_at(self.folder / name, self.groups[name], name) as session:
            desk, held = session.desk(int(time.time())), session.find(report).first
            session.enqueue([actions.log(desk, held, act) for act in acts])
        for each in dict.fromkeys((name, "Ada", "Bo")):
            self.does(each, "sync")

    def rotate(self, name: str) -> None:
        """Give somebody new keys, publish them, and have their own desk know."""
        group = self.groups[name]
        self.does(name, "rotate", "--new-passphrase-file", str(self.folder / "passphrase"))
        raw = (self.folder / name / "card.json").read_bytes()
        card = msgspec.json.decode(raw, type=HandlerCard)
        group.say(Rotate(handler=group.member(name).id.hex(), card=card))
        group.found(self.client)
        self.does(name, "sync")

    def group_with(self, *names: str) -> Group:
        """Found one more group."""
        group = Group.draw(f"Group of {time.monotonic_ns()}", names, minimum=1)
        group.found(self.client)
        return group


def answer_of(asked: Asked, member: Member, text: str) -> tuple[Advice, bytes]:
    """A member's answer, and what they sign."""
    key, question = member.signing.verify_key().raw.hex(), asked.question()
    to, by = question.to, question.group
    advice = Advice(to, by, question.id, question.digest(), key, question.day, text)
    return advice, sign_advice(advice, member.signing)


def answer_file(asked: Asked, member: Member, text: str = "Yes.") -> bytes:
    """What `advise` writes at a member's desk."""
    return seal_advice(answer_of(asked, member, text)[1], asked.question())


def advised(asked: Asked, member: Member, name: str = "", text: str = "Yes.") -> Advised:
    """What stands in a log once somebody took in a member's answer. name: what it calls them."""
    advice, signed = answer_of(asked, member, text)
    asker, name = asked.entry.author_key, name or member.name
    return Advised(advice.id, asker, name, advice.author_key, advice.day, text, signed[-64:])
