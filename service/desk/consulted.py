"""What a desk says of a case's consultations: whom they asked, what was answered, and which advice is waited for.

Guarantees: a closed case waits for none, so closing it ends every prompt; what a colleague or a stranger wrote is one
line where it stands by itself; no adviser's name is given that only a colleague vouches for, but as their word. Leaves
to advisers.py whose advice counts, and to consulting.py who may be asked and whose advice is taken.
"""

from __future__ import annotations

from typing import Any

from service.cases.log import Advised, Entry
from service.cases.receipts import day_told
from service.console import one_line
from service.desk.advisers import Given, Sought
from service.desk.casebook import Case
from service.desk.touch import WEEK


def waited_for(case: Case) -> tuple[Sought, ...]:
    """Give the consultations to which nobody has answered, in the order in which they were asked."""
    if case.state.state == "closed":
        return ()
    return tuple(one for one in case.sought if one.open)


def long_waited(case: Case, today: int) -> bool:
    """Whether advice has been waited for since a week. today: days since 1970-01-01 UTC."""
    return any(today - one.asked.act.day >= WEEK for one in waited_for(case))


def consulted_view(case: Case) -> list[dict[str, Any]]:
    """Give a case's consultations, for --json."""
    closed = case.state.state == "closed"
    return [
        {
            "id": one.asked.act.consultation,
            "asked_by": one.asked.entry.author,
            "asked_on": day_told(one.asked.act.day),
            "group": one.asked.act.group,
            "group_name": one.asked.act.group_name,
            "asked": list(one.asked.act.handlers),
            "shown": one.asked.act.text,
            "open": one.open and not closed,
            "advice": [_given_view(given) for given in one.given],
        }
        for one in case.sought
    ]


def _given_view(given: Given) -> dict[str, Any]:
    """Give an answer. Its adviser's name is the verified list's, or null where this desk could not check it."""
    who, advice = given.adviser, given.answer.advice
    names = dict.fromkeys((one.entry.author, one.act.adviser) for one in given.answer.taken_in)
    return {
        "adviser": None if who is None else who.name,
        "adviser_checked": who is not None,
        "key_in_force": None if who is None else who.in_force,
        "day": day_told(advice.day),
        "text": advice.text,
        "taken_in": [{"by": by, "as_from": name} for by, name in names],
    }


def given_by_entry(case: Case) -> dict[Entry, Given]:
    """Give the answer that counts of each log entry that says one."""
    return {one.entry: given for each in case.sought for given in each.given for one in given.answer.taken_in}


def advised_said(act: Advised, given: Given | None) -> str:
    """Say of an entry what its author took in. given: the answer that counts; None where none does."""
    if given is None:
        return (
            f"wrote this down as advice; nobody who was asked has signed it, so it does not count: {act.text}"
        )
    match given.adviser:
        case None:
            said = (
                f"took in advice, by their own word of {act.adviser}: it is signed, but this desk has no list of the "
                "group that was asked, and could not check whose key that is"
            )
        case adviser if adviser.in_force:
            said = f"took in the advice of {adviser.name}"
        case adviser:
            said = (
                f"took in the advice of {adviser.name}, signed by a key that is not in force any more: that it came "
                "before then is their word"
            )
    return f"{said}: {act.text}"


def open_lines(case: Case) -> list[str]:
    """What stands under a case; nothing where no advice is waited for."""
    rows = [
        f"Advice is waited for from {', '.join(one.act.handlers)} ({one.act.group_name}), "
        f"asked by {one.entry.author} on {day_told(one.act.day)}."
        for one in (each.asked for each in waited_for(case))
    ]
    return ["", *map(one_line, rows)] if rows else []


def waited_since(case: Case) -> str | None:
    """Give the first day since which advice is waited for; None where none is."""
    days = [one.asked.act.day for one in waited_for(case)]
    return day_told(min(days)) if days else None


def waited_lines(case: Case) -> list[str]:
    """What stands under a case in the list: one line, however many were asked."""
    since = waited_since(case)
    return [] if since is None else [f"Advice is waited for since {since}."]
