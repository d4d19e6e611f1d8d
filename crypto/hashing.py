"""BLAKE2b with a label and length-prefixed parts: the project's only way to hash. SPEC.md §1.3."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from crypto.labels import Label

_LENGTHS = tuple(length.to_bytes(8, "big") for length in range(129))
"""Of the lengths that nearly all parts have: this runs half a dozen times for every report."""


def prefixed(parts: Iterable[bytes]) -> bytes:
    """Join parts, each behind its length as 8 bytes big-endian: no two lists join alike."""
    pieces: list[bytes] = []
    for part in parts:
        size = len(part)
        pieces += (_LENGTHS[size] if size < 129 else size.to_bytes(8, "big"), part)
    return b"".join(pieces)


def digest(label: Label, *parts: bytes, size: int = 32) -> bytes:
    """H(label, parts…): `size` (1 to 64) bytes of BLAKE2b personalised with the label."""
    return blake2b(prefixed(parts), digest_size=size, person=label.value).digest()


def keyed(key: bytes, label: Label, *parts: bytes, size: int = 32) -> bytes:
    """BLAKE2b keyed (up to 64 bytes) and personalised: a MAC and a key derivation."""
    return blake2b(prefixed(parts), digest_size=size, key=key, person=label.value).digest()


class Hasher:
    """The same as `digest`, fed in pieces: parts are framed one by one with `part`."""

    __slots__ = ("_state",)

    def __init__(self, label: Label, *, size: int = 32) -> None:
        self._state: Any = blake2b(digest_size=size, person=label.value)

    def part(self, value: bytes) -> Hasher:
        """Add one length-prefixed part."""
        self._state.update(len(value).to_bytes(8, "big"))
        self._state.update(value)
        return self

    def copy(self) -> Hasher:
        """Fork the state, so that a shared prefix is hashed once."""
        fork = Hasher.__new__(Hasher)
        fork._state = self._state.copy()
        return fork

    def finish(self) -> bytes:
        """Give the digest."""
        result: bytes = self._state.digest()
        return result
