"""Unlinkability of ring signatures, as far as a test can see it: across contexts, and between the signers' places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import pytest

from crypto.entropy import Entropy, seeded
from crypto.errors import Refused
from crypto.group import ORDER, Point
from crypto.members import MemberKey
from crypto.ring import Ring, RingSignature, Tag, context_generator, sign, verify
from tests.support.rings import CONTEXT, MESSAGE, keys_for

SAMPLES = 500
"""Half of them by the same member: means that lie half a standard deviation apart are found in nine of ten draws."""
JUDGED = 60
"""Of each kind shown to the verifier: one that accepts a third of what it must not is found in 98 of 100 draws."""


@dataclass(frozen=True)
class Pair:
    """Two signatures of one ring: by the same member or not, in two contexts."""

    ring: Ring
    contexts: tuple[bytes, bytes]
    one: RingSignature
    two: RingSignature


def fresh_pair(*, same: bool, one_context: bool, draw: Entropy) -> Pair:
    """A new ring of three, new contexts, random signers: nothing repeats between samples."""
    keys = [MemberKey.draw(draw) for _ in range(3)]
    ring = Ring.of(key.public() for key in keys)
    first = int.from_bytes(draw(8), "big") % 3
    second = first if same else (first + 1 + draw(1)[0] % 2) % 3
    one = draw(16)
    two = one if one_context else draw(16)
    left = sign(ring, keys[first], one, MESSAGE, draw)
    return Pair(ring, (one, two), left, sign(ring, keys[second], two, MESSAGE, draw))


def bits_in_common(left: bytes, right: bytes) -> int:
    return 8 * len(left) - (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).bit_count()


def accepts(pair: Pair, signature: RingSignature) -> bool:
    """What the code's own verifier says to a signature shown in the second context."""
    try:
        verify(pair.ring, pair.contexts[1], MESSAGE, signature)
    except Refused:
        return False
    return True


def with_tag(signature: RingSignature, tag: Point) -> RingSignature:
    return RingSignature(Tag(tag), signature.challenge, signature.responses)


# Simple statistics over two signatures that would differ if "same member" could be seen.
DISTINGUISHERS: dict[str, Callable[[Pair], float]] = {
    "tags are equal": lambda p: p.one.tag == p.two.tag,
    "tags are opposite": lambda p: p.one.tag.point == -p.two.tag.point,
    "tags share bits": lambda p: bits_in_common(p.one.tag.raw, p.two.tag.raw),
    "bodies share bits": lambda p: bits_in_common(p.one.raw[32:], p.two.raw[32:]),
    "a response repeats": lambda p: len(set(p.one.responses) & set(p.two.responses)),
    "responses lie alike": lambda p: sum(
        (a.value < ORDER // 2) == (b.value < ORDER // 2)
        for a, b in zip(p.one.responses, p.two.responses, strict=True)
    ),
    "generators relate the tags": lambda p: (
        p.one.tag.point - p.two.tag.point
        == context_generator(p.contexts[0]) - context_generator(p.contexts[1])
    ),
    "verifier accepts the first signature": lambda p: accepts(p, p.one),
    "verifier accepts the first tag": lambda p: accepts(p, with_tag(p.two, p.one.tag.point)),
    "verifier accepts the tags' sum": lambda p: accepts(
        p, with_tag(p.two, p.one.tag.point + p.two.tag.point)
    ),
}


def gap_in_sigmas(same: list[float], different: list[float]) -> float:
    """How far the two means are apart, in standard errors; infinite when constant and unequal."""
    a, b = fmean(same), fmean(different)
    variance = sum(
        fmean((value - mean) ** 2 for value in values) / len(values)
        for values, mean in ((same, a), (different, b))
    )
    return 0.0 if a == b else abs(a - b) / variance**0.5 if variance else float("inf")


@pytest.mark.slow
def test_two_contexts_cannot_be_linked_by_simple_means() -> None:
    """500 pairs across two contexts: no statistic, the verifier included, tells same from different.

    The control is one context, where linking is the purpose: there the first statistic must tell.
    """
    draw = seeded(b"unlinkable draws")
    half = range(SAMPLES // 2)
    same, different = (
        [fresh_pair(same=kind, one_context=False, draw=draw) for _ in half] for kind in (True, False)
    )
    for name, see in DISTINGUISHERS.items():
        count = JUDGED if name.startswith("verifier") else SAMPLES // 2
        assert gap_in_sigmas([see(p) for p in same[:count]], [see(p) for p in different[:count]]) < 4, name

    linked, unlinked = (
        [fresh_pair(same=kind, one_context=True, draw=draw) for _ in range(20)] for kind in (True, False)
    )
    for name in ("tags are equal", "tags share bits", "generators relate the tags"):
        see = DISTINGUISHERS[name]
        assert gap_in_sigmas([see(p) for p in linked], [see(p) for p in unlinked]) > 10, name


def test_signer_place_does_not_show_in_the_signature() -> None:
    """The signer's own response and the first challenge are spread like all others, at every place."""
    keys = keys_for(b"place", 2)
    ring = Ring.of(key.public() for key in keys)
    draw = seeded(b"place draws")
    signatures = {key.public(): [sign(ring, key, CONTEXT, MESSAGE, draw) for _ in range(400)] for key in keys}
    for statistic in (
        lambda s: s.responses[0].value / ORDER,
        lambda s: s.responses[1].value / ORDER,
        lambda s: s.challenge.value / ORDER,
        lambda s: float(s.responses[0].value < s.responses[1].value),
        lambda s: s.responses[0].value & 1,
    ):
        first, second = ([statistic(s) for s in signatures[member]] for member in ring.members)
        assert gap_in_sigmas(first, second) < 4
