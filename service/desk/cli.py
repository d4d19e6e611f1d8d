"""`sottovoce desk …`: the handler's commands. Works offline for everything but `sync`.

Secrets come from a prompt, a file or standard input. Every text that somebody else wrote passes `shown` before it
reaches the terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import msgspec

from crypto.codes import fingerprint_words
from crypto.entropy import system
from crypto.errors import Refused
from crypto.keyfiles import lock, unlock
from service.cases.letters import State
from service.cases.log import Checked, Finding, Note, Priority, Triaged
from service.cases.texts import tidy
from service.console import (
    command,
    emit,
    json_option,
    passphrase_option,
    read_passphrase,
    shown,
    write_private,
)
from service.desk import actions
from service.desk.casebook import Case, by_urgency
from service.desk.keys import KIND, HandlerKey
from service.desk.reading import voices_told
from service.desk.recording import record_report
from service.desk.records import Held, Waiting
from service.desk.session import Session, Setup, handlers_named
from service.desk.show import case_lines, case_view, list_lines, list_view
from service.desk.sync import sync as run_sync
from service.desk.vault import Vault
from service.files import read_answers, read_file
from service.wire.client import Client

KEY_FILE, STORE_FILE, SETUP_FILE, CARD_FILE = "handler.key", "desk.db", "desk.json", "card.json"


_HAND_OVER = (
    "Give it to the person it belongs to and keep no copy: whoever has it reads the answers, once. "
    "If they don't want to come back, nobody needs it."
)


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


@contextmanager
def opened(context: click.Context) -> Iterator[Session]:
    """Unlock the key file and open the local store, for one command."""
    home, passphrase_file = context.obj
    setup = _read_setup(home)
    raw = _read(home / KEY_FILE)
    key = HandlerKey.from_payload(unlock(raw, read_passphrase(passphrase_file), kind=KIND))
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
    if len(group) != 32 or any(c not in "0123456789abcdef" for c in group):
        raise Refused("a group's id is 32 hexadecimal digits")
    if (home / KEY_FILE).exists():
        raise Refused("there is a key file here already; it was not touched")
    key = HandlerKey.draw(system)
    card = key.card(name)
    setup = Setup(server=server, group=group, pseudonym=name, proxy=proxy)
    with Client(server, proxy=proxy):
        pass  # refuses an address that is not safe to talk to, before anything is written
    passphrase = read_passphrase(passphrase_file, "New passphrase", confirm=True)
    write_private(home / KEY_FILE, lock(key.payload(), passphrase, entropy=system, kind=KIND))
    write_private(home / SETUP_FILE, msgspec.json.encode(setup))
    encoded = msgspec.json.encode(card)
    write_private(home / CARD_FILE, encoded)
    words = " ".join(fingerprint_words(key.signing.verify_key().raw))
    emit(
        {"card": str(home / CARD_FILE), "fingerprint": words},
        as_json,
        f"Your card is {home / CARD_FILE}. Give it to who holds the group's root key, and read these words to each "
        f"other:\n  {words}",
    )


@desk.command()
@json_option
@click.pass_context
@command
def sync(context: click.Context, as_json: bool) -> None:
    """Fetch what is new and send what waits."""
    with opened(context) as session, _client(session) as client:
        result = run_sync(session, client, int(time.time()))
    text = (
        f"{result.new_reports} new reports, {result.new_follow_ups} follow-ups, {result.new_entries} log entries; "
        f"{result.sent} items sent, {result.waiting} waiting."
    )
    lines = [text, *(f"WARNING: {warning}" for warning in result.warnings)]
    if result.urgent:
        lines.insert(0, f"URGENT: {result.urgent} new reports say that someone is in danger.")
    emit(asdict(result), as_json, "\n".join(lines))


@desk.command("list")
@click.option("--all", "everything", is_flag=True, help="Closed cases as well.")
@json_option
@click.pass_context
@command
def list_(context: click.Context, everything: bool, as_json: bool) -> None:
    """List cases, most urgent first. `!` danger, `*` the reporter waits for an answer."""
    with opened(context) as session:
        cases = by_urgency(c for c in session.cases().values() if everything or c.state.state != "closed")
    text = "\n".join(list_lines(cases)) or "No open cases."
    emit([list_view(case) for case in cases], as_json, shown(text))


@desk.command()
@click.argument("report")
@json_option
@click.pass_context
@command
def show(context: click.Context, report: str, as_json: bool) -> None:
    """Show a case: what was reported, what was said since, and who did what."""
    with opened(context) as session:
        case = session.find(report)
        bodies = {one.id: session.body_of(one) for one in (case.first, *case.follow_ups, *case.doubtful)}
        voices = voices_told(session, case)
    emit(case_view(case, bodies, voices), as_json, shown("\n".join(case_lines(case, bodies, voices))))


@desk.command()
@click.argument("report")
@click.argument("number", type=int)
@click.argument("to", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
@command
def extract(context: click.Context, report: str, number: int, to: Path) -> None:
    """Write an attachment to a new file. Open it with care: it comes from a stranger."""
    with opened(context) as session:
        content = session.file_of(_held(session, report), number)
    write_private(to, content)
    click.echo(
        "Written. It comes from a stranger: open it in a program without network or scripts.", err=True
    )


def _text_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option(
        "--text-file",
        type=click.Path(path_type=Path, allow_dash=True),
        help="Read the text from a file, or - .",
    )(function)
    with_argument: Callable[..., Any] = click.argument("report")(function)
    return with_argument


@desk.command()
@_text_options
@json_option
@click.pass_context
@command
def reply(context: click.Context, report: str, text_file: Path | None, as_json: bool) -> None:
    """Write to the reporter."""
    _write(context, report, text_file, question=False, as_json=as_json)


@desk.command()
@_text_options
@json_option
@click.pass_context
@command
def ask(context: click.Context, report: str, text_file: Path | None, as_json: bool) -> None:
    """Ask the reporter something; the case is listed until they answer."""
    _write(context, report, text_file, question=True, as_json=as_json)


@desk.command()
@_text_options
@json_option
@click.pass_context
@command
def note(context: click.Context, report: str, text_file: Path | None, as_json: bool) -> None:
    """Leave a note for the other handlers of this report."""
    text = _read_text(text_file, "Note")
    _act(context, report, lambda d, case: [actions.log(d, case.first, Note(text=text))], as_json)


@desk.command()
@click.argument("report")
@click.argument("state", type=click.Choice(["looking", "mediation", "decided", "closed"]))
@click.option("--quietly", is_flag=True, help="Don't tell the reporter.")
@json_option
@click.pass_context
@command
def state(context: click.Context, report: str, state: State, quietly: bool, as_json: bool) -> None:
    """Move a case to another state; the reporter is told in their language."""
    with opened(context) as session:
        case = session.find(report)
        roster = session.roster_of(bytes.fromhex(case.first.group))
        items = actions.set_state(session.desk(int(time.time())), case, roster, state, tell=not quietly)
        session.enqueue(items)
    _queued(items, as_json)


@desk.command()
@click.argument("report")
@click.argument("priority", type=click.Choice(["P1", "P2", "P3", "P4"]))
@json_option
@click.pass_context
@command
def triage(context: click.Context, report: str, priority: Priority, as_json: bool) -> None:
    """Set a priority: P1 safety, P2 serious, P3 usual, P4 for the record."""
    _act(context, report, lambda d, case: [actions.log(d, case.first, Triaged(priority=priority))], as_json)


@desk.command()
@click.argument("report")
@click.argument("item")
@click.argument("finding", type=click.Choice(["verified", "contradicted", "unclear", "gone", "withdrawn"]))
@click.option("--note", "said", default="", help="What you found.")
@json_option
@click.pass_context
@command
def check(context: click.Context, report: str, item: str, finding: Finding, said: str, as_json: bool) -> None:
    """Say what you found when you looked at a link or asked a witness."""
    act = Checked(item=tidy(item), finding=finding, note=tidy(said))
    _act(context, report, lambda d, case: [actions.log(d, case.first, act)], as_json)


@desk.command()
@click.argument("report")
@click.option("--reason", default="", help="Why, for the other handlers.")
@json_option
@click.pass_context
@command
def recuse(context: click.Context, report: str, reason: str, as_json: bool) -> None:
    """Step out of a report for good: after the next sync it is gone from this desk."""
    _act(context, report, lambda d, case: actions.recuse(d, case, reason), as_json)


@desk.command()
@click.argument("report")
@click.option("--to-group", required=True, help="Id of the other group (32 hex digits), synced before.")
@click.option("--to", "names", multiple=True, help="Only this handler of it (repeat for more). Default: all.")
@click.option("--reason", default="", help="Why, for the log.")
@json_option
@click.pass_context
@command
def forward(
    context: click.Context, report: str, to_group: str, names: tuple[str, ...], reason: str, as_json: bool
) -> None:
    """Hand a report to members of another group."""
    with opened(context) as session:
        case = session.find(report)
        try:
            roster = session.roster_of(bytes.fromhex(to_group))
        except ValueError:
            raise Refused("a group's id is 32 hexadecimal digits") from None
        handlers = handlers_named(roster, names)
        items = actions.forward(session.desk(int(time.time())), case, roster, handlers, reason)
        session.enqueue(items)
    _queued(items, as_json)


@desk.command()
@click.option(
    "--file", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A report.toml."
)
@click.option(
    "--attach", multiple=True, type=click.Path(path_type=Path, dir_okay=False), help="A file, cleaned."
)
@click.option(
    "--original", multiple=True, type=click.Path(path_type=Path, dir_okay=False), help="A file, as it is."
)
@click.option("--leave-out", multiple=True, help="A handler who must not receive it, by name.")
@json_option
@click.pass_context
@command
def record(
    context: click.Context,
    file: Path,
    attach: tuple[Path, ...],
    original: tuple[Path, ...],
    leave_out: tuple[str, ...],
    as_json: bool,
) -> None:
    """File a report for someone who came by another way; the reply code is theirs, to be handed over."""
    answers = read_answers(file)
    read = [read_file(path, original=False) for path in attach] + [
        read_file(path, original=True) for path in original
    ]
    files = tuple(one for one, _ in read)
    with opened(context) as session, _client(session) as client:
        words = record_report(session, client, answers, files, leave_out, int(time.time()))
    removed = sorted({what for _, told in read for what in told})
    lines = [
        *([f"Removed from the files: {', '.join(removed)}."] if removed else []),
        "Recorded. The reply code:",
    ]
    emit(
        {"code": words, "removed": removed},
        as_json,
        "\n".join([*lines, "", f"  {' '.join(words)}", "", _HAND_OVER]),
    )


def _write(
    context: click.Context, report: str, text_file: Path | None, *, question: bool, as_json: bool
) -> None:
    text = _read_text(text_file, "Letter")
    with opened(context) as session:
        case = session.find(report)
        roster = session.roster_of(bytes.fromhex(case.first.group))
        items = actions.write_letter(session.desk(int(time.time())), case, roster, text, question=question)
        session.enqueue(items)
    _queued(items, as_json)


def _act(
    context: click.Context, report: str, make: Callable[[actions.Desk, Case], list[Waiting]], as_json: bool
) -> None:
    with opened(context) as session:
        items = make(session.desk(int(time.time())), session.find(report))
        session.enqueue(items)
    _queued(items, as_json)


def _queued(items: list[Waiting], as_json: bool) -> None:
    emit({"queued": len(items)}, as_json, "Kept. It goes out with the next `sottovoce desk sync`.")


def _held(session: Session, prefix: str) -> Held:
    """Find one envelope, a first report or a follow-up, by the beginning of its id."""
    found = [one for one in session.vault.every("held", Held) if one.id.startswith(prefix.strip().lower())]
    if len(prefix.strip()) < 4 or len(found) != 1:
        raise Refused("give enough of the id, as `sottovoce desk show --json` prints it")
    return found[0]


def _read_text(path: Path | None, what: str) -> str:
    if path is None:
        edited = click.edit("")
        if edited is None:
            raise Refused("nothing was written")
        return tidy(edited)
    try:
        raw = sys.stdin.buffer.read(100_000) if str(path) == "-" else path.read_bytes()
        return tidy(raw.decode())
    except OSError as error:
        raise Refused(f"the text can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{what} is not UTF-8 text") from None


def _client(session: Session) -> Client:
    return Client(session.setup.server, proxy=session.setup.proxy)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Refused("there is no desk here yet: run `sottovoce desk init`") from None
    except OSError as error:
        raise Refused(f"a file of the desk can't be read: {error.strerror}") from None


def _read_setup(home: Path) -> Setup:
    try:
        return msgspec.json.decode(_read(home / SETUP_FILE), type=Setup)
    except msgspec.MsgspecError:
        raise Refused("desk.json is damaged: restore it") from None
