"""Corroboration at the desk: what this handler can read, by whom it is about, scored on their own machine. Pure.

Joins cases to abuse/: a report names people, each becomes a canonical subject; merges and findings come from the
reports' sealed logs, voices from what was heard (service/desk/voices.py). Links are never opened here.
Guarantees: a person's D and D_v never fall below what this desk has shown before, in whatever order reports come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from abuse.evidence import Finding, Verdict, file_id, link_id, witness_id
from abuse.merges import Namesakes, People
from abuse.subjects import Subject, voice_context
from service.cases.log import Checked
from service.cases.reports import FollowUp, Report
from service.cases.speaking import Moments, Spoken
from service.cases.texts import LONG_TEXT
from service.desk.casebook import Case
from service.desk.persons import namesakes, persons, subjects_of
from service.desk.records import Body
from service.desk.voices import Hearing

if TYPE_CHECKING:  # with numpy, which most commands of a desk never need: imported where something is scored
    from abuse.accounts import Account, Comparison
    from abuse.bursts import Burst, Wave
    from abuse.corroboration import Corroboration

_VERDICTS = {
    "verified": Verdict.SUPPORTS,
    "contradicted": Verdict.CONTRADICTS,
    "unclear": Verdict.UNCLEAR,
    "gone": Verdict.UNCLEAR,
    "withdrawn": Verdict.WITHDRAWN,
}

MAX_COMPARED: Final = 4 * LONG_TEXT
"""Characters of what a reporter wrote, oldest first: one may write as often as they like."""


class Remembered(Struct, frozen=True):
    """What was shown of one account before: D and D_v, and the reports that they rest on."""

    d: float
    d_v: float
    support: tuple[str, ...]
    support_v: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a desk knows when it scores.

    hearings: by report. roots, moments: root key and registry of each group by its hex id; a group whose registry is
    not here has no voices. remembered: by account. since_s: since when this desk has been receiving reports.
    """

    cases: Mapping[str, Case]
    bodies: Mapping[str, Body]
    hearings: Mapping[str, Hearing] = field(default_factory=dict)
    roots: Mapping[str, bytes] = field(default_factory=dict)
    moments: Mapping[str, Moments] = field(default_factory=dict)
    remembered: Mapping[Subject, Remembered] = field(default_factory=dict)
    since_s: float = 0.0
    _accounts: dict[str, Account] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Each case as an account, but for its voice. Its reporter may name fifty people, and all are scored by it."""
    _findings: dict[str, list[Finding]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was found about each case, for the same reason."""


@dataclass(frozen=True, slots=True)
class About:
    """One person as reported: the accounts, the score, and when they came.

    unheard: reports with a voice that was not accepted; waiting: reports with one that was not heard yet.
    same_handle: accounts of other persons with the handle of one of these, for a handler to look at and merge, or not;
    at most MAX_SUGGESTED for each.
    """

    subject: Subject
    aliases: tuple[Subject, ...]
    cases: tuple[str, ...]
    accounts: tuple[Account, ...]
    score: Corroboration
    burst: Burst | None
    waves: tuple[Wave, ...]
    unheard: int
    waiting: int
    same_handle: tuple[Subject, ...]

    def sentences(self) -> tuple[str, ...]:
        """What a handler reads. A burst is told, and lowers nothing: a real incident bursts too."""
        told = [*self.score.sentences()]
        if self.unheard:
            told.append(f"{_reports(self.unheard)} a voice that doesn't hold: `desk show` says why.")
        if self.waiting:
            told.append(
                f"{_reports(self.waiting)} a voice that was not checked: sync, or see that the group names a registry."
            )
        if self.burst is not None and self.burst.notable:
            told.append(self.burst.sentence())
        return tuple(told)

    def to_remember(self) -> dict[Subject, Remembered]:
        """What the next scoring has to be told, by account: each of a person's, so that a split keeps it."""
        found = Remembered(self.score.d, self.score.d_v, self.score.support, self.score.support_v)
        return dict.fromkeys(self.aliases, found)


def _reports(number: int) -> str:
    return f"{number} {'report carries' if number == 1 else 'reports carry'}"


def abouts(reading: Reading) -> list[About]:
    """Score every person somebody was reported for, the best corroborated first.

    The order says what to look at first, no more.
    """
    known = persons(reading.cases.values())
    alike = namesakes(reading.cases.values(), known)
    by_person: dict[Subject, list[Case]] = {}
    for case in reading.cases.values():
        for one in {known.principal(found) for found in subjects_of(case)}:
            by_person.setdefault(one, []).append(case)
    found = [_about(reading, known, one, cases, alike) for one, cases in by_person.items()]
    return sorted(
        found, key=lambda about: (-about.score.score, -about.score.reports, about.subject.canonical)
    )


def about(reading: Reading, named: Subject) -> About | None:
    """Score one person, by any of their accounts; None when no report is about them."""
    known = persons(reading.cases.values())
    aliases = known.aliases(named)
    cases = [case for case in reading.cases.values() if aliases & set(subjects_of(case))]
    if not cases:
        return None
    one = known.principal(named)
    return _about(reading, known, one, cases, namesakes(reading.cases.values(), known))


