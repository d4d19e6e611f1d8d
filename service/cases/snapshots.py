"""Members, now and at the moments frozen under a name: what rings are made of. See `service.cases.registry`.

Guarantees: the same snapshot, beacon and exclusions give the same rings everywhere; a membership over 255 is never
cut before its beacon was said. Leaves to the fold that all of this is what the chain says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, final

from crypto.errors import Refused
from crypto.group import Point
from crypto.ring import MAX_RING, Ring
from crypto.ring_split import split
from crypto.seal import PublicKey
from crypto.signatures import VerifyKey

_NO_BEACON: Final = bytes(32)


@final
@dataclass(frozen=True, slots=True)
class Membership:
    """One key of one account, and from which statement to which (not included) it was in force."""

    account: str
    member_key: Point
    seal_key: PublicKey
    since: int
    until: int | None = None

    def held_at(self, seq: int) -> bool:
        """Whether it was in force right after statement `seq`."""
        return self.since <= seq and (self.until is None or seq < self.until)


@final
@dataclass(frozen=True, slots=True)
class Snapshot:
    """All members at one moment, under a name; rings are made of it and of nothing else."""

    name: str
    seq: int
    members: tuple[Membership, ...]
    beacon_source: str
    beacon: bytes | None = None

    def rings(self, exclude: Collection[str] = ()) -> tuple[Ring, ...]:
        """Give the ring, or the sub-rings above 255, without the excluded accounts.

        exclude: accounts that must not be able to sign (the accused, the recused). Raises Refused when one of them is
        no member, fewer than two remain, or sub-rings are needed and the beacon hasn't been said.
        """
        unknown = set(exclude) - {member.account for member in self.members}
        if unknown:
            raise Refused("registry: an excluded account is not in the snapshot")
        keys = [member.member_key for member in self.members if member.account not in exclude]
        if len(keys) > MAX_RING and self.beacon is None:
            raise Refused("registry: the snapshot's beacon has not been said yet")
        return split(keys, self.beacon or _NO_BEACON)


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

    def voice_rings(self) -> Mapping[bytes, Ring]:
        """Give every whole ring of every snapshot, by digest: those by which a voice may speak."""
        return {
            ring.digest: ring
            for snapshot in self.snapshots
            if snapshot.beacon is not None or len(snapshot.members) <= MAX_RING
            for ring in snapshot.rings()
        }
