"""Cases are assembled the same whatever order their parts came in, and nobody can make them loop."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from time import process_time

from service.desk.casebook import Case, assemble, by_envelope
from service.desk.records import Held
from tests.support.desk_records import held


def test_a_chain_of_codes_is_one_case() -> None:
    """Each follow-up burns the mailbox before it; the newest mailbox gets the next letter."""
    records = [held(1, "a"), held(2, "b", "a"), held(3, "c", "b"), held(9, "z")]
    for order in itertools.permutations(records):
        cases = assemble(order, {})
        assert len(cases) == 2
        case = cases[records[0].id]
        assert [one.mailbox_address for one in case.follow_ups] == ["b", "c"]
        assert case.mailbox_address == "c"


def test_a_used_code_is_marked_and_moves_nothing() -> None:
    """Of two follow-ups of one mailbox the one that burned it counts, whichever came first."""
    stolen = held(2, "thief", "a", first_use=False)
    for records in ([held(1, "a"), stolen, held(3, "b", "a")], [held(1, "a"), held(2, "b", "a"), stolen]):
        cases = assemble(records, {})
        case = cases[records[0].id]
        assert case.mailbox_address == "b"
        assert case.doubtful == (stolen,)


def parts(cases: dict[str, Case]) -> list[tuple[int, list[int], list[int]]]:
    """Numbers of the first envelope, the follow-ups and the doubtful ones of each case."""

    def numbers(some: Iterable[Held]) -> list[int]:
        return [int(one.id, 16) for one in some]

    return [(int(one.first.id, 16), numbers(one.follow_ups), numbers(one.doubtful)) for one in cases.values()]


def test_a_ring_of_follow_ups_does_not_loop() -> None:
    """Whoever holds two codes could point them at each other; each is shown once, in some case."""
    assert parts(assemble([held(1, "a"), held(2, "b", "a"), held(3, "a", "b")], {})) == [
        (1, [2], []),
        (3, [], []),
    ]
    ring = [held(1, "b", "a"), held(2, "c", "b"), held(3, "a", "c"), held(4, "a", "a")]
    for order in itertools.permutations(ring):
        assert parts(assemble(order, {})) == [(1, [2, 3], [4])]


def test_a_follow_up_without_its_report_is_a_case_of_its_own() -> None:
    """With what followed it; its report may have gone to others, or its sender mistyped the code."""
    records = [
        held(2, "c", "b"),
        held(1, "b", "a"),
        held(9, "x", "z"),
        held(3, "thief", "a", first_use=False),
    ]
    for order in itertools.permutations(records):
        cases = assemble(order, {})
        assert parts(cases) == [(1, [2], [3]), (9, [], [])]
        assert all(case.stray for case in cases.values())
        assert cases[records[1].id].mailbox_address == "c"
    assert parts(assemble([records[3]], {})) == [(3, [], [])]
    first = held(0, "a")
    whole = assemble([first, *records], {})
    assert parts(whole) == [(0, [1, 2], [3]), (9, [], [])]
    assert not whole[first.id].stray
    assert by_envelope(whole.values())[records[1].id] is whole[first.id]


def test_many_lone_messages_are_assembled_in_their_number() -> None:
    """Burning made-up codes costs a stranger no more than reports do, and so it costs the desk."""
    lone = [held(n, f"x{n}", f"y{n % 3_000}") for n in range(6_000)]
    cases = assemble(lone, {})
    assert len(cases) == 3_000
    assert sum(len(case.doubtful) for case in cases.values()) == 3_000


def test_a_thousand_reports_of_one_mailbox_cost_no_more_than_others() -> None:
    """Their sender may answer each by the same chain of follow-ups: it is put together once."""
    chain = [held(10_000 + number, f"m{number}", f"m{number - 1}") for number in range(1, 1_000)]
    records = [*(held(number, "m0") for number in range(1_000)), *chain]
    since = process_time()
    cases = assemble(records, {})
    assert process_time() - since < 3
    assert {len(case.follow_ups) for case in cases.values()} == {999}
