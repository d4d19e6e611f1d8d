"""Asking, on a terminal, what a report says: one question at a time, most of them skippable, any text kept as typed.

A line holding only a full stop, or Ctrl-D, ends a long answer, so that paragraphs can be written; an empty one skips.
What a report has no room for is asked for again at once, so that nothing is refused when all is typed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Final, Literal, cast

import click
from msgspec.structs import replace

from service.cases.reports import Kind, Person, Urgency
from service.cases.texts import LINE, LONG_TEXT, MAX_ITEMS, SHORT_TEXT, tidy
from service.console import Place, shown
from service.reporter.answers import Answers

readline: ModuleType | None
try:
    readline = import_module("readline")
except ImportError:  # Windows, and some builds of Python
    readline = None

KERNELS_LINE: Final = 4_095
"""Bytes of a line that Linux keeps while it waits for Enter (N_TTY_BUF_SIZE - 1); what follows is dropped."""
# The first: a paste is one piece, with its line breaks in it. The next three: text stays as it is in any locale.
_EDITING: Final = (
    "set enable-bracketed-paste on",
    "set input-meta on",
    "set output-meta on",
    "set convert-meta off",
    "tab: self-insert",
)
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
    "If you say so, the report is not held back until the next batch, and the group is called if this server can.\n"
    "Whoever runs the server then sees that an urgent report came in, and when; never what it says."
)


def ask(language: str) -> Answers:
    """Put all questions. Raises click.Abort on Ctrl-C; nothing has left the machine by then."""
    kind = cast("Kind", _choose("What brings you here?", KINDS))
    what = paragraphs("What happened? In your own words, in any language.", LONG_TEXT, needed=True)
    when = _line("When was it, as far as you know?", SHORT_TEXT)
    where = _line("Where was it?", SHORT_TEXT)
    who = ask_people()
    links = _list("Is it visible online? One address a line.", SHORT_TEXT)
    witnesses = _list("Who else may know? One a line.", LINE)
    wants = paragraphs("What would you like to happen?", SHORT_TEXT)
    fears = paragraphs("What are you afraid of, if anything?", SHORT_TEXT)
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
        fits = min(limit, LONG_TEXT)
        return replace(answers, what=paragraphs("What happened, in fewer words?", fits, needed=True))
    question = "Where is it visible online? One address a line; leave some out."
    return replace(answers, links=_list(question, SHORT_TEXT, limit))


def _choose(question: str, options: Sequence[tuple[str, str]]) -> str:
    click.echo(f"\n{question}", err=True)
    for number, (_, text) in enumerate(options, 1):
        click.echo(f"  {number}. {text}", err=True)
    chosen: int = click.prompt("Number", type=Place(1, len(options)), default=1, err=True)
    return options[chosen - 1][0]


def _line(question: str, limit: int) -> str:
    while True:
        click.echo(f"\n{question} (Enter to skip)", err=True)
        text = _typed()
        if len(text) <= limit:
            return text
        click.echo(f"That is longer than {limit} characters; please shorten it.", err=True)


def paragraphs(question: str, limit: int, *, needed: bool = False) -> str:
    """Ask for a text of several lines, up to a full stop alone or Ctrl-D. needed: it has to say something."""
    ended_on_nothing = 0
    while True:
        click.echo(
            f"\n{question} (end with a line holding only a full stop; a full stop at once skips)", err=True
        )
        lines, ended = _lines()
        text = "\n".join(lines)
        if len(text) > limit:
            click.echo(f"That is longer than {limit} characters; please shorten it.", err=True)
        elif needed and not tidy(text):
            ended_on_nothing += ended
            if ended_on_nothing > 1:  # no terminal, but a pipe that holds nothing more
                raise click.Abort
            click.echo("This one answer is needed; a single sentence is enough.", err=True)
        else:
            return text


def _lines() -> tuple[list[str], bool]:
    """Read lines up to the full stop. Returns them, and whether Ctrl-D came instead of it."""
    lines: list[str] = []
    while True:
        try:
            # What is pasted at once may be many lines. A full stop ends them only as the last: no pasted line is lost.
            *before, last = _typed().split("\n")
        except click.Abort as stopped:
            if not isinstance(stopped.__context__, EOFError):  # Ctrl-C
                raise
            click.echo(err=True)
            return lines, True
        lines += before
        if last == ".":
            return lines, False
        lines.append(last)


def _typed() -> str:
    """Read what somebody types up to Enter, whole: the kernel's own editing keeps 4,095 bytes of a line and is silent.

    Raises click.Abort on Ctrl-C and, with an EOFError as its context, on Ctrl-D.
    """
    if readline is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _typed_in_pieces()
    readline.set_auto_history(False)
    for setting in _EDITING:
        readline.parse_and_bind(setting)
    try:
        # Not click.prompt(err=True): it puts standard error in the place of standard output, and then Python's input()
        # takes neither for a terminal and leaves the editing to the kernel.
        return _readable(input("> ").encode(errors="surrogateescape"))
    except (KeyboardInterrupt, EOFError):
        raise click.Abort from None
    except UnicodeDecodeError as error:
        return _readable(error.object.rstrip(b"\n"))


def _typed_in_pieces() -> str:
    """Read a line without readline; where the kernel may have cut it, say so and ask for the rest."""
    whole = ""
    while True:
        try:
            piece: str = click.prompt("", prompt_suffix="> ", default="", show_default=False, err=True)
            raw = piece.encode(errors="surrogateescape")
        except UnicodeDecodeError as error:
            raw = error.object.rstrip(b"\n")
        except click.Abort as stopped:
            if whole and isinstance(stopped.__context__, EOFError):
                return whole
            raise
        maybe_cut = sys.stdin.isatty() and len(raw) >= KERNELS_LINE
        # The kernel may have cut within a character, whose rest is typed again.
        whole += raw.decode(errors="ignore") if maybe_cut else _readable(raw)
        if not maybe_cut:
            return whole
        click.echo(
            "That line was too long for this terminal and may have been cut. "
            f"It ends with:\n  {shown(whole[-40:])}\nGo on from there, or press Enter if nothing is missing.",
            err=True,
        )


def _readable(raw: bytes) -> str:
    """Give what is UTF-8 of a line, and say so when something isn't."""
    text = raw.decode(errors="ignore")
    if text.encode() != raw:
        click.echo("Some characters could not be read and are left out.", err=True)
    return text


def _list(question: str, each: int, fits: int | None = None) -> tuple[str, ...]:
    """Ask for up to MAX_ITEMS lines of `each` characters; of `fits` all together, when that is less."""
    while True:
        text = paragraphs(question, MAX_ITEMS * (each + 1) if fits is None else fits)
        lines = tuple(line for line in text.split("\n") if line.strip())
        if len(lines) > MAX_ITEMS:
            click.echo(f"There is room for {MAX_ITEMS} lines; please leave some out.", err=True)
        elif any(len(line) > each for line in lines):
            click.echo(f"A line is longer than {each} characters; please shorten it.", err=True)
        else:
            return lines


def ask_people() -> tuple[Person, ...]:
    """Ask whom it is about."""
    people: list[Person] = []
    click.echo("\nWho is it about? A platform and a name there, such as 'github' and 'somebody'.", err=True)
    while len(people) < MAX_ITEMS and (handle := _line("Name or handle", LINE)):
        platform = _line("On which platform?", LINE)
        people.append(Person(platform=platform, handle=handle))
    return tuple(people)
