"""Transparency reports: how many reports a group had in a period, how grave and about what; nothing of any person.

Pure. Guarantees: **whoever was left out of a report can't tell from it that there is one**, as a report is counted only
where no handler of its group was left out: each of them could count the same. And nobody learns of a single report:
every count is told as a step of five, the smallest of which may be none.
Leaves to the group what it publishes besides, and to polls what was decided (docs/transparency.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from crypto.errors import Refused
from service.cases.log import LetterSent
from service.cases.policies import baseline
from service.cases.receipts import day_number, day_told
from service.cases.rosters import RosterHistory
from service.desk.casebook import Case
from service.desk.readers import Histories, left_out_of
from service.desk.touch import WEEK, came_on

STEP: Final = 5
"""A count is told as one of 0 to 4, 5 to 9, and so on."""
_NAME: Final = re.compile(r"([0-9]{4})(?:-(?:Q([1-4])|H([12])))?", re.ASCII)
_KINDS: Final = {
    "conduct": "Reports of conduct",
    "help": "Calls for help",
    "record": "For the record only",
}
_PRIORITIES: Final = {"P1": "P1, safety", "P2": "P2, serious", "P3": "P3, usual", "P4": "P4, for the record"}
_STATES: Final = {
    "received": "Received",
    "looking": "Being looked at",
    "mediation": "In mediation",
    "decided": "Decided",
    "closed": "Closed",
}


@dataclass(frozen=True, slots=True)
class Period:
    """A year, half or quarter of the calendar, in UTC. first, after: days since 1970; `after` is the day beyond it."""

    name: str
    first: int
    after: int


@dataclass(frozen=True, slots=True)
class Section:
    """One thing that is counted, in rows of a name and a number, which is told as its step only."""

    name: str
    rows: tuple[tuple[str, int], ...]


def period_named(name: str, today: int) -> Period:
    """Read `2026`, `2026-H1` or `2026-Q2`. today: days since 1970. Refused unless it is one of these, and over.

    Only whole periods of the calendar: from two that differ by a few days one could tell what came in these days.
    """
    found = _NAME.fullmatch(name)
    if found is None or not 1970 <= int(found[1]) < 9999:
        raise Refused("name a year, a half or a quarter of it: 2026, 2026-H1 or 2026-Q2")
    year, quarter, half = int(found[1]), found[2], found[3]
    months = 3 if quarter else 6 if half else 12
    begins = (int(quarter or half or 1) - 1) * months + 1
    ends = begins + months
    first, after = (
        day_number(date(year + (month > 12), (month - 1) % 12 + 1, 1)) for month in (begins, ends)
    )
    if today < after:
        raise Refused(f"{name} is not over: it ends with {day_told(after - 1)}")
    return Period(name, first, after)


def counted(cases: Iterable[Case], histories: Histories, group: str, period: Period) -> list[Case]:
    """Choose the reports to a group (hex) that came in the period and left none of its handlers out.

    Not what was forwarded from another group, which counts it, nor a message that continues no report here.
    """
    return [
        case
        for case in cases
        if case.first.group == group
        and not (case.stray or case.first.forwarded)
        and period.first <= came_on(case.first) < period.after
        and left_out_of(case.first, histories) == ()
    ]


def sections(cases: Iterable[Case], issues: Mapping[str, str]) -> list[Section]:
    """Count what is published of these reports. issues: titles by their ids, as `issues_of` gives them."""
    cases = list(cases)
    named = [{one for one in case.state.issues if one in issues} for case in cases]
    about = [(title, sum(issue in some for some in named)) for issue, title in issues.items()]
    levels = [(case.state.priority or "") for case in cases]
    return [
        Section("Reports", (("In all", len(cases)),)),
        Section("What was asked for", tuple(_tally(_KINDS, (case.first.kind for case in cases)))),
        Section(
            "How they came", (("Written down for somebody", sum(case.first.recorded for case in cases)),)
        ),
        Section(
            "How grave, as the group saw it",
            (*_tally(_PRIORITIES, levels), ("Not yet judged", levels.count(""))),
        ),
        Section(
            "About what, as the group saw it; a report may be about several",
            (*about, ("Not yet said", sum(not some for some in named))),
        ),
        Section("How far they are", tuple(_tally(_STATES, (case.state.state for case in cases)))),
        Section("How soon", (("A letter with words within a week", sum(map(_answered, cases))),)),
    ]


def told(count: int) -> str:
    """Write a count as its step."""
    low = count // STEP * STEP
    return f"{low} to {low + STEP - 1}" if low else f"fewer than {STEP}"


def lines(name: str, period: Period, some: Iterable[Section]) -> list[str]:
    """Write a group's report, to be published as it is, in Markdown. name: the group's."""
    out = [
        f"# Transparency report: {name}, {period.name}",
        "",
        f"From {day_told(period.first)} to {day_told(period.after - 1)}.",
        f"Counts are told in steps of {STEP}, and the smallest may be none: nobody can tell a single report from them.",
        "A report that its reporter kept from one of the group's handlers is not counted: nobody learns of it here.",
    ]
    for section in some:
        out += ["", f"## {section.name}", ""]
        out += [f"- {row}: {told(count)}" for row, count in section.rows]
    return out


def view(name: str, period: Period, some: Iterable[Section]) -> dict[str, Any]:
    """Give the same as JSON has it: each count as the smallest and the largest that it may be."""
    return {
        "group": name,
        "period": period.name,
        "from": day_told(period.first),
        "to": day_told(period.after - 1),
        "step": STEP,
        "sections": [
            {
                "name": section.name,
                "rows": [
                    {"name": row, "least": count // STEP * STEP, "most": count // STEP * STEP + STEP - 1}
                    for row, count in section.rows
                ],
            }
            for section in some
        ],
    }


def issues_of(history: RosterHistory | None) -> dict[str, str]:
    """Give the titles of a group's published conduct issues by their ids; without a policy, the baseline's."""
    policy = (history.latest.policy if history is not None else None) or baseline()
    return {item.id: item.title for item in policy.issues}


def _answered(case: Case) -> bool:
    by = (came_on(case.first) + WEEK + 1) * 86_400
    return any(
        isinstance(one.act, LetterSent) and one.act.text and one.at_s < by for one in case.state.letters
    )


def _tally(names: Mapping[str, str], found: Iterable[str]) -> Iterator[tuple[str, int]]:
    all_of = list(found)
    return ((name, all_of.count(key)) for key, name in names.items())
