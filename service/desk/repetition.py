"""What was decided before about the same account: a policy asks for a harder step on repetition, and for the mildest
that ends the harm; both need somebody to remember. Pure; as far as this desk has the reports.

Says which cases to read, and judges nothing: a case that was decided may have been decided with "no action".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.cases.log import LetterSent, StateSet
from service.cases.receipts import day_told
from service.console import one_line
from service.desk.casebook import Case
from service.desk.persons import persons, subjects_of
from service.desk.show import ID_SHOWN
from service.desk.touch import came_on

BAD_FAITH = "false-report"
"""The issue of every policy by which a report itself was the misconduct: it says nothing about whom it names."""


def decided_before(case: Case, cases: Iterable[Case]) -> list[Case]:
    """Give the other cases about a person that `case` is about which the group decided, the oldest first.

    One person's accounts are those that handlers merged. Left out are reports that were found to be in bad faith.
    cases: all of this desk.
    """
    cases = list(cases)
    known = persons(cases)
    about = {known.principal(one) for one in subjects_of(case)}
    found = [
        other
        for other in cases
        if other.first.id != case.first.id
        and BAD_FAITH not in other.state.issues
        and _was_decided(other)
        and about & {known.principal(one) for one in subjects_of(other)}
    ]
    return sorted(found, key=lambda other: (came_on(other.first), other.first.id))


def repetition_lines(before: Sequence[Case]) -> list[str]:
    """What stands under a case; nothing where nothing was decided before."""
    if not before:
        return []
    return [
        "",
        "Decided before about the same account. Read what was decided there: on repetition a harder step of the "
        "ladder may be called for, still the mildest that ends the harm.",
        *map(_row, before),
    ]


def _row(case: Case) -> str:
    first = case.first
    sorted_as = ", ".join(filter(None, (case.state.priority, *case.state.issues))) or "--"
    return f"  - {first.id[:ID_SHOWN]}  {day_told(first.day)}  {sorted_as}  {one_line(first.headline)}"


def _was_decided(case: Case) -> bool:
    late = set(case.state.out_of_order)
    return any(
        isinstance(entry.act, (StateSet, LetterSent)) and entry.act.state == "decided" and entry not in late
        for entry in case.state.entries
    )
