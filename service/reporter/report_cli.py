"""`sottovoce report`: file a report, for a reporter who need not trust the server's pages.

The group's id stands for its root key: a server that shows other people than the group's root signed for is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from crypto.codes import ReplyCode, mailbox_of, to_words
from crypto.entropy import system
from crypto.errors import Refused
from crypto.signatures import VerifyKey
from service.cases.filing import file_report
from service.cases.receipts import Receipt
from service.cases.reports import LANGUAGE_TAG, MAX_JSON, MAX_PLAINTEXT, File, Report, Unsealed
from service.chain_files import write_private
from service.console import check_shows, command, emit, passphrase_option, say, shown
from service.member_keys import FILE as KEY_FILE
from service.member_keys import HOME
from service.reporter.answers import EXAMPLE, Answers, read_answers
from service.reporter.questionnaire import ask, ask_people
from service.reporter.recipients import ask_left_out, introduce, recipients
from service.reporter.sending import Unsent, send, tell_unsure
from service.reporter.terminal import (
    FILE,
    Waiting,
    confirm_sending,
    files_of,
    group_id,
    server_options,
    shown_code,
)
from service.reporter.voicing import Speaker, open_voice
from service.wire import calls
from service.wire.admitting import Admission
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.patience import patiently


@command
def _example(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        say(EXAMPLE)
        context.exit()


@click.command()
@server_options
@click.option("--file", "file", type=FILE, help="Answers in a report.toml.")
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
    "--language", show_default="en", help="Language you write in, such as en or pt-BR; or the file names it."
)
@click.option(
    "--voice",
    type=FILE,
    is_flag=False,
    flag_value=str(HOME / KEY_FILE),
    help="Add your voice as a registered member. FILE: your key file, if it isn't where `sottovoce member` keeps it.",
)
@passphrase_option
@click.option("--yes", is_flag=True, help="Don't ask before sending (with --file).")
@click.option("--receipt-file", type=FILE, help="Keep the server's receipt here.")
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
    language: str | None,
    voice: Path | None,
    passphrase_file: Path | None,
    yes: bool,
    receipt_file: Path | None,
) -> None:
    """File a report that only the people you choose can read."""
    gid = group_id(group)
    # Whatever can be wrong with the options is said now: nothing that somebody typed is lost over it.
    check_shows(words, as_json=as_json)
    _check_language(language)
    _check_key_file(voice)
    from_file = None if file is None else _in_language(read_answers(file), language)
    files, removed = files_of(attach, attach_original)
    if from_file is None:
        _check_room(files)
    _check_receipt(receipt_file)
    wait = Waiting()
    with Unsent() as unsent, Client(server, proxy=proxy) as client:
        roster = client.do(calls.roster(gid)).latest
        key = VerifyKey(client.do(calls.server_info()).verify_key)
        introduce(roster)
        if from_file is None and not leave_out:
            leave_out = ask_left_out(roster)
        chosen = recipients(client, roster, leave_out)
        with Admission(client, chosen.to.group_id, progress=wait.solving) as admission:
            admission.begin()  # the puzzle is solved while the person writes: none of it waits for them
            speaker = None if voice is None else open_voice(client, chosen.roster, voice, passphrase_file)
            answers = ask(language or "en") if from_file is None else from_file
            if answers.voice and speaker is None:
                raise Refused(
                    "the answers ask for a voice: name your key file with --voice, or say voice = false"
                )
            written = answers.to_report(files, datetime.now(UTC).date())
            click.echo(f"\nIt goes to: {shown(chosen.told)}.", err=True)
            for what in removed:
                click.echo(f"Removed from your files: {what}.", err=True)
            code = ReplyCode.draw(system)
            if speaker is not None:
                written, speaker = _with_voice(speaker, written, code, asking=from_file is None)
            if not yes:
                confirm_sending(typed=from_file is None)
            filed = file_report(written, files, chosen.to, code, system)
            shown_words = to_words(filed.code, words)

            def submit(token: str) -> Call[Receipt]:
                unsent.over()
                urgent = answers.urgency == "danger"
                return calls.submit(chosen.to.group_id, filed.envelope, key, admission=token, urgent=urgent)

            receipt = send(
                lambda make: patiently(client, admission, make, waiting=wait.under_pressure),
                submit,
                held=from_file is None,
                unsure=lambda: tell_unsure(shown_words),
            )
    result = {
        "code": shown_words,
        "recipients": chosen.told,
        "removed": removed,
        "day": receipt.day,
        "voice": speaker is not None,
    }
    emit(
        result,
        as_json,
        "\n".join(
            ["", "It was received, and sealed so that only they can read it.", *shown_code(shown_words)]
        ),
        once=True,
    )
    if receipt_file is not None:
        _keep_receipt(receipt_file, receipt)


def _with_voice(
    speaker: Speaker, report: Report, code: ReplyCode, *, asking: bool
) -> tuple[Report, Speaker | None]:
    """Tell what the voice proves and reveals, and put it in.

    asking: somebody typed the report, so a voice that isn't possible is left out, or people are named, as they like.
    """
    while True:
        try:
            spoken = speaker.speak(report, code, system)
        except Refused as error:
            if not asking:
                raise
            click.echo(f"\nNo voice is possible: {error.reason}.", err=True)
            if click.confirm("Go on without your voice?", default=False, err=True):
                return report, None
            report = msgspec.structs.replace(report, who=ask_people())
            continue
        about, without = speaker.about(report.who)
        click.echo(f"\n{shown(speaker.explained())}", err=True)
        click.echo(shown(f"It is about: {', '.join(about)}."), err=True)
        if without:
            click.echo(shown(f"No voice is possible about: {', '.join(without)}."), err=True)
        return spoken, speaker


def _in_language(answers: Answers, language: str | None) -> Answers:
    """Give a file's answers the language of the command line, when they name none."""
    if language is None:
        return answers
    if answers.language not in {"", language}:
        raise Refused("--language and the file name two languages: leave one of them out")
    return msgspec.structs.replace(answers, language=language)


