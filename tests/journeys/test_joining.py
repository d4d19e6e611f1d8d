"""From an empty registry to a voice that a desk counts: every step of keeper and members as typed, over real HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cases.roster_statements import Members
from service.cli import main
from service.wire.client import Client
from tests.support.brigades import text
from tests.support.desks import desk_at, home_of, synced
from tests.support.groups import Group
from tests.support.server import RunningServer
from tests.support.ssh import SshSigner

pytestmark = pytest.mark.usefixtures("quick_key_files")

PASSPHRASE = "correct horse"


@dataclass(frozen=True)
class Shell:
    """Types commands, each face in a folder of the test."""

    folder: Path

    def types(self, *words: object, exit_code: int = 0) -> dict[str, Any]:
        """`sottovoce FACE --home FOLDER … --json`; gives what was printed."""
        face, home, *rest = map(str, words)
        options = ["--home", str(self.folder / home), "--passphrase-file", str(self.folder / "passphrase")]
        result = CliRunner().invoke(main, [face, *options, *rest, "--json"])
        assert result.exit_code == exit_code, result.output
        read: dict[str, Any] = json.loads(result.stdout if exit_code == 0 else result.stderr)
        return read

    def reports(self, server: str, group: str, member: str, *, exit_code: int = 0) -> None:
        """`sottovoce report --voice`, about one person, in the member's own words."""
        answers = self.folder / "report.toml"
        who = '[{platform = "github", handle = "mallory"}]'
        answers.write_text(f'what = "{text(member)}"\nwho = {who}\nvoice = true\n', encoding="utf-8")
        words = ["report", "--server", server, "--group", group, "--yes", "--json", "--file", str(answers)]
        words += ["--voice", str(self.folder / member / "member.key")]
        words += ["--passphrase-file", str(self.folder / "passphrase")]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == exit_code, result.output


def test_members_who_joined_by_command_are_heard(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, server: RunningServer
) -> None:
    """Two join by SSH key, one by invitation; the keeper freezes; three voices corroborate; who left speaks no more."""
    shell = Shell(tmp_path)
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    at = ("--server", server.base)
    registry = shell.types("registry", "keeper", "create", "--name", "Example")["registry"]
    shell.types("registry", "keeper", "publish", *at)

    for name in ("alice", "bob"):
        signer = SshSigner.draw(tmp_path_factory.mktemp(name))
        shell.types("member", name, "new")
        account = ("--registry", registry, "--account", f"git.example/{name}")
        to_sign = Path(shell.types("member", name, "apply", *account)["file"])
        proof = ("--signature", signer.sign_file(to_sign), "--ssh-key", signer.public)
        where = ("--published-at", f"https://git.example/{name}.keys")
        request = shell.types("member", name, "apply", *proof, *where, *at)["request"]
        shell.types("registry", "keeper", "admit", "--digest", request, "--published", *at)
    invitation = tmp_path / "carol.invitation"
    until = ("--until", "2099-12-31", "--out", invitation)
    shell.types("registry", "keeper", "invite", "--account", "git.example/carol", *until)
    shell.types("member", "carol", "new")
    shell.types("member", "carol", "apply", "--invitation", invitation, *at)
    shell.types("registry", "keeper", "admit", "--vouched", *at)

    group = Group.draw()
    group.say(Members(registry=registry))
    with Client(server.base) as client:
        group.found(client)
        shell.reports(server.base, group.id.hex(), "alice", exit_code=3)  # nothing is frozen yet
        shell.types("registry", "keeper", "freeze", "--name", "spring", "--beacon-source", "a public draw")
        shell.types("registry", "keeper", "publish", *at)
        for name in ("alice", "bob", "carol"):
            assert shell.types("member", name, "check", *at)["snapshots"] == ["spring"]
            shell.reports(server.base, group.id.hex(), name)
        home_of(tmp_path / "desk", server.base, group, "Ada", PASSPHRASE)
        with desk_at(tmp_path / "desk", group, "Ada") as ada:
            assert synced(ada, client).warnings == []
        told = shell.types("desk", "desk", "subject", "github:mallory")
        assert (told["score"]["voiced"], told["score"]["members"], told["voices_refused"]) == (3, 3, 0)

        shell.types("member", "carol", "leave", *at)
        shell.types("registry", "keeper", "admit", "--vouched", *at)
        shell.types("registry", "keeper", "publish", *at)
        assert shell.types("member", "carol", "check", *at)["status"] == "absent"
        shell.reports(server.base, group.id.hex(), "carol", exit_code=3)
