"""What a desk says of a case's consultations: whom they asked, what was answered, and which advice is waited for.

Guarantees: a closed case waits for none, so closing it ends every prompt; what a colleague or a stranger wrote is one
line. Leaves to consulting.py who may be asked and whose advice is taken.
"""

from __future__ import annotations

from typing import Any

from service.cases.consultations import Asked, consultations
from service.cases.receipts import day_told
from service.console import one_line
from service.desk.casebook import Case
from service.desk.touch import WEEK


def waited_for(case: Case) -> tuple[Asked, ...]:
    """Give the consultations to which nobody has answered, in the order in which they were asked."""
    if case.state.state == "closed":
        return ()
    return tuple(one for one in consultations(case.state.entries) if one.open)


def long_waited(case: Case, today: int) -> bool:
    """Whether advice has been waited for since a week. today: days since 1970-01-01 UTC."""
    return any(today - one.act.day >= WEEK for one in waited_for(case))


def consulted_view(case: Case) -> list[dict[str, Any]]:
    """Give a case's consultations, for --json."""
    closed = case.state.state == "closed"
    return [
        {
            "id": one.act.consultation,
            "asked_by": one.entry.author,
            "asked_on": day_told(one.act.day),
            "group": one.act.group,
            "group_name": one.act.group_name,
            "asked": list(one.act.handlers),
            "shown": one.act.text,
            "open": one.open and not closed,
            "advice": [
                {
                    "adviser": given.act.adviser,
                    "day": day_told(given.act.day),
                    "text": given.act.text,
                    "taken_in_by": given.entry.author,
                }
                for given in one.advice
            ],
        }
        for one in consultations(case.state.entries)
    ]


def open_lines(case: Case) -> list[str]:
    """What stands under a case; nothing where no advice is waited for."""
    rows = [
        f"Advice is waited for from {', '.join(one.act.handlers)} ({one.act.group_name}), "
        f"asked by {one.entry.author} on {day_told(one.act.day)}."
        for one in waited_for(case)
    ]
    return ["", *map(one_line, rows)] if rows else []


def waited_lines(case: Case) -> list[str]:
    """What stands under a case in the list: one line, however many were asked."""
    waited = waited_for(case)
    return [f"Advice is waited for since {day_told(min(one.act.day for one in waited))}."] if waited else []
