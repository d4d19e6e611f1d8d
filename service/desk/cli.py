"""`sottovoce desk …`: opening a desk, and the commands that read. Offline, but for `sync` and `rotate`.

Secrets come from a prompt, a file or standard input. Every text that somebody else wrote passes `shown` before it
reaches the terminal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
import msgspec

from crypto.codes import fingerprint_words
from crypto.entropy import system
from crypto.errors import Refused
from crypto.keyfiles import lock, unlock
from service.cases.receipts import day_of
from service.chain_files import alone, write_private, write_whole
from service.console import command, emit, hex_id, json_option, passphrase_option, read_passphrase, shown
from service.desk.consulted import consulted_view, open_lines
from service.desk.keys import KIND, SUPERSEDED, HandlerKey
from service.desk.readers import readers_told
from service.desk.reading import voices_told
from service.desk.records import Held
from service.desk.repetition import decided_before, repetition_lines
from service.desk.rosters import newest_roster
from service.desk.session import Session, Setup, read_part, read_setup
from service.desk.show import case_lines, case_view, list_lines, list_view, unreadable_lines, unreadable_view
from service.desk.sync import sync as run_sync
from service.desk.synced import sync_lines
from service.desk.touch import by_urgency
from service.desk.vault import Vault
from service.wire.client import Client

KEY_FILE, STORE_FILE, SETUP_FILE, CARD_FILE = "handler.key", "desk.db", "desk.json", "card.json"
LOCK_FILE = "handler.lock"
NO_KEY = "handler.key is missing: restore it from a backup"


@click.group()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / ".sottovoce" / "desk",
    show_default="~/.sottovoce/desk",
    help="Folder of the key file and the local store.",
)
@passphrase_option
@click.pass_context
def desk(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Read reports, answer them, and keep their cases, on your own machine."""
    context.obj = (home, passphrase_file)


def unlocked(context: click.Context) -> tuple[Path, Setup, HandlerKey]:
    """Unlock the key file: the desk's folder, where it belongs, and its keys."""
    home, passphrase_file = context.obj
    setup = read_setup(home / SETUP_FILE)
    raw = read_part(home / KEY_FILE, NO_KEY)
    return home, setup, HandlerKey.from_payload(unlock(raw, read_passphrase(passphrase_file), kind=KIND))


@contextmanager
def opened(context: click.Context) -> Iterator[Session]:
    """Unlock the key file and open the local store, for one command."""
    home, setup, key = unlocked(context)
    vault = Vault(home / STORE_FILE, key.store_key())
    try:
        yield Session(vault, key, setup, system)
    finally:
        vault.close()


@desk.command()
@click.option("--server", required=True, help="Address of the server, such as https://example.org.")
@click.option(
    "--group", required=True, help="Id of your group (32 hex digits), as its root key's holder tells it."
)
@click.option("--name", required=True, help="Name or working pseudonym that reporters see.")
@click.option("--proxy", help="SOCKS proxy for Tor, such as socks5h://127.0.0.1:9050.")
@json_option
@click.pass_context
@command
def init(
    context: click.Context, server: str, group: str, name: str, proxy: str | None, as_json: bool
) -> None:
    """Make your key file, and the card that the holder of the group's root key adds to the roster."""
    home, passphrase_file = context.obj
    hex_id(group, 16, "a group's id")
    if (home / SETUP_FILE).exists():
        raise Refused(
            "there is a desk here already; it was not touched. A new one needs another folder: `sottovoce desk --home "
            "FOLDER init`"
        )
    setup = Setup(server=server, group=group, pseudonym=name, proxy=proxy)
    with Client(server, proxy=proxy):
        pass  # refuses an address that is not safe to talk to, before anything is written
    with alone(home / LOCK_FILE):
        if (home / KEY_FILE).exists():  # a power cut, or a full disk: what was begun is finished
            raw = read_part(home / KEY_FILE, NO_KEY)
            key = HandlerKey.from_payload(unlock(raw, read_passphrase(passphrase_file), kind=KIND))
        else:
            key = HandlerKey.draw(system)
            key.card(name)  # refuses a name that can't be one before anybody types a passphrase
            passphrase = read_passphrase(passphrase_file, "New passphrase", confirm=True)
            write_whole(home / KEY_FILE, lock(key.payload(), passphrase, entropy=system, kind=KIND))
    write_whole(home / CARD_FILE, msgspec.json.encode(key.card(name)))
    write_whole(home / SETUP_FILE, msgspec.json.encode(setup))  # last: with it all is there
    words = " ".join(fingerprint_words(key.signing.verify_key().raw))
    emit(
        {"card": str(home / CARD_FILE), "fingerprint": words},
        as_json,
        f"Your card is {home / CARD_FILE}. Give it to who holds the group's root key, and read these words to each "
        f"other:\n  {words}",
    )


