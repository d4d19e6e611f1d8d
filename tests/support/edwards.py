"""edwards25519 in twenty lines of affine integers: slow, obvious, and nothing of libsodium in it."""

from __future__ import annotations

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Affine = tuple[int, int]
IDENTITY: Affine = (0, 1)


def add(left: Affine, right: Affine) -> Affine:
    """The complete addition law of RFC 8032 §5.1.4, affine."""
    (x1, y1), (x2, y2) = left, right
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def multiply(number: int, point: Affine) -> Affine:
    """Double and add."""
    result = IDENTITY
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def encode(point: Affine) -> bytes:
    """RFC 8032 §5.1.2."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decode(raw: bytes) -> Affine | None:
    """RFC 8032 §5.1.3, strict: None when not canonical or not on the curve."""
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return (x if x % 2 == sign else P - x), y


_base = decode(b"\x58" + b"\x66" * 31)
assert _base is not None
BASE: Affine = _base
