"""The folder of who holds a group's root key: `root.key` under a passphrase and the chain of statements, `chain.json`.

Guarantees: a statement is signed only when it can follow, and is on the disk, whole, before anyone is told of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from crypto import chains
from crypto.errors import Refused
from crypto.keyfiles import unlock
from crypto.labels import Label
from crypto.signatures import SigningKey
from service.cases import rosters
from service.cases.choosing import of_name
from service.chain_files import alone, read_whole, write_whole
from service.console import compared, emit, read_passphrase, wrong_form
from service.wire.shapes import RosterChain

KEY_FILE: Final = "root.key"
CHAIN_FILE: Final = "chain.json"
LOCK_FILE: Final = "chain.lock"
KIND: Final = "group root"
MAX_SMALL: Final = 16 * 1_024
MAX_CHAIN_FILE: Final = 64 * 1_024 * 1_024


def append(
    context: click.Context, said: rosters.Statement, as_json: bool, card: rosters.HandlerCard | None = None
) -> None:
    """Check that a statement can follow, ask for the passphrase, sign, and write the chain.

    card: one whose words are to be compared first.
    """
    home, passphrase_file = context.obj
    _following(home, said)  # before anyone types a passphrase
    cards = [] if card is None else compared([(card.pseudonym, card.verify_key)])
    raw = unlock(read_whole(home / KEY_FILE, MAX_SMALL), read_passphrase(passphrase_file), kind=KIND)
    with alone(home / LOCK_FILE):
        # Again: another command may have signed one while the passphrase was typed.
        chain = chains.append(_following(home, said), rosters.encode_statement(said), SigningKey(raw))
        latest = verified(chain).latest
        write_chain(home, latest.group, chain)
    emit(
        {
            "group": latest.group.hex(),
            "statements": len(chain.statements),
            "digest": latest.digest.hex(),
            "cards": cards,
        },
        as_json,
        f"Signed statement {len(chain.statements)}. `sottovoce group publish` sends it.",
    )
    for line in shortage(latest):
        click.echo(line, err=True)


def shortage(now: rosters.Roster) -> list[str]:
    """Say it when a group has too few handlers for any report to go to, in a line; none when it has enough."""
    if len(now.recipients) >= now.minimum:
        return []
    then = "nobody can file one yet" if now.alternate is None else "all go to the alternate group"
    return [f"Reports need {now.minimum} handlers to go to, and there are {len(now.recipients)}: {then}."]


def _following(home: Path, said: rosters.Statement) -> chains.VerifiedChain:
    """Read the folder's chain. Refused when the statement can't follow it, or would change nothing."""
    chain = read_chain(home)
    now = verified(chain).latest
    rosters.check_new(now, said)
    if replace(rosters.step(now, said, now.digest), seq=now.seq) == now:
        raise Refused(
            "the group says that already, so nothing was signed: `sottovoce group publish` sends what was signed before"
        )
    return chain


def statement(kind: Any, **values: object) -> Any:
    """Build a statement with all its limits checked, as if it had been read."""
    try:
        return msgspec.convert({"do": kind.__struct_config__.tag, **msgspec.to_builtins(values)}, type=kind)
    except msgspec.ValidationError as error:
        raise wrong_form(error) from None


def verified(chain: chains.VerifiedChain) -> rosters.RosterHistory:
    """Fold the folder's chain."""
    return rosters.fold([(s.payload, s.digest) for s in chain.statements], chain.root)


def named(context: click.Context, name: str) -> str:
    """Find the id of an active member by name."""
    now = verified(read_chain(context.obj[0])).latest
    found = of_name(now.active, name)
    if found is None:
        raise Refused(
            "nobody of that name is active in the group, or more than one: copy it from `group show`"
        )
    return found.id.hex()


def card_of(path: Path) -> rosters.HandlerCard:
    """Read a handler's card and check its proof."""
    try:
        card = msgspec.json.decode(read_whole(path, MAX_SMALL), type=rosters.HandlerCard)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("the card can't be read: it is the file card.json of `sottovoce desk init`") from None
    return rosters.checked_card(card)


def read_chain(home: Path) -> chains.VerifiedChain:
    """Read the folder's chain and verify it. Refused when there is none yet."""
    if not (home / CHAIN_FILE).exists():
        if (home / KEY_FILE).exists():
            raise Refused(f"{CHAIN_FILE} is missing: restore it from a backup")
        raise Refused("there is no group here yet: `sottovoce group create` makes one")
    try:
        stored = msgspec.json.decode(read_whole(home / CHAIN_FILE, MAX_CHAIN_FILE), type=RosterChain)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(
            f"{CHAIN_FILE} is damaged, or no group's: restore it from a backup, or name the group's folder with --home"
        ) from None
    try:
        root = rosters.root_of(bytes.fromhex(stored.group), stored.statements)
        return chains.verify_chain(stored.statements, root, Label.ROSTER)
    except Refused:  # which speaks of what a server could have forged
        raise Refused(
            f"{CHAIN_FILE} is damaged, or somebody changed it: the group's key did not sign it as it stands. Nothing "
            "of it was used. Restore it from a backup"
        ) from None


def write_chain(home: Path, gid: bytes, chain: chains.VerifiedChain) -> None:
    """Write the chain durably and all at once: a signed statement that is lost could be signed differently again."""
    write_whole(home / CHAIN_FILE, msgspec.json.encode(RosterChain(gid.hex(), _raw(chain.statements))))


def _raw(statements: Sequence[chains.Statement]) -> tuple[bytes, ...]:
    return tuple(statement.raw for statement in statements)
