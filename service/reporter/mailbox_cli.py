"""`sottovoce mailbox`: read the answers to a report, get a new code, and answer.

The old code is burned only when the new one was written down and every letter was shown, those too that came meanwhile:
service.reporter.mailboxes says how that is known, and service.reporter.answering does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from crypto.codes import ReplyCode, from_words, to_words
from crypto.entropy import system
from crypto.errors import Refused
from crypto.signatures import VerifyKey
from service.cases.letters import Letter
from service.cases.rosters import Roster
from service.cases.texts import LONG_TEXT, tidy
from service.console import check_shows, command, emit, say, shown
from service.reporter.answering import Answer, NewCode, send_answer
from service.reporter.letters import Shown
from service.reporter.mailboxes import NO_GROUP, read_mailbox
from service.reporter.questionnaire import paragraphs
from service.reporter.recipients import Chosen, ask_left_out, introduce, readers, recipients
from service.reporter.rosters import Rosters
from service.reporter.terminal import (
    FILE_OR_DASH,
    confirm_sending,
    files_of,
    group_id,
    read_text,
    server_options,
)
from service.wire import calls
from service.wire.admitting import Admission
from service.wire.client import Client

_NOTHING: Final = "There is nothing new to read. (A wrong code and a used one look the same.)"
_ANEW: Final = (
    "Only you know whom you left out of your report. Leave them out again, or they can read this too."
)
_UNPROVED: Final = (
    "No answer opened, so nothing shows that your code is right: compare its words with what you wrote down.\n"
    "With a wrong or used code, nobody can tell to which report your message belongs."
)


@click.command()
@server_options
@click.option(
    "--code-file",
    type=FILE_OR_DASH,
    help="Read the reply code from a file, or with - .",
)
@click.option("--message-file", type=FILE_OR_DASH, help="Send this text. Default: ask.")
@click.option(
    "--leave-out", multiple=True, help="Somebody who must not receive it, by name; may be repeated."
)
@click.option(
    "--to-everybody",
    "everybody",
    is_flag=True,
    help="With no letter to answer: leave nobody of the group out.",
)
@click.option("--yes-i-wrote-it-down", "noted", is_flag=True, help="Don't have the new code confirmed.")
@command
def mailbox(
    server: str,
    group: str,
    proxy: str | None,
    words: str,
    attach: tuple[Path, ...],
    attach_original: tuple[Path, ...],
    as_json: bool,
    code_file: Path | None,
    message_file: Path | None,
    leave_out: tuple[str, ...],
    everybody: bool,
    noted: bool,
) -> None:
    """Read the answers to your report, get a new code, and answer."""
    if everybody and leave_out:
        raise click.UsageError("--to-everybody and --leave-out contradict each other.")
    if as_json and not noted:
        raise click.UsageError(
            "--json asks nothing: add --yes-i-wrote-it-down, and keep the code that the result holds."
        )
    check_shows(words, as_json=as_json)
    gid = group_id(group)
    used = from_words(_code_text(code_file), None)
    files, _ = files_of(attach, attach_original)
    with Client(server, proxy=proxy) as client, Admission(client, NO_GROUP, "mailbox") as opening:
        letters, seen = read_mailbox(client, used, opening)
        key = VerifyKey(client.do(calls.server_info()).verify_key)
        rosters = Rosters(client)
        told = Shown(rosters, gid, as_json=as_json)
        told.add(letters)
        if not (letters or as_json):
            say(_NOTHING)
        asking = not as_json and message_file is None
        message = "" if message_file is None else tidy(read_text(message_file))
        roster = client.do(calls.roster(gid)).latest
        chosen: Chosen | None = None
        if letters:
            chosen = readers(rosters, roster, letters, leave_out)
            if not as_json:
                say(shown(f"\nAn answer goes to {chosen.told}."))
        elif asking or message or files:
            chosen = _unasked(client, roster, leave_out, everybody=everybody, asking=asking)
        if chosen is not None and asking:
            message = tidy(paragraphs("Do you want to write something?", LONG_TEXT))
        if chosen is None or not (letters or message or files):
            emit({"letters": [], "code": None, "sent": False}, as_json, "Your code stays as it is.")
            return
        if not letters and asking:
            click.echo(f"\n{_UNPROVED}", err=True)
            confirm_sending(typed=True)
        drawn = ReplyCode.draw(system)
        new = NewCode(drawn, to_words(drawn, words), noted, as_json)
        answer = Answer(message, files, _language_of(letters), chosen.to)
        send_answer(client, opening, key, used, new, answer, seen, told.add, held=asking)
    emit(
        {"letters": told.views, "recipients": chosen.told, "code": new.words, "sent": True},
        as_json,
        "\nDone: the old code opens nothing any more.",
        once=True,
    )


def _unasked(
    client: Client, roster: Roster, leave_out: tuple[str, ...], *, everybody: bool, asking: bool
) -> Chosen | None:
    """Settle to whom a message goes that answers no letter: to the group anew. None when nobody wants to write one.

    Whom the report left out is known only to the reporter, so they say it again, before they write: asking, or else
    with an option.
    """
    if asking:
        if not click.confirm("Do you want to write to the group all the same?", default=False, err=True):
            return None
        click.echo(f"\n{_ANEW}\n", err=True)
        introduce(roster, "What you write")
        if not leave_out and not everybody:
            leave_out = ask_left_out(roster)
    elif not leave_out and not everybody:
        raise Refused(
            "no answer opened, so nothing was sent. A message goes to the group anew: say whom you left out with"
            " --leave-out, or that nobody is left out with --to-everybody"
        )
    chosen = recipients(client, roster, leave_out)
    if asking:
        click.echo(f"\nIt goes to: {shown(chosen.told)}.", err=True)
    return chosen


def _code_text(path: Path | None) -> str:
    if path is None:
        text: str = click.prompt("Your reply code (twelve words; four letters of each are enough)", err=True)
        return text
    return read_text(path)


def _language_of(letters: Sequence[Letter]) -> str:
    """The newest letter's; without one, English."""
    return letters[-1].language if letters else "en"
