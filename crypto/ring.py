"""Linkable ring signatures: one of these members, without saying which, once per context. SPEC.md §11.

Liu, Wei and Wong's LSAG (ACISP 2004) on the prime-order subgroup of edwards25519, with the generator of
the linking tag drawn from the context alone: I = x·H, H = hash_to_point(context). So the same member in
the same context has the same tag, whatever the ring and the message; in two contexts tags can't be linked
(DDH). All of ring, context, message and tag is inside every hash.

`verify` says that some member of the ring signed; whether the tag was seen before is for the caller, who
keeps the tags. Who may be in the ring is for the registry; large memberships are cut by `crypto.ring_split`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Final, final

from crypto.elligator import hash_to_point
from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.framing import Reader
from crypto.group import POINT_SIZE, SCALAR_SIZE, Point, Scalar, SecretScalar, times_base
from crypto.hashing import Hasher, digest, keyed
from crypto.labels import Label
from crypto.members import MemberKey

MIN_RING: Final = 2
MAX_RING: Final = 255


@final
@dataclass(frozen=True)
class Ring:
    """A set of 2 to 255 distinct member keys, kept in ascending order of their 32 bytes.

    A ring has one order, so one digest: to reorder it is not to change it.
    Build it with `of` (which sorts) or `parse` (which refuses what isn't sorted).
    """

    members: tuple[Point, ...]

    def __post_init__(self) -> None:
        if not MIN_RING <= len(self.members) <= MAX_RING:
            raise Refused("ring: needs 2 to 255 members")
        if any(member.is_identity for member in self.members):
            raise Refused("ring: a key is the identity")
        # Strictly ascending: sorted and without a duplicate, which would let one member be two.
        if any(not low < high for low, high in pairwise(self.members)):
            raise Refused("ring: keys not in strictly ascending order")

    @classmethod
    def of(cls, members: Iterable[Point]) -> Ring:
        """Make the ring of these members, in any order; Refused if one is there twice."""
        return cls(tuple(sorted(members)))

    @classmethod
    def parse(cls, raw: bytes) -> Ring:
        """Read 32-byte keys, concatenated in ascending order; every key is checked."""
        if len(raw) % POINT_SIZE or len(raw) > MAX_RING * POINT_SIZE:
            raise Refused("ring: length out of range")
        return cls(tuple(Point(raw[at : at + POINT_SIZE]) for at in range(0, len(raw), POINT_SIZE)))

    @property
    def raw(self) -> bytes:
        """The keys, concatenated, as `parse` reads them."""
        return b"".join(member.raw for member in self.members)

    @cached_property
    def digest(self) -> bytes:
        """Name the ring: 32 bytes over all its keys."""
        return digest(Label.RING, *(member.raw for member in self.members))

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, member: Point) -> bool:
        return member in self.members


@final
@dataclass(frozen=True)
class Tag:
    """What one member leaves in one context: 32 bytes, the same each time, saying nothing else."""

    point: Point

    def __post_init__(self) -> None:
        if self.point.is_identity:
            raise Refused("linking tag: the identity")

    @classmethod
    def parse(cls, raw: bytes) -> Tag:
        """Read 32 bytes; a torsion point would be a second tag for one key, so it is Refused."""
        return cls(Point(raw))

    @property
    def raw(self) -> bytes:
        """The 32 bytes, to compare and to keep."""
        return self.point.raw


@final
@dataclass(frozen=True)
class RingSignature:
    """tag ‖ first challenge ‖ one response per member: 64 + 32·n bytes."""

    tag: Tag
    challenge: Scalar
    responses: tuple[Scalar, ...]

    @classmethod
    def parse(cls, raw: bytes) -> RingSignature:
        """Read exactly 64 + 32·n bytes, n from 2 to 255; points and scalars strictly."""
        count, left = divmod(len(raw) - POINT_SIZE - SCALAR_SIZE, SCALAR_SIZE)
        if left or not MIN_RING <= count <= MAX_RING:
            raise Refused("ring signature: length out of range")
        reader = Reader(raw, "ring signature")
        tag = Tag.parse(reader.take(POINT_SIZE))
        challenge = Scalar.parse(reader.take(SCALAR_SIZE))
        responses = tuple(Scalar.parse(reader.take(SCALAR_SIZE)) for _ in range(count))
        reader.finish()
        return cls(tag, challenge, responses)

    @property
    def raw(self) -> bytes:
        """The encoding that `parse` reads."""
        return b"".join((self.tag.raw, self.challenge.raw, *(response.raw for response in self.responses)))


@lru_cache(maxsize=256)
def context_generator(context: bytes) -> Point:
    """Give H for a context: a point whose logarithm nobody knows. Cached, as contexts repeat."""
    return hash_to_point(Label.RING_GENERATOR, context)


def tag_of(key: MemberKey, context: bytes) -> Tag:
    """Give the tag that `key` leaves in `context`; only its holder can."""
    return Tag(context_generator(context) * key.scalar())


def sign(ring: Ring, key: MemberKey, context: bytes, message: bytes, entropy: Entropy) -> RingSignature:
    """Sign `message` in `context` as one of `ring`; Refused when the key isn't in it.

    Every signer does the same n rounds of the same operations, beginning at their own place; secrets
    meet only libsodium's constant-time arithmetic. Costs 4·n multiplications: 27 ms for 100 members.
    """
    generator = context_generator(context)
    secret = key.scalar()
    public = times_base(secret)
    count = len(ring)
    # Look at every member, so that finding oneself takes the same time at every place.
    mine = sum(place + 1 for place, member in enumerate(ring.members) if member == public) - 1
    if mine < 0:
        raise Refused("ring: the key is not one of its members")
    tag = Tag(generator * secret)
    prefix = _prefix(ring, generator, context, message, tag)

    # Hedged: with a broken source of randomness nonces still differ by message and depend on the key.
    seed = keyed(key.reveal(), Label.RING_NONCE, entropy(32), ring.digest, context, message, size=64)
    drawn = [
        SecretScalar.from_wide(keyed(seed, Label.RING_NONCE, place.to_bytes(2, "big"), size=64))
        for place in range(count)
    ]
    nonce = drawn[mine]
    responses = [Scalar.parse(each.reveal()) for each in drawn]
    challenges = [Scalar(0)] * count
    challenge = _challenge(prefix, times_base(nonce), generator * nonce)
    for step in range(1, count):
        place = (mine + step) % count
        challenges[place] = challenge
        challenge = _round(prefix, generator, tag, ring.members[place], responses[place], challenge)
    challenges[mine] = challenge
    responses[mine] = Scalar.parse((nonce - secret * challenge).reveal())
    return RingSignature(tag, challenges[0], tuple(responses))


def verify(ring: Ring, context: bytes, message: bytes, signature: RingSignature) -> Tag:
    """Check that a member of `ring` signed `message` in `context`, and give that member's tag there.

    Raises Refused for whatever doesn't hold, without saying more than that.
    """
    if len(signature.responses) != len(ring):
        raise Refused("ring signature: does not verify")
    generator = context_generator(context)
    prefix = _prefix(ring, generator, context, message, signature.tag)
    challenge = signature.challenge
    for member, response in zip(ring.members, signature.responses, strict=True):
        challenge = _round(prefix, generator, signature.tag, member, response, challenge)
    if challenge != signature.challenge:
        raise Refused("ring signature: does not verify")
    return signature.tag


def _prefix(ring: Ring, generator: Point, context: bytes, message: bytes, tag: Tag) -> Hasher:
    """Hash once what all rounds share."""
    hasher = Hasher(Label.RING_HASH, size=64)
    return hasher.part(ring.digest).part(generator.raw).part(context).part(message).part(tag.raw)


def _round(
    prefix: Hasher, generator: Point, tag: Tag, member: Point, response: Scalar, challenge: Scalar
) -> Scalar:
    """Give the next challenge: L = s·G + c·P, R = s·H + c·I. One base and three other multiplications."""
    left = times_base(response) + member * challenge
    right = generator * response + tag.point * challenge
    return _challenge(prefix, left, right)


def _challenge(prefix: Hasher, left: Point, right: Point) -> Scalar:
    wide = prefix.copy().part(left.raw).part(right.raw).finish()
    return Scalar.reduce(int.from_bytes(wide, "little"))
