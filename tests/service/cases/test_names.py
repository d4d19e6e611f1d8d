"""Names: what may be said anew, and that no spelling of a name is another name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import Refused
from service.cases.names import MAX_NAME, checked_name, folded, readable_name

SAME = {
    "case": ("Ada", "aDA"),
    "sharp s": ("Straße", "STRASSE"),
    "final sigma": ("Νίκος", "ΝΊΚΟΣ"),
    "composed and decomposed": ("Jos\u00e9", "Jose\u0301"),
    "zero width space": ("Alice", "Ali\u200bce"),
    "between a letter and its accent": ("Jos\u00e9", "Jose\u200b\u0301"),
    "byte order mark": ("Alice", "\ufeffAlice"),
    "direction mark": ("Alice", "Alice\u200f"),
    "soft hyphen": ("Alice", "Al\u00adice"),
    "joiners": ("علیرضا", "علی\u200cرضا"),
    "variation selector": ("葛城", "葛\U000e0100城"),
    "Hangul filler": ("Alice", "Al\u3164ice"),
    "full width": ("Ada", "Ａｄａ"),
    "ligature": ("Steffi", "Ste\ufb03"),
    "no-break space": ("Ada L", "Ada\u00a0L"),
    "two spaces": ("Ada L", "Ada  L"),
    "line separator": ("Ada L", "Ada\u2028L"),
    "iota below, in two orders": ("\u1fb7", "\u03b1\u0345\u0342"),
}
DIFFERENT = [("Ada", "Adda"), ("Jose", "José"), ("Yıldız", "Yildiz"), ("Ada L", "AdaL"), ("Ada", "Аda")]


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME.keys())
def test_spellings_of_a_name_are_one_name(one: str, other: str) -> None:
    """A reporter who leaves out one leaves out the other."""
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_names_stay_others(one: str, other: str) -> None:
    """Accents and the dotless ı tell people apart. So does another alphabet: the root's holder has to look."""
    assert folded(one) != folded(other)


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    "name", ["Ada", "علی\u200cرضا", "क्\u200dष", "葛\U000e0100城", "Ada L.", "x" * MAX_NAME]
)
def test_names_of_all_languages_may_be_signed(name: str) -> None:
    """Persian and languages of India need the joiners, Japanese the variation selectors."""
    assert checked_name(name) == name


OLD = [
    "Alice\u2028Bob",
    "Alice\u2029Bob",
    "Ali\u200bce",
    "\ufeffAlice",
    "Alice\u200f",
    "Al\u00adice",
    "\u3164",
    "\u200d",
]
NEVER = ["", " ", " Ada", "Ada\n", "A\tda", "A\x00da", "A\u202eda", "x" * (MAX_NAME + 1)]


@pytest.mark.parametrize("name", OLD)
def test_what_cannot_be_seen_is_refused_in_a_new_name_and_read_in_an_old_one(name: str) -> None:
    """A chain that holds such a name stays readable: what is signed can't be unsaid."""
    assert readable_name(name) == name
    with pytest.raises(Refused):
        checked_name(name)


@pytest.mark.parametrize("name", NEVER)
def test_what_no_name_ever_held_is_refused_in_both(name: str) -> None:
    for check in (checked_name, readable_name):
        with pytest.raises(Refused):
            check(name)
