"""What waits to be sent: shuffled between reports, never on one report."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from service.desk.outbox import in_order
from service.desk.records import Waiting


def waiting(place: int, report: str) -> Waiting:
    return Waiting(f"{place:032x}", 1_000, "entry", "0" * 32, report, place=place)


@settings(max_examples=100, deadline=None)
@given(reports=st.lists(st.sampled_from("abc"), max_size=8), draw=st.randoms(use_true_random=False))
def test_acts_on_one_report_keep_their_order(reports: list[str], draw: object) -> None:
    """Whatever the shuffle: each report's acts in the order of their doing, each report in the shuffle's places."""
    done = [waiting(place, report) for place, report in enumerate(reports)]
    shuffled = list(done)
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    sent = in_order(shuffled, done)
    assert sorted(item.place for item in sent) == list(range(len(done)))
    assert [item.report for item in sent] == [item.report for item in shuffled]
    for report in "abc":
        places = [item.place for item in sent if item.report == report]
        assert all(earlier < later for earlier, later in itertools.pairwise(places))
