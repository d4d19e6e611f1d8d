"""Who receives a report: shown to the reporter, chosen by them, looked up by the roster the group's root signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from crypto.codes import fingerprint_words
from service.cases.choosing import ToAlternate, choose, of_alternate
from service.cases.filing import Recipients
from service.cases.names import folded
from service.cases.rosters import Handler, Roster
from service.console import shown
from service.wire import calls
from service.wire.client import Client


@dataclass(frozen=True, slots=True)
class Chosen:
    """Those whom a report goes to, the roster that names them, and how to tell the reporter."""

    to: Recipients
    roster: Roster
    told: str


def recipients(client: Client, roster: Roster, leave_out: Sequence[str]) -> Chosen:
    """Choose by the names left out; the alternate group's when too few would be left. Raises Refused, Unreachable."""
    match choose(roster.recipients, roster.minimum, roster.alternate, leave_out):
        case ToAlternate() as other:
            alternate = client.do(calls.roster(other.group_id)).latest
            people = of_alternate(other, alternate.recipients, alternate.minimum)
            told = f"{alternate.name} instead ({_names(people)})"
            return Chosen(to_handlers(alternate, people), alternate, told)
        case chosen:
            return Chosen(to_handlers(roster, chosen.handlers), roster, _names(chosen.handlers))


def to_handlers(roster: Roster, handlers: Sequence[Handler]) -> Recipients:
    """Name some handlers of a roster as recipients."""
    return Recipients(roster.group, roster.digest, tuple(handler.seal_key for handler in handlers))


def _names(handlers: Sequence[Handler]) -> str:
    return ", ".join(handler.pseudonym for handler in handlers)


def introduce(roster: Roster) -> None:
    """Show the group, its key in words, and everybody who would read the report."""
    lines = [
        f"{roster.name}. Its key in words: {' '.join(fingerprint_words(roster.root.raw))}",
        "Your report can be read by these people, and by nobody else:",
        *(f"  - {handler.pseudonym}" for handler in roster.recipients),
    ]
    click.echo(shown("\n".join(lines)), err=True)


def ask_left_out(roster: Roster) -> tuple[str, ...]:
    """Ask whom to leave out, by name."""
    click.echo("You can leave people out; they can't tell that a report exists.", err=True)
    names: list[str] = []
    known = {folded(handler.pseudonym) for handler in roster.recipients}
    while name := click.prompt("Leave out (Enter: nobody)", default="", show_default=False, err=True).strip():
        if folded(name) in known:
            names.append(name)
        else:
            click.echo("That name is not in the list: type it as it is shown.", err=True)
    return tuple(names)
