"""Letters and log entries: signed by their author, bound to their place, and folded the same everywhere."""

from __future__ import annotations

import itertools
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.entropy import seeded, system
from crypto.errors import Refused
from crypto.framing import part
from crypto.labels import Label
from crypto.letters import MAX_LETTER
from crypto.signatures import SigningKey, sign
from service.cases.case_state import fold, may_become
from service.cases.letters import Letter, State, read_letter, sign_letter
from service.cases.log import (
    LAST_SECOND,
    Act,
    Checked,
    Entry,
    Forwarded,
    LetterSent,
    Note,
    Padding,
    Recused,
    StateSet,
    SubjectMerged,
    SubjectSplit,
    Triaged,
    known_entry,
    read_entry,
    sign_entry,
)

KEY = SigningKey(bytes(32))
ADDRESS = bytes(range(32))
REPORT = bytes(range(16))


def letter(**changes: object) -> Letter:
    made = Letter(
        id="0" * 32,
        group="1" * 32,
        roster="2" * 64,
        author="Ada",
        author_key=KEY.verify_key().raw.hex(),
        language="en",
        day="2026-11-21",
        state=None,
        question=False,
        text="hello",
        recipients=("3" * 32,),
    )
    return msgspec.structs.replace(made, **changes)


def entry(act: Act, number: int = 0, at_s: int = 1) -> Entry:
    return Entry(
        id=number.to_bytes(16, "big").hex(),
        author="Ada",
        author_key=KEY.verify_key().raw.hex(),
        at_s=at_s,
        act=act,
    )


def test_a_letter_is_read_where_it_was_sent() -> None:
    """The same mailbox reads it; another one refuses it."""
    raw = sign_letter(letter(), KEY, ADDRESS)
    assert read_letter(raw, ADDRESS) == letter()
    with pytest.raises(Refused):
        read_letter(raw, bytes(32))


def test_every_changed_byte_of_a_letter_is_refused() -> None:
    """Length, text, author, signature: all of it is under the signature."""
    raw = sign_letter(letter(), KEY, ADDRESS)
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(Refused):
            read_letter(changed, ADDRESS)


def test_the_longest_letter_in_any_script_fits_or_is_refused_whole() -> None:
    """A letter is never cut: it fits its 8 KiB or its author is told to write two."""
    assert len(sign_letter(letter(text="x" * 5_000), KEY, ADDRESS)) <= MAX_LETTER
    with pytest.raises(Refused, match="write two"):
        sign_letter(letter(text="語" * 5_000), KEY, ADDRESS)
    with pytest.raises(Refused):
        sign_letter(letter(text="x" * 5_001), KEY, ADDRESS)


def test_nobody_signs_for_another() -> None:
    """A letter or an entry that names another author's key is refused when it is signed."""
    other = SigningKey(system(32))
    with pytest.raises(Refused):
        sign_letter(letter(), other, ADDRESS)
    with pytest.raises(Refused):
        sign_entry(entry(Note(text="n")), other, REPORT)


def test_an_entry_is_read_in_its_report_only() -> None:
    """An entry can't be moved to another report."""
    raw = sign_entry(entry(Note(text="n")), KEY, REPORT)
    assert read_entry(raw, REPORT).act == Note(text="n")
    with pytest.raises(Refused):
        read_entry(raw, bytes(16))


def signed(made: Entry) -> bytes:
    """Sign whatever an entry says, as a rogue handler's desk would."""
    body = msgspec.json.encode(made)
    return part(body) + sign(KEY, Label.LOG_ENTRY, REPORT, body)


