"""The published vectors of sealed files, failures included. service/cases/SPEC.md §6 and §7."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto.errors import Refused
from crypto.seal import SealingKey
from service.cases.consultations import (
    Advice,
    Consultation,
    consultations,
    open_advice,
    open_consultation,
    read_advice,
    read_consultation,
)
from service.cases.log import Entry
from service.cases.notices import open_notice, read_notice


def load(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


def held(vector: Any, content: Any, read: Callable[[bytes], Any], open_: Callable[[bytes], Any]) -> None:
    """Each is read as what it says, and each spoiled one refused."""
    signed, file = bytes.fromhex(vector["signed"]), bytes.fromhex(vector["file"])
    for found in (read(signed), open_(file)):
        assert json.loads(msgspec.json.encode(found)) == content
        assert msgspec.json.encode(found) == signed[4:-64]
    assert len(vector["failures"]) >= 12
    for one in vector["failures"]:
        with pytest.raises(Refused):
            read(bytes.fromhex(one["signed"]))
    assert len(vector["file_failures"]) >= 12
    for one in vector["file_failures"]:
        at, old, new = one["at"], bytes.fromhex(one["old"]), bytes.fromhex(one["new"])
        assert file[at : at + len(old)] == old
        with pytest.raises(Refused):
            open_(file[:at] + new + file[at + len(old) :])


def test_notices() -> None:
    """SPEC §6."""
    vector = load("notices")
    key = SealingKey(bytes.fromhex(vector["reader"]))
    held(vector, vector["notice"], read_notice, lambda raw: open_notice(raw, [key]))


def test_consultations() -> None:
    """SPEC §7: the question, its digest, and the answer that names it."""
    vector = load("consultations")
    question, answer = vector["question"], vector["answer"]
    reader, answers = (SealingKey(bytes.fromhex(vector[name])) for name in ("reader", "answer_seed"))
    held(question, question["content"], read_consultation, lambda raw: open_consultation(raw, [reader]))
    held(answer, answer["content"], read_advice, lambda raw: open_advice(raw, [answers]).content)
    asked = msgspec.convert(question["content"], Consultation)
    assert asked.answer_key == answers.public_key().raw
    assert asked.digest() == question["digest"] == answer["content"]["asked"]


def test_what_a_log_says_was_answered() -> None:
    """SPEC §7: the answer is rebuilt from the log; one whose signature doesn't hold for its question is none."""
    vector = load("consultations")
    log, content = vector["log"], vector["answer"]["content"]
    asked = [msgspec.convert(one, Entry) for one in log["consulted"]]

    def counted(one: Any) -> list[list[Advice]]:
        entry = msgspec.convert(one, Entry)
        return [[answer.advice for answer in each.answers] for each in consultations([*asked, entry])]

    assert consultations(asked)[0].question() == msgspec.convert(vector["question"]["content"], Consultation)
    assert counted(log["advised"]) == [[msgspec.convert(content, Advice)], []]
    # Whose key it is, and whether they were asked, a roster says.
    key = log["adviser_key_of_another"]["act"]["adviser_key"]
    assert counted(log["adviser_key_of_another"]) == [
        [msgspec.convert({**content, "author_key": key}, Advice)],
        [],
    ]
    assert len(log["failures"]) >= 12
    for one in log["failures"]:
        assert counted(one["advised"]) == [[], []], one["what"]
    for one in log["no_entries"]:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(one["advised"], Entry)
