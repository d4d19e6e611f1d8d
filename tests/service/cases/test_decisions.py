"""What the council signs after a poll: each word is bound to its poll, its text, its day and what came before."""

from __future__ import annotations

import msgspec
import pytest

from crypto.errors import Refused
from crypto.signatures import BadSignature, SigningKey
from polls.results import OutcomeStatement
from service.cases import decisions


def test_the_councils_words_are_bound_to_poll_and_text() -> None:
    """An acknowledgement isn't an implementation, nor of another outcome; text and day can't be changed after."""
    key, outcome = SigningKey(b"\x07" * 32), OutcomeStatement("aa" * 32, "cc" * 32, "bb" * 32, 12, 9, True, 1)
    other = msgspec.structs.replace(outcome, outcome=2)
    seen = decisions.acknowledge(key, outcome)
    done = decisions.implement(key, outcome, "A warning was given.", 21_000)
    decisions.check_acknowledgement(key.verify_key(), outcome, seen)
    decisions.check_implementation(key.verify_key(), outcome, "A warning was given.", 21_000, done)
    with pytest.raises(BadSignature):
        decisions.check_acknowledgement(key.verify_key(), other, seen)
    with pytest.raises(BadSignature):
        decisions.check_acknowledgement(key.verify_key(), outcome, done)
    for text, ends_on in (("A warning was given!", 21_000), ("A warning was given.", 21_001), ("", None)):
        with pytest.raises(BadSignature):
            decisions.check_implementation(key.verify_key(), outcome, text, ends_on, done)
    for day in (0, -1, 2**32):
        with pytest.raises(Refused, match="out of range"):
            decisions.implement(key, outcome, "Done.", day)


def test_a_word_on_a_measure_is_bound_to_its_place_day_text_and_what_came_before() -> None:
    """It isn't another number's, another day's or another text's, nor what was done; an end isn't a next look."""
    key, outcome = SigningKey(b"\x07" * 32), OutcomeStatement("aa" * 32, "cc" * 32, "bb" * 32, 12, 9, True, 1)
    other = msgspec.structs.replace(outcome, outcome=2)
    first, before = decisions.said(outcome, "Done.", None), decisions.said(outcome, "Done.", None, [(1, "")])
    again = decisions.review(key, outcome, 2, before, 21_000, "Not yet.")
    ended = decisions.review(key, outcome, 2, before, None, "")
    decisions.check_review(key.verify_key(), outcome, 2, before, 21_000, "Not yet.", again)
    decisions.check_review(key.verify_key(), outcome, 2, before, None, "", ended)
    for of, number, after, day, text, signature in (
        (other, 2, before, 21_000, "Not yet.", again),
        (outcome, 1, before, 21_000, "Not yet.", again),
        (outcome, 3, before, 21_000, "Not yet.", again),
        (outcome, 2, first, 21_000, "Not yet.", again),
        (outcome, 2, before, 21_001, "Not yet.", again),
        (outcome, 2, before, None, "Not yet.", again),
        (outcome, 2, before, 21_000, "", again),
        (outcome, 2, before, 21_000, "", ended),
        (outcome, 2, before, None, "She is welcome back.", ended),
        (outcome, 2, before, None, "", decisions.implement(key, outcome, "", None)),
        (outcome, 2, before, None, "", decisions.acknowledge(key, outcome)),
    ):
        with pytest.raises(BadSignature):
            decisions.check_review(key.verify_key(), of, number, after, day, text, signature)
    for number, day in ((0, 21_000), (-1, None), (2**32, None), (1, 0), (1, -1), (1, 2**32)):
        with pytest.raises(Refused, match="out of range"):
            decisions.review(key, outcome, number, first, day, "")


def test_what_was_said_has_another_name_by_any_change() -> None:
    """Of the outcome, of what was done and when that ends, of any word on it, of their number or their order."""
    outcome = OutcomeStatement("aa" * 32, "cc" * 32, "bb" * 32, 12, 9, True, 1)
    words: list[tuple[int | None, str]] = [(21_000, "Not yet."), (21_300, ""), (None, "")]
    named = [
        decisions.said(msgspec.structs.replace(outcome, outcome=2), "Done.", 9, words),
        *(
            decisions.said(outcome, text, ends, words)
            for text, ends in (("Done.", 9), ("Done", 9), ("Done.", None))
        ),
        *(decisions.said(outcome, "Done.", 9, words[:number]) for number in range(3)),
        decisions.said(outcome, "Done.", 9, [words[1], words[0], words[2]]),
        decisions.said(outcome, "Done.", 9, [(21_001, "Not yet."), *words[1:]]),
        decisions.said(outcome, "Done.", 9, [(21_000, "Not"), *words[1:]]),
        decisions.said(outcome, "Done.", 9, [*words[:2], (21_300, "")]),
    ]
    assert len(set(named)) == len(named)
