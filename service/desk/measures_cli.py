"""`sottovoce desk measures | reviewed`: every measure has a way back, and its council is told when. Offline."""

from __future__ import annotations

import time
from typing import Any

import click

from crypto.errors import Refused
from service.cases.receipts import day_of, day_told
from service.console import command, emit, json_option, poll_id, shown
from service.desk.cli import desk, opened
from service.desk.measures import Decision, Turn, due, goes_on, over, told, turns
from service.desk.polls_cli import day_named
from service.desk.sync_measures import NOT_COUNCIL, measure_of, measures, of_council

_THEN = "When it is done: `sottovoce desk reviewed POLL --ended`, or `--again DAY`."


@desk.command("measures")
@json_option
@click.pass_context
@command
def measures_(context: click.Context, as_json: bool) -> None:
    """List the measures that polls decided, as a council member: when each ends or is looked at again.

    As of the last sync, the nearest day first. DUE: from two weeks before, until `reviewed` says here that it is done.
    """
    today = day_of(time.time())
    with opened(context) as session:
        if not of_council(session):
            raise Refused(NOT_COUNCIL)
        ahead = [(decision, turns(decision, seen)) for decision, seen in measures(session)]
    ahead = sorted((one for one in ahead if one[1]), key=lambda one: (one[1][0].on, one[0].poll))
    lines = [line for decision, some in ahead for line in _lines(decision, some, today)]
    if any(due(some, today) for _, some in ahead):
        lines.append(_THEN)
    view = [_view(decision, some, today) for decision, some in ahead]
    emit(view, as_json, shown("\n".join(lines or ["No measure has an end or a review ahead."])))


@desk.command()
@click.argument("poll")
@click.option("--ended", is_flag=True, help="The measure is over, and lifted.")
@click.option("--again", help="It goes on, and is looked at again on this day, as 2027-06-30.")
@json_option
@click.pass_context
@command
def reviewed(context: click.Context, poll: str, ended: bool, again: str | None, as_json: bool) -> None:
    """Say, at this desk only, that a poll's measure was looked at or lifted, so that you are not told any more.

    Nobody else sees it: the other members of the council each say so at theirs.
    """
    phi, today = poll_id(poll), day_of(time.time())
    if ended is (again is not None):
        raise Refused("say either --ended, or --again with the day on which it is looked at again")
    with opened(context) as session:
        if not of_council(session):
            raise Refused(NOT_COUNCIL)
        decision, seen = measure_of(session, phi)
        said = over(decision, seen) if again is None else goes_on(decision, seen, today, day_named(again))
        session.vault.put("reviewed", phi, said)
        left = turns(decision, said)
    lines = ["Kept, at this desk only.", *(f"Ahead: {told(one, today)}" for one in left)]
    emit(_view(decision, left, today), as_json, shown("\n".join(lines)))


def _lines(decision: Decision, some: tuple[Turn, ...], today: int) -> list[str]:
    name = decision.measure or decision.temporary
    ahead = [f"  {'DUE: ' if due([one], today) else ''}{told(one, today)}" for one in some]
    return [name, *ahead, f"  {decision.question}", f"  Poll {decision.poll}"]


def _view(decision: Decision, some: tuple[Turn, ...], today: int) -> dict[str, Any]:
    return {
        "poll": decision.poll,
        "state": decision.state,
        "question": decision.question,
        "measure": decision.measure,
        "temporary": decision.temporary,
        "ahead": [{"what": one.what, "on": day_told(one.on)} for one in some],
        "due": bool(due(some, today)),
    }
