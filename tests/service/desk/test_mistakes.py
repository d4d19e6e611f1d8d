"""`sottovoce desk` where somebody is in a hurry: no terminal, a mistyped id or name, a lost key, who was left out."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from crypto.entropy import system
from service.cases.answers import Answers
from service.cases.reports import Person
from service.cli import main
from service.desk.cli import KEY_FILE
from service.wire.client import Client
from tests.support.desks import home_of
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

PASSPHRASE = "open sesame"


@pytest.fixture
def home(tmp_path: Path, server: RunningServer) -> Path:
    """Ada's desk, synced: one report that Cy was left out of."""
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    group = Group.draw()
    with Client(server.base) as client:
        group.found(client)
        home_of(tmp_path / "Ada", server.base, group, "Ada", PASSPHRASE)
        who = (Person(platform="github", handle="cy"),)
        Reporter(client, group).report(Answers(what="About Cy.", who=who), to=("Ada", "Bo"))
    assert _desk(tmp_path / "Ada", "sync").exit_code == 0
    return tmp_path / "Ada"


def _desk(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*_options(home), *arguments])


def _options(home: Path) -> list[str]:
    return ["desk", "--home", str(home), "--passphrase-file", str(home.parent / "passphrase")]


def _report(home: Path) -> str:
    [row] = json.loads(_desk(home, "list", "--json").stdout)
    return str(row["id"])


def test_a_case_says_who_has_it_and_who_must_not_know(home: Path) -> None:
    """Or a handler asks a colleague about a report that its reporter kept from them."""
    told = _desk(home, "show", _report(home)).stdout
    assert "Read by: Ada, Bo." in told
    assert "Left out by the reporter, so tell them nothing of it: Cy." in told
    view = json.loads(_desk(home, "show", _report(home), "--json").stdout)
    assert (view["read_by"], view["left_out"]) == (["Ada", "Bo"], ["Cy"])


@pytest.mark.parametrize("act", ["reply", "ask", "note"])
def test_no_editor_opens_where_there_is_no_terminal(home: Path, act: str) -> None:
    """It would take the pipe for a keyboard, lose what comes through it, or never end."""
    command = [sys.executable, "-m", "service.cli", *_options(home), act, _report(home)]
    editor, opened = home / "editor", home / "opened"
    editor.write_text(f"#!/bin/sh\n: > '{opened}'\n")
    editor.chmod(0o700)
    click.edit("", editor=str(editor))
    opened.unlink()  # so it would be there
    environment = {**os.environ, "EDITOR": str(editor)}
    done = subprocess.run(
        command, check=False, input=b"Dear reporter", capture_output=True, env=environment, timeout=60
    )
    assert (done.returncode, b"--text-file" in done.stderr) == (3, True), done.stderr
    assert not opened.exists()


def test_a_file_that_is_no_letter_is_not_read_whole(home: Path) -> None:
    """Nor is what comes through a pipe cut off without a word: half a letter would be sent."""
    refused = _desk(home, "reply", _report(home), "--text-file", "/dev/zero")
    assert (refused.exit_code, "longer than 400,000 bytes" in refused.output) == (3, True), refused.output
    command = [*_options(home), "reply", _report(home), "--text-file", "-"]
    refused = CliRunner().invoke(main, command, input="x" * 400_001)
    assert (refused.exit_code, "longer than 400,000 bytes" in refused.output) == (3, True), refused.output
    assert json.loads(_desk(home, "sync", "--json").stdout)["sent"] == 0


def test_stepping_out_is_asked_for_at_a_terminal(home: Path) -> None:
    """It can't be undone, and one id looks like another; the answer is no unless it is given."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "service.cli", *_options(home), "recuse", _report(home)]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    told = b""
    while b"[y/N]" not in told:
        assert select.select([master], [], [], 60)[0], told
        told += os.read(master, 4_096)
    os.write(master, b"\n")
    assert process.wait(60) == 3
    os.close(master)
    assert "“About Cy.”, for good?" in told.decode()
    assert json.loads(_desk(home, "sync", "--json").stdout)["sent"] == 0


def test_one_account_is_merged_with_no_other_spelling_of_itself(home: Path) -> None:
    """Nothing would come of it."""
    refused = _desk(home, "merge", _report(home), "github:cy", "https://github.com/cy")
    assert (refused.exit_code, "one account already" in refused.output) == (3, True), refused.output


def test_accounts_that_no_report_names_are_not_merged(home: Path) -> None:
    """One of them may be an account that is reported later; that it isn't yet is said, since it may be mistyped."""
    report = _report(home)
    refused = _desk(home, "merge", report, "github:cyy", "gitlab:cy")
    assert (refused.exit_code, "names either of those" in refused.output) == (3, True), refused.output
    merged = _desk(home, "merge", report, "github:cy", "gitlab:cyrus")
    assert "No report at this desk names gitlab: cyrus" in merged.stdout, merged.output
    through = json.loads(_desk(home, "merge", report, "gitlab:cyrus", "x:cy", "--json").stdout)
    assert (through["queued"], len(through["unreported"])) == (1, 1)
    again = json.loads(_desk(home, "merge", report, "x:cy", "gitlab:cyrus", "--json").stdout)
    assert again == {"queued": 1, "unreported": []}


@pytest.mark.usefixtures("quick_key_files")
def test_a_name_that_is_none_leaves_no_key_behind(tmp_path: Path, server: RunningServer) -> None:
    """Nobody typed a passphrase for nothing, and the next try makes the key."""
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    where = ["--server", server.base, "--group", system(16).hex()]
    refused = _desk(tmp_path / "Q", "init", *where, "--name", " Q ")
    assert (refused.exit_code, (tmp_path / "Q" / KEY_FILE).exists()) == (3, False), refused.output
    assert _desk(tmp_path / "Q", "init", *where, "--name", "Q").exit_code == 0
    again = _desk(tmp_path / "Q", "init", *where, "--name", "Q")
    assert (again.exit_code, "needs another folder" in again.output) == (3, True), again.output


def test_a_lost_key_file_is_called_lost(home: Path) -> None:
    """Not that there is no desk: whoever made a new one in its place would not look for the backup."""
    (home / KEY_FILE).unlink()
    for arguments in (("list",), ("rotate",)):
        refused = _desk(home, *arguments)
        assert (refused.exit_code, "handler.key is missing" in refused.output) == (3, True), refused.output
