"""What a log says of consultations, whatever those who have the case write into it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import Refused
from crypto.framing import part
from crypto.labels import Label
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from service.cases.case_state import fold
from service.cases.consultations import Advice, consultations, sign_advice
from service.cases.log import Advised, Consulted, Entry, Note, read_entry, sign_entry
from tests.support.consultations import (
    ADA,
    ADVISED,
    ANSWER,
    ASKED,
    GIL,
    QUESTION,
    REPORT,
    SIGNATURE,
    entry,
)

ROGUE = SigningKey(b"r" * 32)
OTHER = msgspec.structs.replace(ASKED, consultation="6" * 32, text="May we ban them?")


def answering(key: SigningKey = GIL, to: Consulted = ASKED, name: str = "Gil", **changes: Any) -> Advised:
    """An answer to what Ada asked, signed, as somebody writes it down who took it in."""
    [asked] = consultations([entry(to)])
    advice = msgspec.structs.replace(
        ANSWER, id=to.consultation, asked=asked.question().digest(), author_key=key.verify_key().raw.hex(), **changes
    )  # fmt: skip
    signature = sign_advice(advice, key)[-64:]
    return Advised(
        advice.id, QUESTION.author_key, name, advice.author_key, advice.day, advice.text, signature
    )


def answers(*log: Entry) -> list[list[Advice]]:
    """What counts, by question."""
    return [[answer.advice for answer in asked.answers] for asked in consultations(log)]


def test_what_was_answered_is_rebuilt_from_the_log_alone() -> None:
    """By whoever has the case, as its author signed it; the state of the case is as it was."""
    log = [entry(ASKED, 1), entry(Note("we wait"), 2), entry(OTHER, 3)]
    assert answers(*log) == [[], []]
    log.append(entry(ADVISED, 4))
    assert answers(*log) == [[ANSWER], []]
    [one] = consultations(log)[0].answers
    assert [(taken.entry, taken.act) for taken in one.taken_in] == [(log[-1], ADVISED)]
    state = fold(log)
    assert (state.state, state.out_of_order, len(state.entries)) == ("received", (), 4)


def test_no_entry_of_a_colleague_takes_a_consultation_s_place() -> None:
    """Of one id and author the first counts; an answer to nothing is none; one that two desks took in counts once."""
    again = msgspec.structs.replace(ASKED, text="Something else?", answer_seed="7" * 64)
    to_none = msgspec.structs.replace(ADVISED, consultation="8" * 32)
    log = [
        entry(ASKED, 1),
        entry(again, 2),
        entry(to_none, 3),
        entry(ADVISED, 4),
        entry(ADVISED, 5, ROGUE),
        entry(second := answering(text="No, rather the first."), 6),
    ]
    [one] = consultations(log)
    assert (one.entry, one.act.text) == (log[0], ASKED.text)
    assert [answer.advice.text for answer in one.answers] == ["Yes.", "No, rather the first."]
    assert [[taken.entry for taken in answer.taken_in] for answer in one.answers] == [log[3:5], log[5:]]
    assert consultations(reversed(log[2:])) == ()
    assert answers(*log[2:], log[0]) == [[ANSWER, msgspec.structs.replace(ANSWER, text=second.text)]]


def test_who_is_first_with_another_s_id_takes_neither_question_nor_answer() -> None:
    """A colleague who learnt the id stores a question under it first, or the answer under another name."""
    theirs = msgspec.structs.replace(ASKED, text="May we ban them?", answer_seed="7" * 64)
    renamed = msgspec.structs.replace(ADVISED, adviser="Hedy")
    log = [entry(theirs, 1, ROGUE), entry(ASKED, 2), entry(renamed, 3, ROGUE), entry(ADVISED, 4)]
    made_up, true = consultations(log)
    assert (made_up.act.text, made_up.answers) == ("May we ban them?", ())
    assert true.question() == QUESTION
    [one] = true.answers  # one answer, and both names that it was given
    assert [(taken.act.adviser, taken.entry) for taken in one.taken_in] == [("Hedy", log[2]), ("Gil", log[3])]


@pytest.mark.parametrize(
    "false",
    [
        msgspec.structs.replace(ADVISED, signature=bytes(64)),
        msgspec.structs.replace(ADVISED, signature=SIGNATURE[:-1] + bytes([SIGNATURE[-1] ^ 1])),
        msgspec.structs.replace(ADVISED, text="No."),
        msgspec.structs.replace(ADVISED, text="Yes. "),
        msgspec.structs.replace(ADVISED, day=20_002),
        msgspec.structs.replace(ADVISED, adviser_key=ROGUE.verify_key().raw.hex()),
        msgspec.structs.replace(ADVISED, adviser_key="0" * 64),
        msgspec.structs.replace(ADVISED, adviser_key="f" * 64),
        msgspec.structs.replace(answering(ROGUE), adviser_key=ANSWER.author_key),
        msgspec.structs.replace(answering(to=OTHER), consultation=ASKED.consultation),
        answering(group="5" * 32),
        answering(to=msgspec.structs.replace(ASKED, group="5" * 32)),
        answering(to=msgspec.structs.replace(ASKED, text="May we?")),
        answering(to=msgspec.structs.replace(ASKED, day=19_999)),
        answering(to=msgspec.structs.replace(ASKED, answer_seed="7" * 64)),
    ],
)
def test_nobody_answers_for_an_adviser(false: Advised) -> None:
    """Signed by nobody, changed since, or to another question: as if it weren't there, and no harm to the true one."""
    written = entry(false, 2, ROGUE)
    assert read_entry(sign_entry(written, ROGUE, REPORT), REPORT) == written  # a log takes it
    assert answers(entry(ASKED, 1), written) == [[]]
    assert answers(entry(ASKED, 1), written, entry(ADVISED, 3)) == [[ANSWER]]


