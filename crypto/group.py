"""The prime-order subgroup of edwards25519: what ring signatures and polls compute in. SPEC.md §10.

A `Point` or `Scalar` that exists is valid: it is checked once, where bytes come in, and sums and
multiples of valid values need no second check. `SecretScalar` is the same number hidden and computed
in constant time by libsodium; it becomes public only through `.reveal()`.
Importing this module proves that libsodium refuses torsion (CVE-2025-69277) or fails: nothing of the
project computes on a library in which one member could vote twice.
What it leaves to others: hashing to a point (`crypto.elligator`), and every protocol.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self, final

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_is_valid_point,
    crypto_core_ed25519_scalar_add,
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_negate,
    crypto_core_ed25519_scalar_reduce,
    crypto_core_ed25519_scalar_sub,
    crypto_core_ed25519_sub,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)
from nacl.exceptions import RuntimeError as SodiumRefused

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.secrets import Secret
from crypto.torsion import check_library

ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""L, the order of the subgroup (RFC 8032 §5.1)."""
SCALAR_SIZE: Final = 32
POINT_SIZE: Final = 32

_IDENTITY_BYTES: Final = bytes([1]) + bytes(31)
_ONE: Final = bytes([1]) + bytes(31)


@final
class Scalar:
    """A public number below L. Arithmetic is modulo L; encoded as 32 bytes, little-endian."""

    __slots__ = ("_value",)
    _value: int

    def __init__(self, value: int) -> None:
        """Take a number that is already at least 0 and below L; raises Refused otherwise."""
        if not 0 <= value < ORDER:
            raise Refused("scalar: out of range")
        self._value = value

    @classmethod
    def parse(cls, raw: bytes) -> Scalar:
        """Read exactly 32 bytes; raises Refused unless the number is below L (no second encoding)."""
        if len(raw) != SCALAR_SIZE:
            raise Refused("scalar: not 32 bytes")
        return cls(int.from_bytes(raw, "little"))

    @classmethod
    def reduce(cls, value: int) -> Scalar:
        """Take any number modulo L."""
        return _scalar(value % ORDER)

    @property
    def value(self) -> int:
        """The number itself."""
        return self._value

    @property
    def raw(self) -> bytes:
        """The number as 32 bytes, little-endian."""
        return self._value.to_bytes(SCALAR_SIZE, "little")

    def __add__(self, other: Scalar) -> Scalar:
        return _scalar((self._value + other._value) % ORDER)

    def __sub__(self, other: Scalar) -> Scalar:
        return _scalar((self._value - other._value) % ORDER)

    def __mul__(self, other: Scalar) -> Scalar:
        return _scalar(self._value * other._value % ORDER)

    def __neg__(self) -> Scalar:
        return _scalar(-self._value % ORDER)

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Scalar) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Scalar({self._value})"


def _scalar(value: int) -> Scalar:
    made = Scalar.__new__(Scalar)
    made._value = value
    return made


class SecretScalar(Secret):
    """A number below L that nobody sees: keys, nonces, shares. Constant-time arithmetic by libsodium.

    Sums and products with a Scalar or a SecretScalar are SecretScalars again. Publish a response by
    `Scalar.parse(secret.reveal())`, where the protocol says that it is public.
    """

    SIZE = SCALAR_SIZE
    __slots__ = ()

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        if int.from_bytes(raw, "little") >= ORDER:
            raise Refused("secret scalar: out of range")

    @classmethod
    def draw(cls, entropy: Entropy) -> Self:
        """Draw uniformly (bias below 2⁻²⁵⁰): 64 bytes of `entropy` modulo L."""
        return cls.from_wide(entropy(64))

    @classmethod
    def from_wide(cls, wide: bytes) -> Self:
        """Take 64 uniform bytes (a digest) modulo L, in constant time."""
        if len(wide) != 64:
            raise Refused("secret scalar: needs 64 uniform bytes")
        return cls(crypto_core_ed25519_scalar_reduce(wide))

    def __add__(self, other: Scalar | SecretScalar) -> SecretScalar:
        return SecretScalar(crypto_core_ed25519_scalar_add(self.reveal(), _bytes_of(other)))

    def __sub__(self, other: Scalar | SecretScalar) -> SecretScalar:
        return SecretScalar(crypto_core_ed25519_scalar_sub(self.reveal(), _bytes_of(other)))

    def __mul__(self, other: Scalar | SecretScalar) -> SecretScalar:
        return SecretScalar(crypto_core_ed25519_scalar_mul(self.reveal(), _bytes_of(other)))

    def __neg__(self) -> SecretScalar:
        return SecretScalar(crypto_core_ed25519_scalar_negate(self.reveal()))


