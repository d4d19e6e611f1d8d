"""Cut a large membership into rings that nobody chose. SPEC.md §11.4.

Up to 255 members are one ring. More are shuffled by a beacon that became known only after the membership
was frozen, and dealt into ⌊n/128⌋ rings as equal as can be: every ring has 128 to 192 members. Because the
beacon comes last, nobody can register, or time a registration, to land in a given person's ring.
A tag doesn't depend on the ring, so cutting changes nothing about "once per context".
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from crypto.errors import Refused
from crypto.group import Point
from crypto.hashing import digest
from crypto.labels import Label
from crypto.ring import MAX_RING, Ring

SUB_RING: Final = 128
"""The least size of a sub-ring; the greatest is 192, at 383 members."""
BEACON_SIZE: Final = 32


def split(members: Iterable[Point], beacon: bytes) -> tuple[Ring, ...]:
    """Give the rings of these members under a 32-byte beacon, in the order the shuffle gives them.

    Same set and beacon, same rings, whatever the order of `members`. Raises Refused for a key that is
    there twice, for fewer than two members and for a beacon of another size.
    """
    if len(beacon) != BEACON_SIZE:
        raise Refused("ring split: the beacon is 32 bytes")
    ordered = sorted(members)
    if any(low == high for low, high in pairwise(ordered)):
        raise Refused("ring split: a key is there twice")
    if len(ordered) <= MAX_RING:
        return (Ring(tuple(ordered)),)
    # Sorting by a hash under the beacon is a uniform shuffle; bound to the whole set, so that a
    # beacon reused for another membership deals anew.
    everyone = digest(Label.RING_SPLIT, *(member.raw for member in ordered))
    shuffled = sorted(ordered, key=lambda member: digest(Label.RING_SPLIT, beacon, everyone, member.raw))
    count = len(shuffled) // SUB_RING
    return tuple(Ring.of(shuffled[at::count]) for at in range(count))
