"""Questions to people outside of a report, their answers, and the log entries that hold both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from crypto.errors import Refused
from crypto.seal import SEAL_OVERHEAD
from crypto.signatures import BadSignature
from service.cases.consultations import (
    MAX_FILE,
    Consultation,
    consultations,
    open_advice,
    open_consultation,
    read_advice,
    read_consultation,
    seal_consultation,
    sign_advice,
    sign_consultation,
)
from service.cases.log import (
    MAX_ASKED,
    MAX_CONSULTED,
    Act,
    read_entry,
    sign_entry,
)
from service.cases.notices import open_notice
from service.cases.sealed_files import Signed
from tests.support.consultations import (
    ADA,
    ADVISED,
    ANSWER,
    ASKED,
    AURORA,
    COUNCIL,
    GIL,
    GILS,
    QUESTION,
    REPORT,
    SEED,
    SIGNATURE,
    answer_file,
    entry,
    question_file,
)


def test_a_question_and_its_answer_are_read_by_whom_they_are_for() -> None:
    """The answer by whoever has the log, for it says all that the question held."""
    assert open_consultation(question_file(), [SEED, GILS]) == QUESTION
    [asked] = consultations([entry(ASKED)])
    assert asked.question() == QUESTION
    assert open_advice(answer_file(), [GILS, asked.answer_key()]) == Signed(ANSWER, SIGNATURE)


def test_a_carrier_learns_the_groups_and_how_many_are_asked() -> None:
    """Not how long the texts are, and of an answer no key that anybody has otherwise."""
    long = msgspec.structs.replace(QUESTION, text="🎈" * MAX_CONSULTED)
    people = [GILS.public_key()]
    longest = seal_consultation(sign_consultation(long, ADA), AURORA, COUNCIL, people)
    assert len(longest) == len(question_file()) == 9 + 32 + 1 + 16 + 16_384 + SEAL_OVERHEAD
    assert question_file()[:42] == b"svasking\1" + AURORA + COUNCIL + b"\1"
    assert answer_file()[:58] == b"svadvice\1" + COUNCIL + AURORA + b"\1" + SEED.key_id
    assert not any(word in question_file() + answer_file() for word in (b"second step", b"Yes.", b"3" * 32))
    assert len(question_file()) < MAX_FILE


def test_any_change_of_the_question_is_another_digest() -> None:
    """So an answer names what its author saw."""
    changes: list[dict[str, Any]] = [
        {"group": "5" * 32}, {"to": "5" * 32}, {"id": "5" * 32}, {"author_key": "5" * 64}, {"day": 1},
        {"answer_key": GILS.public_key().raw}, {"text": "May we?"},
    ]  # fmt: skip
    assert [set(change) for change in changes] == [{name} for name in Consultation.__struct_fields__]
    changed = {msgspec.structs.replace(QUESTION, **change).digest() for change in changes}
    assert len(changed | {QUESTION.digest()}) == len(changes) + 1


@pytest.mark.parametrize(
    ("whole", "read"),
    [
        (question_file, lambda raw: open_consultation(raw, [GILS])),
        (answer_file, lambda raw: open_advice(raw, [SEED])),
    ],
)
def test_a_damaged_file_is_refused(whole: Callable[[], bytes], read: Callable[[bytes], object]) -> None:
    """Cut, lengthened, changed anywhere, of no one, or of another kind."""
    raw = whole()
    read(raw)
    step = len(raw) // 30
    for damaged in (
        b"", raw[:-1], raw + b"0", raw[:41], b"x" * 100, raw[:41] + b"\0", raw[:41] + b"\xff" + raw[42:],
        *(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in range(0, len(raw), step)),
    ):  # fmt: skip
        with pytest.raises(Refused):
            read(damaged)


def test_a_file_is_for_as_many_as_its_kind_has() -> None:
    """An answer for one: where it is sealed to others besides, whoever made it is not who the SPEC describes."""
    raw = answer_file()
    twice = raw[:41] + b"\2" + raw[42:] + bytes(16) + raw[58:]
    with pytest.raises(Refused, match="it is for 2 people"):
        open_advice(twice, [SEED])
    with pytest.raises(Refused, match="it is for 0 people"):
        open_consultation(question_file()[:41] + b"\0", [GILS])


def test_a_file_of_another_kind_is_called_that() -> None:
    """And none is taken for another, whoever may open it."""
    with pytest.raises(Refused, match="that is no consultation"):
        open_consultation(answer_file(), [SEED])
    with pytest.raises(Refused, match="that is no advice"):
        open_advice(question_file(), [GILS])
    with pytest.raises(Refused, match="that is no notice of a measure"):
        open_notice(question_file(), [GILS])
    with pytest.raises(BadSignature):
        read_consultation(sign_consultation(QUESTION, ADA)[:-64] + bytes(64))
    with pytest.raises(Refused):
        read_advice(sign_consultation(QUESTION, ADA))


def test_one_s_question_is_not_passed_on_as_one_to_others() -> None:
    """Whoever opened it could seal it anew to another group, and say that its author asked these."""
    raw = sign_consultation(QUESTION, ADA)
    for group, to in ((AURORA, AURORA), (COUNCIL, COUNCIL)):
        with pytest.raises(Refused, match="sealed anew by somebody else"):
            open_consultation(seal_consultation(raw, group, to, [GILS.public_key()]), [GILS])


@pytest.mark.parametrize(
    "change",
    [
        {"text": ""}, {"text": "x" * (MAX_CONSULTED + 1)}, {"text": "\x1b[2J"}, {"text": "a\u202eb"},
        {"group": "5"}, {"id": "5" * 31 + "X"}, {"day": -1}, {"day": 2**32},
    ],
)  # fmt: skip
def test_what_cannot_be_asked_or_answered_is_refused(change: dict[str, Any]) -> None:
    """When signed, so that nobody sends what nobody could read."""
    with pytest.raises(Refused):
        sign_consultation(msgspec.structs.replace(QUESTION, **change), ADA)
    with pytest.raises(Refused):
        sign_advice(msgspec.structs.replace(ANSWER, **change), GIL)


def test_the_limits_of_a_question() -> None:
    """Its author's own key signs it, to 1 to 32 people; answers go to a key that is one."""
    with pytest.raises(Refused, match="signed by the key of its author"):
        sign_consultation(QUESTION, GIL)
    with pytest.raises(Refused, match="signed by the key of its author"):
        sign_advice(ANSWER, ADA)
    for key in (b"", bytes(1215), b"\xff" * 1216):
        with pytest.raises(Refused):
            sign_consultation(msgspec.structs.replace(QUESTION, answer_key=key), ADA)
    raw = sign_consultation(QUESTION, ADA)
    for people in ([], [GILS.public_key()] * (MAX_ASKED + 1)):
        with pytest.raises(Refused, match="1 to 32 people"):
            seal_consultation(raw, AURORA, COUNCIL, people)


