"""`sottovoce desk result | acknowledge | implemented`: what the council does with a poll's result."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import click

from crypto.errors import Refused
from service.cases import decisions
from service.cases.receipts import day_number, day_of, day_told
from service.cases.texts import counted
from service.chain_files import write_private
from service.console import command, emit, json_option, poll_id, shown
from service.desk.cli import client_of, desk, opened
from service.desk.measures import review_day
from service.desk.polls_results import plot as drawn
from service.desk.polls_results import result as fetched
from service.desk.show import set_in
from service.desk.sync_measures import check_not_hidden
from service.desk.writing import sure, text_of
from service.wire import poll_calls

_RECORDED = "Recorded. `sottovoce desk measures` goes by it after the next `sottovoce desk sync`."


@desk.command("result")
@click.argument("poll")
@click.option("--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Write an SVG here.")
@json_option
@click.pass_context
@command
def result(context: click.Context, poll: str, picture: Path | None, as_json: bool) -> None:
    """Open a poll's result, as a council member, and check that enough trustees signed it."""
    with opened(context) as session, client_of(session) as client:
        found = fetched(session, client, poll_id(poll))
    statement, text = found.delivered.outcome.statement, found.sentence()
    if picture is not None:
        write_private(picture, drawn(found).encode())
    signers = [each.owner for each in found.delivered.outcome.signatures]
    review = review_day(found.manifest, statement.outcome)
    again = [] if review is None else [f"Looked at again on {day_told(review)}."]
    told = {
        "sentence": text,
        "outcome": found.manifest.texts[statement.outcome],
        "quorum_met": statement.quorum_met,
        "ballots": statement.ballots,
        "electorate": statement.electorate,
        "counts": found.counts,
        "signed_by": signers,
        "state": found.view.state,
        "review_on": None if review is None else day_told(review),
    }
    lines = [
        found.manifest.question,
        text,
        *again,
        f"Signed by {counted(len(signers), 'trustee', 'trustees')}.",
    ]
    emit(told, as_json, shown("\n".join(lines)))


@desk.command("acknowledge")
@click.argument("poll")
@json_option
@click.pass_context
@command
def acknowledge(context: click.Context, poll: str, as_json: bool) -> None:
    """Say, for everyone to see, that the council has the result."""
    phi = poll_id(poll)
    with opened(context) as session, client_of(session) as client:
        outcome = fetched(session, client, phi).delivered.outcome.statement
        signature = decisions.acknowledge(session.in_force.signing, outcome)
        view = client.do(poll_calls.acknowledge(session.signer, phi, signature))
    told = f"Acknowledged. What to do now, and the letters for it: `sottovoce desk rollout {phi.hex()}`."
    emit({"state": view.state}, as_json, told)


@desk.command("implemented")
@click.argument("poll")
@click.option(
    "--text-file",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="What was done, as text, from a file or - .",
)
@click.option("--ends", help="The day on which the measure ends, as 2026-12-31.")
@json_option
@click.pass_context
@command
def implemented(context: click.Context, poll: str, text_file: Path, ends: str | None, as_json: bool) -> None:
    """Record, for everyone to see, what the council did and when it ends.

    It can't be replaced, so it shows the text and asks at a terminal.
    """
    phi, ends_on = poll_id(poll), None if ends is None else _end(ends)
    with opened(context) as session, client_of(session) as client:
        text = text_of(text_file)
        if not 1 <= len(text) <= 2_000:
            raise Refused("say what was done in 1 to 2000 characters")
        found = fetched(session, client, phi)
        check_not_hidden(session, found.view)
        if found.view.state == "delivered":
            raise Refused("say first that the council has the result: `sottovoce desk acknowledge`")
        outcome = found.delivered.outcome.statement
        lines = ["Everyone will see this with the poll:", "", *set_in("", text), ""]
        lines += [] if ends_on is None else [f"The measure ends on {day_told(ends_on)}."]
        click.echo(shown("\n".join(lines)), err=True)
        sure("Publish that? It can't be replaced.")
        signature = decisions.implement(session.in_force.signing, outcome, text, ends_on)
        view = client.do(poll_calls.implement(session.signer, phi, text, ends_on, signature))
    emit({"state": view.state, "ends": ends}, as_json, _RECORDED)


def day_named(text: str) -> int:
    """Read a day as a person types it: days since 1970-01-01. Refused when it is none."""
    try:
        return day_number(date.fromisoformat(text))
    except ValueError:
        raise Refused("a day is like 2026-12-31") from None


def _end(text: str) -> int:
    ends_on = day_named(text)
    if ends_on < day_of(time.time()):
        raise Refused("a measure can't end on a day that is over")
    return ends_on
