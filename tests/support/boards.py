"""A board of three trustees, T0 to T2, as a group defines it, and the keys that they sign with."""

from __future__ import annotations

from crypto.signatures import SigningKey
from service.wire import poll_shapes as shapes
from service.wire.poll_views import board_id

KEYS = [SigningKey(bytes([n]) * 32) for n in (1, 2, 3)]
DEFINITION = shapes.DefineBoard(
    "The board", 2, tuple(shapes.TrusteeCard(f"T{n}", key.verify_key().raw) for n, key in enumerate(KEYS))
)
GROUP = bytes.fromhex("aa" * 16)
BOARD = board_id(GROUP, DEFINITION)
