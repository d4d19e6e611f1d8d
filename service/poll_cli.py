"""`sottovoce poll …`: make a board and a poll, watch it, and verify all of it.

`board`, `create` and `file-report` need a mediator's desk, `deliver` a trustee's key; the others need no key. What
happens by the server's clock happens by itself: those commands say when, and refuse by name what can't come any more.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from crypto.codes import fingerprint_words
from crypto.errors import Refused
from polls.agreement import agreements_needed
from polls.encoding import hash_hex
from service.cases.texts import counted
from service.console import command, emit, json_option, passphrase_option, poll_id, server_options, shown
from service.desk.cli import client_of, opened
from service.desk.polls_results import result
from service.poll_files import export_poll, verify_files
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.poll_boards import board_of, trustees_listed, trustees_told
from service.wire.poll_decisions import CouncilsWord, councils_word
from service.wire.poll_records import gather
from service.wire.poll_views import PollView, quorum_told, state_told, waits_for

_OVER: Final = ("closed", "decided", "delivered", "acknowledged", "implemented", "archived")


@click.group()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / ".sottovoce" / "desk",
    show_default="~/.sottovoce/desk",
    help="Folder of your desk, for `board`, `create`, `file-report` and `export --council`.",
)
@passphrase_option
@click.pass_context
def poll(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Ask the members in secret, and let anyone verify the answer."""
    context.obj = (home, passphrase_file)


@poll.command()
@click.argument("poll_hex", metavar="POLL")
@server_options
@json_option
@command
def status(poll_hex: str, server: str, proxy: str | None, as_json: bool) -> None:
    """Show where a poll stands, who holds its key, and what the council said and did. Never how many have voted."""
    view, word = with_word(poll_hex, server, proxy)
    with Client(server, proxy=proxy) as client:
        board = board_of(client, view).shape.definition
    manifest = view.manifest
    lines = [
        manifest.question,
        *(f"  {place}. {text}" for place, text in enumerate(manifest.texts)),
        " ".join(filter(None, (state_told(view), waits_for(view)))),
        f"Opens {when(manifest.opens_at)}, closes {when(manifest.closes_at)}, "
        f"archived {when(manifest.archive_at)}",
        f"{manifest.electorate_size} members may vote.",
        quorum_told(manifest),
        *trustees_told(board),
    ]
    if view.state in _OVER:
        did = {"verified the board": view.shape.agreed, "decrypted": view.shape.decrypted}
        did["signed the outcome"] = view.shape.signed
        lines += [f"Trustees who {what}: {', '.join(map(str, at)) or 'none'}" for what, at in did.items()]
    if view.outcome is not None:
        lines.append(f"Outcome: {manifest.texts[view.outcome.statement.outcome]}")
    lines += word.lines()
    asked = {"question": manifest.question, "options": list(manifest.texts), "waits": waits_for(view)}
    held = {"threshold": board.threshold, "trustees": trustees_listed(board)}
    told = {**_told(view), **asked, **word.shape(), **held}
    emit(told, as_json, shown("\n".join(lines)))


@poll.command("open")
@click.argument("poll_hex", metavar="POLL")
@server_options
@json_option
@command
def open_(poll_hex: str, server: str, proxy: str | None, as_json: bool) -> None:
    """Say when a poll opens: by itself, by the server's clock, if enough trustees showed their shares."""
    view = view_of(poll_hex, server, proxy)
    at = when(view.manifest.opens_at)
    missing = max(0, view.shape.proofs_needed - len(view.shape.proved))
    if view.state == "waiting" and missing:
        text = (
            f"It opens by itself at {at}, if {counted(missing, 'more trustee runs', 'more trustees run')} "
            "`sottovoce trustee prove` before."
        )
    elif view.state == "waiting":
        text = f"It opens by itself at {at}; enough trustees are ready."
    elif view.state == "open":
        text = f"It is open, since {at}."
    else:
        raise Refused(f"poll: it is {view.state}; it can't be opened again")
    emit(_told(view), as_json, text)


@poll.command()
@click.argument("poll_hex", metavar="POLL")
@server_options
@json_option
@command
def close(poll_hex: str, server: str, proxy: str | None, as_json: bool) -> None:
    """Say when a poll closes: by itself, by the server's clock, and not before."""
    view = view_of(poll_hex, server, proxy)
    at = when(view.manifest.closes_at)
    if view.state in {"waiting", "lapsed"}:
        raise Refused(f"poll: it is {view.state}; only an open poll closes")
    text = f"It closes by itself at {at}; nobody can close it before." if view.state == "open" else ""
    emit(_told(view), as_json, text or f"It closed at {at}.")


@poll.command()
@click.argument("poll_hex", metavar="POLL")
@server_options
@json_option
@command
def tally(poll_hex: str, server: str, proxy: str | None, as_json: bool) -> None:
    """Verify a closed poll's ballots and sum them, still encrypted; say how many trustees agreed and decrypted."""
    view = view_of(poll_hex, server, proxy)
    needs_record(view)
    with Client(server, proxy=proxy) as client:
        found = gather(client, view.manifest.phi)
    closed = found.closed()
    lines = [
        f"{counted(closed.ballots, 'ballot counts', 'ballots count')}, all valid; the quorum is {view.manifest.quorum}."
    ]
    threshold, decrypted = view.trustees.threshold, len(view.shape.decrypted)
    needed = agreements_needed(len(view.trustees.keys), threshold)
    if view.state == "closed" and decrypted < threshold:
        lines.append(_trustees(len(view.shape.agreed), "verified the board", needed))
    if closed.quorum_met:
        lines.append(_trustees(decrypted, "decrypted", threshold))
    else:
        lines.append("Below the quorum: no ballot is opened, and the outcome is no action.")
    emit(
        {
            **_told(view),
            "ballots": closed.ballots,
            "quorum_met": closed.quorum_met,
            "tally": hash_hex(closed.tally_raw),
        },
        as_json,
        "\n".join(lines),
    )


