"""Sub-rings: nobody is alone in a small one, nobody chose theirs, and once per context still holds."""

from __future__ import annotations

from collections import Counter

import pytest

from crypto.elligator import hash_to_point
from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.group import Point, Scalar, times_base
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.ring import Ring, sign, verify
from crypto.ring_split import split

BEACON = bytes(range(32))


def points(count: int) -> list[Point]:
    """Distinct points, made by adding G: their logarithms don't matter here."""
    made, step = [times_base(Scalar(1000))], times_base(Scalar(1))
    while len(made) < count:
        made.append(made[-1] + step)
    return made


ALL = points(1300)


@pytest.mark.parametrize("count", [2, 128, 254, 255, 256, 257, 383, 384, 511, 512, 640, 1000, 1300])
def test_every_member_is_in_exactly_one_ring_of_good_size(count: int) -> None:
    """Up to 255 one ring; above, every ring has 128 to 192 members and they differ by at most one."""
    members = ALL[:count]
    rings = split(members, BEACON)
    assert sorted(member for ring in rings for member in ring.members) == sorted(members)
    sizes = [len(ring) for ring in rings]
    if count <= 255:
        assert sizes == [count]
    else:
        assert len(sizes) == count // 128
        assert min(sizes) >= 128
        assert max(sizes) <= min(192, min(sizes) + 1)


def test_rings_depend_on_the_set_and_the_beacon_only() -> None:
    """The order of registration doesn't matter; the beacon and each member do."""
    members = ALL[:300]
    rings = split(members, BEACON)
    assert split(reversed(members), BEACON) == rings
    assert split(members, bytes(32)) != rings
    before = {member: place for place, ring in enumerate(rings) for member in ring.members}
    moved = split([*members[1:], ALL[400]], BEACON)
    after = {member: place for place, ring in enumerate(moved) for member in ring.members}
    assert sum(before[member] != after[member] for member in members[1:]) > 75  # dealt anew: about half


def test_the_deal_is_even() -> None:
    """Over 200 beacons two given members meet about as often as chance says: 1 in 2, here."""
    members = ALL[:256]
    together = Counter(
        members[0] in ring and members[1] in ring
        for beacon in range(200)
        for ring in split(members, beacon.to_bytes(32, "big"))[:1]
    )
    assert 25 <= together[True] <= 75  # p = 1/4: mean 50, sigma 6.1


def test_thousand_members_sign_through_sub_rings() -> None:
    """1,000 members: any of them finds their ring, signs, and shows one tag per context."""
    draw = seeded(b"thousand")
    keys = [MemberKey.draw(draw) for _ in range(1000)]
    rings = split((key.public() for key in keys), BEACON)
    assert len(rings) == 7
    tags = set()
    for key in keys[::250]:
        (ring,) = (each for each in rings if key.public() in each)
        signature = sign(ring, key, b"c", b"m", draw)
        tags.add(verify(ring, b"c", b"m", signature))
        other = next(each for each in rings if each != ring)
        with pytest.raises(Refused):
            verify(other, b"c", b"m", signature)
    assert len(tags) == 4
    stranger = hash_to_point(Label.RING, b"nobody")
    assert not any(stranger in each for each in rings)


@pytest.mark.parametrize("beacon", [b"", bytes(31), bytes(33)])
def test_other_beacons_are_refused(beacon: bytes) -> None:
    """A beacon is 32 bytes."""
    with pytest.raises(Refused):
        split(ALL[:2], beacon)


@pytest.mark.parametrize("members", [[], ALL[:1], [*ALL[:3], ALL[0]], [*ALL[:300], ALL[7]]])
def test_too_few_and_doubled_members_are_refused(members: list[Point]) -> None:
    """Nobody, one alone, and a key that is there twice, in a small or a large membership."""
    with pytest.raises(Refused):
        split(members, BEACON)


def test_small_memberships_are_one_ring_whatever_the_beacon() -> None:
    """Below the cut the beacon changes nothing."""
    assert split(ALL[:10], BEACON) == split(ALL[:10], bytes(32)) == (Ring.of(ALL[:10]),)
