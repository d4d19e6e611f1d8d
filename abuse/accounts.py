"""Reports as accounts of what happened, and how far two of them are one. SPEC.md "Corroboration: kernel".

Guarantees: K is symmetric with ones on its diagonal and entries in [0.05, 1]; an entry depends on its two reports
alone (and on the time of the first copy of either), so what is added later changes nothing that stands; between
reports without a voice it is at least 0.5, whatever they say and whenever they come.
Leaves to `abuse.diversity` what follows for their number. Numbers: design.md §8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from abuse.diversity import Matrix
from abuse.likeness import Wording, likeness_matrix, shared_shingles, wording
from crypto.secrets import Unshown

ALIKE_FROM: Final = 0.06
ALIKE_RANGE: Final = 0.12
PHI_VOICES: Final = 0.05
PHI: Final = 0.5
TAU_S: Final = 30 * 60.0
TOGETHER: Final = 0.6
SHARES_WORDING: Final = 0.5


@dataclass(frozen=True, slots=True, repr=False)
class Account(Unshown):
    """One report as scored. `text` is everything the reporter wrote, follow-ups included.

    at_s: arrival in seconds (the batch's time; a time the reporter claims costs nothing to invent).
    voice_tag: the verified tag of its voice, None without. voice_context: the context that the tag was made for; two
    tags of one context are two members, but for keys replaced (`corroborate`'s `members`).
    evidence: ids of what it rests on (`link_id`, `file_id`); witnesses: `witness_id` of people it names.
    words: the text's wording where it was worked out before: a report may be an account of fifty people.
    """

    report_id: str
    at_s: float
    text: str
    voice_tag: bytes | None = None
    voice_context: bytes = b""
    evidence: frozenset[str] = frozenset()
    witnesses: frozenset[str] = frozenset()
    words: Wording | None = None

    @property
    def wording(self) -> Wording:
        """What is compared of the text."""
        return wording(self.text) if self.words is None else self.words


def arrival_s(day: int, fetched_s: float) -> float:
    """Say when a report arrived, from what a desk knows: the day (since 1970-01-01) and when it fetched it.

    Fetched later than on its day, it counts as arrived at that day's end: reports of different days stay apart however
    seldom a desk looks; those of one day, fetched together, count as together, which only lowers D.
    """
    return min(float(fetched_s), (day + 1) * 86_400.0)


def span_told(seconds: float) -> str:
    """Write a span as a person says it: in minutes, from two hours on in hours, from two days on in days."""
    minutes, hours, days = (max(1, round(seconds / size)) for size in (60, 3_600, 86_400))
    count, name = (minutes, "minute") if minutes < 120 else (hours, "hour") if hours < 48 else (days, "day")
    return f"{count} {name}{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Unshown):
    """Every term of the kernel between two reports, and the wording they share. kernel: 1 = one account, → 0 = two."""

    likeness: float
    alike: float
    same_evidence: tuple[str, ...]
    same_voice: bool
    apart_s: float
    phi: float
    kernel: float
    shared: tuple[str, ...]

    def sentence(self) -> str:
        """Say it plainly."""
        if self.same_voice:
            return "One member's voice: counted once."
        if self.same_evidence:
            return "Both rest on the same evidence: together they count once, until it is verified."
        if self.alike >= 1:
            return "They share wording to a degree that counts as one account."
        share = "share some wording" if self.alike > 0 else "share no more wording than chance"
        least = "two voices" if self.phi == PHI_VOICES else "two reports that don't both have a voice"
        return (
            f"They {share}, and came {span_told(self.apart_s)} apart: overlap {self.kernel:.2f} of 1, "
            f"where 1 means that they count as one account; {self.phi:.2f} is the least between {least}."
        )


@dataclass(frozen=True, slots=True)
class Overlap:
    """Between every two accounts, n × n each. alike: a of wording alone; content: a with evidence and voice; k: K."""

    alike: Matrix
    content: Matrix
    k: Matrix


def overlap(accounts: Sequence[Account], wordings: Sequence[Wording]) -> Overlap:
    """Give a and K for accounts in order of arrival, with their wordings."""
    n = len(accounts)
    alike = np.clip((likeness_matrix(wordings) - ALIKE_FROM) / ALIKE_RANGE, 0.0, 1.0)
    content = alike.copy()
    for rows in _together(accounts):
        content[np.ix_(rows, rows)] = 1.0
    times = _first_times(accounts, wordings)
    close = np.exp(-np.abs(times[:, None] - times[None, :]) / TAU_S)
    k = np.maximum(content, 1.0 - (1.0 - _phi(accounts)) * (1.0 - TOGETHER * close))
    k[np.arange(n), np.arange(n)] = 1.0
    return Overlap(alike, content, k)


def _phi(accounts: Sequence[Account]) -> Matrix:
    """0.05 between two voices, else 0.5.

    Two voices are two members only within one context: between the contexts of two aliases of one person they may
    be the same member, so they count there like reports without a voice.
    """
    contexts: dict[bytes, int] = {}
    context = np.array(
        [
            -1 if a.voice_tag is None else contexts.setdefault(a.voice_context, len(contexts))
            for a in accounts
        ],
        dtype=np.intp,
    )
    both = (context[:, None] == context[None, :]) & (context[:, None] >= 0)
    return np.where(both, PHI_VOICES, PHI)


def compare(one: Account, other: Account) -> Comparison:
    """Explain one entry of K: every term, and up to five pieces of shared wording."""
    pair = sorted((one, other), key=lambda a: (a.at_s, a.report_id))
    words = [account.wording for account in pair]
    found = overlap(pair, words)
    return Comparison(
        likeness=float(likeness_matrix(words)[0, 1]),
        alike=float(found.content[0, 1]),
        same_evidence=tuple(sorted(one.evidence & other.evidence)),
        same_voice=one.voice_tag is not None
        and (one.voice_context, one.voice_tag) == (other.voice_context, other.voice_tag),
        apart_s=abs(one.at_s - other.at_s),
        phi=float(_phi(pair)[0, 1]),
        kernel=float(found.k[0, 1]),
        shared=tuple(text for text, _ in shared_shingles(words)),
    )


def _together(accounts: Sequence[Account]) -> list[list[int]]:
    """Rows that are one by what they hold: the same piece of evidence, the same voice."""
    holders: dict[object, list[int]] = {}
    for row, account in enumerate(accounts):
        for item in account.evidence:
            holders.setdefault(item, []).append(row)
        if account.voice_tag is not None:
            holders.setdefault((account.voice_context, account.voice_tag), []).append(row)
    return [rows for rows in holders.values() if len(rows) > 1]


def _first_times(accounts: Sequence[Account], wordings: Sequence[Wording]) -> Matrix:
    """A copy has the time of the first report with its wording, so that sending it again later gains nothing."""
    first: dict[bytes, float] = {}
    times = []
    for account, words in zip(accounts, wordings, strict=True):
        earliest = first.setdefault(words.identity, account.at_s) if words.shingles else account.at_s
        times.append(earliest)
    return np.array(times, dtype=np.float64)


def linked(alike: Matrix, at_least: float = SHARES_WORDING) -> tuple[tuple[int, ...], ...]:
    """Group rows joined by entries of `at_least`, through others if need be; groups by their first row.

    For display and for turns on the check next list, never for D: one bridging text joins two groups here.
    """
    left = np.ones(len(alike), dtype=bool)
    found: list[tuple[int, ...]] = []
    for row in range(len(alike)):
        if not left[row]:
            continue
        group = np.zeros(len(alike), dtype=bool)
        edge = np.array([row])
        while len(edge):
            group[edge] = True
            left[edge] = False
            edge = np.flatnonzero((alike[edge] >= at_least).any(axis=0) & left)
        found.append(tuple(int(member) for member in np.flatnonzero(group)))
    return tuple(found)
