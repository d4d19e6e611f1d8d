"""Who the community's members are: a fold over a signed chain that every member can download and check.

Guarantees: a `Registry` exists only for statements of which each may follow the ones before, with all its evidence
verified; one account has at most one key at a time; a member key, a sealing key or an SSH key never serves two
accounts; a member key that was in force before never comes back; an invitation joins once; a frozen snapshot never
changes and its beacon is said after it.
Everything here is public: that somebody is a member is known, what they say or vote is not. An application with its
evidence stays good until it is granted, so one that was never granted can still be handed in, by whoever has it.
Leaves signatures and links to crypto.chains, and the remembering of heads (rollback, split view) to who downloads.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Final, final

from crypto.chains import NO_LINK, Broken, verify_statement
from crypto.chains import Statement as Link
from crypto.errors import Refused
from crypto.labels import Label
from crypto.seal import PublicKey
from crypto.signatures import VerifyKey
from service.cases.joining import (
    checked_application,
    checked_invitation,
    checked_leave,
    checked_replacement,
    checked_ssh,
    registry_id_of,
)
from service.cases.registry_statements import (
    Application,
    Beacon,
    ByInvitation,
    ByOldKey,
    ByRegistrar,
    BySsh,
    Found,
    Freeze,
    Join,
    Leave,
    Registrars,
    Rotate,
    Statement,
    decode_statement,
)
from service.cases.snapshots import Membership, Registry, Snapshot
from service.cases.texts import checked_text

__all__ = ["MAX_STATEMENTS", "GrowingRegistry", "Registry", "registry_root"]

MAX_STATEMENTS: Final = 50_000
MAX_FROZEN: Final = 4_000_000
"""Members of all snapshots together: 2,000 members may be frozen every day for five years.

Half a chain of members and half of snapshots would be 625 million: gigabytes and a quarter of an hour for whoever
reads it, the server too.
"""


@final
class GrowingRegistry:
    """A verified chain that can go on: one more statement costs one statement, not the whole chain again.

    A value: `grown` gives another one and leaves this one as it is.
    """

    def __init__(self, state: _Fold, links: tuple[bytes, ...]) -> None:
        """Only `start` and `grown` make one."""
        self._state = state
        self.links = links
        """Digest of each statement's link, by its number."""

    @classmethod
    def start(cls, statements: Sequence[bytes], root: VerifyKey) -> GrowingRegistry:
        """Verify a raw chain under its root key, from its first statement on, and fold it. Raises as `grown` does."""
        if not 0 < len(statements) <= MAX_STATEMENTS:
            raise Refused("registry: the chain is empty or too long")
        first = _linked(statements[0], root, 0, NO_LINK)
        state = _founded(first.payload, root)
        return cls(state, (first.digest,)).grown(statements[1:])

    @cached_property
    def registry(self) -> Registry:
        """The registry as of the last statement."""
        return self._state.registry(self.links[-1])

    def grown(self, statements: Sequence[bytes]) -> GrowingRegistry:
        """Verify and fold more raw statements. Raises Forged, Broken, or Refused for one that says what can't be."""
        if len(self.links) + len(statements) > MAX_STATEMENTS:
            raise Refused("registry: the chain is empty or too long")
        state, links = self._state.copy(), list(self.links)
        for raw in statements:
            link = _linked(raw, state.root, len(links), links[-1])
            state.step(decode_statement(link.payload))
            links.append(link.digest)
        return GrowingRegistry(state, tuple(links))

    def check(self, statement: Statement) -> None:
        """Refuse a statement that could not be signed next, so that a person learns it before signing."""
        self._state.copy().step(statement)


def registry_root(registry: bytes, first: bytes) -> VerifyKey:
    """Find the root key in a chain's first statement: the one that the registry's id stands for. Refused otherwise."""
    found = decode_statement(Link.parse(first, Label.REGISTRY).payload)
    if not isinstance(found, Found):
        raise Refused("registry: the first statement has to found it")
    root = VerifyKey(found.root)
    if registry_id_of(root) != registry:
        raise Refused("registry: it is another registry's chain")
    return root


def _linked(raw: bytes, root: VerifyKey, seq: int, previous: bytes) -> Link:
    """Verify one statement at its place."""
    link = verify_statement(raw, root, Label.REGISTRY)
    if (link.seq, link.previous) != (seq, previous):
        raise Broken
    return link


def _founded(payload: bytes, root: VerifyKey) -> _Fold:
    found = decode_statement(payload)
    if not isinstance(found, Found) or found.root != root.raw:
        raise Refused("registry: the first statement has to found it, under this root key")
    return _Fold(root, found)


