"""The pages for groups, members and handlers: every command of theirs is one, with those options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

import service
from service.cli import main

DOCS = Path(service.__file__).parents[1] / "docs"
PAGE = "\n".join(
    (DOCS / name).read_text(encoding="utf-8")
    for name in ("groups.md", "members.md", "polls.md", "decisions.md")
)
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("sottovoce ")
]

# In these a command in a sentence is to be typed as well, unless it only names one.
LINES += [
    span.replace("…", "x")
    for name in ("groups.md", "polls.md", "handling.md", "decisions.md")
    for span in re.findall(r"`(sottovoce [^`]+)`", (DOCS / name).read_text(encoding="utf-8"))
    if len(span.split()) > 3
]


def parsed(line: str) -> click.Command:
    """Let click read a line as far as it can without doing anything."""
    context = click.Context(main)
    command: click.Command = main
    words = shlex.split(line)[1:]
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    command.make_context("x", words)
    return command


def test_the_page_shows_the_commands() -> None:
    """There is something to check."""
    assert len(LINES) > 15


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_page_is_a_command(line: str) -> None:
    """It exists, and takes these options."""
    assert parsed(line).callback is not None


@pytest.mark.parametrize(
    "line", ["sottovoce member apply --secret x", "sottovoce registry freeze", "sottovoce member x"]
)
def test_what_is_no_command_is_found(line: str) -> None:
    """The check above can fail."""
    with pytest.raises((click.UsageError, AssertionError)):
        parsed(line)
