"""`sottovoce desk reply | ask | note | state | triage | check | recuse | forward | record`: the commands that act.

What they do is kept in the outbox and goes out with the next `sync`; only `record` needs the server at once, and
`forward` for a group that is new to this desk.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from abuse.evidence import link_id, witness_id
from crypto.errors import Refused
from service.cases.letters import State
from service.cases.log import Checked, Finding, Note, Priority, Triaged
from service.cases.rosters import RosterHistory
from service.console import check_shows, command, emit, hex_id, json_option, shown
from service.desk import actions
from service.desk.casebook import Case
from service.desk.cli import client_of, desk, opened
from service.desk.readers import not_left_out
from service.desk.recording import record_report
from service.desk.records import Waiting
from service.desk.rosters import pull_roster
from service.desk.session import Session, handlers_named
from service.desk.writing import enqueued, remark
from service.files import read_answers, read_file
from service.wire.client import Declined
from service.wire.problems import Kind

_FILE: Final = click.Path(path_type=Path, allow_dash=True)
_WHY: Final = "Why, for the other handlers?"

_KEPT = "Kept. It goes out with the next `sottovoce desk sync`."
_HAND_OVER = (
    "Give it to the person it belongs to and keep no copy: whoever has it reads the answers, once. "
    "If they don't want to come back, nobody needs it."
)


def _text_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option(
        "--text-file",
        type=click.Path(path_type=Path, allow_dash=True),
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
    _write(context, report, text_file, question=False, as_json=as_json)


@desk.command()
@_text_options
@json_option
@click.pass_context
@command
def ask(context: click.Context, report: str, text_file: Path | None, as_json: bool) -> None:
    """Ask the reporter something; the case is listed until they answer."""
    _write(context, report, text_file, question=True, as_json=as_json)


@desk.command()
@_text_options
@json_option
@click.pass_context
@command
def note(context: click.Context, report: str, text_file: Path | None, as_json: bool) -> None:
    """Leave a note for the other handlers of this report."""
    with opened(context) as session:
        case = session.find(report)

        def note_of(text: str) -> list[Waiting]:
            if not text:
                raise Refused("the note is empty")
            return [actions.log(session.desk(int(time.time())), case.first, Note(text=text))]

        items = enqueued(context.obj[0], session, text_file, note_of)
    _queued(items, as_json)


@desk.command()
@click.argument("report")
@click.argument("state", type=click.Choice(["looking", "mediation", "decided", "closed"]))
@click.option("--quietly", is_flag=True, help="Don't tell the reporter.")
@json_option
@click.pass_context
@command
def state(context: click.Context, report: str, state: State, quietly: bool, as_json: bool) -> None:
    """Move a case to another state; the reporter is told in their language."""
    with opened(context) as session:
        case = session.find(report)
        here = session.desk(int(time.time()))
        items = actions.set_state(here, case, session.histories(), state, tell=not quietly)
        session.enqueue(items)
    _queued(items, as_json)


@desk.command()
@click.argument("report")
@click.argument("priority", type=click.Choice(["P1", "P2", "P3", "P4"]))
@json_option
@click.pass_context
@command
def triage(context: click.Context, report: str, priority: Priority, as_json: bool) -> None:
    """Set a priority: P1 safety, P2 serious, P3 usual, P4 for the record."""
    _act(context, report, lambda d, case: [actions.log(d, case.first, Triaged(priority=priority))], as_json)


@desk.command()
@click.argument("report")
@click.argument("item")
@click.argument("finding", type=click.Choice(["verified", "contradicted", "unclear", "gone", "withdrawn"]))
@click.option("--note-file", "note", type=_FILE, help="What you found, from a file or - . Default: ask.")
@json_option
@click.pass_context
@command
def check(
    context: click.Context, report: str, item: str, finding: Finding, note: Path | None, as_json: bool
) -> None:
    """Say what you found when you looked at a link or asked a witness: as `show` names them, or a link's number."""

    def checked(d: actions.Desk, case: Case) -> list[Waiting]:
        act = Checked(item=_item_of(case, item), finding=finding, note=remark(note, "What did you find?"))
        return [actions.log(d, case.first, act)]

    _act(context, report, checked, as_json)


@desk.command()
@click.argument("report")
@click.option("--reason-file", "reason", type=_FILE, help="Why, for the others: a file or - . Default: ask.")
@json_option
@click.pass_context
@command
def recuse(context: click.Context, report: str, reason: Path | None, as_json: bool) -> None:
    """Step out of a report for good: after the next sync it is gone from this desk."""
    _act(context, report, lambda d, case: actions.recuse(d, case, remark(reason, _WHY)), as_json)


