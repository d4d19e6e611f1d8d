"""Asking, on a terminal, what a report says: one question at a time, most of them skippable, any text kept as typed.

Ends a long answer with a line holding only a full stop, so that paragraphs can be written; an empty answer skips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import click
from msgspec.structs import replace

from service.cases.reports import Kind, Person, Urgency
from service.cases.texts import LINE, LONG_TEXT, SHORT_TEXT
from service.reporter.answers import Answers

KINDS: tuple[tuple[Kind, str], ...] = (
    ("help", "I need help"),
    ("conduct", "I want to report something"),
    ("record", "For the record: nothing need be done, but the group should know"),
)
URGENCIES: tuple[tuple[Urgency, str], ...] = (
    ("normal", "It can wait for the group's usual pace"),
    ("soon", "Soon, please"),
    ("danger", "Someone is in danger now"),
)
DANGER = (
    "If you say so, the report is not held back until the next batch and the group is paged at once.\n"
    "Whoever runs the server then sees that an urgent report came in, and when; never what it says."
)


def ask(language: str) -> Answers:
    """Put all questions. Raises click.Abort on Ctrl-C; nothing has left the machine by then."""
    kind = cast("Kind", _choose("What brings you here?", KINDS))
    what = ""
    while not what.strip():
        what = _paragraphs("What happened? In your own words, in any language.", LONG_TEXT)
        if not what.strip():
            click.echo("This one answer is needed; a single sentence is enough.", err=True)
    when = _line("When was it, as far as you know?", SHORT_TEXT)
    where = _line("Where was it?", SHORT_TEXT)
    who = _people()
    links = _list("Is it visible online? One address a line.", SHORT_TEXT)
    witnesses = _list("Who else may know? One a line.", LINE)
    wants = _paragraphs("What would you like to happen?", SHORT_TEXT)
    fears = _paragraphs("What are you afraid of, if anything?", SHORT_TEXT)
    click.echo(DANGER, err=True)
    urgency = cast("Urgency", _choose("How urgent is it?", URGENCIES))
    answers = Answers(
        kind=kind,
        what=what,
        when=when,
        where=where,
        who=who,
        links=links,
        witnesses=witnesses,
        urgency=urgency,
        language=language,
        wants=wants,
        fears=fears,
    )
    while (too_much := answers.to_shorten()) is not None:
        answers = _shortened(answers, *too_much)
    return answers


def _shortened(answers: Answers, field: Literal["what", "links"], limit: int) -> Answers:
    """Ask once more for the one answer that makes all too much to seal; the others stay as they are."""
    click.echo(
        f"\nAll answers together are too long to be sealed. Of this one, {limit} characters fit; the others are kept.",
        err=True,
    )
    if field == "what":
        what = _paragraphs("What happened, in fewer words?", min(limit, LONG_TEXT))
        return replace(answers, what=what) if what.strip() else answers  # and then it is asked again
    links = _paragraphs("Where is it visible online? One address a line; leave some out.", limit)
    return replace(answers, links=tuple(line for line in links.split("\n") if line.strip()))


def _choose(question: str, options: Sequence[tuple[str, str]]) -> str:
    click.echo(f"\n{question}", err=True)
    for number, (_, text) in enumerate(options, 1):
        click.echo(f"  {number}. {text}", err=True)
    chosen: int = click.prompt("Number", type=click.IntRange(1, len(options)), default=1, err=True)
    return options[chosen - 1][0]


def _line(question: str, limit: int) -> str:
    while True:
        click.echo(f"\n{question} (Enter to skip)", err=True)
        text: str = click.prompt("", prompt_suffix="> ", default="", show_default=False, err=True)
        if len(text) <= limit:
            return text
        click.echo(f"That is longer than {limit} characters; please shorten it.", err=True)


def _paragraphs(question: str, limit: int) -> str:
    while True:
        click.echo(
            f"\n{question} (end with a line holding only a full stop; a full stop at once skips)", err=True
        )
        lines: list[str] = []
        while (line := click.prompt("", prompt_suffix="> ", default="", show_default=False, err=True)) != ".":
            lines.append(line)
        text = "\n".join(lines)
        if len(text) <= limit:
            return text
        click.echo(f"That is longer than {limit} characters; please shorten it.", err=True)


def _list(question: str, limit: int) -> tuple[str, ...]:
    return tuple(line for line in _paragraphs(question, 50 * limit).split("\n") if line.strip())


def _people() -> tuple[Person, ...]:
    people = []
    click.echo("\nWho is it about? A platform and a name there, such as 'github' and 'somebody'.", err=True)
    while handle := _line("Name or handle", LINE):
        platform = _line("On which platform?", LINE)
        people.append(Person(platform=platform, handle=handle))
    return tuple(people)
