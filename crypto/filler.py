"""What fills a mailbox's empty slots: bytes that are distributed as a sealed letter's are. SPEC.md §5.1.

A letter begins with what X-Wing encapsulates: ML-KEM's ciphertext, whose packed numbers come a third more often for
some values than for others, and an X25519 share, which lies in the subgroup of prime order. Plain random bytes do
neither, so that anybody could tell them from letters who was shown a few.
"""

from __future__ import annotations

from hashlib import shake_256
from struct import unpack
from typing import Final

from nacl.bindings import crypto_scalarmult_base

from crypto.letters import LETTER_SIZE

Q: Final = 3_329  # FIPS 203 §2.4
_LIMIT: Final = 2**16 - 2**16 % Q
"""Draws of 16 bits from here on are passed over, so that the others are uniform modulo Q: 965 of 1,000 remain."""
_SHARE: Final = 32
_REST: Final = LETTER_SIZE - 1_088 - _SHARE


def _compressed(bits: int) -> tuple[str, ...]:
    """Compress_d (FIPS 203 §4.2.1) of each draw modulo Q: ⌈2^d·x/q⌋ mod 2^d in `bits` binary digits; none if passed."""
    digits = [f"{((2 * x << bits) + Q) // (2 * Q) % (1 << bits):0{bits}b}" for x in range(Q)]
    return tuple(digits[draw % Q] if draw < _LIMIT else "" for draw in range(2**16))


_TO_10: Final = _compressed(10)
_TO_4: Final = _compressed(4)


def filler(seed: bytes) -> bytes:
    """Make 9328 bytes that look like a sealed letter to whoever doesn't know `seed`; the same seed gives the same.

    seed: 32 bytes. Vectors: letters.json (`filler`).
    """
    # ML-KEM-768 (FIPS 203 table 2): three polynomials of 256 numbers in 10 bits, one of 256 in 4.
    first = _packed(b"c1" + seed, _TO_10, 768, 10)
    second = _packed(b"c2" + seed, _TO_4, 256, 4)
    others = shake_256(b"others" + seed).digest(_SHARE + _REST)
    # libsodium clamps the scalar (RFC 7748 §5), as it does for a real share.
    return first + second + crypto_scalarmult_base(others[:_SHARE]) + others[_SHARE:]


def _packed(stream: bytes, compressed: tuple[str, ...], count: int, bits: int) -> bytes:
    """Draw numbers and pack them as ByteEncode_d does (FIPS 203 §4.2.1): the first one in the lowest bits."""
    draws = count * 5 // 4  # one in 29 is passed over: too few remain in less than one of 2^100 cases
    while True:
        drawn = unpack(f"<{draws}H", shake_256(stream).digest(2 * draws))
        digits = "".join(map(compressed.__getitem__, reversed(drawn)))[-count * bits :]
        if len(digits) == count * bits:
            return int(digits, 2).to_bytes(count * bits // 8, "little")
        draws *= 2  # a longer output begins with the shorter one
