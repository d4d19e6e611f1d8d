"""Altered, reordered, cut and forged ring signatures are refused, and nobody has a second tag by torsion."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add

from crypto.entropy import Entropy, seeded
from crypto.errors import Refused
from crypto.group import IDENTITY, ORDER, Scalar, SecretScalar, times_base
from crypto.hashing import Hasher
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.ring import Ring, RingSignature, Tag, context_generator, sign, tag_of, verify
from crypto.torsion import SMALL_ORDER
from tests.support import edwards
from tests.support.rings import CONTEXT, KEYS, MESSAGE, RING, SIGNED, keys_for


def refused(ring: Ring, context: bytes, message: bytes, signature: RingSignature) -> None:
    with pytest.raises(Refused, match="does not verify"):
        verify(ring, context, message, signature)


def test_altered_context_message_and_ring_are_refused() -> None:
    """Nothing that was signed can be exchanged, nor can a byte move from one part to the next."""
    verify(RING, CONTEXT, MESSAGE, SIGNED)
    refused(RING, b"another context", MESSAGE, SIGNED)
    refused(RING, CONTEXT, b"another message", SIGNED)
    refused(RING, CONTEXT + MESSAGE[:1], MESSAGE[1:], SIGNED)
    swapped = Ring.of([*RING.members[1:], keys_for(b"new", 1)[0].public()])
    refused(swapped, CONTEXT, MESSAGE, SIGNED)
    refused(Ring.of(RING.members[:4]), CONTEXT, MESSAGE, SIGNED)
    refused(Ring.of([*RING.members, keys_for(b"new", 1)[0].public()]), CONTEXT, MESSAGE, SIGNED)


def test_reordered_ring_does_not_exist() -> None:
    """A ring has one order: others are Refused, built or parsed, and sorting gives the same digest."""
    for order in itertools.permutations(RING.members[:4]):
        if order != RING.members[:4]:
            with pytest.raises(Refused, match="order"):
                Ring(order)
            with pytest.raises(Refused, match="order"):
                Ring.parse(b"".join(member.raw for member in order))
        assert Ring.of(order).digest == Ring.of(RING.members[:4]).digest
    assert Ring.parse(RING.raw) == RING


def test_reordered_responses_are_refused() -> None:
    """Each response belongs to its place."""
    for order in itertools.permutations(SIGNED.responses):
        if order != SIGNED.responses:
            refused(RING, CONTEXT, MESSAGE, RingSignature(SIGNED.tag, SIGNED.challenge, order))


def test_duplicated_identity_and_torsion_keys_are_refused() -> None:
    """A key that is there twice would be two voices; the identity's key is known to all."""
    with pytest.raises(Refused):
        Ring.of([*RING.members, RING.members[0]])
    with pytest.raises(Refused):
        Ring.of([*RING.members, IDENTITY])
    with pytest.raises(Refused):
        Ring.parse(IDENTITY.raw + RING.raw)
    for torsion in SMALL_ORDER[1:]:
        mixed = crypto_core_ed25519_add(RING.members[0].raw, torsion)
        with pytest.raises(Refused):
            Ring.parse(b"".join(sorted([torsion, *(member.raw for member in RING.members)])))
        with pytest.raises(Refused):
            Ring.parse(b"".join(sorted([mixed, *(member.raw for member in RING.members)])))


@pytest.mark.parametrize("raw", [b"", RING.raw[:32], RING.raw[:-1], RING.raw + b"\0", RING.raw * 52])
def test_rings_of_other_sizes_are_refused(raw: bytes) -> None:
    """Fewer than two, more than 255, or a piece of a key."""
    with pytest.raises(Refused):
        Ring.parse(raw)


def test_torsion_and_identity_tags_are_refused() -> None:
    """A second tag for one key would be a second voice or vote: the tag plus torsion doesn't parse."""
    rest = SIGNED.raw[32:]
    for torsion in SMALL_ORDER:
        with pytest.raises(Refused):
            RingSignature.parse(torsion + rest)
        if torsion != IDENTITY.raw:
            with pytest.raises(Refused):
                RingSignature.parse(crypto_core_ed25519_add(SIGNED.tag.raw, torsion) + rest)
    with pytest.raises(Refused):
        Tag(IDENTITY)


