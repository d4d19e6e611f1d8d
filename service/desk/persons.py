"""Whom reports are about: the accounts that they name, and which of these handlers hold to be one person. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from abuse.merges import Merged, Namesakes, People, Statement, Unmerged, people
from abuse.subjects import Subject, read_subject
from crypto.errors import Refused
from service.cases.log import SubjectMerged, SubjectSplit
from service.cases.voices import subjects_named
from service.desk.casebook import Case


def subjects_of(case: Case) -> list[Subject]:
    """Whom a report is about, as far as its names can be read as accounts."""
    return subjects_named(case.first.who)


def persons(cases: Iterable[Case]) -> People:
    """Fold the merges and splits of all logs: a split takes back every merge of just these two stated before it.

    What names no two accounts is passed over: a colleague wrote it.
    """
    statements: list[tuple[float, Statement]] = []
    standing: dict[frozenset[Subject], list[str]] = {}
    # Stable, so that acts of one second on one report stay in the order of its log.
    entries = sorted((e for case in cases for e in case.state.entries), key=lambda e: e.at_s)
    for place, entry in enumerate(entries):
        match entry.act:
            case SubjectMerged(subject=one, other=other) if (both := _two(one, other)) is not None:
                # By place, since two authors, or two reports' logs, may hold entries of one id.
                standing.setdefault(frozenset(both), []).append(str(place))
                merged = Merged(str(place), *both, entry.author, entry.at_s)
                statements.append((entry.at_s, merged))
            case SubjectSplit(subject=one, other=other) if (both := _two(one, other)) is not None:
                # All of them: two handlers may have said the same, each in another report's log.
                statements.extend(
                    (entry.at_s, Unmerged(undone, entry.author, entry.at_s))
                    for undone in standing.pop(frozenset(both), [])
                )
            case _:
                pass
    return people(statement for _, statement in statements)


def _two(one: str, other: str) -> tuple[Subject, Subject] | None:
    try:
        first, second = read_subject(one), read_subject(other)
    except Refused:
        return None
    return None if first == second else (first, second)


def unreported(cases: Collection[Case], accounts: Iterable[Subject]) -> list[Subject]:
    """Give those of some accounts that no report names, nor any account that is held to be the same person."""
    known = persons(cases)
    named = {found for case in cases for found in subjects_of(case)}
    return [one for one in accounts if named.isdisjoint(known.aliases(one))]


def namesakes(cases: Iterable[Case], known: People) -> Namesakes:
    """Find the accounts with one handle among those that reports name."""
    return Namesakes((found for case in cases for found in subjects_of(case)), known)
