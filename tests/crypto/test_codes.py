"""Reply codes: twelve words that a frightened person can type."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mnemonic import Mnemonic

from crypto.codes import (
    CodeTypo,
    ReplyCode,
    UnclearLanguage,
    address_of,
    claim_from,
    claim_of,
    confirm,
    confirmation_positions,
    fingerprint_words,
    from_words,
    mailbox_of,
    prove,
    to_words,
)
from crypto.errors import Refused
from crypto.words import LANGUAGES, word_list
from tests.support.costs import times_as_dear

KNOWN = Mnemonic("english").wordlist
CODES = st.binary(min_size=16, max_size=16).map(ReplyCode)


@pytest.mark.parametrize("language", LANGUAGES)
@given(code=CODES)
@settings(max_examples=25, deadline=None)
def test_words_are_bip39_and_come_back(language: str, code: ReplyCode) -> None:
    """Another implementation writes the same words; with the language as a hint they are always this code."""
    words = to_words(code, language)
    other = Mnemonic(language).to_mnemonic(code.reveal())
    assert Mnemonic.normalize_string(" ".join(words)) == Mnemonic.normalize_string(
        other.replace("\u3000", " ")
    )
    assert from_words(" ".join(words), language) == code


@given(code=CODES, data=st.data())
@settings(max_examples=60, deadline=None)
def test_four_letters_any_case_and_any_space_are_enough(code: ReplyCode, data: st.DataObject) -> None:
    """As people type: abbreviated, in capitals, on several lines."""
    typed = [word[: data.draw(st.integers(4, 8))] for word in to_words(code)]
    typed = [word.upper() if data.draw(st.booleans()) else word for word in typed]
    assert (
        from_words(data.draw(st.sampled_from([" ", "\n", "  ", "\t", "\u3000"])).join(typed), "english")
        == code
    )


@pytest.mark.parametrize("language", ["french", "spanish", "czech", "portuguese"])
def test_accents_may_be_left_out(language: str) -> None:
    """A keyboard without them is no reason to be locked out."""
    import unicodedata

    code = ReplyCode(bytes(range(40, 56)))
    bare = "".join(
        c
        for c in unicodedata.normalize("NFKD", " ".join(to_words(code, language)))
        if not unicodedata.combining(c)
    )
    assert from_words(bare, language) == code


@given(code=CODES, position=st.integers(0, 11))
@settings(max_examples=60, deadline=None)
def test_an_unknown_word_is_named_by_position_and_never_repeated(code: ReplyCode, position: int) -> None:
    """The message says which word to look at; it holds none of them."""
    told = set()
    for one in (code, ReplyCode(bytes(16))):
        words = list(to_words(one))
        words[position] = "qqqzzz"
        with pytest.raises(CodeTypo) as typo:
            from_words(" ".join(words), "english")
        assert typo.value.positions == (position + 1,)
        told.add(typo.value.reason)
    assert len(told) == 1  # what is said depends on the position alone
    assert str(position + 1) in told.pop()


@given(code=CODES, position=st.integers(0, 11), further=st.integers(1, 2_047))
@settings(max_examples=80, deadline=None)
def test_another_known_word_is_found_by_the_checksum(code: ReplyCode, position: int, further: int) -> None:
    """Fifteen of sixteen wrong words are noticed; none opens the right mailbox. further: places in the list."""
    words = list(to_words(code))
    words[position] = KNOWN[(KNOWN.index(words[position]) + further) % len(KNOWN)]
    with contextlib.suppress(CodeTypo, UnclearLanguage):
        assert from_words(" ".join(words), "english") != code


def is_slip(typed: str, word: str) -> bool:
    """Say whether one letter put in, left out, replaced, or swapped with its neighbour turns one into the other."""
    short, long = sorted((typed, word), key=len)
    if len(short) < len(long):
        return any(long[:at] + long[at + 1 :] == short for at in range(len(long)))
    different = [at for at, (a, b) in enumerate(zip(typed, word, strict=True)) if a != b]
    swapped = len(different) == 2 and different[1] == different[0] + 1
    return len(different) == 1 or (swapped and sorted(typed) == sorted(word))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_near_a_word_are_those_one_slip_away(language: str) -> None:
    """As SPEC.md §3.3 says it, asked of every pair; of a beginning that is no word, other beginnings."""
    words = word_list(language)
    for typed in (*words.folded[::97], *(word[:4] for word in words.folded[::89] if words.prefixes)):
        short = typed not in words.folded
        like = {at: word[:4] if short else word for at, word in enumerate(words.folded)}
        expected = {at for at, word in like.items() if word != typed and is_slip(typed, word)}
        assert set(words.near(typed)) - {words.find(typed)} == expected, typed


def test_a_wrong_code_costs_little_more_than_a_right_one() -> None:
    """Anybody may send wrong ones to a server that reads codes for pages without scripts: some ten times as much."""
    right = list(to_words(ReplyCode(bytes([7]) * 16)))
    wrong = [*right[:3], KNOWN[6], *right[4:]]
    spelled = " ".join(right)
    assert (
        times_as_dear(lambda: from_words(" ".join(wrong), "english"), lambda: from_words(spelled, "english"))
        < 40
    )


@pytest.mark.parametrize("letter", ["\ufdfa", "\u3300", "\uac01", "\u0390"], ids=ascii)
def test_letters_that_become_many_cost_no_more_than_others(letter: str) -> None:
    """U+FDFA is eighteen letters when it is decomposed: 2,000 of them held a server up for 60 ms."""
    assert times_as_dear(lambda: from_words(letter * 2_000), lambda: from_words("a" * 2_000)) < 4


def test_two_words_are_folded_once_for_all_languages() -> None:
    """Not once for each: with two long texts that held a server up for a tenth of a second."""
    code = ReplyCode(bytes(16))
    typed = dict.fromkeys(confirmation_positions(code), "a" * 2_000)
    assert times_as_dear(lambda: confirm(code, typed), lambda: from_words("a" * 2_000)) < 6


def test_what_is_far_too_long_is_a_typo() -> None:
    """And no word that was asked for: who pasted the wrong text is told so like everybody."""
    code = ReplyCode(bytes(16))
    first, second = confirmation_positions(code)
    for text in ("a" * 2_001, "\ufdfa" * 200):
        with pytest.raises(CodeTypo, match="words; these are"):
            from_words(text)
        assert not confirm(code, {first: text, second: to_words(code)[second - 1]})


def test_a_likely_slip_is_named() -> None:
    """One letter off, and still a word of the list: the checksum fails, and its position is among those named."""
    known = Mnemonic("english").wordlist
    named = tried = 0
    for number in range(12):
        words = list(to_words(ReplyCode(bytes([number]) * 16)))
        for position, word in enumerate(words):
            near = [
                w
                for w in known
                if len(w) == len(word) and sum(a != b for a, b in zip(w, word, strict=True)) == 1
            ]
            for slip in near[:1]:
                typed = [*words[:position], slip, *words[position + 1 :]]
                try:
                    from_words(" ".join(typed), "english")
                except CodeTypo as typo:
                    tried += 1
                    named += position + 1 in typo.positions
    assert tried > 10
    assert named == tried


@pytest.mark.parametrize(
    "text", ["", "one", " ".join(["abandon"] * 11), " ".join(["abandon"] * 13), "\x00" * 50, "😀 " * 12]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    """Too few, too many, not words."""
    with pytest.raises(Refused):
        from_words(text)


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_is_refused_or_read(text: str) -> None:
    """No typing makes the reader fail in another way."""
    with contextlib.suppress(Refused):
        from_words(text)


@given(code=CODES)
@settings(max_examples=40, deadline=None)
def test_two_words_confirm_that_it_was_written_down(code: ReplyCode) -> None:
    """The two asked for, in any language; a wrong one, another position or one alone don't."""
    first, second = confirmation_positions(code)
    words = to_words(code)
    right = {first: words[first - 1], second: words[second - 1]}
    assert 1 <= first < second <= 12
    assert confirm(code, right, "english")
    assert confirm(code, right)
    wrong = "zoo" if words[first - 1] != "zoo" else "zone"
    assert not confirm(code, {**right, first: wrong}, "english")
    assert not confirm(code, {first: words[first - 1]}, "english")


@given(a=CODES, b=CODES)
@settings(max_examples=40, deadline=None)
def test_what_is_derived_depends_on_all_of_the_code(a: ReplyCode, b: ReplyCode) -> None:
    """Same code, same proof, claim, address and key; another code, others. The claim is neither proof nor address."""
    same = a == b
    assert (prove(a) == prove(b)) is same
    assert claim_from(prove(a)) == claim_of(a)
    assert prove(a).reveal() != claim_of(a).reveal()
    assert (claim_of(a) == claim_of(b)) is same
    assert (address_of(claim_of(a)) == address_of(claim_of(b))) is same
    assert (mailbox_of(a).public_key() == mailbox_of(b).public_key()) is same
    assert claim_of(a).reveal() != address_of(claim_of(a)) != mailbox_of(a).reveal()


def test_a_fingerprint_is_eight_words() -> None:
    """88 bits, the same everywhere, different for a digest that differs early."""
    assert len(fingerprint_words(bytes(32))) == 8
    assert fingerprint_words(bytes(32)) != fingerprint_words(b"\x01" + bytes(31))
    with pytest.raises(Refused):
        fingerprint_words(bytes(31))