def test_the_log_takes_the_longest_texts() -> None:
    """What a file held is never too long for the log of the case."""
    text = "🎈" * MAX_CONSULTED
    for act in (msgspec.structs.replace(ASKED, text=text), msgspec.structs.replace(ADVISED, text=text)):
        made = entry(act)
        assert read_entry(sign_entry(made, ADA, REPORT), REPORT) == made


@pytest.mark.parametrize(
    "act",
    [
        msgspec.structs.replace(ASKED, text="x" * (MAX_CONSULTED + 1)),
        msgspec.structs.replace(ASKED, text="\x1b"),
        msgspec.structs.replace(ASKED, group_name="\x1b"),
        msgspec.structs.replace(ASKED, handlers=("Gil", "\x1b")),
        msgspec.structs.replace(ASKED, handlers=()),
        msgspec.structs.replace(ASKED, handlers=("x",) * (MAX_ASKED + 1)),
        msgspec.structs.replace(ASKED, answer_seed="00"),
        msgspec.structs.replace(ADVISED, text="x" * (MAX_CONSULTED + 1)),
        msgspec.structs.replace(ADVISED, text="\x1b"),
        msgspec.structs.replace(ADVISED, adviser="\x1b"),
        msgspec.structs.replace(ADVISED, asker_key="5"),
        msgspec.structs.replace(ADVISED, text=""),
        msgspec.structs.replace(ADVISED, signature=SIGNATURE[:-1]),
        msgspec.structs.replace(ADVISED, signature=SIGNATURE + b"0"),
    ],
)
def test_what_cannot_stand_in_a_log_is_refused(act: Act) -> None:
    """Nothing of it could reach a terminal."""
    with pytest.raises(Refused):
        sign_entry(entry(act), ADA, REPORT)
