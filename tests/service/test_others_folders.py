"""Commands in a folder that their user may not enter, as another user's is: a sentence, and no traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main

NOWHERE = ("--server", "http://127.0.0.1:1")


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder in one that nobody may enter. Root may enter any, so it is nobody meanwhile."""
    (tmp_path / "pass").write_text("correct horse battery staple", encoding="utf-8")
    outer = tmp_path / "outer"
    (outer / "home").mkdir(parents=True)
    for early in (
        ["desk", "--home", str(tmp_path), "list"],
        ["vote", "ab" * 32, *NOWHERE, "--home", str(tmp_path)],
    ):
        CliRunner().invoke(main, early)  # loads what `main` loads late, and nobody may not read
    outer.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    yield outer / "home"
    if root:
        os.seteuid(0)
    outer.chmod(0o700)


@pytest.mark.parametrize(
    ("face", "words"),
    [
        ("group", ("show",)),
        ("group", ("create", "--name", "Aurora", "--language", "en")),
        ("group", ("publish", *NOWHERE)),
        ("registry", ("list",)),
        ("registry", ("create", "--name", "Example")),
        ("registry", ("new-registrar",)),
        ("member", ("new",)),
        ("member", ("show",)),
        ("member", ("check", *NOWHERE)),
        ("trustee", ("new", "--name", "Ana")),
        ("trustee", ("status",)),
        ("desk", ("list",)),
        ("desk", ("init", *NOWHERE, "--group", "ab" * 16, "--name", "Ada")),
    ],
)
def test_a_folder_that_may_not_be_entered_is_said(closed: Path, face: str, words: tuple[str, ...]) -> None:
    """Exit code 3, for people and as JSON."""
    for as_json in ((), ("--json",)):
        done = CliRunner().invoke(main, [face, "--home", str(closed), *words, *as_json])
        assert (done.exit_code, done.exception.__class__) == (3, SystemExit), done.output
        assert "may not enter" in done.stderr or "Permission denied" in done.stderr


def test_a_voter_whose_folder_may_not_be_entered_is_told(closed: Path) -> None:
    """Before the server is asked for anything."""
    for way in ((), ("--check",)):
        done = CliRunner().invoke(main, ["vote", "ab" * 32, *NOWHERE, "--home", str(closed), *way])
        assert (done.exit_code, done.exception.__class__) == (3, SystemExit), done.output
