"""Framing: what a reader takes, and what it refuses."""

from __future__ import annotations

import pytest

from crypto.errors import Refused
from crypto.framing import Reader, part


def test_a_part_is_read_back_up_to_its_limit() -> None:
    """A part as long as allowed is read; one byte more is refused, though it is all there."""
    reader = Reader(part(b"abc") + b"d", "thing")
    assert (reader.prefixed(3), reader.rest()) == (b"abc", b"d")
    reader.finish()
    with pytest.raises(Refused, match="thing: a part is longer than allowed"):
        Reader(part(b"abc"), "thing").prefixed(2)


@pytest.mark.parametrize("raw", [b"", b"\0\0\0", b"\0\0\0\4abc", b"\xff\xff\xff\xffabc"])
def test_a_part_that_is_not_there_is_refused(raw: bytes) -> None:
    """Its length is cut, or promises more than there is."""
    with pytest.raises(Refused, match="thing: too short"):
        Reader(raw, "thing").prefixed(2**32)


def test_nothing_is_left_over() -> None:
    """A message ends where it is said to end."""
    reader = Reader(b"ab", "thing")
    assert reader.u8() == ord("a")
    with pytest.raises(Refused, match="thing: bytes left over"):
        reader.finish()
