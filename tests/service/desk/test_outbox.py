"""What waits to be sent: shuffled between reports, never on one report."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.desk.outbox import in_order
from service.desk.records import Waiting
from service.desk.vault import Vault
from tests.support.desks import desk_of
from tests.support.groups import Group

T = TypeVar("T")


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


def test_acts_keep_their_order_without_a_look_through_the_outbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last place is kept, also when all was sent: thousands of grants took their square of time."""
    with desk_of(tmp_path, "http://localhost:1", Group.draw(), "Ada") as session:
        session.vault.put("outbox", b"old", waiting(7, "a"))  # as a desk from before kept it
        looks: list[str] = []
        every = Vault.every

        def counted(vault: Vault, kind: str, as_type: type[T]) -> list[T]:
            looks.append(kind)
            return every(vault, kind, as_type)

        monkeypatch.setattr(Vault, "every", counted)
        for number in range(100, 140):
            session.enqueue([waiting(number, "a")])
        assert looks == ["outbox"]
        assert [item.place for item in session.outbox()] == list(range(7, 48))