def test_an_entry_is_of_a_time_that_can_be_written() -> None:
    """Until the end of 9999; what an older desk kept is still known, so that its store opens."""
    last, late = (entry(Note(text="n"), at_s=at) for at in (LAST_SECOND, LAST_SECOND + 1))
    assert read_entry(signed(last), REPORT) == last
    with pytest.raises(Refused, match="time"):
        read_entry(signed(late), REPORT)
    assert known_entry(signed(late)) == late


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (Note(text="n" * 4_001), "the note is longer than 4000"),
        (Note(text="\x1b"), "the note"),
        (Note(text="語" * 6_000), "the note"),
        (LetterSent("0" * 32, "1" * 64, "x" * 5_001, False, None), "the letter"),
        (Checked("i" * 2_001, "gone", ""), "what was checked"),
        (Recused("r" * 2_001), "the reason"),
        (Forwarded("0" * 32, ("Ada",), ("0" * 32,), "r" * 2_001), "the reason"),
        (Forwarded("0" * 32, ("Ada",) * 33, ("0" * 32,) * 33, ""), "at most 32"),
        (Forwarded("0" * 32, ("\x1b[2J",), ("0" * 32,), ""), "a handler's name"),
        (Forwarded("0" * 32, (), (), ""), "not an entry"),
        (SubjectMerged("\u202egnp", "github:x"), "an account"),
        (SubjectSplit("github:x", "y" * 301), "an account"),
    ],
)
def test_nothing_is_signed_that_could_not_be_read(act: Act, told: str) -> None:
    """And who wrote it is told which text it is; a desk that signs it all the same is refused by all others."""
    with pytest.raises(Refused, match=told):
        sign_entry(entry(act), KEY, REPORT)
    with pytest.raises(Refused):
        read_entry(signed(entry(act)), REPORT)


def test_entries_of_no_time_are_not_signed() -> None:
    """A clock far off is told before anything is stored."""
    with pytest.raises(Refused, match="time"):
        sign_entry(entry(Note(text="n"), at_s=LAST_SECOND + 1), KEY, REPORT)


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_refused(raw: bytes) -> None:
    """No input makes the parsers fail in another way."""
    for read, place in ((read_letter, ADDRESS), (read_entry, REPORT)):
        with pytest.raises(Refused):
            read(raw, place)


def test_two_who_act_at_once_both_keep_what_they_wrote() -> None:
    """In whatever order the server stored them, every entry stands in the fold."""
    acts: list[Act] = [
        StateSet(state="closed"),
        StateSet(state="mediation"),
        Note(text="n"),
        Triaged(priority="P1"),
    ]
    entries = [entry(act, number) for number, act in enumerate(acts)]
    for order in itertools.permutations(entries):
        state = fold(list(order))
        assert {one.id for one in state.entries} == {one.id for one in entries}
        assert state.priority == "P1"
        late = {one.id for one in state.out_of_order}
        closed_first = order.index(entries[0]) < order.index(entries[1])
        assert late == ({entries[1].id} if closed_first else set())
        assert state.state == "closed"


def test_padding_says_nothing_and_a_repeat_counts_once() -> None:
    """Entries written to hide others leave no trace in a case."""
    note = entry(Note(text="n"), 1)
    assert fold([entry(Padding(), 2), note, note]).entries == (note,)


def test_nobody_suppresses_anothers_entry_by_taking_its_id() -> None:
    """An id is its author's: the same id by somebody else is another entry."""
    taken = msgspec.structs.replace(
        entry(Note(text="first"), 1),
        author="Bo",
        author_key=SigningKey(bytes([1] * 32)).verify_key().raw.hex(),
    )
    note = entry(Note(text="second"), 1)
    assert fold([taken, note, taken, note]).entries == (taken, note)


def test_a_letter_with_a_state_moves_the_case() -> None:
    """What the reporter was told is where the case stands."""
    told = LetterSent(letter="0" * 32, address="1" * 64, text="", question=False, state="looking")
    assert fold([entry(told)]).state == "looking"


def test_no_case_goes_back_to_its_beginning() -> None:
    """Every other way is open from somewhere; a closed case can be taken up again."""
    states: tuple[State, ...] = get_args(State)
    assert not any(may_become(state, "received") for state in states)
    assert may_become("closed", "looking")
    assert not may_become("closed", "decided")


def test_seeded_keys_give_the_same_letters() -> None:
    """Signing is deterministic, so a repeated upload is byte for byte the same."""
    key = SigningKey(seeded(b"k")(32))
    made = letter(author_key=key.verify_key().raw.hex())
    assert sign_letter(made, key, ADDRESS) == sign_letter(made, key, ADDRESS)
