"""`sottovoce desk reply | ask | note | state | triage | check | recuse`: the commands that act in one case.

What they do is kept in the outbox and goes out with the next `sync`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from abuse.evidence import file_id, witness_id
from crypto.errors import Refused
from service.cases.letters import State
from service.cases.log import Checked, Finding, Priority
from service.console import command, emit, json_option
from service.desk import actions
from service.desk.casebook import Case
from service.desk.cli import desk, opened
from service.desk.records import Waiting, link_named
from service.desk.session import Session
from service.desk.show import ID_SHOWN
from service.desk.transparency import issues_of
from service.desk.writing import enqueued, remark, sure

TEXT_FILE: Final = click.Path(path_type=Path, allow_dash=True)
WHY: Final = "Why, for the other handlers?"

KEPT = "Kept. It goes out with the next `sottovoce desk sync`."


def _text_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option(
        "--text-file",
        type=TEXT_FILE,
        help="Read the text from a file, or - .",
    )(function)
    with_argument: Callable[..., Any] = click.argument("report")(function)
    return with_argument


@desk.command()
@_text_options
@json_option
@click.pass_context
@command
def reply(context: click.Context, report: str, text_file: Path | None, as_json: bool) -> None:
    """Write to the reporter."""
    _letter(context, report, text_file, question=False, as_json=as_json)


@desk.command()
@_text_options
@json_option
@click.pass_context
@command
def ask(context: click.Context, report: str, text_file: Path | None, as_json: bool) -> None:
    """Ask the reporter something; the case is listed until they answer."""
    _letter(context, report, text_file, question=True, as_json=as_json)


@desk.command()
@_text_options
@json_option
@click.pass_context
@command
def note(context: click.Context, report: str, text_file: Path | None, as_json: bool) -> None:
    """Leave a note for the other handlers of this report."""

    def note_of(session: Session, case: Case, text: str) -> list[Waiting]:
        return actions.note(_now(session), case, text)

    _write(context, report, text_file, note_of, as_json)


@desk.command()
@click.argument("report")
@click.argument("state", type=click.Choice(["looking", "mediation", "decided", "closed"]))
@click.option("--quietly", is_flag=True, help="Don't tell the reporter.")
@json_option
@click.pass_context
@command
def state(context: click.Context, report: str, state: State, quietly: bool, as_json: bool) -> None:
    """Move a case to another state; the reporter is told in their language."""

    def moved(session: Session, case: Case) -> list[Waiting]:
        return actions.set_state(_now(session), case, session.histories(), state, tell=not quietly)

    _act(context, report, moved, as_json)


@desk.command()
@click.argument("report")
@click.argument("priority", type=click.Choice(["P1", "P2", "P3", "P4"]))
@click.option(
    "--issue",
    "issues",
    multiple=True,
    help="A conduct issue of the group's policy that it is about, such as harassment; may be repeated.",
)
@json_option
@click.pass_context
@command
def triage(
    context: click.Context, report: str, priority: Priority, issues: tuple[str, ...], as_json: bool
) -> None:
    """Set a priority: P1 safety, P2 serious, P3 usual, P4 for the record; and say what it is about.

    Issues stay as they were unless some are named.
    """

    def sorted_in(session: Session, case: Case) -> list[Waiting]:
        known = issues_of(session.histories().get(case.first.group))
        return actions.triage(_now(session), case, known, priority, issues)

    _act(context, report, sorted_in, as_json)


@desk.command()
@click.argument("report")
@click.argument("item")
@click.argument("finding", type=click.Choice(["verified", "contradicted", "unclear", "gone", "withdrawn"]))
@click.option("--note-file", "note", type=TEXT_FILE, help="What you found, from a file or - . Default: ask.")
@json_option
@click.pass_context
@command
def check(
    context: click.Context, report: str, item: str, finding: Finding, note: Path | None, as_json: bool
) -> None:
    """Say what you found when you looked at a link or a file or asked a witness: as `show` or `subjects` name them.

    A link may be given by its number, and a file as "file 0".
    """

    def checked(session: Session, case: Case) -> list[Waiting]:
        found = _item_of(session, case, item)
        act = Checked(item=found, finding=finding, note=remark(note, "What did you find?"))
        return [actions.log(_now(session), case.first, act)]

    _act(context, report, checked, as_json)


@desk.command()
@click.argument("report")
@click.option(
    "--reason-file", "reason", type=TEXT_FILE, help="Why, for the others: a file or - . Default: ask."
)
@json_option
@click.pass_context
@command
def recuse(context: click.Context, report: str, reason: Path | None, as_json: bool) -> None:
    """Step out of a report for good: it takes nothing more here, and after the next sync it is gone from this desk."""

    def recused(session: Session, case: Case) -> list[Waiting]:
        sure(f"Step out of {case.first.id[:ID_SHOWN]}, \u201c{case.first.headline}\u201d, for good?")
        why = remark(reason, WHY)
        return actions.recuse(_now(session), case, why)

    _act(context, report, recused, as_json)


def _letter(
    context: click.Context, report: str, text_file: Path | None, *, question: bool, as_json: bool
) -> None:
    def letter_of(session: Session, case: Case, text: str) -> list[Waiting]:
        return actions.write_letter(_now(session), case, session.histories(), text, question=question)

    _write(context, report, text_file, letter_of, as_json)


def _item_of(session: Session, case: Case, wanted: str) -> str:
    """Find a link, a file or a witness of a report: a finding on anything else would corroborate it too."""
    names = {witness_id(wanted), witness_id(wanted.removeprefix("witness "))}  # as `subjects` prints them
    for name in case.first.witnesses:
        if witness_id(name) in names:
            return name
    if (link := link_named(case.first, wanted)) is not None:
        return link
    contents = [session.body_of(held).content for held in (case.first, *case.follow_ups)]
    files = [[file_id(bytes.fromhex(one.sha256)) for one in content.attachments] for content in contents]
    numbers = {f"file {number}": file for number, file in enumerate(files[0])}
    file = numbers.get(wanted, wanted)
    if any(file in some for some in files):
        return file
    raise Refused(
        "the report has no such link, file or witness: copy it from `sottovoce desk show`, or give a link's number "
        'there, or a file\'s, as "file 0"'
    )


def _act(
    context: click.Context, report: str, make: Callable[[Session, Case], list[Waiting]], as_json: bool
) -> None:
    with opened(context) as session:
        items = make(session, session.find_to_act(report))
        session.enqueue(items)
    _queued(items, as_json)


def _write(
    context: click.Context,
    report: str,
    text_file: Path | None,
    make: Callable[[Session, Case, str], list[Waiting]],
    as_json: bool,
) -> None:
    """Do an act that has a text, from a file or the editor."""
    with opened(context) as session:
        case = session.find_to_act(report)
        items = enqueued(context.obj[0], session, text_file, lambda text: make(session, case, text))
    _queued(items, as_json)


def _now(session: Session) -> actions.Desk:
    """Give what an act needs, at the moment when its texts are there."""
    return session.desk(int(time.time()))


def _queued(items: list[Waiting], as_json: bool) -> None:
    emit({"queued": len(items)}, as_json, KEPT)
