"""A case says what was decided before about the same account, and of nobody else."""

from __future__ import annotations

import msgspec
import pytest

from service.cases.log import Act, LetterSent, Note, StateSet, SubjectMerged, Triaged
from service.cases.reports import Person
from service.desk.casebook import Case, assemble
from service.desk.records import Held
from service.desk.repetition import decided_before, repetition_lines
from tests.support.desk_records import held, line

DECIDED = StateSet("decided")
TOLD = LetterSent("0" * 32, "1" * 64, "It is decided.", False, "decided")


def about(number: int, handle: str, **changes: object) -> Held:
    who = (Person(platform="irc", handle=handle),)
    return msgspec.structs.replace(held(number, f"{number:064x}", day=20_000 + number), who=who, **changes)


def found(now: Held, *others: tuple[Held, list[Act]]) -> list[Case]:
    """Ask what was decided before `now`."""
    logs = {
        one.id: [line(act, seq, at_s=seq, entry_id=seq) for seq, act in enumerate(acts)]
        for one, acts in others
    }
    cases = assemble([now, *(one for one, _ in others)], logs)
    return decided_before(cases[now.id], cases.values())


NOW = about(9, "mallory")


@pytest.mark.parametrize(
    ("other", "acts", "named"),
    [
        (about(1, "Mallory"), [DECIDED], True),
        (about(1, "mallory"), [TOLD, StateSet("closed")], True),
        (about(1, "mallory"), [DECIDED, StateSet("looking")], True),
        (about(1, "mallory"), [StateSet("closed")], False),
        (about(1, "mallory"), [StateSet("closed"), DECIDED], False),
        (about(1, "mallory"), [Note("decided")], False),
        (about(1, "mallory"), [Triaged("P4", ("false-report",)), DECIDED], False),
        (about(1, "alice"), [DECIDED], False),
        (about(1, "alice"), [SubjectMerged("irc:alice", "irc:mallory"), DECIDED], True),
    ],
)
def test_what_was_decided_about_the_same_person_is_named(other: Held, acts: list[Act], named: bool) -> None:
    """By any account that handlers merged; not what was closed undecided, or was a report in bad faith itself."""
    assert [one.first.id for one in found(NOW, (other, acts))] == [other.id] * named


def test_the_oldest_comes_first_and_a_case_is_not_its_own_past() -> None:
    """With how it was sorted, so that a handler knows which to read."""
    acts: list[Act] = [Triaged("P2", ("threats",)), DECIDED]
    earlier = [(about(number, "mallory", headline=f"Number {number}."), acts) for number in (3, 1)]
    cases = found(NOW, *earlier, (NOW, [DECIDED]))
    assert [one.first.headline for one in cases] == ["Number 1.", "Number 3."]
    lines = repetition_lines(cases)
    assert "mildest that ends the harm" in lines[1]
    assert lines[2].endswith("2024-10-05  P2, threats  Number 1.")
    assert repetition_lines([]) == []
