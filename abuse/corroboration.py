"""How far the reports on one subject and incident are independent of each other. SPEC.md "Corroboration".

Guarantees: adding a report never lowers D, D_v or S (given in order of arrival; only a verified contradiction lowers
S); a copy adds nothing to D; any number of reports without a voice stays below 2, whatever their wording and times;
one member's voice, however often used, is one voice. Every term of the score is in `Corroboration`.
Leaves to handlers: the judgement. There is no probability of guilt here, and "uncorroborated" is not "false".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from math import floor
from typing import Any, Final

import numpy as np

from abuse.accounts import PHI_VOICES, SHARES_WORDING, Account, linked, overlap
from abuse.diversity import Matrix, maximum_diversity
from abuse.evidence import Check, Finding, Verdict, check_next, standing
from abuse.voices import VoiceTag, distinct_voices
from crypto.errors import Refused

# design.md §8; reasons in SPEC.md "Corroboration: score".
PER_UNVOICED, PER_VOICE, PER_VERIFIED, PER_CONTRADICTION = 0.4, 0.9, 2.0, 1.5
UNVOICED_CAP: Final = 2.0
VERIFIED_CAP: Final = 3
VOICES_NEEDED: Final = 2.0
WINDOW_S: Final = 2 * 3600.0
CASES_TO_CALIBRATE: Final = 50


@dataclass(frozen=True, slots=True)
class Corroboration:
    """The score of one subject and incident with all its terms; what to check next is in `checks`.

    D and D_v are effective numbers of independent accounts and voices; *_exact False: a lower bound.
    voiced: reports with a voice; members: how many spoke for certain (`distinct_voices`), which D_v never exceeds.
    clusters: report ids grouped by wording or evidence they share, by arrival. support: the reports D rests on.
    """

    reports: int
    d: float
    d_exact: bool
    d_v: float
    d_v_exact: bool
    d_u: float
    verified: int
    contradicted: int
    score: float
    corroborated: bool
    voiced: int
    members: int
    share_wording: int
    within_2h: int
    calibrated: bool
    clusters: tuple[tuple[str, ...], ...]
    support: tuple[str, ...]
    support_v: tuple[str, ...]
    checks: tuple[Check, ...]

    def sentences(self) -> tuple[str, ...]:
        """What a handler reads first. Numbers after "at least" are rounded down, never up."""
        kinds = Counter(check.kind for check in self.checks)
        unchecked = " and ".join(_count(kinds[kind], kind) for kind in ("link", "file") if kinds[kind])
        said = [
            f"{_count(self.reports, 'report')}, {_bound(self.d, self.d_exact)} independent "
            f"{'account' if _tenths(self.d) == 1 else 'accounts'}; "
            f"{self.share_wording} {'shares' if self.share_wording == 1 else 'share'} wording; "
            f"{self.within_2h} within 2 h; {self.voiced} used a voice"
            + (f" ({_count(self.members, 'member')} for certain)" if self.members < self.voiced else "")
            + "; "
            + (f"{unchecked} unchecked: check next" if unchecked else "no link or file unchecked")
            + (f"; {_count(kinds['witness'], 'witness', 'witnesses')} named" if kinds["witness"] else "")
            + "."
        ]
        if self.corroborated:
            by = []
            if self.verified:
                by.append(f"{_count(self.verified, 'piece', 'pieces')} of evidence that a handler verified")
            if self.d_v >= VOICES_NEEDED:
                by.append(f"{_bound(self.d_v, self.d_v_exact)} independent voices")
            said.append(f"Corroborated by {' and '.join(by)}.")
        else:
            said.append("Uncorroborated. Uncorroborated is not false.")
        if self.contradicted:
            said.append(f"{_count(self.contradicted, 'verified contradiction')}.")
        if not self.calibrated:
            said.append(
                "Uncalibrated: fewer than 50 cases are closed here, so use the score to order, not to judge."
            )
        return tuple(said)

    def as_json(self) -> dict[str, Any]:
        """Every term, with plain types, for --json. `terms` add up to `score`."""
        terms = {
            "unvoiced": PER_UNVOICED * self.d_u,
            "voices": PER_VOICE * self.d_v,
            "verified": PER_VERIFIED * min(self.verified, VERIFIED_CAP),
            "contradicted": -PER_CONTRADICTION * self.contradicted,
        }
        # Not `asdict`: it copies every text, and reports may name thousands of links.
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        parts = [one.name for one in fields(Check)]
        checks = tuple({name: getattr(check, name) for name in parts} for check in self.checks)
        return {**told, "checks": checks, "terms": terms, "sentences": self.sentences()}


def corroborate(
    accounts: Iterable[Account],
    findings: Iterable[Finding] = (),
    *,
    closed_cases: int = 0,
    members: int | None = None,
    remembered: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Corroboration:
    """Score the reports on one subject and incident.

    remembered: `support` and `support_v` of an earlier answer, so that neither D nor D_v falls below it even if
    reports turn up late.
    members: how many members spoke for certain, where keys were replaced and the registry says fewer than there are
    tags (`service.cases.speaking`). None: each tag of a context is a member.
    Refused: two accounts with one report id. 2,000 reports take seconds.
    """
    ordered = sorted(accounts, key=lambda a: (a.at_s, a.report_id))
    ids = [account.report_id for account in ordered]
    row_of = {report_id: row for row, report_id in enumerate(ids)}
    if len(row_of) != len(ids):
        raise Refused("corroboration: two accounts have one report id")
    between = overlap(ordered, [account.wording for account in ordered])
    voiced = [row for row, account in enumerate(ordered) if account.voice_tag is not None]
    place = {row: at for at, row in enumerate(voiced)}
    earlier, earlier_v = ([row_of[key] for key in support if key in row_of] for support in remembered)
    spoken = maximum_diversity(
        between.k[np.ix_(voiced, voiced)], remembered=[place[row] for row in earlier_v if row in place]
    )
    spoken = replace(spoken, support=tuple(voiced[row] for row in spoken.support))
    whole = maximum_diversity(between.k, remembered=earlier)
    if spoken.value > whole.value:
        whole = replace(spoken, exact=False)
    tags = [VoiceTag(a.voice_context, a.voice_tag) for a in ordered if a.voice_tag is not None]
    spoke = distinct_voices(tags)
    spoke = spoke if members is None else min(spoke, members)
    # A member with two tags can't be told from two members, so D_v is never more than so many as there are for certain
    # can give, and D no more than that and what reports without a voice can add.
    most = _most_diverse(spoke)
    spoken = replace(spoken, value=min(spoken.value, most), exact=spoken.exact and spoken.value <= most)
    whole_most = spoken.value + UNVOICED_CAP
    whole = replace(
        whole, value=min(whole.value, whole_most), exact=whole.exact and whole.value <= whole_most
    )
    clusters = linked(between.content)
    found = standing(findings)
    verified = sum(finding.verdict is Verdict.SUPPORTS for finding in found.values())
    contradicted = sum(finding.verdict is Verdict.CONTRADICTS for finding in found.values())
    d_u = min(UNVOICED_CAP, max(0.0, whole.value - spoken.value))
    group_of = {row: at for at, rows in enumerate(clusters) for row in rows}
    return Corroboration(
        reports=len(ordered),
        d=whole.value,
        d_exact=whole.exact,
        d_v=spoken.value,
        d_v_exact=spoken.exact,
        d_u=d_u,
        verified=verified,
        contradicted=contradicted,
        score=PER_UNVOICED * d_u
        + PER_VOICE * spoken.value
        + PER_VERIFIED * min(verified, VERIFIED_CAP)
        - PER_CONTRADICTION * contradicted,
        corroborated=verified >= 1 or spoken.value >= VOICES_NEEDED,
        voiced=len(tags),
        members=spoke,
        share_wording=_with_company(between.alike),
        within_2h=_most_within([account.at_s for account in ordered], WINDOW_S),
        calibrated=closed_cases >= CASES_TO_CALIBRATE,
        clusters=tuple(tuple(ids[row] for row in rows) for rows in clusters),
        support=tuple(ids[row] for row in whole.support),
        support_v=tuple(ids[row] for row in spoken.support),
        checks=check_next(
            [
                (a.report_id, a.evidence | a.witnesses, a.voice_tag is not None, group_of[row])
                for row, a in enumerate(ordered)
            ],
            found,
        ),
    )


def _most_diverse(members: int) -> float:
    """Give the highest D that the reports of so many members can have: any two overlap by at least PHI_VOICES."""
    return members / (1 + PHI_VOICES * (members - 1)) if members else 0.0


def _with_company(alike: Matrix) -> int:
    """How many rows share wording with another."""
    return int(((alike >= SHARES_WORDING).sum(axis=1) > 1).sum())


def _most_within(times: Sequence[float], window_s: float) -> int:
    """The most arrivals in any window of that length; `times` ascending."""
    most = start = 0
    for end, time in enumerate(times):
        while time - times[start] > window_s:
            start += 1
        most = max(most, end - start + 1)
    return most


def _tenths(value: float) -> float:
    return floor(value * 10 + 1e-9) / 10


def _bound(value: float, exact: bool) -> str:
    shown = f"{_tenths(value):.1f}".removesuffix(".0")
    # Rounding down makes an exact value a bound as well, but for a whole number.
    return shown if exact and abs(value - _tenths(value)) < 1e-9 else f"at least {shown}"


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
