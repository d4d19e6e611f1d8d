"""`sottovoce desk transparency`: what a group publishes of its work. Offline; nothing of it is stored or sent."""

from __future__ import annotations

import time

import click

from crypto.errors import Refused
from service.cases.receipts import day_of
from service.console import command, emit, json_option, shown
from service.desk.cli import desk, opened
from service.desk.transparency import counted, issues_of, lines, period_named, sections, view


@desk.command()
@click.argument("period")
@json_option
@click.pass_context
@command
def transparency(context: click.Context, period: str, as_json: bool) -> None:
    """Write the group's transparency report of a year, a half or a quarter that is over: 2026, 2026-H1, 2026-Q2.

    As of the last sync. It holds counts in steps of five and no word of any report; read it, then publish it.
    """
    asked = period_named(period, day_of(time.time()))
    with opened(context) as session:
        histories = session.histories()
        roster = session.roster_of(session.group)
        me = roster.by_key(session.in_force.key_id)
        if me is None or me not in roster.recipients:
            raise Refused(
                "reports are counted at the desks of the group's handlers, and this is none of them"
            )
        found = counted(session.cases().values(), histories, session.group.hex(), asked)
        some = sections(found, issues_of(histories.get(session.group.hex())))
    emit(view(roster.name, asked, some), as_json, shown("\n".join(lines(roster.name, asked, some))))
