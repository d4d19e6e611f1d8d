"""What fills empty slots is told from letters by nothing but the code: neither by its share nor by its numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import shake_256

import pytest

from crypto.codes import MailboxKey
from crypto.entropy import seeded
from crypto.filler import filler
from crypto.letters import LETTER_SIZE, open_letter, seal_letter
from crypto.seal import DoesNotOpen

DRAW = seeded(b"filler")
KEY = MailboxKey(DRAW(32))
MANY = 300
SHARES = 25
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
Q = 3329
SIGMAS = 8
"""Of chi-square's deviation: sound letters exceed it by chance in less than one run of a million."""


@pytest.fixture(scope="module")
def letters() -> list[bytes]:
    return [seal_letter(KEY.public_key(), b"hello") for _ in range(MANY)]


@pytest.fixture(scope="module")
def noise() -> list[bytes]:
    return [filler(DRAW(32)) for _ in range(MANY)]


def plain(count: int) -> list[bytes]:
    return [DRAW(LETTER_SIZE) for _ in range(count)]


def numbers(raw: bytes, bits: int) -> Iterator[int]:
    """ByteDecode_d (FIPS 203), bit by bit."""
    flat = [byte >> at & 1 for byte in raw for at in range(8)]
    for at in range(0, len(flat), bits):
        yield sum(bit << place for place, bit in enumerate(flat[at : at + bits]))


def compressed(x: int, bits: int) -> int:
    """Compress_d (FIPS 203): the nearest integer, halves upwards."""
    return math.floor((x << bits) / Q + 0.5) % (1 << bits)


def in_subgroup(u: int) -> bool:
    """Whether L times the point u of Curve25519 is the identity: the ladder of RFC 7748 §5 with k = L."""
    x_2, z_2, x_3, z_3 = 1, 0, u, 1
    for t in reversed(range(L.bit_length())):
        bit = L >> t & 1
        if bit:
            x_2, x_3, z_2, z_3 = x_3, x_2, z_3, z_2
        a, b, c, d = x_2 + z_2, x_2 - z_2, x_3 + z_3, x_3 - z_3
        da, cb, aa, bb = d * a, c * b, a * a, b * b
        x_3, z_3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x_2, z_2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
        if bit:
            x_2, x_3, z_2, z_3 = x_3, x_2, z_3, z_2
    return z_2 == 0


def shares(some: Sequence[bytes]) -> list[int]:
    return [int.from_bytes(one[1088:1120], "little") for one in some[:SHARES]]


def surprise(some: Sequence[bytes], bits: int) -> float:
    """How far the numbers' frequencies are from those of Compress_d of uniform values: chi-square, in deviations."""
    first, last = (0, 960) if bits == 10 else (960, 1088)
    seen = Counter(number for one in some for number in numbers(one[first:last], bits))
    expected = Counter(compressed(x, bits) for x in range(Q))
    total = sum(seen.values())
    chi = sum((seen[v] - total * n / Q) ** 2 / (total * n / Q) for v, n in expected.items())
    free = (1 << bits) - 1
    return (chi - free) / math.sqrt(2 * free)


def test_letters_and_noise_have_the_same_shares(letters: list[bytes], noise: list[bytes]) -> None:
    """All lie in the subgroup of prime order, as one in sixteen random strings does."""
    assert all(in_subgroup(u) for u in shares(letters))
    assert all(in_subgroup(u) for u in shares(noise))
    assert not all(in_subgroup(u) for u in shares(plain(SHARES)))
    assert all(u < P for u in shares(letters) + shares(noise))


@pytest.mark.parametrize("bits", [10, 4])
def test_letters_and_noise_have_the_same_numbers(letters: list[bytes], noise: list[bytes], bits: int) -> None:
    """ML-KEM's packed values come as often as they should in both."""
    assert surprise(letters, bits) < SIGMAS
    assert surprise(noise, bits) < SIGMAS


def test_plain_bytes_would_be_noticed() -> None:
    """The same test sees that random bytes are no letters."""
    assert surprise(plain(MANY), 10) > 5 * SIGMAS


def test_the_rest_is_as_even_as_ciphertext(letters: list[bytes], noise: list[bytes]) -> None:
    """Bytes after the encapsulation, and each position's mean over many letters."""
    for some in (letters, noise):
        seen = Counter(byte for one in some for byte in one[1120:])
        mean = sum(seen.values()) / 256
        chi = sum((seen[byte] - mean) ** 2 / mean for byte in range(256))
        assert (chi - 255) / math.sqrt(2 * 255) < SIGMAS


def test_noise_is_as_the_spec_says() -> None:
    """SPEC §5.1, number by number."""
    for seed in (bytes(32), DRAW(32), DRAW(32)):
        made, drawn = filler(seed), []
        for name, count, bits in ((b"c1", 768, 10), (b"c2", 256, 4)):
            stream = shake_256(name + seed).digest(4 * count)
            draws = [int.from_bytes(stream[at : at + 2], "little") for at in range(0, len(stream), 2)]
            drawn.append([compressed(x % Q, bits) for x in draws if x < 19 * Q][:count])
        assert [list(numbers(made[:960], 10)), list(numbers(made[960:1088], 4))] == drawn
        assert made[1120:] == shake_256(b"others" + seed).digest(32 + 8208)[32:]
        assert len(made) == LETTER_SIZE


def test_noise_does_not_open_and_stays_the_same() -> None:
    """As any other letter for somebody else."""
    seed = DRAW(32)
    assert filler(seed) == filler(seed)
    assert filler(seed) != filler(DRAW(32))
    with pytest.raises(DoesNotOpen):
        open_letter(KEY, filler(seed))
