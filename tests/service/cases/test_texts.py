"""Texts as people type them, and what is taken out of them."""

from __future__ import annotations

import unicodedata

import pytest

from crypto.errors import Refused
from service.cases.texts import checked_text, decoded, tidy

BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def barred(code: int) -> bool:
    """Whether no text may hold this character, by the Unicode database."""
    return code in BIDI or (unicodedata.category(chr(code)) in {"Cc", "Cs"} and chr(code) not in "\n\t")


def test_tidy_drops_controls_and_keeps_every_other_character() -> None:
    """Of all that Unicode has."""
    codes = [code for code in range(0x110000) if chr(code) != "\r"]
    kept = "".join(chr(code) for code in codes if not barred(code))
    assert tidy("<" + "".join(map(chr, codes)) + ">") == f"<{kept}>"
    assert checked_text(kept, len(kept), "it") == kept


def test_what_tidy_drops_is_refused_at_the_border() -> None:
    for code in filter(barred, range(0x110000)):
        with pytest.raises(Refused):
            checked_text(f"a{chr(code)}", 2, "it")


def test_the_mark_before_a_file_is_no_part_of_its_text() -> None:
    """One, at the beginning: any other was typed."""
    for raw, text in (
        (b"\xef\xbb\xbfone\xef\xbb\xbf", "one\ufeff"),
        (b"\xef\xbb\xbf\xef\xbb\xbf", "\ufeff"),
        (b" one", " one"),
        (b"", ""),
    ):
        assert decoded(raw) == text
    with pytest.raises(UnicodeDecodeError):
        decoded(b"\xff\xfeo\0")


def test_tidy_unifies_newlines_and_trims() -> None:
    assert tidy(" \r\none\rtwo\n\tthree \x01\n") == "one\ntwo\n\tthree"