def test_an_answer_is_not_moved_to_another_question() -> None:
    """Of the same author to the same people, or of somebody else under the same id and with the same text."""
    moved = msgspec.structs.replace(ADVISED, consultation=OTHER.consultation)
    assert answers(entry(ASKED, 1), entry(OTHER, 2), entry(moved, 3, ROGUE)) == [[], []]
    theirs = msgspec.structs.replace(ADVISED, asker_key=ROGUE.verify_key().raw.hex())
    assert answers(entry(ASKED, 1, ROGUE), entry(theirs, 2, ROGUE)) == [[]]


def test_an_entry_of_the_form_before_signatures_is_none() -> None:
    """It is refused like any that isn't one."""
    raw = sign_entry(entry(ADVISED), ADA, REPORT)
    without = msgspec.to_builtins(entry(ADVISED))
    del without["act"]["signature"]
    body = msgspec.json.encode(without)
    signed = part(body) + sign(ADA, Label.LOG_ENTRY, REPORT, body)
    assert read_entry(raw, REPORT).act == ADVISED
    with pytest.raises(Refused, match="not an entry"):
        read_entry(signed, REPORT)


def test_a_signature_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entries have it: the case's log is as long as whoever has it likes."""
    checked: list[bytes] = []

    def counting(key: VerifyKey, label: Label, signature: bytes, *parts: bytes) -> None:
        checked.append(signature)
        verify(key, label, signature, *parts)

    monkeypatch.setattr("service.cases.sealed_files.verify", counting)
    false = msgspec.structs.replace(ADVISED, text="No.")
    log = [entry(ASKED), *(entry(act, number) for number in range(1, 50) for act in (ADVISED, false))]
    assert answers(*log) == [[ANSWER]]
    assert checked == [SIGNATURE] * 2


HEX16, HEX32 = (st.sampled_from([digit * size for digit in "36f0"]) for size in (32, 64))
KEYS = st.one_of(HEX32, st.sampled_from([QUESTION.author_key, ANSWER.author_key]))
ADVICE = st.builds(
    Advised, HEX16, KEYS, st.text(max_size=3), KEYS, st.integers(0, 2**32 - 1), st.text("Yes.", min_size=1),
    st.one_of(st.just(SIGNATURE), st.binary(min_size=64, max_size=64)),
)  # fmt: skip
QUESTIONS = st.builds(
    Consulted, HEX16, HEX16, HEX16, st.just("Council"), st.just(("Gil",)), st.just(("0" * 32,)),
    st.integers(0, 2**32 - 1), HEX32, st.text(max_size=3),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(ADVICE, QUESTIONS), max_size=6))
def test_nothing_that_a_log_takes_stops_the_fold(acts: list[Advised | Consulted]) -> None:
    """And none of it adds to, or takes from, what was truly asked and answered before."""
    made = [entry(act, 10 + number, ROGUE) for number, act in enumerate(acts)]
    first, *_ = consultations([entry(ASKED, 1), entry(ADVISED, 2), *made])
    assert [answer.advice for answer in first.answers] == [ANSWER]
