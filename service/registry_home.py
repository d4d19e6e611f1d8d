"""The folder of who keeps a registry of members: a root key or a registrar's key under a passphrase, and the chain.

Guarantees: a statement is signed only when it can follow, and is on the disk, whole, before anyone is told of it.
The root's folder has `root.key` and `chain.json`; a registrar's has `registrar.key`, which invites and dismisses, and
signs no statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from crypto import chains
from crypto.entropy import system
from crypto.errors import Refused
from crypto.keyfiles import lock, unlock
from crypto.labels import Label
from crypto.signatures import SigningKey
from service.cases.joining import registry_id_of
from service.cases.names import checked_name
from service.cases.registry import GrowingRegistry, Registry
from service.cases.registry_statements import Account, ByInvitation, Found, Hex32, Statement, encode_statement
from service.chain_files import alone, read_whole, write_private
from service.console import read_passphrase, wrong_form
from service.wire.registry_pins import save_chain, verified, verified_chain

ROOT_FILE: Final = "root.key"
ROOT_KIND: Final = "registry root"
REGISTRAR_FILE: Final = "registrar.key"
REGISTRAR_KIND: Final = "registrar"
CHAIN_FILE: Final = "chain.json"
LOCK_FILE: Final = "chain.lock"
MAX_SMALL: Final = 64 * 1_024


class InvitationFile(Struct, frozen=True, forbid_unknown_fields=True):
    """What a registrar hands to a person: whoever holds it can join as the account, once, until its day."""

    registry: Hex32
    account: Account
    invitation: ByInvitation


def today(registry: Registry | None = None) -> str:
    """The day of a new statement: this one, but never before the registry's last."""
    day = datetime.now(UTC).date().isoformat()
    return day if registry is None else max(day, registry.day)


def built(kind: Any, **values: object) -> Any:
    """Build a Struct with all its limits checked, as if it had been read."""
    tag = kind.__struct_config__.tag
    tagged = {} if tag is None else {kind.__struct_config__.tag_field: tag}
    try:
        return msgspec.convert({**tagged, **msgspec.to_builtins(values)}, type=kind)
    except msgspec.ValidationError as error:
        raise wrong_form(error) from None


def checked_account(text: str) -> str:
    """Read an account as a person gives it. Refused unless it is where and who, as github.com/alice."""
    try:
        return msgspec.convert(text, type=Account)
    except msgspec.ValidationError:
        raise Refused("an account is where and who in small letters, as github.com/alice") from None


def day(text: str) -> str:
    """Read a day as a person gives it. Refused unless it is one of the calendar, as 2026-12-31."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Refused("a day is like 2026-12-31") from None


def registry_id(text: str) -> bytes:
    """Read a registry's id as a person gives it. Refused unless it is 64 hexadecimal digits."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise Refused("a registry's id has 64 hexadecimal digits, as `sottovoce registry find` shows it")
    return raw


@dataclass(frozen=True)
class RegistryHome:
    """A keeper's folder. passphrase_file: as `service.console.read_passphrase` takes it."""

    folder: Path
    passphrase_file: Path | None

    def found(self, name: str) -> Registry:
        """Make the root key and the first statement. Refused when there is a root key already, or the name is none."""
        if (self.folder / ROOT_FILE).exists():
            raise Refused("there is a root key here already; it was not touched")
        checked_name(name)
        root = SigningKey(system(SigningKey.SIZE))
        said = built(Found, on=today(), name=name, root=root.verify_key().raw)
        chain = chains.append(chains.empty(root.verify_key(), Label.REGISTRY), encode_statement(said), root)
        statements = [each.raw for each in chain.statements]
        registry = verified(registry_id_of(root.verify_key()), statements).registry
        self._lock(ROOT_FILE, root, ROOT_KIND)
        save_chain(self.folder / CHAIN_FILE, registry.id, statements)
        return registry

    def new_registrar(self) -> SigningKey:
        """Make a registrar's key. Refused when there is one already."""
        if (self.folder / REGISTRAR_FILE).exists():
            raise Refused("there is a registrar's key here already; it was not touched")
        key = SigningKey(system(SigningKey.SIZE))
        self._lock(REGISTRAR_FILE, key, REGISTRAR_KIND)
        return key

    @property
    def has_root(self) -> bool:
        """Whether this is the folder of the root."""
        return (self.folder / ROOT_FILE).exists()

    def signing_key(self) -> SigningKey:
        """Unlock the root's or else the registrar's key. Raises WrongPassphrase or DamagedKeyFile; Refused if none."""
        file, kind = (ROOT_FILE, ROOT_KIND) if self.has_root else (REGISTRAR_FILE, REGISTRAR_KIND)
        if not (self.folder / file).exists():
            raise Refused("there is no keeper's key here: see `registry create` and `registry new-registrar`")
        raw = read_whole(self.folder / file, MAX_SMALL)
        return SigningKey(unlock(raw, read_passphrase(self.passphrase_file), kind=kind))

    def growing(self) -> tuple[tuple[bytes, ...], GrowingRegistry]:
        """Read the folder's chain and verify it."""
        stored = verified_chain(self.folder / CHAIN_FILE)
        if stored is None:
            raise Refused("there is no chain here: `sottovoce registry create` makes one")
        return stored.statements, stored.growing

    def say(self, said: Sequence[Statement]) -> Registry:
        """Check that each statement can follow, ask for the passphrase, sign them all, and write the chain."""
        _, growing = self.growing()
        if not self.has_root:
            raise Refused("only who holds the registry's root key can do this")
        for each in said:  # before anyone types a passphrase; whether they follow each other is checked below
            growing.check(each)
        key = self.signing_key()
        with alone(self.folder / LOCK_FILE):
            statements, growing = self.growing()  # again: another command may have signed some meanwhile
            chain = chains.verify_chain(statements, growing.registry.root, Label.REGISTRY)
            for each in said:
                chain = chains.append(chain, encode_statement(each), key)
            raw = [each.raw for each in chain.statements]
            grown = growing.grown(raw[len(statements) :])
            save_chain(self.folder / CHAIN_FILE, grown.registry.id, raw)
        return grown.registry

    def _lock(self, file: str, key: SigningKey, kind: str) -> None:
        passphrase = read_passphrase(self.passphrase_file, "New passphrase", confirm=True)
        write_private(self.folder / file, lock(key.reveal(), passphrase, entropy=system, kind=kind))
