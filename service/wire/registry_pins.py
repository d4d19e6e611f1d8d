"""Downloading a registry of members so that nobody can change its story: whole, verified, and going on from before.

Members ask for the whole, every time: what somebody has of it already would tell the server which member is asking.

A registry's id stands for its root key, so a forged chain fails by itself, and so does a member whom a server or its
operator adds unnoticed. Rollback and split views need memory: the chain that this client last accepted has to be the
beginning of every later one. Messages are for people: they say what happened and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from crypto.chains import Broken, Forged
from crypto.errors import Refused
from service.cases.registry import MAX_STATEMENTS, GrowingRegistry, Registry, registry_root
from service.chain_files import alone, read_whole, write_whole
from service.wire import registry_calls
from service.wire.client import Client
from service.wire.registry_shapes import MAX_STATEMENT, StatementsPage
from service.wire.shapes import Hex32

MAX_FILE: Final = 64 * 1_024 * 1_024
LOCK_FILE: Final = "registries.lock"


class RegistryRolledBack(Refused):
    """The server shows an older registry than this client has seen."""

    def __init__(self) -> None:
        super().__init__(
            "The server shows an older list of members than you have seen before. Someone may be hiding who joined "
            "or left. Don't speak or vote by it; ask the registry's keeper over another way."
        )


class RegistryForked(Refused):
    """The server shows a registry that contradicts the one this client has seen."""

    def __init__(self) -> None:
        super().__init__(
            "The server shows a list of members that contradicts the one you have seen before. The registry's key "
            "signed two different histories, or was stolen. Don't speak or vote by it; ask its keeper over another "
            "way."
        )


class RegistryForged(Refused):
    """The server shows statements that the registry's root did not sign, or with parts left out."""

    def __init__(self) -> None:
        super().__init__(
            "The server shows a list of members that the registry's key did not sign as it stands: somebody changed "
            "it on the way. Nothing of it was accepted. Ask the registry's keeper over another way."
        )


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A verified chain: its statements as they came, and the registry they make."""

    statements: tuple[bytes, ...] = field(repr=False)
    growing: GrowingRegistry = field(repr=False)

    @property
    def registry(self) -> Registry:
        """The registry as of the last statement."""
        return self.growing.registry


class _ChainFile(Struct, frozen=True, forbid_unknown_fields=True):
    registry: Hex32
    statements: Annotated[
        tuple[Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT)], ...],
        Meta(min_length=1, max_length=MAX_STATEMENTS),
    ]


def download(client: Client, registry: bytes, have: Sequence[bytes] = ()) -> Downloaded:
    """Fetch a registry's whole chain, from its first statement, and verify all of it.

    have: the statements accepted before, which have to be its beginning. They are compared here and change nothing of
    what is asked for: how far somebody's copy goes can name a member, and the next request may be their ballot.
    Raises RegistryForged, RegistryRolledBack, RegistryForked, or what `Client.do` raises.
    """
    statements, growing = _fetched(client, registry, (), None, None)
    if statements[: len(have)] != tuple(have):
        raise RegistryRolledBack if statements == tuple(have[: len(statements)]) else RegistryForked
    return Downloaded(statements, growing)


def follow(client: Client, registry: bytes, have: Sequence[bytes]) -> Downloaded:
    """Fetch what is new of a registry, and verify all of it. have: the statements accepted before, the memory.

    Only for who signs requests with their name anyway, as a desk does: what is asked for tells how far `have` goes.
    Raises as `download` does.
    """
    if not have:
        return download(client, registry)
    growing = verified(registry, have)
    # The last known statement is asked for again: a server that hides it or shows another one is found out.
    page = client.do(registry_calls.statements(registry, len(have) - 1))
    if not page.statements:
        raise RegistryRolledBack
    if page.statements[0] != have[-1]:
        raise RegistryForked
    new = msgspec.structs.replace(page, statements=page.statements[1:])
    return Downloaded(*_fetched(client, registry, have, growing, new))


def _fetched(
    client: Client,
    registry: bytes,
    have: Sequence[bytes],
    growing: GrowingRegistry | None,
    page: StatementsPage | None,
) -> tuple[tuple[bytes, ...], GrowingRegistry]:
    statements = list(have)
    while True:
        page = page or client.do(registry_calls.statements(registry, len(statements)))
        # Each page is verified before the next is asked for, so that junk is never gathered.
        growing = _grown(registry, growing, page.statements)
        statements += page.statements
        if not page.more:
            return tuple(statements), growing
        page = None


def verified(registry: bytes, statements: Sequence[bytes]) -> GrowingRegistry:
    """Verify and fold a chain of the registry with this id. Raises RegistryForged, or Refused for what can't be."""
    return _grown(registry, None, statements)


def _grown(registry: bytes, growing: GrowingRegistry | None, new: Sequence[bytes]) -> GrowingRegistry:
    try:
        if growing is not None:
            return growing.grown(new)
        if not new:
            raise RegistryForged
        return GrowingRegistry.start(new, registry_root(registry, new[0]))
    except (Forged, Broken):
        raise RegistryForged from None


def load_chain(path: Path) -> tuple[bytes, tuple[bytes, ...]] | None:
    """Read a chain file as (registry id, statements), not verified yet; None when there is none. Refused if damaged."""
    if not path.exists():
        return None
    raw = read_whole(path, MAX_FILE)
    try:
        stored = msgspec.json.decode(raw, type=_ChainFile)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(
            "The file of a registry's chain is damaged, or is none: restore it from a backup, or name the folder that "
            "has it."
        ) from None
    return bytes.fromhex(stored.registry), stored.statements


def verified_chain(path: Path) -> Downloaded | None:
    """Read a chain file and verify all of it; None when there is none. Refused if it is not as its key signed it."""
    stored = load_chain(path)
    if stored is None:
        return None
    try:
        return Downloaded(stored[1], verified(*stored))
    except RegistryForged:  # which speaks of a server
        raise Refused(
            "The file of a registry's chain is damaged, or somebody changed it: its key did not sign it as it stands. "
            "Nothing of it was used. Restore it from a backup, or get it again."
        ) from None


def save_chain(path: Path, registry: bytes, statements: Sequence[bytes]) -> None:
    """Write a chain file durably and all at once."""
    write_whole(path, msgspec.json.encode(_ChainFile(registry.hex(), tuple(statements))))


def fetch(client: Client, registry: bytes, folder: Path) -> Registry:
    """Download a registry, hold it against the chain that `folder` keeps of it, and keep the newer one there.

    Two commands may do so at once; the longer chain stays. Raises as `download` does.
    For who may keep chains in the clear: they say nothing but which registry was looked at.
    """
    kept = _kept(folder, registry)
    try:
        downloaded = download(client, registry, kept)
    except (RegistryForked, RegistryRolledBack):
        verified_chain(_file(folder, registry))  # a file that is damaged here accuses nobody
        raise
    if len(downloaded.statements) == len(kept):
        return downloaded.registry
    with alone(folder / LOCK_FILE):
        kept = _kept(folder, registry)  # again: another command may have kept a longer one meanwhile
        if any(mine != theirs for mine, theirs in zip(downloaded.statements, kept, strict=False)):
            raise RegistryForked
        if len(downloaded.statements) > len(kept):
            save_chain(_file(folder, registry), registry, downloaded.statements)
    return downloaded.registry


def _file(folder: Path, registry: bytes) -> Path:
    return folder / f"{registry.hex()}.json"


def _kept(folder: Path, registry: bytes) -> tuple[bytes, ...]:
    stored = load_chain(_file(folder, registry))
    return () if stored is None or stored[0] != registry else stored[1]
