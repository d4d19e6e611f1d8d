"""Ids as people type and paste them."""

from __future__ import annotations

import pytest

from crypto.errors import Refused
from service.console import hex_id, poll_id


def test_an_id_is_taken_in_any_case_and_with_space_around_it() -> None:
    """As it comes out of a letter, a spreadsheet or a shell."""
    assert (
        hex_id("00ff" * 4, 8, "an id")
        == hex_id(" 00FF" + "00fF" * 3 + "\n", 8, "an id")
        == bytes([0, 255] * 4)
    )


@pytest.mark.parametrize("typed", ["", "a", "0" * 62, "0" * 66, "g" + "0" * 63, "\uff10" * 64, "0 " * 32])
def test_what_is_none_is_refused_and_not_repeated(typed: str) -> None:
    """The sentence says what one looks like."""
    with pytest.raises(Refused, match=r"^a poll's id is 64 hexadecimal digits$"):
        poll_id(typed)
