"""Somebody at their own machine for tests: the commands of a registry's keeper and of its members, as typed.

keeper = Person.at(tmp_path / "keeper")
keeper.does("registry", "create", "--name", "Example project")
ann = joined(keeper, tmp_path / "ann", "github.com/ann")
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from service.cli import main

PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True)
class Person:
    """Somebody at their own machine: a folder for each face, and a passphrase file."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Person:
        folder.mkdir()
        (folder / "pass").write_text(PASSPHRASE + "\n", encoding="utf-8")
        return cls(folder)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self, face: str, *arguments: str, passphrase: str | None = None) -> Result:
        """Run `sottovoce FACE --home … arguments`."""
        file = self.folder / "pass"
        if passphrase is not None:
            file = self.folder / "other"
            file.write_text(passphrase, encoding="utf-8")
        return CliRunner().invoke(
            main, [face, "--home", str(self.home), "--passphrase-file", str(file), *arguments]
        )

    def does(self, face: str, *arguments: str) -> dict[str, Any]:
        """Run it, see that it worked, and give its JSON."""
        result = self.run(face, *arguments, "--json")
        assert result.exit_code == 0, result.output
        read: dict[str, Any] = json.loads(result.output)
        return read

    def refused(self, face: str, *arguments: str, exit_code: int = 3) -> str:
        """Run it, see that it was refused, and give the sentence."""
        result = self.run(face, *arguments, "--json")
        assert result.exit_code == exit_code, result.output
        problem = json.loads(result.output)
        assert problem["exit"] == exit_code
        said: str = problem["error"]
        return said


def id_of(keeper: Person) -> str:
    registry: str = keeper.does("registry", "list")["registry"]
    return registry


def invited(keeper: Person, folder: Path, account: str) -> Person:
    """A person with keys and an invitation, who has asked for nothing yet."""
    person = Person.at(folder)
    invitation = person.folder / "invitation.json"
    keeper.does("registry", "invite", "--account", account, "--until", "2099-12-31", "--out", str(invitation))
    person.does("member", "new")
    return person


def joined(keeper: Person, folder: Path, account: str) -> Person:
    """A member by invitation, over files."""
    person = invited(keeper, folder, account)
    invitation, request = person.folder / "invitation.json", person.folder / "request.json"
    person.does("member", "apply", "--invitation", str(invitation), "--out", str(request))
    keeper.does("registry", "admit", str(request))
    return person
