"""Who receives a report or an answer: shown to the reporter, chosen by them, looked up in rosters that roots signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click

from crypto.codes import fingerprint_words
from crypto.errors import Refused
from service.cases.choosing import NoSuchHandler, ToAlternate, choose, of_alternate, without
from service.cases.filing import Recipients
from service.cases.letters import Letter, handed_on, reach_of
from service.cases.names import folded
from service.cases.rosters import Handler, Roster
from service.console import shown
from service.reporter.rosters import Rosters
from service.wire import calls
from service.wire.client import Client

_NOBODYS: Final = "one of the names to leave out is not in the list: type it as it is shown"
_HANDED_ON: Final = (
    "one of the people to leave out is not among those whom this answer is sealed to, but those may have given them "
    "your report, and then hand on what you answer: you can't keep it from them, so nothing was sent"
)


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


def readers(
    rosters: Rosters, roster: Roster, letters: Sequence[Letter], leave_out: Sequence[str] = ()
) -> Chosen:
    """Find to whom the answer to letters, oldest first, goes, by the rosters that the groups' roots signed.

    To the group of the first letter, as long as it still has somebody whom one of its letters names: no later letter
    takes the answer to another group. In it, to those whom the newest letter names who are still there as handlers: the
    server takes nothing else, so a letter that names others would lock the reporter out. They are shown by name, with
    those to whom that letter says they hand it on: whoever writes a letter may say it wrongly.
    leave_out: names of recipients of the group that is answered; whoever has one, or a key of somebody who has, doesn't
    get the answer, nor is it handed on to them: desks and server refuse that. Raises Refused when nobody is left, when
    nobody has one of the names, and for anybody else in it or in `roster` (the reporter's own group's), or to whom the
    letter says that it is handed on: they may have been told since, and nothing sealed keeps the answer from them.
    """
    for group in dict.fromkeys(letter.group for letter in letters):
        answered = rosters.of(group)
        if answered is None:
            continue
        for letter in reversed([letter for letter in letters if letter.group == group]):
            wanted = {bytes.fromhex(key_id) for key_id in letter.recipients}
            handlers = tuple(h for h in answered.recipients if wanted & set(h.key_ids))
            if handlers:
                wanted_out = {folded(name) for name in leave_out}
                out = [one for one in answered.recipients if folded(one.pseudonym) in wanted_out]
                kept = without(handlers, out)
                reach = _reach(rosters, letter, answered, kept)
                others = [one for _, people in reach for one in people]
                missing = wanted_out - {folded(one.pseudonym) for one in out}
                elsewhere = {folded(one.pseudonym) for one in (*others, *roster.active, *answered.active)}
                if missing - elsewhere:
                    raise NoSuchHandler(_NOBODYS)
                if missing or len(without(others, out)) < len(others):
                    raise Refused(_HANDED_ON)
                if not kept:
                    raise Refused("nobody is left to whom the answer could go: leave fewer people out")
                told = [f"{group.name}: {_names(people)}" for group, people in ((answered, kept), *reach)]
                return Chosen(to_handlers(answered, kept), answered, "; ".join(told))
    raise Refused("nobody whom the letters name is in the group any more: file a new report")


def _reach(
    rosters: Rosters, letter: Letter, answered: Roster, kept: Sequence[Handler]
) -> list[tuple[Roster, tuple[Handler, ...]]]:
    """Find to whom the answer to a letter is handed on, by their group: all but kept, to whom it is sealed."""
    found = []
    for group in reach_of(letter):
        other = rosters.of(group)
        people = () if other is None else handed_on(letter, other, answered, kept)
        if other is not None and people:
            found.append((other, people))
    return found


def to_handlers(roster: Roster, handlers: Sequence[Handler]) -> Recipients:
    """Name some handlers of a roster as recipients."""
    return Recipients(roster.group, roster.digest, tuple(handler.seal_key for handler in handlers))


def _names(handlers: Sequence[Handler]) -> str:
    return ", ".join(handler.pseudonym for handler in handlers)


def introduce(roster: Roster, what: str = "Your report") -> None:
    """Show the group, its key in words, and everybody who would read it. what: begins the sentence that says so."""
    lines = [
        f"{roster.name}. Its key in words: {' '.join(fingerprint_words(roster.root.raw))}",
        f"{what} can be read by these people, and by nobody else:",
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