@poll.command()
@click.argument("poll_hex", metavar="POLL")
@server_options
@json_option
@command
def archive(poll_hex: str, server: str, proxy: str | None, as_json: bool) -> None:
    """Say when ballots and summary are destroyed: by itself; afterwards, show what remains and what the council did."""
    view, word = with_word(poll_hex, server, proxy)
    remains = view.remains
    if view.state == "lapsed":
        raise Refused("poll: it is lapsed; it has nothing to archive")
    if remains is None:
        text = f"Ballots, tags and summary are destroyed by themselves at {when(view.manifest.archive_at)}."
        emit(_told(view), as_json, text)
        return
    outcome = view.manifest.texts[remains.outcome.statement.outcome]
    lines = [
        f"Archived. Outcome: {outcome}, signed by {counted(len(remains.outcome.signatures), 'trustee', 'trustees')}.",
        *word.lines(),
        f"SHA-256 of what was destroyed, by the server's word: archive {remains.archive}, evidence {remains.evidence}",
        f"{len(remains.reports)} verifiers' reports remain: `sottovoce poll reports`. Check whose they are.",
    ]
    told = {
        **_told(view),
        **word.shape(),
        "remains": {"archive": remains.archive, "evidence": remains.evidence, "reports": remains.reports},
    }
    emit(told, as_json, shown("\n".join(lines)))


@poll.command()
@click.argument("poll_hex", metavar="POLL")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="A folder.")
@click.option("--council", is_flag=True, help="With decryptions and counts, as a council member has them.")
@server_options
@json_option
@click.pass_context
@command
def export(
    context: click.Context,
    poll_hex: str,
    out: Path,
    council: bool,
    server: str,
    proxy: str | None,
    as_json: bool,
) -> None:
    """Write a closed poll's Belenios archive, and beside it our evidence, the manifest and the registry."""
    phi, view = poll_id(poll_hex), view_of(poll_hex, server, proxy)
    needs_record(view)
    delivered = None
    if council:
        with opened(context) as session, client_of(session) as client:
            delivered = result(session, client, phi).delivered
    with Client(server, proxy=proxy) as client:
        files = export_poll(client, phi, out, delivered)
    told = {name: str(path) for name, path in files.items()}
    emit(told, as_json, "\n".join(f"{name}: {path}" for name, path in told.items()))


@poll.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--evidence", type=click.Path(path_type=Path), help="Default: NAME.evidence.json beside it.")
@click.option("--manifest", required=True, type=click.Path(path_type=Path), help="As it was published.")
@click.option("--registry", required=True, type=click.Path(path_type=Path), help="The members' chain.")
@json_option
@command
def verify(file: Path, evidence: Path | None, manifest: Path, registry: Path, as_json: bool) -> None:
    """Verify an exported poll offline, and say in plain words what was checked."""
    if not file.name:
        raise Refused("name the archive: a file like NAME.bel")
    found, members = verify_files(file, evidence or file.with_suffix(".evidence.json"), manifest, registry)
    checks = [{"name": each.name, "passed": each.passed, "words": each.words} for each in found.checks]
    words = " ".join(fingerprint_words(members.root.raw))
    told = {"passed": found.passed, "checks": checks, "registry": members.id.hex(), "registry_words": words}
    by = (
        f"By the registry {members.name!r}, {members.id.hex()}; its key in words: {words}. "
        "Compare it with the one that the community uses: these files can't prove that it is."
    )
    emit(told, as_json, shown(f"{found}\n{by}"))
    if not found.passed:
        raise Refused("this record does not hold")


def view_of(poll_hex: str, server: str, proxy: str | None) -> PollView:
    """Fetch where a poll stands."""
    phi = poll_id(poll_hex)
    with Client(server, proxy=proxy) as client:
        return client.do(poll_calls.poll(phi))


def with_word(poll_hex: str, server: str, proxy: str | None) -> tuple[PollView, CouncilsWord]:
    """Fetch where a poll stands, and what the council said of it."""
    phi = poll_id(poll_hex)
    with Client(server, proxy=proxy) as client:
        view = client.do(poll_calls.poll(phi))
        return view, councils_word(client, view)


def needs_record(view: PollView) -> None:
    """Refuse, by the name of its state, a poll that has no ballots to show."""
    if view.state not in _OVER:
        raise Refused(f"poll: it is {view.state}; this needs a poll that has closed")
    if view.state == "archived":
        raise Refused("poll: it is archived; its ballots are destroyed")


def _trustees(number: int, did: str, needed: int) -> str:
    missing = needed - number
    more = (
        f"; {counted(missing, 'more is', 'more are')} needed: `sottovoce trustee decrypt`."
        if missing > 0
        else "."
    )
    return f"{counted(number, 'trustee has', 'trustees have')} {did}{more}"


def _told(view: PollView) -> dict[str, object]:
    manifest, outcome = view.manifest, view.outcome
    return {
        "poll": manifest.phi.hex(),
        "state": view.state,
        "opens_at": manifest.opens_at,
        "closes_at": manifest.closes_at,
        "archive_at": manifest.archive_at,
        "electorate": manifest.electorate_size,
        "quorum": manifest.quorum,
        "proofs_needed": view.shape.proofs_needed,
        "proved": view.shape.proved,
        "agreed": view.shape.agreed,
        "decrypted": view.shape.decrypted,
        "signed": view.shape.signed,
        "sent": view.shape.sent,
        "outcome": None if outcome is None else manifest.texts[outcome.statement.outcome],
    }


def when(at_s: int) -> str:
    """Write a time for a person."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
