"""Hash to a point whose logarithm nobody knows: RFC 9380, edwards25519_XMD:SHA-512_ELL2_RO_. SPEC.md §10.3.

PyNaCl exposes libsodium's Elligator 2 map (`crypto_core_ed25519_from_uniform`) but not the hash around
it, and the map's sign convention is not the RFC's. So the map is written here on Python's integers, from
the RFC, and held to the RFC's own vectors. It takes as long as its input says: only public input, please
(a poll's digest, a subject's digest), never a secret.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Final

from nacl.bindings import crypto_core_ed25519_add

from crypto.errors import Refused
from crypto.group import Point, clear_cofactor
from crypto.hashing import prefixed
from crypto.labels import Label

P: Final = 2**255 - 19
_J: Final = 486662  # curve25519: t² = s³ + J·s² + s
_FIELD_BYTES: Final = 48  # L of RFC 9380 §8.5: bias below 2⁻¹²⁸
_BLOCK: Final = 128  # SHA-512's input block
_HASH: Final = 64
_SQRT_MINUS_ONE: Final = pow(2, (P - 1) // 4, P)
SUITE: Final = b"edwards25519_XMD:SHA-512_ELL2_RO_"


def expand_message(message: bytes, domain: bytes, size: int) -> bytes:
    """expand_message_xmd with SHA-512 (RFC 9380 §5.3.1): `size` uniform bytes, at most 255·64.

    domain: the separation tag, 1 to 255 bytes; raises Refused otherwise.
    """
    blocks = -(-size // _HASH)
    if not 1 <= len(domain) <= 255 or not 1 <= blocks <= 255:
        raise Refused("hash to point: domain or size out of range")
    tag = domain + bytes([len(domain)])
    first = sha512(bytes(_BLOCK) + message + size.to_bytes(2, "big") + b"\0" + tag).digest()
    block = sha512(first + b"\1" + tag).digest()
    uniform = block
    for index in range(2, blocks + 1):
        mixed = bytes(a ^ b for a, b in zip(first, block, strict=True))
        block = sha512(mixed + bytes([index]) + tag).digest()
        uniform += block
    return uniform[:size]


def _square_root(value: int) -> int | None:
    """Give a square root modulo 2²⁵⁵ − 19, or None (RFC 9380 §I.2; p ≡ 5 mod 8)."""
    root = pow(value, (P + 3) // 8, P)
    if (root * root - value) % P:
        root = root * _SQRT_MINUS_ONE % P
    return None if (root * root - value) % P else root


def _square_root_of(value: int) -> int:
    root = _square_root(value % P)
    if root is None:  # pragma: no cover: called once, on a constant that is a square
        raise ArithmeticError("not a square")
    return root


def _even(root: int) -> int:
    return root if root % 2 == 0 else P - root


_SCALE: Final = _even(_square_root_of(-(_J + 2)))  # c1 of RFC 9380 §G.2.2, sgn0 = 0


def map_to_curve(u: int) -> tuple[int, int]:
    """Elligator 2 onto edwards25519 (RFC 9380 §6.7.1 and §6.8.2): affine (x, y), any coset."""
    # §6.7.1: s = −J/(1 + 2u²), or −s − J where that is not on the curve; the sign of t tells which.
    s = -_J * pow(1 + 2 * u * u, -1, P) % P  # 1 + 2u² is never 0: −1/2 is not a square
    t = _square_root((s * s + _J * s + 1) * s % P)
    if t is not None:
        t = P - _even(t)  # sgn0(t) = 1
    else:
        s = (-s - _J) % P
        t = _even(_square_root_of((s * s + _J * s + 1) * s))
    # Appendix D.1: x = c1·s/t, y = (s − 1)/(s + 1), the identity where that divides by 0.
    below = (s + 1) * t % P
    if below == 0:
        return 0, 1
    inverse = pow(below, -1, P)
    return _SCALE * s * (s + 1) * inverse % P, (s - 1) * t * inverse % P


def _encode(point: tuple[int, int]) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def hash_to_curve(message: bytes, domain: bytes) -> Point:
    """hash_to_curve of RFC 9380 §3 for the suite `SUITE`: two maps added, times the cofactor."""
    uniform = expand_message(message, domain, 2 * _FIELD_BYTES)
    first, second = (int.from_bytes(uniform[at : at + _FIELD_BYTES], "big") % P for at in (0, _FIELD_BYTES))
    both = crypto_core_ed25519_add(_encode(map_to_curve(first)), _encode(map_to_curve(second)))
    return clear_cofactor(both)


def hash_to_point(label: Label, *parts: bytes) -> Point:
    """Hash a label and length-prefixed public parts to a point of the group, not the identity.

    The domain is the label, "-with-" and the suite's name. About 0.5 ms; raises Refused with probability 2⁻²⁵².
    """
    point = hash_to_curve(prefixed(parts), label.value + b"-with-" + SUITE)
    if point.is_identity:
        raise Refused("hash to point: the identity")
    return point
