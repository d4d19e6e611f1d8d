"""What a SQLite store and its writing process say to each other: length (u32 little-endian) and MessagePack.

Apart from both ends, so that the process, which each server starts, loads nothing of the asking one.
"""

from __future__ import annotations

import itertools
from typing import Final

import msgspec

from service.storage.sqlite_work import Outcome, Work

LENGTH: Final = 4
_encoder: Final = msgspec.msgpack.Encoder()


class Answer(msgspec.Struct, array_like=True):
    """What became of a group: the numbers of its works and their outcomes, or what failed."""

    numbers: list[int]
    outcomes: list[Outcome] | str


class Asked(msgspec.Struct, array_like=True):
    """One piece of work, numbered."""

    number: int
    work: Work


def framed(message: Answer | Asked) -> bytearray:
    """Put a message behind its length."""
    buffer = bytearray(LENGTH)
    _encoder.encode_into(message, buffer, LENGTH)
    buffer[:LENGTH] = (len(buffer) - LENGTH).to_bytes(LENGTH, "little")
    return buffer


def frames(buffer: bytearray) -> list[memoryview]:
    """Take the whole messages from the front of a buffer, as views of a copy."""
    ends = [0]
    while len(buffer) >= ends[-1] + LENGTH:
        end = ends[-1] + LENGTH + int.from_bytes(buffer[ends[-1] : ends[-1] + LENGTH], "little")
        if end > len(buffer):
            break
        ends.append(end)
    if len(ends) == 1:
        return []
    whole = memoryview(bytes(buffer[: ends[-1]]))
    del buffer[: ends[-1]]
    return [whole[start + LENGTH : end] for start, end in itertools.pairwise(ends)]