def _check_language(language: str | None) -> None:
    if language is not None and re.fullmatch(LANGUAGE_TAG, language) is None:
        raise Refused("the language is not a language tag such as en or pt-BR")


def _check_key_file(path: Path | None) -> None:
    """Refuse a key file that can't be read. That it opens is seen before the questions too, when the group is known."""
    if path is None:
        return
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise Refused("there is no member's key file: make one with `sottovoce member new`") from None
    except OSError as error:
        raise Refused(f"the member's key file can't be read: {error.strerror}") from None


def _check_room(files: tuple[File, ...]) -> None:
    """Refuse files that no report could carry, or that leave no room for the longest text."""
    shortest = Answers(what="-").to_report(files, datetime.now(UTC).date())
    Unsealed(shortest, files, bytes(32), mailbox_of(ReplyCode.draw(system)).public_key()).to_bytes()
    if sum(len(file.content) for file in files) > MAX_PLAINTEXT - MAX_JSON:
        raise Refused("the files leave no room for a report: all together have to be below 7 MiB")


def _check_receipt(path: Path | None) -> None:
    """Refuse a place where no receipt can be kept, by making the file and taking it away again."""
    if path is None:
        return
    try:
        write_private(path, b"")
        path.unlink()
    except Refused as error:
        raise Refused(f"no receipt can be kept there: {error.reason}") from None
    except OSError as error:
        raise Refused(f"no receipt can be kept there: {error.strerror}") from None


def _keep_receipt(path: Path, receipt: Receipt) -> None:
    """Write the receipt; only warn when that fails, since the report was received and its code shown."""
    try:
        write_private(path, msgspec.json.encode(receipt))
    except Refused as error:
        click.echo(f"sottovoce: the receipt was not kept: {error.reason}", err=True)
    except OSError as error:
        click.echo(f"sottovoce: the receipt was not kept: {error.strerror}", err=True)