@final
class _Fold:
    """The state while folding: what is in force, and everything that may not come a second time."""

    def __init__(self, root: VerifyKey, found: Found) -> None:
        self.root, self.id = root, registry_id_of(root)
        self.name = checked_text(found.name, 300, "the registry's name")
        self.seq, self.day = 0, _day(found.on)
        self.registrars = frozenset[bytes]()
        self.ended: list[Membership] = []
        self.current: dict[str, Membership] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.key_owners: dict[bytes, str] = {}
        self.invitations: set[str] = set()
        self.frozen = 0

    def copy(self) -> _Fold:
        """Give a state that can go on by itself. Its parts are values, so a shallow copy of each collection does."""
        other = copy(self)
        other.ended, other.current = list(self.ended), dict(self.current)
        other.snapshots, other.key_owners = dict(self.snapshots), dict(self.key_owners)
        other.invitations = set(self.invitations)
        return other

    def registry(self, head: bytes) -> Registry:
        memberships = sorted([*self.ended, *self.current.values()], key=lambda m: m.since)
        return Registry(
            id=self.id,
            root=self.root,
            name=self.name,
            head=head,
            seq=self.seq,
            day=self.day,
            memberships=tuple(memberships),
            snapshots=tuple(self.snapshots.values()),
            registrars=self.registrars,
        )

    def step(self, statement: Statement) -> None:
        """Check one more statement against all before, then apply it."""
        self.seq += 1
        if _day(statement.on) < self.day:
            raise Refused("registry: a statement is dated before the one it follows")
        self.day = statement.on
        match statement:
            case Found():
                raise Refused("registry: it can't be founded twice")
            case Registrars(keys=keys):
                self.registrars = frozenset(VerifyKey(key).raw for key in keys)
            case Join(application=application, identity=identity):
                if application.account in self.current:
                    raise Refused("registry: the account is a member already")
                self._admit(application, identity)
            case Rotate(application=application, identity=identity):
                old = self._member(application.account)
                self._admit(application, identity, old)
            case Leave(account=account, consent=consent):
                self._leave(account, consent)
            case Freeze():
                self._freeze(statement)
            case Beacon():
                self._beacon(statement)

    def _member(self, account: str) -> Membership:
        member = self.current.get(account)
        if member is None:
            raise Refused("registry: the account is not a member")
        return member

    def _admit(
        self,
        application: Application,
        identity: ByOldKey | BySsh | ByInvitation,
        old: Membership | None = None,
    ) -> None:
        key = checked_application(application, self.id)
        sealing = PublicKey(application.seal_key)
        owned = [key.raw, sealing.raw]
        match identity:
            case BySsh():
                checked_text(identity.published_at, 300, "where the key is published")
                # One SSH key under two accounts would be one person with two voices.
                owned.append(checked_ssh(application, identity).blob)
            case ByInvitation():
                self._spend(application, identity)
            case ByOldKey():
                if old is None:
                    raise Refused("registry: nobody joins by the key they don't have yet")
                checked_replacement(old.member_key, application, identity)
        if old is not None and old.member_key == key:
            raise Refused("registry: the new key is the old one")
        account = application.account
        if any(self.key_owners.get(each, account) != account for each in owned):
            raise Refused("registry: a key is used by two accounts")
        if key.raw in self.key_owners:
            # Its evidence is public: anyone could undo a rotation, or join again who has left, by handing it in anew.
            raise Refused("registry: a member key that was in force before doesn't come back")
        self.key_owners.update(dict.fromkeys(owned, account))
        if old is not None:
            self.ended.append(replace(old, until=self.seq))
        self.current[account] = Membership(account, key, sealing, self.seq)

    def _spend(self, application: Application, invitation: ByInvitation) -> None:
        if invitation.registrar != self.root.raw and invitation.registrar not in self.registrars:
            raise Refused("registry: the invitation is not by a registrar")
        checked_invitation(application, invitation, self.id, self.day)
        if invitation.nonce in self.invitations:
            raise Refused("registry: the invitation was used before")
        self.invitations.add(invitation.nonce)

    def _leave(self, account: str, consent: ByOldKey | ByRegistrar) -> None:
        member = self._member(account)
        match consent:
            case ByOldKey():
                checked_leave(member.member_key, self.id, account, consent)
            case ByRegistrar():
                checked_text(consent.reason, 300, "the reason")
        del self.current[account]
        self.ended.append(replace(member, until=self.seq))

    def _freeze(self, statement: Freeze) -> None:
        if statement.name in self.snapshots:
            raise Refused("registry: two snapshots of one name")
        checked_text(statement.beacon_source, 300, "the beacon's source")
        if len(self.current) < 2:
            raise Refused("registry: a snapshot needs two members")
        self.frozen += len(self.current)
        if self.frozen > MAX_FROZEN:
            raise Refused("registry: its snapshots have too many members together: begin a new registry")
        members = tuple(sorted(self.current.values(), key=lambda member: member.member_key))
        self.snapshots[statement.name] = Snapshot(statement.name, self.seq, members, statement.beacon_source)

    def _beacon(self, statement: Beacon) -> None:
        snapshot = self.snapshots.get(statement.name)
        if snapshot is None or snapshot.beacon is not None:
            raise Refused("registry: a beacon for no snapshot, or a second one")
        self.snapshots[statement.name] = replace(snapshot, beacon=bytes.fromhex(statement.value))


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise Refused("registry: no such day") from None
    return text