def _about(reading: Reading, known: People, one: Subject, cases: list[Case], alike: Namesakes) -> About:
    from abuse.bursts import burst, waves
    from abuse.corroboration import corroborate

    aliases = sorted(known.aliases(one), key=lambda alias: alias.canonical)
    accounts = [account_of(reading, case, aliases) for case in cases]
    findings = [finding for case in cases for finding in findings_of(reading, case)]
    closed = sum(case.state.state == "closed" for case in reading.cases.values())
    times = sorted(account.at_s for account in accounts)
    earlier = [reading.remembered[alias] for alias in aliases if alias in reading.remembered]
    carrying = [case for case in cases if case.first.has_voice]
    return About(
        subject=one,
        aliases=tuple(aliases),
        cases=tuple(case.first.id for case in cases),
        accounts=tuple(accounts),
        score=corroborate(
            accounts,
            findings,
            closed_cases=closed,
            members=_members(reading, cases, aliases),
            remembered=(
                max(earlier, key=lambda shown: shown.d).support if earlier else (),
                max(earlier, key=lambda shown: shown.d_v).support_v if earlier else (),
            ),
        ),
        burst=burst(times, since_s=min(reading.since_s, times[0])),
        waves=waves(accounts),
        unheard=sum(
            bool(reading.hearings[case.first.id].unheard)
            for case in carrying
            if case.first.id in reading.hearings
        ),
        waiting=sum(case.first.id not in reading.hearings for case in carrying),
        same_handle=alike.of(aliases),
    )


def _members(reading: Reading, cases: Iterable[Case], aliases: Iterable[Subject]) -> int:
    """How many members spoke about a person for certain: within one group, since another has other contexts."""
    by_group: dict[str, list[Spoken]] = {}
    wanted = list(aliases)
    for case in cases:
        by_group.setdefault(case.first.group, []).extend(_spoken(reading, case, wanted))
    return max(
        (reading.moments[group].members_for_certain(spoken) for group, spoken in by_group.items() if spoken),
        default=0,
    )


def _spoken(reading: Reading, case: Case, aliases: Iterable[Subject]) -> list[Spoken]:
    """The voices of one report about one person that count, in the order of the person's accounts."""
    group = case.first.group
    hearing = reading.hearings.get(case.first.id)
    moments = reading.moments.get(group)
    if (
        hearing is None
        or moments is None
        or hearing.registry != moments.registry
        or group not in reading.roots
    ):
        return []
    by_context = {each.context: each for each in hearing.spoken}
    contexts = [voice_context(reading.roots[group], alias).hex() for alias in aliases]
    return [by_context[context] for context in contexts if context in by_context]


def account_of(reading: Reading, case: Case, aliases: Iterable[Subject] = ()) -> Account:
    """Take a case as one account of a person: all that its reporter wrote, with their voice about that person."""
    voice = next(iter(_spoken(reading, case, aliases)), None)
    known = reading._accounts.get(case.first.id)
    if known is None:
        known = reading._accounts[case.first.id] = _told(reading, case)
    if voice is None:
        return known
    return replace(known, voice_tag=bytes.fromhex(voice.tag), voice_context=bytes.fromhex(voice.context))


def _told(reading: Reading, case: Case) -> Account:
    """Take a case as an account of whomever it names."""
    from abuse.accounts import Account, arrival_s
    from abuse.likeness import wording

    texts, evidence = [], set()
    for held in (case.first, *case.follow_ups):
        body = reading.bodies.get(held.id)
        if body is None:
            continue
        match body.content:
            case Report(what=text) | FollowUp(message=text):
                texts.append(text)
        evidence |= {file_id(bytes.fromhex(attached.sha256)) for attached in body.content.attachments}
    text = "\n".join(texts)[:MAX_COMPARED]
    return Account(
        report_id=case.first.id,
        at_s=arrival_s(case.first.day, case.first.fetched_s),
        text=text,
        evidence=frozenset(evidence | {link_id(link) for link in case.first.links}),
        witnesses=frozenset(witness_id(name) for name in case.first.witnesses),
        words=wording(text),
    )


def findings_of(reading: Reading, case: Case) -> list[Finding]:
    """What handlers wrote into the log about links, files and witnesses of this report."""
    known = reading._findings.get(case.first.id)
    if known is None:
        known = reading._findings[case.first.id] = _found(case, account_of(reading, case).evidence)
    return known


def _found(case: Case, evidence: frozenset[str]) -> list[Finding]:
    names = {witness_id(name) for name in case.first.witnesses}
    found = []
    for entry in case.state.entries:
        if isinstance(entry.act, Checked):
            item, link = witness_id(entry.act.item), link_id(entry.act.item)
            if item not in names:  # a link first: a reporter may have written one as files are named
                item = entry.act.item if entry.act.item in evidence and link not in evidence else link
            verdict = _VERDICTS[entry.act.finding]
            found.append(Finding(item, verdict, entry.author, float(entry.at_s), entry.act.note))
    return found


def comparison(reading: Reading, one: Case, other: Case) -> Comparison:
    """Every term of how far two reports are one account, of the first person that both are about."""
    from abuse.accounts import compare

    known = persons(reading.cases.values())
    theirs = {known.principal(found) for found in subjects_of(other)}
    both = next((p for p in map(known.principal, subjects_of(one)) if p in theirs), None)
    aliases = [] if both is None else sorted(known.aliases(both), key=lambda alias: alias.canonical)
    return compare(account_of(reading, one, aliases), account_of(reading, other, aliases))
