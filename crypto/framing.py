"""Strict binary framing: exact lengths, nothing left over. SPEC.md §1.1.

Every parser of the project reads through `Reader`; whatever is short, long or out of range is Refused.
"""

from __future__ import annotations

from crypto.errors import Refused


class Reader:
    """Reads a byte string from front to back and refuses what doesn't fit exactly."""

    __slots__ = ("_at", "_data", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._what = what

    def take(self, size: int) -> bytes:
        """Read exactly `size` bytes."""
        end = self._at + size
        if size < 0 or end > len(self._data):
            raise Refused(f"{self._what}: too short")
        piece = bytes(self._data[self._at : end])
        self._at = end
        return piece

    def u8(self) -> int:
        """Read one byte as a number."""
        return self.take(1)[0]

    def u32(self) -> int:
        """Read four bytes, big-endian."""
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        """Read eight bytes, big-endian."""
        return int.from_bytes(self.take(8), "big")

    def prefixed(self, limit: int) -> bytes:
        """Read a part behind its four-byte length, which may be at most `limit`."""
        size = self.u32()
        if size > limit:
            raise Refused(f"{self._what}: a part is longer than allowed")
        return self.take(size)

    def rest(self) -> bytes:
        """Read all that is left."""
        return self.take(len(self._data) - self._at)

    def finish(self) -> None:
        """Refuse anything left over."""
        if self._at != len(self._data):
            raise Refused(f"{self._what}: bytes left over")


def part(value: bytes) -> bytes:
    """Write a part behind its four-byte big-endian length, as `Reader.prefixed` reads it."""
    return len(value).to_bytes(4, "big") + value
