"""A handler's desk for tests: the real vault and the real sync, with the keys of a test group's member."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crypto.entropy import system
from service.desk.keys import HandlerKey
from service.desk.session import Session, Setup
from service.desk.sync import SyncResult, sync
from service.desk.vault import Vault
from service.wire.client import Client
from tests.support.groups import Group


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


def synced(session: Session, client: Client, at_s: int | None = None) -> SyncResult:
    """Sync a desk now."""
    return sync(session, client, int(time.time()) if at_s is None else at_s)
