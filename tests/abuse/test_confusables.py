"""Folding: look-alikes and what can't be seen are one with what they imitate, and plain ASCII is left as it is."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.confusables import _TABLE, fold, seen
from abuse.subjects import subject
from crypto.errors import Refused


def test_what_cannot_be_seen_is_never_part_of_a_name() -> None:
    """Every format character of this Unicode, and all it will never show; none comes back by folding."""
    shown, unseen = list[str](), list[str]()
    for character in (chr(at) for at in range(0x110000) if not 0xD800 <= at < 0xE000):
        (shown if seen(character) else unseen).append(character)
    assert not [character for character in shown if unicodedata.category(character) == "Cf"]
    assert len(unseen) == 4174 + 32  # Default_Ignorable_Code_Point, and what is Cf beside
    assert fold(f"a{''.join(unseen)}b") == "ab"
    for character in shown:
        again = unicodedata.normalize("NFKC", character).casefold()
        assert again == character or seen(again) == again


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_folding_is_idempotent_and_blind_to_case(text: str) -> None:
    """fold(fold(x)) = fold(x), and upper, lower and given case fold alike."""
    try:
        once = fold(text)
    except Refused:
        return
    assert fold(once) == once
    if text.isascii():
        assert fold(text.upper()) == fold(text.lower()) == once


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20))
def test_ascii_is_never_folded_into_other_ascii(handle: str) -> None:
    """A plain handle is its own canonical form, and a look-alike spelling of it folds onto it."""
    assert subject("launchpad", handle).handle == handle
    back = {meant: chr(seen) for seen, meant in _TABLE.items()}
    disguised = "".join(back.get(c, c) for c in handle)
    assert fold(disguised) == handle
