"""`sottovoce report` and `sottovoce mailbox`: for a reporter who need not trust the server's pages.

Nothing is written to disk unless asked for, so that the machine doesn't show that the command was used. The group's id
stands for its root key: a server that shows other people than the group's root signed for is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from crypto.codes import ReplyCode, confirm, confirmation_positions, fingerprint_words, from_words, to_words
from crypto.codes import claim_of as claim
from crypto.entropy import system
from crypto.errors import Refused
from crypto.signatures import VerifyKey
from crypto.words import LANGUAGES
from service.cases.choosing import ToAlternate, choose
from service.cases.filing import Recipients, burn_mailbox, file_report, proof_of
from service.cases.letters import Letter
from service.cases.reports import File, FollowUp
from service.cases.rosters import Handler, Roster
from service.cases.texts import tidy
from service.console import command, emit, json_option, shown, write_private
from service.files import read_answers, read_file
from service.reporter.answers import EXAMPLE
from service.reporter.questionnaire import ask
from service.reporter.sending import patiently, read_mailbox
from service.wire import calls
from service.wire.client import Client
from service.wire.puzzles import solve

STATES = {
    "received": "Your report was received.",
    "looking": "Your report is being looked at.",
    "mediation": "Somebody is talking with the people concerned (mediation).",
    "decided": "A decision was made.",
    "closed": "The case was closed.",
}
KEEP = (
    "Write these words down now. They are shown once, and open the answers once; then you get new ones.\n"
    "Whoever has them can read the answers. Nobody can give them to you again."
)


_FILE = click.Path(path_type=Path, dir_okay=False)


def _example(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(EXAMPLE)
        context.exit()


def _server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--server", required=True, help="Address of the server, such as https://example.org."),
        click.option(
            "--group", required=True, help="Id of the group (32 hex digits), as the project publishes it."
        ),
        click.option("--proxy", help="SOCKS proxy for Tor, such as socks5h://127.0.0.1:9050."),
        click.option(
            "--words", type=click.Choice(LANGUAGES), default="english", help="Language of the reply code."
        ),
        click.option(
            "--attach",
            multiple=True,
            type=click.Path(path_type=Path, dir_okay=False),
            help="A file, cleaned.",
        ),
        click.option(
            "--attach-original",
            multiple=True,
            type=_FILE,
            help="A file as it is, with its metadata, as evidence.",
        ),
        json_option,
    ):
        function = option(function)
    return function


@click.command()
@_server_options
@click.option(
    "--file", "file", type=click.Path(path_type=Path, dir_okay=False), help="Answers in a report.toml."
)
@click.option(
    "--example",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_example,
    help="Print an example of a report.toml.",
)
@click.option(
    "--leave-out", multiple=True, help="Somebody who must not receive it, by name; may be repeated."
)
@click.option(
    "--language", default="en", show_default=True, help="Language you write in, such as en or pt-BR."
)
@click.option("--yes", is_flag=True, help="Don't ask before sending (with --file).")
@click.option(
    "--receipt-file", type=click.Path(path_type=Path, dir_okay=False), help="Keep the server's receipt here."
)
@command
def report(
    server: str,
    group: str,
    proxy: str | None,
    words: str,
    attach: tuple[Path, ...],
    attach_original: tuple[Path, ...],
    as_json: bool,
    file: Path | None,
    leave_out: tuple[str, ...],
    language: str,
    yes: bool,
    receipt_file: Path | None,
) -> None:
    """File a report that only the people you choose can read."""
    gid = _group_id(group)
    with Client(server, proxy=proxy) as client, ThreadPoolExecutor(1) as aside:
        roster = client.do(calls.roster(gid)).latest
        _introduce(roster)
        if file is None and not leave_out:
            leave_out = _ask_left_out(roster)
        to, told = _recipients(client, roster, leave_out)
        # The puzzle is solved while the person writes: none of it waits for them.
        puzzle = aside.submit(lambda: solve(client.do(calls.challenge(to.group_id, "reports"))))
        answers = read_answers(file) if file is not None else ask(language)
        files, removed = _files(attach, attach_original)
        today = datetime.now(UTC).date()
        written = answers.to_report(files, today)
        click.echo(f"\nIt goes to: {shown(told)}.", err=True)
        for what in removed:
            click.echo(f"Removed from your files: {what}.", err=True)
        if not yes and not click.confirm("Send it?", default=True, err=True):
            raise Refused("nothing was sent")
        filed = file_report(written, files, to, ReplyCode.draw(system), system)
        key = VerifyKey(client.do(calls.server_info()).verify_key)
        urgent = answers.urgency == "danger"
        receipt = patiently(
            client,
            to.group_id,
            lambda token: calls.submit(to.group_id, filed.envelope, key, admission=token, urgent=urgent),
            solved=puzzle.result() if puzzle.exception() is None else None,
        )
    if receipt_file is not None:
        write_private(receipt_file, msgspec.json.encode(receipt))
    code = to_words(filed.code, words)
    result = {"code": code, "recipients": told, "removed": removed, "day": receipt.day}
    emit(
        result,
        as_json,
        "\n".join(["", "It was received, and sealed so that only they can read it.", *_shown_code(code)]),
    )


@click.command()
@_server_options
@click.option(
    "--code-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Read the reply code from a file, or with - .",
)
@click.option(
    "--message-file", type=click.Path(path_type=Path, allow_dash=True), help="Send this text. Default: ask."
)
@click.option(
    "--leave-out", multiple=True, help="With no letter to answer: somebody who must not receive it."
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
    noted: bool,
) -> None:
    """Read the answers to your report, get a new code, and answer."""
    gid = _group_id(group)
    used = from_words(_code_text(code_file), None)
    files, _ = _files(attach, attach_original)
    with Client(server, proxy=proxy) as client:
        letters = read_mailbox(client, used)
        views = [_letter_view(client, gid, letter) for letter in letters]
        if not as_json:
            click.echo(shown("\n\n".join(_letter_text(view) for view in views)) if views else _NOTHING)
        message = _message(message_file, asking=not as_json)
        if not letters and not message and not files:
            emit({"letters": [], "code": None, "sent": False}, as_json, "Your code stays as it is.")
            return
        new = ReplyCode.draw(system)
        code = to_words(new, words)
        if not as_json:
            click.echo("\n".join(_shown_code(code)))
        if not noted:
            _confirm(new)
        to = _answer_to(client, gid, letters, leave_out)
        sent = _burn(client, used, new, letters, message, files, to)
    while sent is None:  # letters came meanwhile: show them, then burn with all of them seen
        with Client(server, proxy=proxy) as client:
            letters = read_mailbox(client, used)
            views = [_letter_view(client, gid, letter) for letter in letters]
            if not as_json:
                click.echo(shown("\n\n".join(_letter_text(view) for view in views)))
            sent = _burn(client, used, new, letters, message, files, to)
    emit(
        {"letters": views, "code": code, "sent": True},
        as_json,
        "\nDone: the old code opens nothing any more.",
    )


_NOTHING = "There is nothing new to read. (A wrong code and a used one look the same.)"


def _burn(
    client: Client,
    used: ReplyCode,
    new: ReplyCode,
    letters: Sequence[Letter],
    message: str,
    files: Sequence[File],
    to: Recipients,
) -> object | None:
    follow_up = FollowUp(
        claim=proof_of(used),
        message=message,
        language=letters[-1].language if letters else "en",
        filed_on=datetime.now(UTC).date().isoformat(),
        attachments=tuple(file.described() for file in files),
    )
    burning = burn_mailbox(used, new, len(letters), follow_up, files, to, system)
    key = VerifyKey(client.do(calls.server_info()).verify_key)
    return patiently(
        client,
        to.group_id,
        lambda token: calls.burn_mailbox(
            claim(used), len(letters), burning.filed.envelope, to.group_id, key, admission=token
        ),
    )


def _answer_to(client: Client, gid: bytes, letters: Sequence[Letter], leave_out: Sequence[str]) -> Recipients:
    """Those whom the last letter names, by the roster that its group's root signed; without a letter, the group's."""
    if not letters:
        to, _ = _recipients(client, client.do(calls.roster(gid)).latest, leave_out)
        return to
    last = letters[-1]
    roster = client.do(calls.roster(bytes.fromhex(last.group))).latest
    wanted = {bytes.fromhex(key_id) for key_id in last.recipients}
    handlers = tuple(h for h in roster.active if wanted & set(h.key_ids))
    if not handlers:
        raise Refused("nobody whom the letter names is in the group any more: file a new report")
    return Recipients(roster.group, roster.digest, tuple(h.seal_key for h in handlers))


def _recipients(client: Client, roster: Roster, leave_out: Sequence[str]) -> tuple[Recipients, str]:
    match choose(roster.recipients, roster.minimum, roster.alternate, leave_out):
        case ToAlternate(group_id=other):
            alternate = client.do(calls.roster(other)).latest
            return _to(
                alternate, alternate.recipients
            ), f"{alternate.name} instead ({_names(alternate.recipients)})"
        case chosen:
            return _to(roster, chosen.handlers), _names(chosen.handlers)


def _to(roster: Roster, handlers: Sequence[Handler]) -> Recipients:
    return Recipients(roster.group, roster.digest, tuple(handler.seal_key for handler in handlers))


def _names(handlers: Sequence[Handler]) -> str:
    return ", ".join(handler.pseudonym for handler in handlers)


def _introduce(roster: Roster) -> None:
    lines = [
        f"{roster.name}. Its key in words: {' '.join(fingerprint_words(roster.root.raw))}",
        "Your report can be read by these people, and by nobody else:",
        *(f"  - {handler.pseudonym}" for handler in roster.recipients),
    ]
    click.echo(shown("\n".join(lines)), err=True)


def _ask_left_out(roster: Roster) -> tuple[str, ...]:
    click.echo("You can leave people out; they can't tell that a report exists.", err=True)
    names: list[str] = []
    known = {handler.pseudonym.casefold() for handler in roster.recipients}
    while name := click.prompt("Leave out (Enter: nobody)", default="", show_default=False, err=True).strip():
        if name.casefold() in known:
            names.append(name)
        else:
            click.echo("That name is not in the list: type it as it is shown.", err=True)
    return tuple(names)


def _files(cleaned: Sequence[Path], originals: Sequence[Path]) -> tuple[tuple[File, ...], list[str]]:
    read = [read_file(path, original=False) for path in cleaned] + [
        read_file(path, original=True) for path in originals
    ]
    return tuple(file for file, _ in read), sorted({what for _, told in read for what in told})


def _code_text(path: Path | None) -> str:
    if path is None:
        text: str = click.prompt("Your reply code (twelve words; four letters of each are enough)", err=True)
        return text
    return _read_text(path)


def _message(path: Path | None, *, asking: bool) -> str:
    if path is not None:
        return tidy(_read_text(path))
    if not asking:
        return ""
    click.echo("\nDo you want to write something? (end with a line holding only a full stop)", err=True)
    lines: list[str] = []
    while (line := click.prompt("", prompt_suffix="> ", default="", show_default=False, err=True)) != ".":
        lines.append(line)
    return tidy("\n".join(lines))


def _read_text(path: Path) -> str:
    try:
        raw = sys.stdin.buffer.read(400_000) if str(path) == "-" else path.read_bytes()
        return raw.decode()
    except OSError as error:
        raise Refused(f"a file can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused("a file is not UTF-8 text") from None


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


def _letter_view(client: Client, gid: bytes, letter: Letter) -> dict[str, object]:
    group = bytes.fromhex(letter.group)
    author = client.do(calls.roster(group)).latest.by_verify_key(bytes.fromhex(letter.author_key))
    return {
        "day": letter.day,
        "author": letter.author,
        "known": author is not None and author.pseudonym == letter.author,
        "other_group": group != gid,
        "state": letter.state,
        "question": letter.question,
        "text": letter.text,
    }


def _letter_text(view: dict[str, object]) -> str:
    lines = [f"{view['day']}, {view['author']}{' asks' if view['question'] else ''}:"]
    if not view["known"]:
        lines.append("  (CAREFUL: this person is not in the group's list.)")
    if view["state"]:
        lines.append(f"  {STATES[str(view['state'])]}")
    return "\n".join([*lines, *(f"  {line}" for line in str(view["text"]).split("\n") if view["text"])])


def _shown_code(code: Sequence[str]) -> list[str]:
    numbered = [f"  {number:2}. {word}" for number, word in enumerate(code, 1)]
    return ["", KEEP, "", *numbered, ""]


def _group_id(text: str) -> bytes:
    if len(text) != 32 or any(c not in "0123456789abcdef" for c in text):
        raise Refused("a group's id is 32 hexadecimal digits")
    return bytes.fromhex(text)
