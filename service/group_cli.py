"""`sottovoce group …`: for who holds a group's root key. Everything is signed here; the server only stores it.

A folder holds the root key under a passphrase (`root.key`) and the chain of statements (`chain.json`). Statements are
signed offline; `publish` sends what the server doesn't have yet and refuses to go on from a chain it can't verify.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from crypto import chains
from crypto.codes import fingerprint_words
from crypto.entropy import system
from crypto.errors import Refused
from crypto.keyfiles import lock, unlock
from crypto.labels import Label
from crypto.signatures import SigningKey
from service.cases import rosters
from service.cases.policies import baseline, decode_policy
from service.console import (
    command,
    emit,
    json_option,
    passphrase_option,
    read_passphrase,
    shown,
    write_private,
)
from service.wire import calls
from service.wire.client import Client, Declined
from service.wire.problems import Kind
from service.wire.shapes import RosterChain

KEY_FILE, CHAIN_FILE = "root.key", "chain.json"
KIND = "group root"
MAX_CARD = 16 * 1_024
MAX_POLICY = 512 * 1_024
MAX_CHAIN_FILE = 64 * 1_024 * 1_024


@click.group()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / ".sottovoce" / "group",
    show_default="~/.sottovoce/group",
    help="Folder of the root key and the chain.",
)
@passphrase_option
@click.pass_context
def group(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Found a working group and say who is in it, with its root key."""
    context.obj = (home, passphrase_file)


@group.command()
@click.option("--name", required=True, help="Name that reporters see.")
@click.option(
    "--language", "languages", multiple=True, required=True, help="A language tag; may be repeated."
)
@click.option(
    "--minimum", type=click.IntRange(1, 32), default=2, show_default=True, help="Fewest recipients."
)
@click.option("--alternate", help="Id of the group that takes reports when too few are left.")
@json_option
@click.pass_context
@command
def create(
    context: click.Context,
    name: str,
    languages: tuple[str, ...],
    minimum: int,
    alternate: str | None,
    as_json: bool,
) -> None:
    """Make the root key and the first statement."""
    home, passphrase_file = context.obj
    if (home / KEY_FILE).exists():
        raise Refused("there is a root key here already; it was not touched")
    root = SigningKey(system(SigningKey.SIZE))
    found = _statement(
        rosters.Found,
        name=name,
        languages=languages,
        minimum=minimum,
        alternate=alternate,
        root=root.verify_key().raw,
    )
    chain = chains.append(
        chains.empty(root.verify_key(), Label.ROSTER), rosters.encode_statement(found), root
    )
    history = _verified(chain)
    passphrase = read_passphrase(passphrase_file, "New passphrase", confirm=True)
    write_private(home / KEY_FILE, lock(root.reveal(), passphrase, entropy=system, kind=KIND))
    _write_chain(home, history.latest.group, chain)
    words = " ".join(fingerprint_words(root.verify_key().raw))
    emit(
        {"group": history.latest.group.hex(), "fingerprint": words},
        as_json,
        f"Group {history.latest.group.hex()}\nIts key in words, for everyone to compare:\n  {words}\n"
        "Keep the key file and its passphrase safe: without them nobody can be added or retired.",
    )


@group.command()
@click.option(
    "--card", type=click.Path(path_type=Path), required=True, help="The card that `desk init` made."
)
@click.option(
    "--role",
    type=click.Choice(["handler", "council", "mediator"]),
    default="handler",
    show_default=True,
    help="Role.",
)
@json_option
@click.pass_context
@command
def add(context: click.Context, card: Path, role: str, as_json: bool) -> None:
    """Add a handler, council member or mediator by the card they made. Compare its words with them first."""
    read = _card(card)
    _append(context, _statement(rosters.Add, handler=system(16).hex(), role=role, card=read), as_json)


@group.command()
@click.argument("name")
@click.option("--card", type=click.Path(path_type=Path), required=True, help="The handler's new card.")
@json_option
@click.pass_context
@command
def rotate(context: click.Context, name: str, card: Path, as_json: bool) -> None:
    """Give a handler new keys. Reports sealed to the old ones stay theirs."""
    handler = _named(context, name)
    _append(context, rosters.Rotate(handler=handler, card=_card(card)), as_json)


@group.command()
@click.argument("name")
@json_option
@click.pass_context
@command
def retire(context: click.Context, name: str, as_json: bool) -> None:
    """Take a handler out of the group. They lose access at once when it is published."""
    _append(context, rosters.Retire(handler=_named(context, name)), as_json)


@group.command("settings")
@click.option("--name", help="New name.")
@click.option("--language", "languages", multiple=True, help="All languages anew; may be repeated.")
@click.option("--minimum", type=click.IntRange(1, 32), help="Fewest recipients.")
@click.option("--alternate", help="Id of the alternate group, or `none`.")
@json_option
@click.pass_context
@command
def settings(
    context: click.Context,
    name: str | None,
    languages: tuple[str, ...],
    minimum: int | None,
    alternate: str | None,
    as_json: bool,
) -> None:
    """Change the group's name, languages, minimum or alternate group."""
    now = _verified(_read_chain(context.obj[0])).latest
    kept = now.alternate.hex() if now.alternate else None
    statement = _statement(
        rosters.Settings,
        name=name or now.name,
        languages=languages or now.languages,
        minimum=minimum or now.minimum,
        alternate=None if alternate == "none" else alternate or kept,
    )
    _append(context, statement, as_json)


@group.command()
@click.option(
    "--file", "path", type=click.Path(path_type=Path), help="Policy as JSON. Default: the universal baseline."
)
@json_option
@click.pass_context
@command
def policy(context: click.Context, path: Path | None, as_json: bool) -> None:
    """Publish what is conduct to act on, the criteria and the consequences. A policy only adds to the baseline."""
    read = baseline() if path is None else decode_policy(_read(path, MAX_POLICY))
    _append(context, rosters.Publish(policy=read), as_json)


