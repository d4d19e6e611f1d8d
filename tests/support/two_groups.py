"""A group that a report went to and another one: the open desks of both, and the reporter."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from crypto.codes import to_words
from service.cases.answers import Answers
from service.cli import main
from service.desk import actions
from service.desk.session import Session, handlers_named
from service.wire.client import Client
from tests.support.desks import desk_of, synced
from tests.support.groups import Group, Member
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

NOW = 1_900_000_000


class TwoGroups:
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
        """Have somebody do something on the one case and sync, then everybody: what one sends the others fetch."""
        desk = self.desks[name]
        [case] = desk.cases().values()
        desk.enqueue(make(desk.desk(self.now_s), case, *arguments, **options))
        self.now_s += 1
        synced(desk, self.client, self.now_s)
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
