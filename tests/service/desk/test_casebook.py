"""Cases are assembled the same whatever order their parts came in, and nobody can make them loop."""

from __future__ import annotations

import itertools

from service.desk.casebook import assemble, by_urgency
from service.desk.records import Held


def held(number: int, address: str, follows: str | None = None, **changes: object) -> Held:
    values: dict[str, object] = {
        "id": f"{number:032x}",
        "group": "0" * 32,
        "day": 20000,
        "fetched_s": number,
        "size_class": 0,
        "content_key": "0" * 64,
        "recipients": (),
        "roster": "0" * 64,
        "mailbox_address": address,
        "mailbox_key": "",
        "follows": follows,
        "first_use": True,
        "kind": "conduct" if follows is None else "followup",
        "language": "en",
        "urgency": "normal",
        "headline": "",
        "who": (),
        "links": (),
        "witnesses": (),
        "has_voice": False,
        "recorded": False,
        "forwarded": False,
        **changes,
    }
    return Held(**values)  # type: ignore[arg-type]


def test_a_chain_of_codes_is_one_case() -> None:
    """Each follow-up burns the mailbox before it; the newest mailbox gets the next letter."""
    records = [held(1, "a"), held(2, "b", "a"), held(3, "c", "b"), held(9, "z")]
    for order in itertools.permutations(records):
        cases, orphans = assemble(order, {})
        assert len(cases) == 2
        assert orphans == []
        case = cases[records[0].id]
        assert [one.mailbox_address for one in case.follow_ups] == ["b", "c"]
        assert case.mailbox_address == "c"


def test_a_used_code_is_marked_and_moves_nothing() -> None:
    """Of two follow-ups of one mailbox the one that burned it counts, whichever came first."""
    stolen = held(2, "thief", "a", first_use=False)
    for records in ([held(1, "a"), stolen, held(3, "b", "a")], [held(1, "a"), held(2, "b", "a"), stolen]):
        cases, _ = assemble(records, {})
        case = cases[records[0].id]
        assert case.mailbox_address == "b"
        assert case.doubtful == (stolen,)


def test_a_ring_of_follow_ups_does_not_loop() -> None:
    """Whoever holds two codes could point them at each other."""
    cases, orphans = assemble([held(1, "a"), held(2, "b", "a"), held(3, "a", "b")], {})
    assert len(cases) == 1
    assert len(orphans) <= 1


def test_a_follow_up_without_its_report_is_told_apart() -> None:
    """It may belong to a report that this handler was left out of: it is no case here."""
    cases, orphans = assemble([held(2, "b", "a")], {})
    assert cases == {}
    assert len(orphans) == 1


def test_danger_comes_first() -> None:
    """Then who waits longest."""
    cases, _ = assemble(
        [held(1, "a", day=10), held(2, "b", day=5), held(3, "c", day=20, urgency="danger")], {}
    )
    assert [case.first.day for case in by_urgency(cases.values())] == [20, 5, 10]
