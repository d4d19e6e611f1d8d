"""A ring of five and one signature by it, for tests that alter it; keys by the name of what they are for."""

from __future__ import annotations

from crypto.entropy import seeded
from crypto.members import MemberKey
from crypto.ring import Ring, sign

CONTEXT, MESSAGE = b"a context", b"a message"


def keys_for(name: bytes, count: int) -> list[MemberKey]:
    draw = seeded(name)
    return [MemberKey.draw(draw) for _ in range(count)]


KEYS = keys_for(b"ring", 5)
RING = Ring.of(key.public() for key in KEYS)
SIGNED = sign(RING, KEYS[2], CONTEXT, MESSAGE, seeded(b"signed"))