@desk.command()
@click.option(
    "--new-passphrase-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Read the new passphrase from this file, or from standard input with -. Default: ask.",
)
@click.option(
    "--newer-is-lost",
    is_flag=True,
    help="Go on from this key file though the group has newer keys of yours, which are in none that you have.",
)
@json_option
@click.pass_context
@command
def rotate(
    context: click.Context, new_passphrase_file: Path | None, newer_is_lost: bool, as_json: bool
) -> None:
    """Make new keys under a new passphrase, and the card for `sottovoce group rotate`; all your cases stay.

    The key file keeps the former keys: they open what was sealed to them, and sign until the group has published the
    new ones. So a copy of the former key file, with its passphrase, still opens those reports, and this desk's store,
    also as it is later. If others may have both, or your machine may be known to them, make a new desk instead
    (`sottovoce desk init`), and have colleagues forward your reports. Fetches the group's list first.
    """
    home, passphrase_file = context.obj
    setup = read_setup(home / SETUP_FILE)
    with alone(home / LOCK_FILE):
        raw = read_part(home / KEY_FILE, NO_KEY)
        former = read_passphrase(passphrase_file)
        key = HandlerKey.from_payload(unlock(raw, former, kind=KIND))
        vault = Vault(home / STORE_FILE, key.store_key())
        try:
            session = Session(vault, key, setup, system)
            with client_of(session) as client:
                roster = newest_roster(session, client)
        finally:
            vault.close()
        if key.superseded(roster) and not newer_is_lost:
            raise Refused(f"{SUPERSEDED}. If they are lost, add --newer-is-lost")
        waiting = key.waits(roster)
        if not waiting:  # else the card is made again: new keys are drawn once for each rotation
            key = key.rotated(system)
        locked = not waiting or new_passphrase_file is not None
        if locked:
            passphrase = read_passphrase(
                new_passphrase_file, "New passphrase", confirm=True, option="--new-passphrase-file"
            )
            write_whole(home / KEY_FILE, lock(key.payload(), passphrase, entropy=system, kind=KIND))
        try:
            write_whole(home / CARD_FILE, msgspec.json.encode(key.card(setup.pseudonym)))
        except Refused as refused:
            good = " Your key file is under the new passphrase already." if locked else ""
            raise Refused(
                f"no card was made: {refused.reason}.{good} Run `rotate` again for the card"
            ) from None
    words = " ".join(fingerprint_words(key.signing.verify_key().raw))
    said = f"Your new card is {home / CARD_FILE}."
    if waiting:
        said = f"Your keys of the last time are not published yet: no newer ones were made.\n{said}"
    emit(
        {"card": str(home / CARD_FILE), "fingerprint": words, "former": len(key.former)},
        as_json,
        f"{said} Give it to who holds the group's root key, for `sottovoce group "
        f"rotate`, and read these words to each other:\n  {words}\n"
        "Until that is published, this desk goes on with your former keys. "
        f"Make a new backup of {home / KEY_FILE}: one from before lacks the new keys. "
        "Copy it to every other machine on which you use this desk.",
    )


@desk.command()
@click.option("--unopened", is_flag=True, help="Fetch again what could not be opened, as after a restore.")
@json_option
@click.pass_context
@command
def sync(context: click.Context, unopened: bool, as_json: bool) -> None:
    """Fetch what is new and send what waits."""
    with opened(context) as session, client_of(session) as client:
        result = run_sync(session, client, int(time.time()), unopened=unopened)
    emit(asdict(result), as_json, shown("\n".join(sync_lines(result))))


@desk.command("list")
@click.option("--all", "everything", is_flag=True, help="Closed cases as well.")
@json_option
@click.pass_context
@command
def list_(context: click.Context, everything: bool, as_json: bool) -> None:
    """List cases, most urgent first. `!` danger, `*` the reporter waits for an answer, `?` what could not be opened.

    Under a case whose reporter has had no word for a week stands that a letter is due; and since when advice is waited
    for.
    """
    today = day_of(time.time())
    with opened(context) as session:
        open_ = (c for c in session.cases().values() if everything or c.state.state != "closed")
        cases = by_urgency(open_, today)
        unreadable = session.unreadable()
    lines = list_lines(cases, today) or ["No open cases."]
    lines += unreadable_lines(unreadable, everything=everything)
    view = [*(list_view(case, today) for case in cases), *(unreadable_view(one) for one in unreadable)]
    emit(view, as_json, shown("\n".join(lines)))


@desk.command()
@click.argument("report")
@json_option
@click.pass_context
@command
def show(context: click.Context, report: str, as_json: bool) -> None:
    """Show a case: what was reported, what was said since, and who did what."""
    with opened(context) as session:
        cases = session.cases()
        case = session.find(report, cases)
        bodies = {one.id: session.body_of(one) for one in (case.first, *case.follow_ups, *case.doubtful)}
        voices = voices_told(session, case)
        told = readers_told(case, session.histories())
        before = decided_before(case, cases.values())
    today = day_of(time.time())
    lines = [
        *case_lines(case, bodies, today, voices),
        *open_lines(case),
        *told.lines(),
        *repetition_lines(before),
    ]
    view = {**case_view(case, bodies, today, voices), **asdict(told), "consultations": consulted_view(case)}
    emit({**view, "decided_before": [one.first.id for one in before]}, as_json, shown("\n".join(lines)))


@desk.command()
@click.argument("report")
@click.argument("number", type=click.IntRange(0, 65_535))
@click.argument("to", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_context
@command
def extract(context: click.Context, report: str, number: int, to: Path, as_json: bool) -> None:
    """Write an attachment to a new file. Open it with care: it comes from a stranger."""
    with opened(context) as session:
        content = session.file_of(_held(session, report), number)
    write_private(to, content)
    said = "Written. It comes from a stranger: open it in a program without network or scripts."
    emit({"written": str(to), "bytes": len(content)}, as_json, said)


def _held(session: Session, prefix: str) -> Held:
    """Find one envelope, a first report or a follow-up, by the beginning of its id."""
    found = [one for one in session.vault.every("held", Held) if one.id.startswith(prefix.strip().lower())]
    if len(prefix.strip()) < 4 or len(found) != 1:
        raise Refused("give enough of the id, as `sottovoce desk show --json` prints it")
    return found[0]


def client_of(session: Session) -> Client:
    """Give a client of the server that this desk belongs to."""
    return Client(session.setup.server, proxy=session.setup.proxy)
