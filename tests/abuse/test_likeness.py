"""Likeness: what counts as the same wording, in scripts with and without spaces; pinned vectors."""

from __future__ import annotations

import random
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.likeness import (
    _permutations,
    likeness,
    likeness_matrix,
    pieces,
    shared_shingles,
    shingles,
    wording,
)
from crypto.hashing import digest
from crypto.labels import Label

TEXT = "He followed me from channel to channel and wrote that I should leave the project for good"


def jaccard(one: str, other: str) -> float:
    a, b = set(shingles(one)), set(shingles(other))
    return len(a & b) / len(a | b)


def test_shingles_are_runs_of_three_words() -> None:
    """Three words each, case and punctuation apart; the hash is the labelled digest of the folded words."""
    found = shingles("He hit me, TWICE!")
    assert list(found.values()) == ["he hit me", "hit me twice"]
    assert next(iter(found)) == int.from_bytes(digest(Label.LIKENESS, b"he hit me", size=8), "big")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("… !!", []),
        ("Help", ["help"]),
        ("help me", ["help me"]),
        ("彼は何度も", ["彼は何度も"]),
        ("彼は何度も私", ["彼は何度も", "は何度も私"]),
        ("他骂我", ["他骂我"]),
        ("เขาด่าผมอีก", ["เขาด่าผมอ", "ขาด่าผมอี", "าด่าผมอีก"]),
        ("GitHub で彼は", ["github で彼は"]),
        ("Он ударил меня", ["он ударил меня"]),
    ],
)
def test_short_texts_and_scripts_without_spaces(text: str, expected: list[str]) -> None:
    """Five Han or kana characters, nine Thai ones weigh as three words; a short text is one shingle."""
    assert list(shingles(text).values()) == expected


@pytest.mark.parametrize(
    "disguised",
    [
        TEXT.upper(),
        TEXT.replace(" ", "  \n"),
        TEXT.replace("o", "\u043e"),
        TEXT.replace(" ", ", "),
        TEXT.replace("e", "e\u200d"),
        TEXT.replace("e", "e\ufe0f"),
        TEXT.replace("o", "o\U000e0100\U000e0101"),
        TEXT.replace("a", "a\u034f"),
        TEXT.replace("l", "\u3164l\uffa0"),
        TEXT.replace("e", "\u180be\u2065\U000e0041"),
        "".join(chr(ord(c) + 0xFEE0) if "a" <= c <= "z" else c for c in TEXT),
    ],
)
def test_disguises_change_nothing(disguised: str) -> None:
    """Case, spacing, Cyrillic look-alikes, punctuation, unseen characters and fullwidth letters: the same text."""
    assert likeness(wording(TEXT), wording(disguised)) == 1.0
    assert wording(TEXT).identity == wording(disguised).identity


def test_an_accent_stays_on_its_letter_behind_what_is_not_seen() -> None:
    """What stands unseen between a letter and its accent is gone before the two are composed."""
    assert pieces("cafe\u034f\u0301") == pieces("caf\u00e9")


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0301\uff9e", "\u0344\u0316"])
def test_piled_marks_cost_no_more_than_other_text(marks: str) -> None:
    """To order 100,000 marks on one letter took ten seconds, since it was done with each one at its place."""
    since = process_time()
    assert pieces("x a" + marks * 50_000) == pieces("x a" + marks * 1_000)
    assert process_time() - since < 4
    assert pieces("a" + marks * 15) != pieces("a" + marks * 14)


def test_of_a_long_text_a_sample_of_its_wording_is_kept() -> None:
    """Enough to show what two share, few enough for a thousand reports; copies are told by the whole."""
    rng = random.Random(5)
    words = ["".join(rng.choices("abcdefgh", k=6)) for _ in range(20_000)]
    whole, half = wording(" ".join(words)), wording(" ".join(words[:10_000]))
    assert len(whole.shingles) == len(half.shingles) == 2048
    assert len(shared_shingles([whole, half])) == 5
    assert wording(" ".join(words).upper()).identity == whole.identity != half.identity


def test_the_short_way_for_ascii_cuts_the_same() -> None:
    """A text in ASCII gives the pieces it gives behind a letter that is not."""
    nasty = "it's A_b-c, 42nd\n\tx@y.org (no?) \x00z"
    assert pieces("\u00e9 " + nasty)[1:] == pieces(nasty)


def test_different_texts_share_nothing() -> None:
    """Unrelated accounts of one length have J near 0, an empty text is like nothing but another empty text."""
    other = "Yesterday at lunch my colleague was asked three times whether she slept with somebody to get in"
    assert likeness(wording(TEXT), wording(other)) <= 0.02
    assert likeness(wording(TEXT), wording("")) == 0.0
    assert likeness(wording(""), wording("?!")) == 1.0


def test_the_estimate_is_unbiased_within_its_error() -> None:
    """Over 40 pairs with J from 0 to 1 the mean error is within 3 standard errors, and none is out by 0.2."""
    rng = random.Random(7)
    vocabulary = [f"word{number}" for number in range(4000)]
    errors = []
    for number in range(40):
        base = [rng.choice(vocabulary) for _ in range(150)]
        edited = [rng.choice(vocabulary) if rng.random() < number / 100 else word for word in base]
        one, other = " ".join(base), " ".join(edited)
        errors.append(likeness(wording(one), wording(other)) - jaccard(one, other))
    assert abs(float(np.mean(errors))) < 3 * 0.045 / 40**0.5
    assert max(map(abs, errors)) < 0.2


def test_signature_and_permutations_are_pinned() -> None:
    """Vectors: another implementation, or a later version of this one, must agree."""
    a, b = _permutations()
    assert (int(a[0]) & 1, len(set(a.tolist())), len(set(b.tolist()))) == (1, 128, 128)
    assert [f"{int(v):016x}" for v in (a[0], b[0], a[127], b[127])] == [
        "e18a1494df0f1f01",
        "46ad3884aaf5a983",
        "e7b8c021770e9aef",
        "1e4298dc3e28d799",
    ]
    assert [int(v) for v in wording(TEXT).signature[:4]] == [96296962, 40679803, 107626604, 250687613]


def test_shared_wording_is_shown_as_written() -> None:
    """What two texts have in common is shown with its count, the commonest first, not folded into look-alikes."""
    texts = ["Он ударил меня вчера", "Он ударил меня сегодня", "something else entirely here"]
    assert shared_shingles([wording(text) for text in texts]) == (("он ударил меня", 2),)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=6))
def test_any_text_has_a_signature(texts: list[str]) -> None:
    """Whatever is written, likeness is symmetric, within 0 and 1, and 1 with itself."""
    matrix = likeness_matrix([wording(text) for text in texts])
    assert matrix.shape == (len(texts), len(texts))
    assert (matrix == matrix.T).all()
    assert ((matrix >= 0) & (matrix <= 1)).all()
    assert (np.diag(matrix) == 1).all()
