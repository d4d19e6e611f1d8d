"""By which rings members may speak, and how many members spoke for certain. abuse/SPEC.md "Voices". Pure.

Guarantees: "for certain" never says more members than there were, whoever replaced their key or left and came back; a
voice more, or a snapshot more, never makes it less. `Moments` holds no key, so that a desk can keep it and count
without verifying the registry anew.
Leaves to `abuse.voices` whether a voice is one, and to who downloads the registry that it is the right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from abuse.voices import VoiceTag, distinct_voices
from crypto.errors import Refused
from crypto.group import Point
from crypto.ring import MAX_RING, Ring
from service.cases.registry import Registry
from service.cases.registry_statements import Hex32
from service.cases.snapshots import Snapshot

Count = Annotated[int, Meta(ge=0)]


class NotAMember(Refused):
    """The key is in no ring by which a voice may speak; the message says why."""


class Spoken(Struct, frozen=True):
    """A verified voice and the ring that it was made by, as a desk keeps it: 32 bytes each, in hex."""

    context: Hex32
    tag: Hex32
    ring: Hex32


class Moment(Struct, frozen=True):
    """One frozen snapshot that has rings: its name, the rings' digests, and (account, key) of each member as numbers.

    The numbers are places in the registry's history: equal ones are one account, one key.
    """

    name: str
    rings: tuple[Hex32, ...]
    members: tuple[tuple[Count, Count], ...]


class Moments(Struct, frozen=True):
    """What counting voices needs to know of a registry, as of its head; oldest moment first."""

    registry: Hex32
    head: Hex32
    moments: tuple[Moment, ...]

    def members_for_certain(self, spoken: Iterable[Spoken]) -> int:
        """Count members who spoke about one person: at least this many, by voices of these moments' rings.

        Those who spoke in one moment with different tags are different members, as an account has one key at a time.
        Over a run of moments, as many are taken off as accounts have further keys there. The best run counts: so a
        voice by an old ring can't bring old keys into the count and lower it.
        """
        place_of: dict[str, list[int]] = {}
        for place, moment in enumerate(self.moments):
            for ring in moment.rings:
                place_of.setdefault(ring, []).append(place)
        known = [each for each in spoken if each.ring in place_of]
        used = sorted({place for each in known for place in place_of[each.ring]})
        best = 0
        for first in used:
            accounts: set[int] = set()
            keys: set[int] = set()
            # Every moment of a run counts, used or not: else a voice by one between could lower what the run gives.
            for last in range(first, used[-1] + 1):
                for account, key in self.moments[last].members:
                    accounts.add(account)
                    keys.add(key)
                if last not in used:
                    continue
                within = [
                    VoiceTag(bytes.fromhex(each.context), bytes.fromhex(each.tag))
                    for each in known
                    if any(first <= place <= last for place in place_of[each.ring])
                ]
                best = max(best, distinct_voices(within, replaced_keys=len(keys) - len(accounts)))
        return best


def moments_of(registry: Registry) -> Moments:
    """Take from a registry what counting needs."""
    accounts: dict[str, int] = {}
    keys: dict[Point, int] = {}
    for member in registry.memberships:
        accounts.setdefault(member.account, len(accounts))
        keys.setdefault(member.member_key, len(keys))
    return Moments(
        registry.id.hex(),
        registry.head.hex(),
        tuple(
            Moment(
                snapshot.name,
                tuple(ring.digest.hex() for ring in snapshot.rings()),
                tuple((accounts[member.account], keys[member.member_key]) for member in snapshot.members),
            )
            for snapshot in speaking_snapshots(registry)
        ),
    )


def speaking_snapshots(registry: Registry) -> Sequence[Snapshot]:
    """Give the snapshots that have rings: not those over 255 members whose beacon hasn't been said. Oldest first."""
    return [
        snapshot
        for snapshot in registry.snapshots
        if snapshot.beacon is not None or len(snapshot.members) <= MAX_RING
    ]


_NOTHING_FROZEN: Final = (
    "the registry has frozen no snapshot yet, and voices speak by snapshots: ask its keeper"
)
_NOT_THERE: Final = "this key is no member's of the registry that the group names"
_REPLACED: Final = "this key was replaced by a newer one or has left the registry: use the key that holds now"
_NOT_FROZEN: Final = (
    "this member joined after the registry's last snapshot: a voice is possible from the next one on"
)


def ring_to_speak_by(registry: Registry, key: Point) -> tuple[Snapshot, Ring]:
    """Give the newest ring with a member's public key, and its snapshot. Raises NotAMember, saying what is missing.

    A key that no longer holds is refused: whoever replaced it would speak with two.
    """
    member = next((each for each in registry.memberships if each.member_key == key), None)
    if member is None:
        raise NotAMember(_NOT_THERE)
    if all(each.member_key != key for each in registry.members):
        raise NotAMember(_REPLACED)
    frozen = speaking_snapshots(registry)
    if not frozen:
        raise NotAMember(_NOTHING_FROZEN)
    for snapshot in reversed(frozen):
        if any(each.member_key == key for each in snapshot.members):
            return snapshot, next(ring for ring in snapshot.rings() if key in ring)
    raise NotAMember(_NOT_FROZEN)
