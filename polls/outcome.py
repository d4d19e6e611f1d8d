"""From counts to an outcome: the median of severities, or plurality. SPEC.md §3.6.

Options are ordered by severity: 0 is "No action", the last is "Abstain" and has no severity. Below the
quorum, or when all abstain, the outcome is no action. A tie falls to the milder option.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from crypto.errors import Refused

NO_ACTION = 0


class Rule(Enum):
    """How counts become an outcome; the manifest names it before anybody votes."""

    MEDIAN = "median"
    PLURALITY = "plurality"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided. `option` is a place in the manifest's options and never the last one."""

    option: int
    quorum_met: bool


@dataclass(frozen=True, slots=True)
class Support:
    """How many of the ballots that did not abstain chose `option` or something more severe."""

    option: int
    at_least: int
    of: int


def decide(counts: Sequence[int], rule: Rule, quorum: int) -> Outcome:
    """Decide from the count of each option, the last being abstentions.

    quorum: how many ballots, abstentions included, it takes for any action. A count is at least 0.
    """
    if len(counts) < 3 or any(count < 0 for count in counts):
        raise Refused("outcome: needs the counts of no action, of at least one measure and of abstentions")
    if sum(counts) < quorum:
        return Outcome(NO_ACTION, quorum_met=False)
    severities = counts[:-1]
    match rule:
        case Rule.MEDIAN:
            # Strictly more than half: an even split falls to the milder side.
            reached = [each.option for each in support(counts) if 2 * each.at_least > each.of]
            return Outcome(max(reached, default=NO_ACTION), quorum_met=True)
        case Rule.PLURALITY:
            return Outcome(list(severities).index(max(severities)), quorum_met=True)


def support(counts: Sequence[int]) -> tuple[Support, ...]:
    """Give, for every option but abstaining, how many chose it or a more severe one."""
    severities = counts[:-1]
    return tuple(
        Support(option, sum(severities[option:]), sum(severities)) for option in range(len(severities))
    )


def below_quorum() -> Outcome:
    """Give the outcome of a poll whose ballots are never opened."""
    return Outcome(NO_ACTION, quorum_met=False)


def sentence(options: Sequence[str], counts: Sequence[int], electorate: int, decided: Outcome) -> str:
    """Say a result in words: "14 of 31 voted. At least Warning: 9 of 12; … Outcome: Warning."."""
    said = [f"{sum(counts)} of {electorate} voted."]
    if not decided.quorum_met:
        return f"{said[0]} Below the quorum: no action, and no ballot was opened."
    measures = [
        f"at least {options[each.option]}: {each.at_least} of {each.of}"
        for each in support(counts)
        if each.option != NO_ACTION
    ]
    listed = "; ".join(measures)
    said += [listed[0].upper() + listed[1:] + ".", f"Abstained: {counts[-1]}."]
    return " ".join([*said, f"Outcome: {options[decided.option]}."])
