"""`sottovoce desk measures | reviewed`: every measure has a way back, its council is told when, and says so in public.

`measures`, and `reviewed --only-here`, work offline.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from crypto.errors import Refused
from service.cases.receipts import day_of, day_told
from service.console import command, emit, json_option, poll_id, shown
from service.desk.cli import client_of, desk, opened
from service.desk.measures import Decision, Turn, due, goes_on, over, told, turns
from service.desk.polls_cli import day_named
from service.desk.reviewing import next_review, publish
from service.desk.session import Session
from service.desk.sync_measures import NOT_COUNCIL, measure_of, measures, of_council
from service.desk.writing import sure, text_of

_THEN = (
    "What to do, and the letters for it: `sottovoce desk rollout POLL`. "
    "When it is done: `sottovoce desk reviewed POLL --ended`, or `--again DAY`."
)


@desk.command("measures")
@json_option
@click.pass_context
@command
def measures_(context: click.Context, as_json: bool) -> None:
    """List the measures that polls decided, as a council member: when each ends or is looked at again.

    As of the last sync, the nearest day first. DUE: from two weeks before, until `reviewed` says that it is done.
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
@click.option(
    "--text-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="A few words to it for everyone, from a file or - .",
)
@click.option("--only-here", is_flag=True, help="Publish nothing: this desk alone reminds you no more of it.")
@json_option
@click.pass_context
@command
def reviewed(
    context: click.Context,
    poll: str,
    ended: bool,
    again: str | None,
    text_file: Path | None,
    only_here: bool,
    as_json: bool,
) -> None:
    """Say, for everyone to see, that a poll's measure has ended, or that it goes on and is looked at again.

    The other members of the council are told no more, or by the new day, once their desks sync. It can't be replaced,
    so it shows what everyone will see and asks at a terminal.
    """
    phi, today = poll_id(poll), day_of(time.time())
    if ended is (again is not None):
        raise Refused("say either --ended, or --again with the day on which it is looked at again")
    if only_here and text_file is not None:
        raise Refused("a text is for everyone: leave out --only-here, or --text-file")
    on = None if again is None else day_named(again)
    with opened(context) as session:
        if not of_council(session):
            raise Refused(NOT_COUNCIL)
        if only_here:
            decision, seen = measure_of(session, phi)
            kept = over(decision, seen) if on is None else goes_on(decision, seen, today, on)
            session.vault.put("reviewed", phi, kept)
            said = "Kept, at this desk only."
        else:
            text = "" if text_file is None else text_of(text_file)
            decision, said = _published(session, phi, on, text, today)
        left = turns(*measure_of(session, phi))
    lines = [said, *(f"Ahead: {told(one, today)}" for one in left)]
    emit(_view(decision, left, today), as_json, shown("\n".join(lines)))


def _published(
    session: Session, phi: bytes, again: int | None, text: str, today: int
) -> tuple[Decision, str]:
    with client_of(session) as client:
        found = next_review(session, client, phi, again, text, today)
        if found.said_before:
            last = found.decision.reviewed[-1]
            return found.decision, f"{last.pseudonym} has said just that: nothing more was published."
        click.echo(shown("\n".join(found.lines())), err=True)
        for_good = ", and nothing more can be said of this measure" if again is None else ""
        sure(f"Publish that? It can't be replaced{for_good}.")
        return publish(session, client, found), "Published."


def _lines(decision: Decision, some: tuple[Turn, ...], today: int) -> list[str]:
    name = decision.measure or decision.temporary
    ahead = [f"  {'DUE: ' if due([one], today) else ''}{told(one, today)}" for one in some]
    said = [f"  {one.lines()[0]}" for one in decision.reviewed[-1:]]
    return [name, *ahead, *said, f"  {decision.question}", f"  Poll {decision.poll}"]


def _view(decision: Decision, some: tuple[Turn, ...], today: int) -> dict[str, Any]:
    return {
        "poll": decision.poll,
        "state": decision.state,
        "question": decision.question,
        "measure": decision.measure,
        "temporary": decision.temporary,
        "ahead": [{"what": one.what, "on": day_told(one.on)} for one in some],
        "due": bool(due(some, today)),
        "reviewed": [one.shape() for one in decision.reviewed],
    }