def sign_under_torsion_tag(ring: Ring, key: MemberKey, draw: Entropy) -> bytes:
    """Mallory's signer: tag + torsion of order 2, redrawn until every challenge is even (1 try in 2ⁿ).

    An even challenge kills the torsion, so all equations can be met with the real tag's logarithm.
    """
    generator, secret, count = context_generator(CONTEXT), key.scalar(), len(ring)
    tag = tag_of(key, CONTEXT)
    shifted = crypto_core_ed25519_add(tag.raw, SMALL_ORDER[1])
    prefix = Hasher(Label.RING_HASH, size=64)
    for part in (ring.digest, generator.raw, CONTEXT, MESSAGE, shifted):
        prefix.part(part)
    mine = ring.members.index(key.public())
    while True:
        responses = [Scalar.parse(SecretScalar.draw(draw).reveal()) for _ in range(count)]
        nonce = SecretScalar.draw(draw)
        left, right, challenges = times_base(nonce), generator * nonce, [Scalar(0)] * count
        for step in range(1, count + 1):
            place = (mine + step) % count
            wide = prefix.copy().part(left.raw).part(right.raw).finish()
            challenges[place] = Scalar.reduce(int.from_bytes(wide, "little"))
            left = times_base(responses[place]) + ring.members[place] * challenges[place]
            right = generator * responses[place] + tag.point * challenges[place]
        if all(challenge.value % 2 == 0 for challenge in challenges):
            responses[mine] = Scalar.parse((nonce - secret * challenges[mine]).reveal())
            return b"".join([shifted, challenges[0].raw, *(response.raw for response in responses)])


def textbook_verifier_accepts(ring: Ring, raw: bytes) -> bool:
    """The equations of LSAG over the whole curve: what a verifier without a subgroup check would do."""
    generator = context_generator(CONTEXT)

    def combine(s: int, one: bytes, c: int, two: bytes) -> bytes:
        first, second = edwards.decode(one), edwards.decode(two)
        assert first is not None
        assert second is not None
        return edwards.encode(edwards.add(edwards.multiply(s, first), edwards.multiply(c, second)))

    tag, *scalars = (raw[at : at + 32] for at in range(0, len(raw), 32))
    first, *responses = (int.from_bytes(scalar, "little") for scalar in scalars)
    challenge = first
    for member, s in zip(ring.members, responses, strict=True):
        left = combine(s, times_base(Scalar(1)).raw, challenge, member.raw)
        right = combine(s, generator.raw, challenge, tag)
        wide = Hasher(Label.RING_HASH, size=64)
        for part in (ring.digest, generator.raw, CONTEXT, MESSAGE, tag, left, right):
            wide.part(part)
        challenge = int.from_bytes(wide.finish(), "little") % ORDER
    return challenge == first


def test_double_voice_by_torsion_is_a_real_attack_and_is_refused() -> None:
    """A second tag for one key satisfies LSAG's equations; only the check of the subgroup stops it."""
    ring = Ring.of(key.public() for key in KEYS[:2])
    honest = sign(ring, KEYS[0], CONTEXT, MESSAGE, seeded(b"h")).raw
    forged = sign_under_torsion_tag(ring, KEYS[0], seeded(b"mallory"))
    assert textbook_verifier_accepts(ring, honest)
    assert textbook_verifier_accepts(ring, forged)
    assert forged[:32] != honest[:32]
    with pytest.raises(Refused, match="subgroup"):
        RingSignature.parse(forged)


def test_another_members_tag_is_refused() -> None:
    """One can't sign under somebody else's tag, nor under a made-up one."""
    for tag in (tag_of(KEYS[0], CONTEXT), Tag(times_base(Scalar(5))), Tag(-SIGNED.tag.point)):
        refused(RING, CONTEXT, MESSAGE, RingSignature(tag, SIGNED.challenge, SIGNED.responses))


@pytest.mark.parametrize("place", range(6))
def test_non_canonical_scalars_are_refused(place: int) -> None:
    """s + L is the same number in another dress: Refused, so a signature can't be altered in transit."""
    at = 32 + 32 * place
    value = int.from_bytes(SIGNED.raw[at : at + 32], "little")
    for other in (value + ORDER, ORDER, 2**256 - 1):
        altered = SIGNED.raw[:at] + other.to_bytes(32, "little") + SIGNED.raw[at + 32 :]
        with pytest.raises(Refused):
            RingSignature.parse(altered)


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 64, 96, 127, len(SIGNED.raw) - 1])
def test_truncated_signatures_are_refused(cut: int) -> None:
    """Too short, and one byte too long."""
    with pytest.raises(Refused):
        RingSignature.parse(SIGNED.raw[:cut])
    with pytest.raises(Refused):
        RingSignature.parse(SIGNED.raw + b"\0")
    with pytest.raises(Refused):
        RingSignature.parse(SIGNED.raw + bytes(32 * 251))


def test_signature_cut_to_a_smaller_ring_is_refused() -> None:
    """Whole responses dropped still parse, and then don't verify."""
    short = RingSignature.parse(SIGNED.raw[:-32])
    refused(RING, CONTEXT, MESSAGE, short)
    refused(Ring.of(RING.members[:4]), CONTEXT, MESSAGE, short)


@given(st.integers(0, len(SIGNED.raw) * 8 - 1))
@settings(max_examples=150, deadline=None)
def test_every_flipped_bit_is_refused(bit: int) -> None:
    """A signature with any bit flipped doesn't parse or doesn't verify."""
    raw = bytearray(SIGNED.raw)
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Refused):
        verify(RING, CONTEXT, MESSAGE, RingSignature.parse(bytes(raw)))