@group.command()
@json_option
@click.pass_context
@command
def show(context: click.Context, as_json: bool) -> None:
    """Show the group as this folder has it. Needs no passphrase."""
    now = _verified(_read_chain(context.obj[0])).latest
    words = " ".join(fingerprint_words(now.root.raw))
    people = [
        {"name": h.pseudonym, "role": h.role, "active": h.active, "key": h.key_id.hex(), "id": h.id.hex()}
        for h in now.handlers
    ]
    result = {
        "group": now.group.hex(),
        "name": now.name,
        "languages": now.languages,
        "minimum": now.minimum,
        "alternate": now.alternate.hex() if now.alternate else None,
        "fingerprint": words,
        "statements": now.seq + 1,
        "policy": now.policy is not None,
        "people": people,
    }
    lines = [
        f"{now.name}  {now.group.hex()}",
        f"key in words: {words}",
        f"minimum of recipients: {now.minimum}",
    ]
    for person in people:
        lines.append(f"  {person['name']} ({person['role']}{'' if person['active'] else ', retired'})")  # noqa: PERF401
    emit(result, as_json, shown("\n".join(lines)))


@group.command()
@click.option("--server", required=True, help="Address of the server, such as https://example.org.")
@click.option("--proxy", help="SOCKS proxy for Tor, such as socks5h://127.0.0.1:9050.")
@json_option
@click.pass_context
@command
def publish(context: click.Context, server: str, proxy: str | None, as_json: bool) -> None:
    """Send the statements that the server doesn't have yet. Needs no passphrase; repeating is harmless."""
    chain = _read_chain(context.obj[0])
    ours = _verified(chain)
    gid = ours.latest.group
    with Client(server, proxy=proxy) as client:
        try:
            theirs = client.do(calls.roster(gid))
        except Declined as declined:
            if declined.kind is not Kind.NOT_FOUND:
                raise
            theirs = None
        have = 0 if theirs is None else len(theirs.rosters)
        if theirs is not None and (
            have > len(ours.rosters) or ours.rosters[have - 1].digest != theirs.latest.digest
        ):
            raise Refused(
                "The server has statements that this folder has not: another holder of the root key signed too. "
                "Nothing was sent. Fetch their chain.json first."
            )
        for statement in chain.statements[have:]:
            client.do(calls.append_statement(gid, statement.raw))
    sent = len(chain.statements) - have
    emit(
        {"group": gid.hex(), "sent": sent},
        as_json,
        f"{sent} statements sent; the server has all {have + sent}.",
    )


def _append(context: click.Context, statement: rosters.Statement, as_json: bool) -> None:
    """Check that a statement can follow, ask for the passphrase, sign, and write the chain."""
    home, passphrase_file = context.obj
    chain = _read_chain(home)
    rosters.step(_verified(chain).latest, statement, bytes(32))  # before anyone types a passphrase
    raw = unlock(_read(home / KEY_FILE, MAX_CARD), read_passphrase(passphrase_file), kind=KIND)
    chain = chains.append(chain, rosters.encode_statement(statement), SigningKey(raw))
    latest = _verified(chain).latest
    _write_chain(home, latest.group, chain)
    emit(
        {"group": latest.group.hex(), "statements": len(chain.statements), "digest": latest.digest.hex()},
        as_json,
        f"Signed statement {len(chain.statements)}. `sottovoce group publish` sends it.",
    )


def _statement(kind: Any, **values: object) -> Any:
    """Build a statement with all its limits checked, as if it had been read."""
    try:
        return msgspec.convert({"do": kind.__struct_config__.tag, **msgspec.to_builtins(values)}, type=kind)
    except msgspec.ValidationError:
        raise Refused("a value has the wrong form: see --help for what each option takes") from None


def _verified(chain: chains.VerifiedChain) -> rosters.RosterHistory:
    return rosters.fold([(s.payload, s.digest) for s in chain.statements], chain.root)


def _named(context: click.Context, name: str) -> str:
    """Find the id of an active member by name."""
    now = _verified(_read_chain(context.obj[0])).latest
    found = [handler for handler in now.active if handler.pseudonym.casefold() == name.casefold()]
    if len(found) != 1:
        raise Refused("nobody of that name is active in the group")
    return found[0].id.hex()


def _card(path: Path) -> rosters.HandlerCard:
    try:
        card = msgspec.json.decode(_read(path, MAX_CARD), type=rosters.HandlerCard)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("the card can't be read: it is the file card.json of `sottovoce desk init`") from None
    return rosters.checked_card(card)


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise Refused(f"a file can't be read: {error.strerror}") from None
    if len(raw) > limit:
        raise Refused("a file is larger than it can be")
    return raw


def _read_chain(home: Path) -> chains.VerifiedChain:
    try:
        stored = msgspec.json.decode(_read(home / CHAIN_FILE, MAX_CHAIN_FILE), type=RosterChain)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("chain.json is damaged: restore it from a backup") from None
    root = rosters.root_of(bytes.fromhex(stored.group), stored.statements)
    return chains.verify_chain(stored.statements, root, Label.ROSTER)


def _write_chain(home: Path, gid: bytes, chain: chains.VerifiedChain) -> None:
    """Write the chain durably and all at once: a signed statement that is lost could be signed differently again."""
    encoded = msgspec.json.encode(RosterChain(gid.hex(), _raw(chain.statements)))
    handle, name = tempfile.mkstemp(dir=home, prefix=".chain-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(home / CHAIN_FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _raw(statements: Sequence[chains.Statement]) -> tuple[bytes, ...]:
    return tuple(statement.raw for statement in statements)