def _bytes_of(scalar: Scalar | SecretScalar) -> bytes:
    return scalar.raw if isinstance(scalar, Scalar) else scalar.reveal()


@final
class Point:
    """An element of the prime-order subgroup, in its one canonical 32-byte encoding (RFC 8032 §5.1.2)."""

    __slots__ = ("_raw",)
    _raw: bytes

    def __init__(self, raw: bytes, *, identity_allowed: bool = False) -> None:
        """Check 32 bytes: canonical, on the curve, in the subgroup; the identity only where allowed."""
        if len(raw) != POINT_SIZE:
            raise Refused("point: not 32 bytes")
        raw = bytes(raw)
        if raw == _IDENTITY_BYTES:
            if not identity_allowed:
                raise Refused("point: the identity is not allowed here")
        elif not crypto_core_ed25519_is_valid_point(raw):
            raise Refused("point: not canonical or not in the prime-order subgroup")
        self._raw = raw

    @property
    def raw(self) -> bytes:
        """The 32 bytes."""
        return self._raw

    @property
    def is_identity(self) -> bool:
        """Whether this is the neutral element."""
        return self._raw == _IDENTITY_BYTES

    def __add__(self, other: Point) -> Point:
        return _point(crypto_core_ed25519_add(self._raw, other._raw))

    def __sub__(self, other: Point) -> Point:
        return _point(crypto_core_ed25519_sub(self._raw, other._raw))

    def __neg__(self) -> Point:
        # Only the identity has x = 0 in the subgroup; every other negative differs in the sign of x.
        raw = self._raw
        return self if raw == _IDENTITY_BYTES else _point(raw[:31] + bytes([raw[31] ^ 0x80]))

    def __mul__(self, scalar: Scalar | SecretScalar) -> Point:
        """Multiply; 75 µs. libsodium refuses 0 and the identity: both give the identity here."""
        try:
            return _point(crypto_scalarmult_ed25519_noclamp(_bytes_of(scalar), self._raw))
        except SodiumRefused:
            return IDENTITY

    def __eq__(self, other: object) -> bool:
        return self._raw == other._raw if isinstance(other, Point) else NotImplemented

    def __lt__(self, other: Point) -> bool:
        return self._raw < other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        return f"Point({self._raw.hex()})"


def _point(raw: bytes) -> Point:
    """Wrap the result of arithmetic on valid points: it is valid by closure."""
    made = Point.__new__(Point)
    made._raw = raw
    return made


IDENTITY: Final = _point(_IDENTITY_BYTES)
"""The neutral element, 0·G."""
GENERATOR: Final = _point(crypto_scalarmult_ed25519_base_noclamp(_ONE))
"""G, the base point of RFC 8032: y = 4/5, x even."""


def times_base(scalar: Scalar | SecretScalar) -> Point:
    """Give scalar·G by libsodium's table, in 16 µs; 0 gives the identity."""
    try:
        return _point(crypto_scalarmult_ed25519_base_noclamp(_bytes_of(scalar)))
    except SodiumRefused:
        return IDENTITY


def total(points: Iterable[Point]) -> Point:
    """Add points up; none give the identity."""
    result = IDENTITY
    for point in points:
        result = result + point
    return result


def clear_cofactor(raw: bytes) -> Point:
    """Give 8·P for any encoded point P of the curve: into the subgroup. Used for hashing to a point."""
    for _ in range(3):
        raw = crypto_core_ed25519_add(raw, raw)
    return Point(raw, identity_allowed=True)


def hash_to_scalar(label: Label, *parts: bytes) -> Scalar:
    """Hash to a public scalar: 64 bytes of H(label, parts…), little-endian, modulo L."""
    return Scalar.reduce(int.from_bytes(digest(label, *parts, size=64), "little"))


check_library()
