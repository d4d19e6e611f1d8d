"""A handler's desk for tests: the real vault and the real sync, with the keys of a test group's member."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from crypto.entropy import system
from crypto.keyfiles import Stretching, lock
from crypto.secrets import Passphrase
from service.cases import rosters
from service.chain_files import write_private
from service.desk import actions
from service.desk.cli import KEY_FILE, SETUP_FILE, STORE_FILE
from service.desk.keys import KIND, HandlerKey
from service.desk.session import Session, Setup
from service.desk.sync import SyncResult, sync
from service.desk.vault import Vault
from service.wire.client import Client
from tests.support.groups import Group


def home_of(folder: Path, base: str, group: Group, name: str, passphrase: str) -> Path:
    """Make the folder of `sottovoce desk --home` for a member, with a key file that opens fast."""
    member = group.member(name)
    payload = HandlerKey(member.signing, member.sealing).payload()
    locked = lock(payload, Passphrase(passphrase), Stretching(64, 1, 1), entropy=system, kind=KIND)
    write_private(folder / KEY_FILE, locked)
    write_private(folder / SETUP_FILE, msgspec.json.encode(Setup(base, group.id.hex(), name)))
    return folder


@contextmanager
def desk_at(home: Path, group: Group, name: str) -> Iterator[Session]:
    """Open the store that `sottovoce desk --home` uses for a member, without its key file."""
    member = group.member(name)
    key = HandlerKey(member.signing, member.sealing)
    vault = Vault(home / STORE_FILE, key.store_key())
    try:
        yield Session(vault, key, Setup("http://localhost:1", group.id.hex(), name), system)
    finally:
        vault.close()


@contextmanager
def desk_of(folder: Path, base: str, group: Group, name: str) -> Iterator[Session]:
    """Open the desk of a member. The same folder gives the same local store."""
    member = group.member(name)
    key = HandlerKey(member.signing, member.sealing)
    vault = Vault(folder / f"{name}.db", key.store_key())
    try:
        yield Session(vault, key, Setup(base, group.id.hex(), name), system)
    finally:
        vault.close()


def synced(
    session: Session, client: Client, at_s: int | None = None, *, unopened: bool = False
) -> SyncResult:
    """Sync a desk now."""
    return sync(session, client, int(time.time()) if at_s is None else at_s, unopened=unopened)


def answered(desk: Session, client: Client, group: Group, text: str) -> None:
    """Ask something in the only case of a desk, as a letter to its reporter."""
    synced(desk, client)
    (case,) = desk.cases().values()
    desk.enqueue(
        actions.write_letter(desk.desk(int(time.time())), case, group.histories, text, question=True)
    )
    synced(desk, client)


def published(group: Group, client: Client, name: str, key: HandlerKey) -> None:
    """Have the group's root rotate a handler to the keys of a card, and publish it."""
    place = [one.name for one in group.handlers].index(name)
    group.handlers[place] = replace(group.handlers[place], signing=key.signing, sealing=key.sealing)
    group.say(rosters.Rotate(handler=group.handlers[place].id.hex(), card=key.card(name)))
    group.found(client)
