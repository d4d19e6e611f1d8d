"""When reports on a subject come faster than they used to, and in which waves. SPEC.md "Corroboration: bursts".

Guarantees: pure; the figures say how surprising a pace is and nothing else. A burst is a banner: it never closes a
report, never lowers a priority and is no term of the score, because a real incident bursts too.
Sources: the Gamma–Poisson (negative binomial) predictive distribution; Page 1954 for CUSUM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, lgamma, log, log1p, log2
from typing import Final

from abuse.accounts import Account, linked, overlap, span_told
from abuse.likeness import shared_shingles
from crypto.secrets import Unshown

HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S
WINDOW_S: Final = DAY_S
# Before anything is known: half a report in thirty days, as weak as half an event.
PRIOR_EVENTS: Final = 0.5
PRIOR_S: Final = 30 * DAY_S
# CUSUM looks for a pace ten times the usual one; its alarm is as far as ten doublings of the odds.
FASTER: Final = 10.0
ALARM_BITS: Final = 10.0
# A wave ends when nothing comes for this long.
GAP_S: Final = 6 * HOUR_S
SURPRISING_BITS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Burst:
    """The most surprising window. surprise_bits: −log₂ P(at least `reports` in it | what came before).

    alarm_at_s: when the CUSUM first passed ALARM_BITS (None: never).
    """

    reports: int
    from_s: float
    to_s: float
    expected: float
    surprise_bits: float
    alarm_at_s: float | None

    @property
    def notable(self) -> bool:
        """Whether a banner is shown."""
        return self.surprise_bits >= SURPRISING_BITS or self.alarm_at_s is not None

    def sentence(self) -> str:
        """The banner's words."""
        return (
            f"{self.reports} reports within {span_told(self.to_s - self.from_s)}, where {self.expected:.2g} were "
            f"to be expected ({self.surprise_bits:.0f} bits of surprise). A real incident bursts too: "
            "nothing is closed, no priority is lowered."
        )


@dataclass(frozen=True, slots=True, repr=False)
class Wave(Unshown):
    """Reports with no long gap between them. groups: report ids by shared wording; shared: it, and in how many."""

    from_s: float
    to_s: float
    groups: tuple[tuple[str, ...], ...]
    shared: tuple[tuple[tuple[str, int], ...], ...]

    @property
    def reports(self) -> int:
        """How many reports are in it."""
        return sum(len(group) for group in self.groups)


def surprise_bits(count: int, *, earlier: int, over_s: float, window_s: float = WINDOW_S) -> float:
    """−log₂ P(N ≥ count) in a window, after `earlier` reports in the `over_s` seconds before it.

    The rate is Gamma(PRIOR_EVENTS + earlier, PRIOR_S + over_s), so N is negative binomial. 0 for count 0.
    """
    if count <= 0:
        return 0.0
    shape, rate = PRIOR_EVENTS + earlier, PRIOR_S + max(0.0, over_s)
    log_p = log(window_s / (window_s + rate))
    log_q = -log1p(window_s / rate)
    # The tail from `count` up: its first term in logarithms, the rest relative to it; ratios fall to p < 1.
    first = lgamma(shape + count) - lgamma(shape) - lgamma(count + 1) + shape * log_q + count * log_p
    total, term, k = 1.0, 1.0, count
    while term > 1e-15 * total:
        term *= (shape + k) / (k + 1) * exp(log_p)
        total += term
        k += 1
        if k > count + 100_000:
            break
    return max(0.0, -(first + log(total)) / log(2))


def burst(times_s: Sequence[float], *, since_s: float, window_s: float = WINDOW_S) -> Burst | None:
    """Find the most surprising window that starts with a report; None without reports. O(n).

    times_s: arrivals in any order; since_s: when the group began to take reports (how long the quiet counts).
    """
    times = sorted(times_s)
    if not times:
        return None
    since = min(since_s, times[0])
    best: Burst | None = None
    cusum, alarm, end = 0.0, None, 0
    for start, time in enumerate(times):
        while end < len(times) and times[end] - time <= window_s:
            end += 1
        bits = surprise_bits(end - start, earlier=start, over_s=time - since, window_s=window_s)
        usual = (PRIOR_EVENTS + start) / (PRIOR_S + time - since)
        gap = time - times[start - 1] if start else time - since
        # Log-likelihood ratio of a pace FASTER times the usual: up with each report, down with time.
        cusum = max(0.0, cusum - (FASTER - 1) * usual * gap / log(2)) + log2(FASTER)
        if alarm is None and cusum >= ALARM_BITS:
            alarm = time
        if best is None or bits > best.surprise_bits:
            best = Burst(end - start, time, times[end - 1], usual * window_s, bits, None)
    return None if best is None else replace(best, alarm_at_s=alarm)


def waves(accounts: Sequence[Account], *, gap_s: float = GAP_S) -> tuple[Wave, ...]:
    """Cut reports into waves at gaps of arrival, and each wave into groups of shared wording, both by arrival."""
    ordered = sorted(accounts, key=lambda a: (a.at_s, a.report_id))
    cut: list[list[Account]] = []
    for account in ordered:
        if not cut or account.at_s - cut[-1][-1].at_s > gap_s:
            cut.append([])
        cut[-1].append(account)
    return tuple(_wave(members) for members in cut)


def _wave(members: list[Account]) -> Wave:
    words = [account.wording for account in members]
    groups = linked(overlap(members, words).alike)
    return Wave(
        from_s=members[0].at_s,
        to_s=members[-1].at_s,
        groups=tuple(tuple(members[row].report_id for row in rows) for rows in groups),
        shared=tuple(shared_shingles([words[row] for row in rows]) for rows in groups),
    )
