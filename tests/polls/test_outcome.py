"""From counts to an outcome."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import Refused
from polls.outcome import NO_ACTION, Outcome, Rule, decide, sentence, support

COUNTS = st.lists(st.integers(0, 40), min_size=3, max_size=8)
MANY = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(
    ("counts", "rule", "option"),
    [
        ((5, 3, 2, 2), Rule.MEDIAN, 0),  # 5 of 10 want at least a warning: not more than half
        ((5, 4, 2, 2), Rule.MEDIAN, 1),  # 6 of 11
        ((3, 5, 4, 2), Rule.MEDIAN, 1),  # 9 of 12 at least 1, 4 of 12 at least 2
        ((5, 0, 5, 0), Rule.MEDIAN, 0),  # a tie falls to the milder
        ((5, 0, 6, 9), Rule.MEDIAN, 2),
        ((4, 1, 5, 0), Rule.MEDIAN, 1),  # nobody's favourite: 6 of 10 at least 1, 5 of 10 at least 2
        ((0, 0, 0, 9), Rule.MEDIAN, 0),  # all abstained
        ((4, 1, 5, 0), Rule.PLURALITY, 2),
        ((5, 1, 5, 9), Rule.PLURALITY, 0),  # a tie falls to the milder; abstentions never win
        ((0, 0, 0, 9), Rule.PLURALITY, 0),
    ],
)
def test_what_counts_give(counts: tuple[int, ...], rule: Rule, option: int) -> None:
    """Worked examples of both rules."""
    assert decide(counts, rule, 1) == Outcome(option, quorum_met=True)


def test_the_quorum_counts_abstentions_and_below_it_nothing_happens() -> None:
    """10 for a suspension are not enough where 11 have to vote; one who abstains makes the quorum."""
    assert decide((0, 0, 10, 0), Rule.MEDIAN, 11) == Outcome(NO_ACTION, quorum_met=False)
    assert decide((0, 0, 10, 1), Rule.MEDIAN, 11) == Outcome(2, quorum_met=True)


@pytest.mark.parametrize("counts", [(), (1,), (1, 2), (1, -1, 3)])
def test_counts_that_can_not_be_are_refused(counts: tuple[int, ...]) -> None:
    """Too few options, a negative count."""
    with pytest.raises(Refused):
        decide(counts, Rule.MEDIAN, 1)


@MANY
@given(COUNTS)
def test_the_median_is_the_ballot_in_the_middle(counts: list[int]) -> None:
    """Sort the ballots that did not abstain by severity: the lower one of the middle decides."""
    ballots = sorted(option for option, count in enumerate(counts[:-1]) for _ in range(count))
    expected = ballots[(len(ballots) - 1) // 2] if ballots else 0
    assert decide(counts, Rule.MEDIAN, 0).option == expected


@MANY
@given(COUNTS, st.sampled_from(Rule), st.integers(0, 60))
def test_abstaining_never_changes_an_outcome_but_through_the_quorum(
    counts: list[int], rule: Rule, more: int
) -> None:
    """And abstention is never the outcome."""
    outcome = decide(counts, rule, 0)
    assert outcome.option < len(counts) - 1
    assert decide([*counts[:-1], counts[-1] + more], rule, 0) == outcome


@MANY
@given(COUNTS, st.data())
def test_a_more_severe_vote_never_makes_the_median_milder(counts: list[int], data: st.DataObject) -> None:
    """One ballot moved up can only move the outcome up: there is nothing to gain by voting against one's wish."""
    voted = [option for option, count in enumerate(counts[:-2]) if count]
    if not voted:
        return
    start = data.draw(st.sampled_from(voted))
    end = data.draw(st.integers(start, len(counts) - 2))
    moved = list(counts)
    moved[start] -= 1
    moved[end] += 1
    assert decide(moved, Rule.MEDIAN, 0).option >= decide(counts, Rule.MEDIAN, 0).option


@MANY
@given(COUNTS)
def test_support_falls_with_severity_and_begins_with_all(counts: list[int]) -> None:
    """Whoever wants option j also counts for everything milder."""
    shown = support(counts)
    assert shown[0].at_least == shown[0].of == sum(counts[:-1])
    assert all(a.at_least >= b.at_least for a, b in pairwise(shown))


def test_the_sentence_that_people_read() -> None:
    """The issue's own example, and one below the quorum."""
    options = ("No action", "written warning", "suspension", "Abstain")
    counts = (3, 5, 4, 2)
    assert sentence(options, counts, 31, decide(counts, Rule.MEDIAN, 10)) == (
        "14 of 31 voted. At least written warning: 9 of 12; at least suspension: 4 of 12. "
        "Abstained: 2. Outcome: written warning."
    )
    assert "Below the quorum" in sentence(options, counts, 31, decide(counts, Rule.MEDIAN, 15))