@desk.command()
@click.argument("report")
@click.option("--to-group", required=True, help="Id of the group (32 hex digits), on the same server.")
@click.option(
    "--to",
    "names",
    multiple=True,
    help="Only this handler of it (repeat for more). Default: all but those whom the reporter left out.",
)
@click.option("--reason-file", "reason", type=_FILE, help="Why, for the log: a file or - . Default: ask.")
@json_option
@click.pass_context
@command
def forward(
    context: click.Context,
    report: str,
    to_group: str,
    names: tuple[str, ...],
    reason: Path | None,
    as_json: bool,
) -> None:
    """Hand a report to members of another group, but to nobody whom its reporter left out.

    The list of a group that this desk doesn't know yet is fetched at once. It can also go to colleagues who joined
    after it came, or who lost the key that it is sealed to.
    """
    with opened(context) as session:
        case = session.find(report)
        to = _group_of(session, hex_id(to_group, 16, "a group's id"))
        histories = session.histories()
        wanted = handlers_named(to.latest, names) if names else None
        items = actions.forward(
            session.desk(int(time.time())), case, histories, to, wanted, remark(reason, _WHY)
        )
        kept = not_left_out(case.first, histories, to.latest.recipients)
        not_to = [] if names else [one.pseudonym for one in to.latest.recipients if one not in kept]
        session.enqueue(items)
    told = "".join(f"Not to {name}, whom the reporter left out.\n" for name in not_to)
    emit({"queued": len(items), "left_out": not_to}, as_json, shown(f"{told}{_KEPT}"))


@desk.command()
@click.option(
    "--file", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A report.toml."
)
@click.option(
    "--attach", multiple=True, type=click.Path(path_type=Path, dir_okay=False), help="A file, cleaned."
)
@click.option(
    "--original", multiple=True, type=click.Path(path_type=Path, dir_okay=False), help="A file, as it is."
)
@click.option("--leave-out", multiple=True, help="A handler who must not receive it, by name.")
@json_option
@click.pass_context
@command
def record(
    context: click.Context,
    file: Path,
    attach: tuple[Path, ...],
    original: tuple[Path, ...],
    leave_out: tuple[str, ...],
    as_json: bool,
) -> None:
    """File a report for someone who came by another way; the reply code is theirs, to be handed over."""
    check_shows("english", as_json=as_json)
    answers = read_answers(file)
    read = [read_file(path, original=False) for path in attach] + [
        read_file(path, original=True) for path in original
    ]
    files = tuple(one for one, _ in read)
    with opened(context) as session, client_of(session) as client:
        words = record_report(session, client, answers, files, leave_out, int(time.time()), _unsure)
    removed = sorted({what for _, told in read for what in told})
    lines = [
        *([f"Removed from the files: {', '.join(removed)}."] if removed else []),
        "Recorded. The reply code:",
    ]
    emit(
        {"code": words, "removed": removed},
        as_json,
        "\n".join([*lines, "", f"  {' '.join(words)}", "", _HAND_OVER]),
        once=True,
    )


def _unsure(words: tuple[str, ...]) -> None:
    """Show the code of a report that may have been filed."""
    told = "It may have arrived although no answer came: `sottovoce desk sync` shows whether it did. Its reply code:"
    click.echo(told, err=True)
    click.echo(f"\n  {' '.join(words)}\n\n{_HAND_OVER}", err=True)


def _group_of(session: Session, group: bytes) -> RosterHistory:
    """Give a group's verified history, fetching it the first time. Raises Refused, Unreachable or Declined."""
    if session.vault.read("chain", group) is not None:
        return session.history_of(group)
    with client_of(session) as client:
        try:
            return pull_roster(session, client, group)
        except Declined as problem:
            if problem.kind is not Kind.NOT_FOUND:
                raise
            raise Refused("this desk's server has no such group: compare the id with its people") from None


def _write(
    context: click.Context, report: str, text_file: Path | None, *, question: bool, as_json: bool
) -> None:
    with opened(context) as session:
        case = session.find(report)
        histories = session.histories()

        def letter_of(text: str) -> list[Waiting]:
            here = session.desk(int(time.time()))
            return actions.write_letter(here, case, histories, text, question=question)

        items = enqueued(context.obj[0], session, text_file, letter_of)
    _queued(items, as_json)


def _item_of(case: Case, wanted: str) -> str:
    """Find a link or a witness among those that a report names: a finding on anything else would corroborate it too."""
    names = {witness_id(wanted), witness_id(wanted.removeprefix("witness "))}  # as `subjects` prints them
    for name in case.first.witnesses:
        if witness_id(name) in names:
            return name
    links = case.first.links
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= 6 and 1 <= int(wanted) <= len(links):
        return links[int(wanted) - 1]
    sought = link_id(wanted.removeprefix("link "))
    for link in links:
        if link_id(link) == sought:
            return link
    raise Refused(
        "the report names no such link or witness: copy it from `sottovoce desk show`, or give a link's number there"
    )


def _act(
    context: click.Context, report: str, make: Callable[[actions.Desk, Case], list[Waiting]], as_json: bool
) -> None:
    with opened(context) as session:
        items = make(session.desk(int(time.time())), session.find(report))
        session.enqueue(items)
    _queued(items, as_json)


def _queued(items: list[Waiting], as_json: bool) -> None:
    emit({"queued": len(items)}, as_json, _KEPT)
