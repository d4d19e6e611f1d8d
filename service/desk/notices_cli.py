"""`sottovoce desk share-measure | take-measure | in-force`: one view of the measures of several projects, for councils.

What is shared is a file, sealed to the other council and carried by whatever means; the server has no part in it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import click

from abuse.subjects import read_subject
from crypto.errors import Refused
from service.cases.notices import MAX_FILE
from service.cases.receipts import day_of
from service.chain_files import read_whole, write_private
from service.console import command, emit, hex_id, json_option, shown
from service.desk.cli import desk, opened
from service.desk.handing_cli import group_history
from service.desk.notices import (
    EXAMPLE,
    Taken,
    in_force,
    notice_lines,
    notice_of,
    notice_view,
    opened_notice,
    sealed_for,
    take,
)
from service.desk.session import Session

_UNCHANGED: Final[dict[Taken, tuple[str, ...]]] = {
    "new": (),
    "known": ("Nothing was changed: this desk has it already:",),
    "older": ("Nothing was changed: this desk knows something newer of that name. This was told before:",),
}
_PATH = click.Path(path_type=Path, dir_okay=False)


@desk.command("share-measure")
@click.option("--file", "file", type=_PATH, help="A measure.toml.")
@click.option(
    "--to-group", help="Id of the group whose council is told (32 hex digits); your own to keep it here."
)
@click.option("--out", type=_PATH, help="Where to write the file for them.")
@click.option("--example", is_flag=True, help="Print a measure.toml to start from, and do nothing else.")
@json_option
@click.pass_context
@command
def share_measure(
    context: click.Context,
    file: Path | None,
    to_group: str | None,
    out: Path | None,
    example: bool,
    as_json: bool,
) -> None:
    """Tell the council of another group of a measure, as a council member: in a file that only they can open.

    Send it by whatever means; they read it with `take-measure`. It shows its carrier the two groups and no more.
    """
    if example:
        emit({"example": EXAMPLE}, as_json, EXAMPLE.rstrip())
        return
    if file is None or to_group is None or out is None:
        raise Refused("give --file, --to-group and --out; --example prints a file to start from")
    to = hex_id(to_group, 16, "a group's id")
    with opened(context) as session:
        notice = notice_of(session, file, to, int(time.time()))
        roster = group_history(session, to).latest
        write_private(out, sealed_for(session, notice, roster))
        take(session, notice, session.roster_of(session.group), notice.said_s)
    told = f"Written for the council of {roster.name}: give them {out}."
    emit({"written": str(out), "group_name": roster.name}, as_json, shown(told))


@desk.command("take-measure")
@click.argument("file", type=_PATH)
@json_option
@click.pass_context
@command
def take_measure(context: click.Context, file: Path, as_json: bool) -> None:
    """Take in what another council tells this one of a measure: a file that `share-measure` wrote."""
    with opened(context) as session:
        notice = opened_notice(session, read_whole(file, MAX_FILE))
        roster = group_history(session, bytes.fromhex(notice.group)).latest
        taken = take(session, notice, roster, int(time.time()))
    lifted = ["  It was lifted: it holds no more."] if notice.lifted else []
    text = [*_UNCHANGED[taken], *notice_lines(notice, roster.name), *lifted]
    emit(
        {**notice_view(notice, roster.name), "lifted": notice.lifted, "kept": taken == "new"},
        as_json,
        shown("\n".join(text)),
    )


_NONE: Final = "This desk was told of no measure that holds now."
_NONE_ABOUT: Final = "This desk was told of no measure about that account that holds now."


@desk.command("in-force")
@click.argument("account", required=False)
@json_option
@click.pass_context
@command
def in_force_(context: click.Context, account: str | None, as_json: bool) -> None:
    """List the measures in force that this desk was told of; with ACCOUNT, those about that account.

    A poll says nothing of accounts: what your own council decided stands here once it was shared with your own group.
    """
    today = day_of(time.time())
    with opened(context) as session:
        found = in_force(session, today, None if account is None else read_subject(account))
        names = {one.group: _name(session, one.group) for one in found}
    lines = [line for one in found for line in notice_lines(one, names[one.group])]
    emit(
        [notice_view(one, names[one.group]) for one in found],
        as_json,
        shown("\n".join(lines or [_NONE if account is None else _NONE_ABOUT])),
    )


def _name(session: Session, group: str) -> str:
    return session.roster_of(bytes.fromhex(group)).name
