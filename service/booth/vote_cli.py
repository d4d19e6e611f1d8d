"""`sottovoce vote`: read the summary, see the options, choose, see what is sent, cast, and keep the receipt."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from crypto.errors import Refused
from polls.manifest import Conduct, Manifest
from service.booth import receipts, voting
from service.booth.page import serve
from service.booth.voting import Checked, Summary
from service.console import (
    Place,
    command,
    emit,
    fail_interrupted,
    json_option,
    passphrase_option,
    poll_id,
    read_passphrase,
    server_options,
    shown,
)
from service.member_home import MemberHome
from service.member_keys import FILE, HOME, MemberKeys
from service.member_keys import read as read_keys
from service.wire import poll_calls
from service.wire.admitting import Admission
from service.wire.client import Client
from service.wire.poll_boards import trustees_told
from service.wire.poll_views import quorum_told

SENT = (
    "What is sent: an encrypted ballot, and a proof that one of the {n} voters cast it. "
    "Nobody learns which of them: no login and no name goes with it."
)


@click.command()
@click.argument("poll")
@server_options
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=HOME,
    show_default="~/.sottovoce/member",
    help="Folder of your member's key; receipts are kept there.",
)
@passphrase_option
@click.option(
    "--yes", is_flag=True, help="Don't ask before casting. The option's place is read from standard input."
)
@click.option("--check", is_flag=True, help="Don't vote: say what became of the ballots you cast before.")
@click.option("--web", is_flag=True, help="Vote in a page on this machine instead of the terminal.")
@json_option
@command
def vote(
    poll: str,
    server: str,
    proxy: str | None,
    home: Path,
    passphrase_file: Path | None,
    yes: bool,
    check: bool,
    web: bool,
    as_json: bool,
) -> None:
    """Vote in a poll; again replaces what you chose before. POLL is its id (64 hex digits).

    The choice is never a part of the command: others on this machine see commands, and shells keep them.
    """
    phi = poll_id(poll)
    if not check:
        MemberHome(home, None).check_there()
    with Client(server, proxy=proxy) as client:
        if check:
            _check(client, phi, home, as_json)
            return
        checked = voting.check_poll(client, phi, home)
        voting.check_open(checked)
        keys = _keys(checked, home, passphrase_file)
        voting.check_voter(checked, keys)
        with Admission(client, bytes.fromhex(checked.manifest.group_id), "casts") as admission:
            admission.begin()
            summary = voting.read_summary(client, checked, keys)
            if web:
                sent = SENT.format(n=checked.electorate.size)
                serve(
                    client,
                    checked,
                    keys,
                    summary,
                    admission,
                    home,
                    click.echo,
                    moment=moment,
                    sent=sent,
                    check=check_command(poll, server, proxy, home),
                )
                return
            click.echo(shown("\n".join(told(checked, summary))), err=True)
            try:
                option = _chosen(checked.manifest)
                text = checked.manifest.options[option].text
                click.echo(shown(f"\nYou chose: {text}\n{SENT.format(n=checked.electorate.size)}"), err=True)
                if not yes and not click.confirm("Cast it?", default=True, err=True):
                    raise Refused("nothing was sent")
            except click.Abort:
                fail_interrupted("interrupted; nothing was sent")
            try:
                receipt = voting.cast(client, checked, keys, option, admission, home)
            except voting.Unsure as unsure:
                click.echo(str(unsure), err=True)
                raise unsure.cause from None
            except voting.NotKept as lost:
                click.echo(f"{lost.reason[:1].upper()}{lost.reason[1:]}.", err=True)
                text = lost.receipt.decode()
                emit({"poll": poll, "receipt": text}, as_json, shown(text), once=True)
                raise Refused(
                    "the receipt is kept nowhere: save the one above in a file, which "
                    "`sottovoce poll check-receipt FILE` reads"
                ) from None
    until = moment(checked.manifest.closes_at)
    emit(
        {"poll": poll, "ballot": receipt.ballot, "page": receipt.page, "until": checked.manifest.closes_at},
        as_json,
        f"Your ballot is in, and the receipt is kept.\nBallot {receipt.ballot}, page {receipt.page}.\n"
        f"You can vote again until {until}; the last ballot counts. After that:\n"
        f"  {check_command(poll, server, proxy, home)}",
        once=True,
    )


def check_command(poll: str, server: str, proxy: str | None, home: Path) -> str:
    """Write the command that checks a poll's receipts, to be copied into a shell: by the same way, in the same folder.

    Without the proxy it would show the voter's address to a server that they reached through Tor only.
    """
    ways = [] if proxy is None else ["--proxy", proxy]
    folder = [] if home == HOME else ["--home", str(home)]
    return shlex.join(["sottovoce", "vote", poll, "--server", server, *ways, *folder, "--check"])


def _keys(checked: Checked, home: Path, passphrase_file: Path | None) -> MemberKeys:
    """Unlock the member's keys that are in the poll's snapshot, whichever are in force now."""
    path = MemberHome(home, None).voting_key(checked.electorate.members)
    prompt = "Passphrase"
    if path.name != FILE:
        click.echo(f"The poll's snapshot lists another key of yours than the one in force: {path}", err=True)
        prompt = "Passphrase of that key"
    return read_keys(path, read_passphrase(passphrase_file, prompt))


def told(checked: Checked, summary: Summary) -> list[str]:
    """Say what the poll is about, in lines: why, what, by which rule, and until when."""
    manifest = checked.manifest
    match manifest.basis:
        case Conduct(issues):
            why = f"Conduct issues that apply: {', '.join(issues)}."
        case urgent:
            why = f"Urgent. Until it is decided: {urgent.measure} (ends {moment(urgent.ends_at)})."
    lines = [manifest.question, why, ""]
    words = summary.told()
    if summary.text:  # set in, so that no line of it passes for an option
        words = "\n".join(["The mediator's summary:", *(f"    {line}" for line in words.split("\n"))])
    lines += [words, ""]
    lines += [f"  {place}. {option}" for place, option in enumerate(options_of(manifest))]
    return [
        *lines,
        "",
        f"{manifest.electorate_size} may vote, until {moment(manifest.closes_at)}; rule: {manifest.rule.value}.",
        quorum_told(manifest),
        checked.voters.told(),
        *trustees_told(checked.board),
    ]


def options_of(manifest: Manifest) -> list[str]:
    """Describe the options in order of severity, each measure with when it is looked at again."""
    described = []
    for option in manifest.options:
        days = option.review_after_days
        described.append(f"{option.text} (looked at again after {days} days)" if days else option.text)
    return described


def moment(seconds: int) -> str:
    """Write a time for a person, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %B %Y, %H:%M UTC")


def _chosen(manifest: Manifest) -> int:
    if sys.stdin.isatty():
        kind = Place(0, len(manifest.options) - 1)
        number: int = click.prompt("Your choice (number)", type=kind, err=True)
        return number
    text = sys.stdin.readline().strip()
    if text not in map(str, range(len(manifest.options))):
        raise Refused("standard input begins with no number of an option of this poll")
    return int(text)


def _check(client: Client, phi: bytes, home: Path, as_json: bool) -> None:
    kept = receipts.kept_receipts(home, phi)
    if kept is None or not kept.receipts:
        raise Refused("no receipt of this poll is kept here")
    manifest = client.do(poll_calls.poll(phi)).manifest
    found, kept = receipts.check_receipts(client, manifest, kept)
    receipts.keep_more(home, manifest, kept)
    items, text = receipts.told_of(found)
    emit(items, as_json, text)
    if receipts.broken(found):
        raise Refused("a ballot was dropped: keep the receipt, it is proof against the server")
    receipts.check_whole(manifest, kept, found)
