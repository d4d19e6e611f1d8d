"""`sottovoce mailbox`: read the answers to a report, get a new code, and answer.

The old code is burned only when the new one was written down and every letter was shown, those too that came meanwhile:
service.reporter.mailboxes says how that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import click

from crypto.codes import ReplyCode, confirm, confirmation_positions, from_words, to_words
from crypto.codes import claim_of as claim
from crypto.entropy import system
from crypto.errors import Refused
from crypto.signatures import VerifyKey
from service.cases.filing import Recipients, burn_mailbox, proof_of
from service.cases.letters import Letter, reach_of
from service.cases.receipts import Receipt
from service.cases.reports import File, FollowUp
from service.cases.rosters import Roster
from service.cases.texts import LONG_TEXT, tidy
from service.console import Unwritten, check_shows, command, emit, say, shown
from service.reporter.mailboxes import NO_GROUP, read_mailbox, read_next
from service.reporter.questionnaire import paragraphs
from service.reporter.recipients import Chosen, ask_left_out, introduce, readers, recipients
from service.reporter.rosters import Rosters
from service.reporter.sending import send
from service.reporter.terminal import (
    FILE_OR_DASH,
    Waiting,
    confirm_sending,
    files_of,
    group_id,
    read_text,
    server_options,
    shown_code,
)
from service.wire import calls
from service.wire.admitting import Admission
from service.wire.calls import Call
from service.wire.client import Client, Declined, Unreachable
from service.wire.patience import patiently

STATES: Final = {
    "received": "Your report was received.",
    "looking": "Your report is being looked at.",
    "mediation": "Somebody is talking with the people concerned (mediation).",
    "decided": "A decision was made.",
    "closed": "The case was closed.",
}
_EXPECTED: Final = (click.Abort, KeyboardInterrupt, Unreachable, Declined, Refused, Unwritten)
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
    wait = Waiting()
    with Client(server, proxy=proxy) as client, Admission(client, NO_GROUP, "mailbox") as opening:
        letters, seen = read_mailbox(client, used, opening)
        key = VerifyKey(client.do(calls.server_info()).verify_key)
        rosters = Rosters(client)
        views = [_letter_view(rosters, gid, letter) for letter in letters]
        if not as_json:
            say(shown("\n\n".join(_letter_text(view) for view in views)) if views else _NOTHING)
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
        new = ReplyCode.draw(system)
        code = to_words(new, words)
        to = chosen.to
        with (
            _Codes(code, as_json) as codes,
            Admission(client, to.group_id, progress=wait.solving) as admission,
        ):
            admission.begin()  # solved while the new code is written down
            if not as_json:
                say("\n".join(shown_code(code)))
            if not noted:
                _confirm(new)
            envelope = _follow_up(used, new, seen, letters, message, files, to)
            patience = partial(patiently, client, admission, waiting=wait.under_pressure)
            sending = partial(send, patience, held=asking, unsure=codes.unsure)
            while not _burn(used, seen, envelope, to, key, sending):
                # Something lies there that was not seen: look at it, show it if it is a letter, and go on.
                came, seen = read_next(client, used, seen, opening)
                new_views = [_letter_view(rosters, gid, letter) for letter in came]
                views += new_views
                if new_views and not as_json:
                    say(shown("\n\n".join(_letter_text(view) for view in new_views)))
            codes.burned()
    emit(
        {"letters": views, "recipients": chosen.told, "code": code, "sent": True},
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


def _follow_up(
    used: ReplyCode,
    new: ReplyCode,
    seen: int,
    letters: Sequence[Letter],
    message: str,
    files: Sequence[File],
    to: Recipients,
) -> bytes:
    """Seal the answer, once: the same envelope again is the same answer, whatever became of the first request."""
    follow_up = FollowUp(
        proof=proof_of(used),
        message=message,
        language=letters[-1].language if letters else "en",
        filed_on=datetime.now(UTC).date().isoformat(),
        attachments=tuple(file.described() for file in files),
    )
    return burn_mailbox(used, new, seen, follow_up, files, to, system).filed.envelope


class _Codes:
    """Says which code is good when the new one was drawn and then something went wrong."""

    def __init__(self, new: Sequence[str], as_json: bool) -> None:
        self._new, self._as_json, self._old_stands = new, as_json, True

    def burned(self) -> None:
        """From now on the new one is."""
        self._old_stands = False

    def unsure(self) -> None:
        """The old code may be used up already: nobody knows."""
        self._old_stands = False
        click.echo(
            "\nIt may have arrived although no answer came. Keep both codes, and try the new one first.",
            err=True,
        )
        if self._as_json:  # otherwise they were shown
            click.echo("\n".join(shown_code(self._new)), err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if isinstance(error, _EXPECTED) and self._old_stands and not self._as_json:
            click.echo("\nYour old code is still good; the new words are worth nothing.", err=True)


def _burn(
    used: ReplyCode,
    seen: int,
    envelope: bytes,
    to: Recipients,
    key: VerifyKey,
    sending: Callable[[Callable[[str], Call[Receipt | None]]], Receipt | None],
) -> bool:
    """Burn the mailbox; False when more lies there than was seen, and nothing was changed."""
    receipt = sending(
        lambda token: calls.burn_mailbox(claim(used), seen, envelope, to.group_id, key, admission=token)
    )
    return receipt is not None


def _code_text(path: Path | None) -> str:
    if path is None:
        text: str = click.prompt("Your reply code (twelve words; four letters of each are enough)", err=True)
        return text
    return read_text(path)


def _confirm(code: ReplyCode) -> None:
    """Have two words typed back, as often as it takes: nothing is burned before."""
    positions = confirmation_positions(code)
    while True:
        typed = {
            position: click.prompt(f"Word {position} of the new code", err=True) for position in positions
        }
        if confirm(code, typed):
            return
        click.echo("That is not it. Look at what you wrote down; the old code is still good.", err=True)


def _letter_view(rosters: Rosters, gid: bytes, letter: Letter) -> dict[str, object]:
    """Show a letter. `known`: whether its author is, under that name, in a group that it names."""
    key = bytes.fromhex(letter.author_key)
    known = [
        (one, one.by_verify_key(key)) for group in reach_of(letter) if (one := rosters.of(group)) is not None
    ]
    theirs = next((one for one, author in known if author and author.pseudonym == letter.author), None)
    return {
        "day": letter.day,
        "author": letter.author,
        "known": theirs is not None,
        "other_group": bytes.fromhex(letter.group) != gid if theirs is None else theirs.group != gid,
        "author_group": None if theirs is None else theirs.name,
        "state": letter.state,
        "question": letter.question,
        "text": letter.text,
    }


def _letter_text(view: dict[str, object]) -> str:
    where = f" ({view['author_group']})" if view["known"] and view["other_group"] else ""
    lines = [f"{view['day']}, {view['author']}{where}{' asks' if view['question'] else ''}:"]
    if not view["known"]:
        lines.append("  (CAREFUL: this person is not in the group's list.)")
    if view["state"]:
        lines.append(f"  {STATES[str(view['state'])]}")
    return "\n".join([*lines, *(f"  {line}" for line in str(view["text"]).split("\n") if view["text"])])
