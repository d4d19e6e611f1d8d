"""Padding, so that a length says one of six things and nothing else. SPEC.md §6.1.

Padded form: u32 big-endian length ‖ content ‖ zeros up to the size.
"""

from __future__ import annotations

from typing import Final

from crypto.errors import Refused

KIB: Final = 1024
SIZE_CLASSES: Final = (4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, KIB * KIB, 8 * KIB * KIB)
"""Padded sizes of a report, by size class 0 to 5."""
LENGTH_SIZE: Final = 4
MAX_PLAINTEXT: Final = SIZE_CLASSES[-1] - LENGTH_SIZE


def class_for(length: int) -> int:
    """Give the smallest size class that holds `length` bytes. Refused above 8 MiB − 4."""
    for index, size in enumerate(SIZE_CLASSES):
        if 0 <= length <= size - LENGTH_SIZE:
            return index
    raise Refused("the report is larger than 8 MiB")


def size_of(class_index: int) -> int:
    """Give the padded size of a class. Refused when there is no such class."""
    if not 0 <= class_index < len(SIZE_CLASSES):
        raise Refused("padding: no such size class")
    return SIZE_CLASSES[class_index]


def pad(plaintext: bytes, class_index: int) -> bytes:
    """Pad to a size class. Refused when it doesn't fit."""
    return pad_to(plaintext, size_of(class_index))


def pad_to(plaintext: bytes, size: int) -> bytes:
    """Pad to `size` bytes, four of which hold the length. Refused when it doesn't fit."""
    room = size - LENGTH_SIZE - len(plaintext)
    if room < 0:
        raise Refused("padding: the content is larger than its size class")
    return b"".join((len(plaintext).to_bytes(LENGTH_SIZE, "big"), plaintext, bytes(room)))


def unpad(padded: bytes) -> bytes:
    """Give the content back. Refused when the length can't be or the padding isn't zeros: one content, one form."""
    end = LENGTH_SIZE + int.from_bytes(padded[:LENGTH_SIZE], "big")
    if len(padded) < LENGTH_SIZE or end > len(padded) or padded.count(0, end) != len(padded) - end:
        raise Refused("padding: malformed")
    return bytes(padded[LENGTH_SIZE:end])
