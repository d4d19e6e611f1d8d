"""Corroboration at the desk: what this handler can read, by whom it is about, scored on their own machine. Pure.

Joins cases to abuse/: a report names people, each becomes a canonical subject; merges and findings come from the
reports' sealed logs. No voice is heard yet, since the desk has no member registry: every report counts as voiceless,
and the sentence says so. Links are never opened here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from abuse.accounts import Account, Comparison, compare
from abuse.bursts import Burst, Wave, burst, waves
from abuse.corroboration import Corroboration, corroborate
from abuse.evidence import Finding, Verdict, file_id, link_id, witness_id
from abuse.merges import Merged, People, Statement, Unmerged, people
from abuse.subjects import Subject, read_subject, subject
from crypto.errors import Refused
from service.cases.log import Checked, SubjectMerged, SubjectSplit
from service.cases.reports import FollowUp, Report
from service.desk.casebook import Case
from service.desk.records import Body

_VERDICTS = {
    "verified": Verdict.SUPPORTS,
    "contradicted": Verdict.CONTRADICTS,
    "unclear": Verdict.UNCLEAR,
}


@dataclass(frozen=True, slots=True)
class About:
    """One person as reported: the accounts, the score, and when they came."""

    subject: Subject
    aliases: tuple[Subject, ...]
    cases: tuple[str, ...]
    score: Corroboration
    burst: Burst | None
    waves: tuple[Wave, ...]

    def sentences(self) -> tuple[str, ...]:
        """What a handler reads. A burst is told, and lowers nothing: a real incident bursts too."""
        told = (self.burst.sentence(),) if self.burst is not None and self.burst.notable else ()
        return (*self.score.sentences(), *told)


def persons(cases: Iterable[Case]) -> People:
    """Fold the merges and splits of all logs."""
    statements: list[tuple[float, Statement]] = []
    standing: dict[frozenset[Subject], str] = {}
    entries = sorted((e for case in cases for e in case.state.entries), key=lambda e: (e.at_s, e.id))
    for entry in entries:
        match entry.act:
            case SubjectMerged(subject=one, other=other):
                pair = frozenset({read_subject(one), read_subject(other)})
                standing[pair] = entry.id
                merged = Merged(entry.id, read_subject(one), read_subject(other), entry.author, entry.at_s)
                statements.append((entry.at_s, merged))
            case SubjectSplit(subject=one, other=other):
                undone = standing.pop(frozenset({read_subject(one), read_subject(other)}), "")
                statements.append((entry.at_s, Unmerged(undone, entry.author, entry.at_s)))
            case _:
                pass
    return people(statement for _, statement in statements)


def abouts(cases: Mapping[str, Case], bodies: Mapping[str, Body], since_s: float) -> list[About]:
    """Score every person somebody was reported for, the best corroborated first.

    since_s: since when this desk has been receiving reports. The order says what to look at first, no more.
    """
    known = persons(cases.values())
    by_person: dict[Subject, list[Case]] = {}
    for case in cases.values():
        for one in {known.principal(found) for found in subjects_of(case)}:
            by_person.setdefault(one, []).append(case)
    closed = sum(case.state.state == "closed" for case in cases.values())
    found = [_about(one, about, known, bodies, closed, since_s) for one, about in by_person.items()]
    return sorted(
        found, key=lambda about: (-about.score.score, -about.score.reports, about.subject.canonical)
    )


def _about(
    one: Subject, about: list[Case], known: People, bodies: Mapping[str, Body], closed: int, since_s: float
) -> About:
    accounts = [account_of(case, bodies) for case in about]
    findings = [finding for case in about for finding in findings_of(case)]
    times = sorted(account.at_s for account in accounts)
    return About(
        subject=one,
        aliases=tuple(sorted(known.aliases(one), key=lambda alias: alias.canonical)),
        cases=tuple(case.first.id for case in about),
        score=corroborate(accounts, findings, closed_cases=closed),
        burst=burst(times, since_s=min(since_s, times[0])),
        waves=waves(accounts),
    )


def subjects_of(case: Case) -> set[Subject]:
    """Whom a report is about, as far as its names can be read as accounts."""
    found = set()
    for person in case.first.who:
        try:
            found.add(subject(person.platform, person.handle))
        except Refused:
            continue  # shown in the case as written; it can't be grouped
    return found


def account_of(case: Case, bodies: Mapping[str, Body]) -> Account:
    """Take a case as one account: all that its reporter wrote."""
    texts, evidence = [], set()
    for held in (case.first, *case.follow_ups):
        body = bodies.get(held.id)
        if body is None:
            continue
        match body.content:
            case Report(what=text) | FollowUp(message=text):
                texts.append(text)
        evidence |= {file_id(bytes.fromhex(attached.sha256)) for attached in body.content.attachments}
    return Account(
        report_id=case.first.id,
        at_s=float(case.first.fetched_s),
        text="\n".join(texts),
        evidence=frozenset(evidence | {link_id(link) for link in case.first.links}),
        witnesses=frozenset(witness_id(name) for name in case.first.witnesses),
    )


def findings_of(case: Case) -> list[Finding]:
    """What handlers wrote into the log about links and witnesses of this report."""
    names = {witness_id(name) for name in case.first.witnesses}
    return [
        Finding(
            witness_id(entry.act.item) if witness_id(entry.act.item) in names else link_id(entry.act.item),
            _VERDICTS[entry.act.finding],
            entry.author,
            float(entry.at_s),
            entry.act.note,
        )
        for entry in case.state.entries
        if isinstance(entry.act, Checked)
    ]


def comparison(one: Case, other: Case, bodies: Mapping[str, Body]) -> Comparison:
    """Every term of how far two reports are one account."""
    return compare(account_of(one, bodies), account_of(other, bodies))
