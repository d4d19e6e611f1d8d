"""`sottovoce desk forward | record`: a report goes to others, or comes in by a handler.

What `forward` does goes out with the next `sync`, but a group that is new to this desk is asked for at once; `record`
needs the server.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from crypto.errors import Refused
from service.cases.rosters import RosterHistory
from service.console import check_shows, command, emit, hex_id, json_option, one_line, shown
from service.desk import actions
from service.desk.acting_cli import KEPT, TEXT_FILE, WHY
from service.desk.cli import client_of, desk, opened
from service.desk.readers import not_left_out
from service.desk.recording import Going, record_report
from service.desk.rosters import pull_roster
from service.desk.session import Session, handlers_named
from service.desk.show import ID_SHOWN
from service.desk.writing import remark, sure
from service.files import read_answers, read_file
from service.wire.failures import Declined
from service.wire.problems import Kind

_HAND_OVER = (
    "Give it to the person it belongs to and keep no copy: whoever has it reads the answers, once. "
    "If they don't want to come back, nobody needs it."
)


@desk.command()
@click.argument("report")
@click.option("--to-group", required=True, help="Id of the group (32 hex digits), on the same server.")
@click.option(
    "--to",
    "names",
    multiple=True,
    help="Only this handler of it (repeat for more). Default: all but those whom the reporter left out.",
)
@click.option("--reason-file", "reason", type=TEXT_FILE, help="Why, for the log: a file or - . Default: ask.")
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

    Asks at a terminal. The list of a group that this desk doesn't know yet is fetched at once. It can also go to
    colleagues who joined after it came, or who lost the key that it is sealed to.
    """
    with opened(context) as session:
        case = session.find_to_act(report)
        to = group_history(session, hex_id(to_group, 16, "a group's id"))
        histories = session.histories()
        wanted = handlers_named(to.latest, names) if names else None
        people = actions.handed_to(case, histories, to, wanted)
        who = one_line(f"{', '.join(one.pseudonym for one in people)} ({to.latest.name})")
        sure(
            f"Hand {case.first.id[:ID_SHOWN]}, \u201c{case.first.headline}\u201d, to {who}? It can't be undone."
        )
        items = actions.forward(
            session.desk(int(time.time())), case, histories, to, wanted, remark(reason, WHY)
        )
        kept = not_left_out(case.first, histories, to.latest.recipients)
        not_to = [] if names else [one.pseudonym for one in to.latest.recipients if one not in kept]
        session.enqueue(items)
    told = "".join(f"Not to {name}, whom the reporter left out.\n" for name in not_to)
    emit({"queued": len(items), "left_out": not_to}, as_json, shown(f"{told}{KEPT}"))


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
    """File a report for someone who came by another way; the reply code is theirs, to be handed over.

    Says first who receives it, and asks at a terminal. With too few of your group left, it goes to the alternate group.
    """
    check_shows("english", as_json=as_json)
    answers = read_answers(file)
    read = [read_file(path, original=False) for path in attach] + [
        read_file(path, original=True) for path in original
    ]
    files = tuple(one for one, _ in read)
    with opened(context) as session, client_of(session) as client:
        words, going = record_report(
            session, client, answers, files, leave_out, int(time.time()), _unsure, _sure_of
        )
    removed = sorted({what for _, some in read for what in some})
    lines = [
        *([f"Removed from the files: {', '.join(removed)}."] if removed else []),
        "Recorded. The reply code:",
    ]
    emit(
        {
            "code": words,
            "removed": removed,
            "recipients": list(going.names),
            "group_name": going.roster.name,
            "to_alternate": going.elsewhere,
        },
        as_json,
        "\n".join([*lines, "", f"  {' '.join(words)}", "", _HAND_OVER]),
        once=True,
    )


def _going_lines(going: Going) -> list[str]:
    names = ", ".join(one_line(name) for name in going.names)
    if not going.elsewhere:
        return [f"It goes to: {names}."]
    return [
        "Too few of your group would be left, so it goes to its alternate group instead.",
        f"It goes to: {names} ({one_line(going.roster.name)}).",
    ]


def _sure_of(going: Going) -> None:
    """Show who would receive a report, and ask at a terminal. Refused when they are not meant."""
    click.echo(shown("\n".join(_going_lines(going))), err=True)
    sure("File it?")


def _unsure(words: tuple[str, ...]) -> None:
    """Show the code of a report that may have been filed."""
    told = "It may have arrived although no answer came: `sottovoce desk sync` shows whether it did. Its reply code:"
    click.echo(told, err=True)
    click.echo(f"\n  {' '.join(words)}\n\n{_HAND_OVER}", err=True)


def group_history(session: Session, group: bytes) -> RosterHistory:
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
