"""Ring signatures: who can sign, which tag they show, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import pytest
from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)

from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.group import Point
from crypto.ring import Ring, RingSignature, context_generator, sign, tag_of, verify
from tests.support.rings import CONTEXT, KEYS, MESSAGE, RING, SIGNED, keys_for


@pytest.mark.parametrize("count", [2, 3, 5])
def test_every_member_can_sign(count: int) -> None:
    """Each member's signature verifies, survives its encoding and shows that member's tag."""
    keys = keys_for(b"everyone", count)
    ring = Ring.of(key.public() for key in keys)
    tags = set()
    for key in keys:
        signature = sign(ring, key, CONTEXT, MESSAGE, seeded(b"e"))
        assert len(signature.raw) == 64 + 32 * count
        assert RingSignature.parse(signature.raw) == signature
        assert verify(ring, CONTEXT, MESSAGE, signature) == tag_of(key, CONTEXT)
        tags.add(tag_of(key, CONTEXT))
    assert len(tags) == count


def test_same_member_same_context_is_one_tag() -> None:
    """Another message, other randomness and another ring: the tag stays, so twice is seen."""
    larger = Ring.of([*RING.members, *(key.public() for key in keys_for(b"others", 3))])
    other = sign(larger, KEYS[2], CONTEXT, b"another message", seeded(b"other"))
    assert verify(larger, CONTEXT, b"another message", other) == verify(RING, CONTEXT, MESSAGE, SIGNED)


def test_another_context_is_another_tag() -> None:
    """A member's tags in two contexts differ, and so do two members' tags in one."""
    tags = {tag_of(key, context) for key in KEYS for context in (b"one", b"two", b"three")}
    assert len(tags) == 15


def test_an_outsider_cannot_sign() -> None:
    """A key outside the ring is Refused before anything is computed with it."""
    with pytest.raises(Refused, match="not one of its members"):
        sign(RING, keys_for(b"outsider", 1)[0], CONTEXT, MESSAGE, seeded(b"x"))


def test_signing_is_hedged() -> None:
    """With randomness stuck at one value, two messages still share no response and no nonce."""
    stuck: Callable[[int], bytes] = bytes
    first, second = (sign(RING, KEYS[0], CONTEXT, message, stuck) for message in (b"m1", b"m2"))
    assert not set(first.responses) & set(second.responses)
    assert sign(RING, KEYS[0], CONTEXT, b"m1", stuck) == first


def primitive_cost_s(ring: Ring, signature: RingSignature, generator: Point) -> float:
    """CPU seconds of the bare libsodium calls that a 100-member ring needs: 4 multiplications, 2 sums each."""
    challenge = signature.challenge.raw
    start = time.process_time()
    for member, response in zip(ring.members, signature.responses, strict=True):
        s = response.raw
        left = crypto_scalarmult_ed25519_base_noclamp(s)
        crypto_core_ed25519_add(left, crypto_scalarmult_ed25519_noclamp(challenge, member.raw))
        right = crypto_scalarmult_ed25519_noclamp(s, generator.raw)
        crypto_core_ed25519_add(right, crypto_scalarmult_ed25519_noclamp(challenge, signature.tag.raw))
    return time.process_time() - start


def test_hundred_members_cost_little_more_than_their_primitives() -> None:
    """Signing and verifying for 100 members: at most 1.2 × the bare libsodium calls of the same run."""
    keys = keys_for(b"hundred", 100)
    ring = Ring.of(key.public() for key in keys)
    generator = context_generator(CONTEXT)
    signing, verifying = [], []
    for key in keys[:9]:
        start = time.process_time()
        signature = sign(ring, key, CONTEXT, MESSAGE, seeded(b"cost"))
        middle = time.process_time()
        verify(ring, CONTEXT, MESSAGE, signature)
        end = time.process_time()
        floor = primitive_cost_s(ring, signature, generator)
        signing.append((middle - start) / floor)
        verifying.append((end - middle) / floor)
    # The median of what is measured side by side: on a busy machine the least of each alone are up to 1.3 apart.
    assert median(signing) <= 1.2
    assert median(verifying) <= 1.2
