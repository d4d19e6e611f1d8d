"""Who the community's members are: a fold over a signed chain that every member can download and check.

Guarantees: a `Registry` exists only for statements of which each may follow the ones before, with all its evidence
verified; one account has at most one key at a time; a member key, a sealing key or an SSH key never serves two
accounts; an invitation joins once; a frozen snapshot never changes and its beacon is said after it.
Everything here is public: that somebody is a member is known, what they say or vote is not.
Leaves signatures and links to crypto.chains, and the remembering of heads (rollback, split view) to who downloads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, final

from crypto.chains import verify_chain
from crypto.errors import Refused
from crypto.labels import Label
from crypto.ring import MAX_RING, Ring
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
from service.cases.snapshots import Membership, Snapshot
from service.cases.texts import checked_text

MAX_STATEMENTS: Final = 50_000


@final
@dataclass(frozen=True, slots=True)
class Registry:
    """The registry as of its last statement."""

    id: bytes
    root: VerifyKey
    name: str
    head: bytes
    """Digest of the last link."""
    seq: int
    day: str
    memberships: tuple[Membership, ...]
    """All that ever were, in the order of their statements."""
    snapshots: tuple[Snapshot, ...]
    registrars: frozenset[bytes]

    @property
    def members(self) -> tuple[Membership, ...]:
        """Those in force now."""
        return self.members_at(self.seq)

    def members_at(self, seq: int) -> tuple[Membership, ...]:
        """Those in force right after statement `seq`. Refused for a statement that isn't there."""
        if not 0 <= seq <= self.seq:
            raise Refused("registry: no such statement")
        return tuple(member for member in self.memberships if member.held_at(seq))

    def member(self, account: str) -> Membership | None:
        """Find an account's key in force."""
        return next((m for m in self.members if m.account == account), None)

    def snapshot(self, name: str) -> Snapshot:
        """Find a snapshot by name; Refused when there is none."""
        for snapshot in self.snapshots:
            if snapshot.name == name:
                return snapshot
        raise Refused("registry: no snapshot of this name")

    def ring_at(self, seq: int, exclude: Collection[str] = ()) -> tuple[Ring, ...]:
        """Give the rings of the snapshot in force after statement `seq`: the newest one frozen by then."""
        frozen = [snapshot for snapshot in self.snapshots if snapshot.seq <= seq]
        if not frozen or seq > self.seq:
            raise Refused("registry: nothing was frozen by then")
        return frozen[-1].rings(exclude)

    def voice_rings(self) -> Mapping[bytes, Ring]:
        """Give every whole ring of every snapshot, by digest: those by which a voice may speak."""
        return {
            ring.digest: ring
            for snapshot in self.snapshots
            if snapshot.beacon is not None or len(snapshot.members) <= MAX_RING
            for ring in snapshot.rings()
        }


def verified_registry(statements: Sequence[bytes], root: VerifyKey) -> Registry:
    """Verify the raw chain under its root key and fold it.

    Raises the Refused of crypto.chains for a forged or broken chain, and Refused for one that says what can't be.
    """
    chain = verify_chain(statements, root, Label.REGISTRY)
    return fold([(each.payload, each.digest) for each in chain.statements], root)


def fold(links: Sequence[tuple[bytes, bytes]], root: VerifyKey) -> Registry:
    """Fold verified links (payload, link digest), oldest first. Refused when one can't follow; nothing is skipped."""
    if not 0 < len(links) <= MAX_STATEMENTS:
        raise Refused("registry: the chain is empty or too long")
    found = decode_statement(links[0][0])
    if not isinstance(found, Found) or found.root != root.raw:
        raise Refused("registry: the first statement has to found it, under this root key")
    state = _Fold(root, found)
    for payload, _ in links[1:]:
        state.step(decode_statement(payload))
    return state.registry(links[-1][1])


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
        members = tuple(sorted(self.current.values(), key=lambda member: member.member_key))
        if len(members) < 2:
            raise Refused("registry: a snapshot needs two members")
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
