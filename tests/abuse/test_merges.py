"""Merges of subjects join accounts and can be undone; equal handles are suggested and never merged."""

from __future__ import annotations

from time import process_time

import pytest

from abuse.merges import MAX_SUGGESTED, Merged, Namesakes, Unmerged, people
from abuse.subjects import read_subject
from crypto.errors import Refused

ALICE, ALYCE, ALI = (read_subject(t) for t in ("github: alice", "@alyce@fosstodon.org", "irc: ali"))


def test_merges_join_and_can_be_undone_in_any_order() -> None:
    """Undoing one of two merges leaves the other; undoing both leaves everyone alone; history stays."""
    first = Merged("m1", ALICE, ALYCE, "h1", 1.0, "same avatar")
    second = Merged("m2", ALYCE, ALI, "h2", 2.0)
    both = people([first, second])
    assert both.aliases(ALICE) == {ALICE, ALYCE, ALI}
    assert both.principal(ALI) == both.principal(ALICE) == min((ALICE, ALYCE, ALI), key=lambda s: s.canonical)
    undone = people([first, second, Unmerged("m1", "h2", 3.0)])
    assert undone.aliases(ALICE) == {ALICE}
    assert undone.aliases(ALI) == {ALYCE, ALI}
    assert [m.id for m in undone.why(ALI)] == ["m2"]
    assert len(undone.history) == 3
    assert people([first, second, Unmerged("m2", "h", 3.0), Unmerged("m1", "h", 4.0)]).groups == ()


def test_undoing_what_never_was_changes_nothing_and_ids_are_unique() -> None:
    """An early or repeated undo is harmless; a reused id is Refused."""
    merge = Merged("m1", ALICE, ALYCE, "h1", 1.0)
    assert people([Unmerged("m1", "h", 0.0), merge]).aliases(ALICE) == {ALICE, ALYCE}
    again = people(
        [merge, Unmerged("m1", "h", 2.0), Unmerged("m1", "h", 3.0), Merged("m2", ALYCE, ALICE, "h", 4.0)]
    )
    assert again.aliases(ALICE) == {ALICE, ALYCE}
    with pytest.raises(Refused):
        people([merge, merge])


def test_equal_handles_are_suggested_never_merged() -> None:
    """github alice is offered for gitlab alice and the other way round; nothing is joined by that."""
    one, other = read_subject("github: alice"), read_subject("gitlab: alice")
    alike = Namesakes([one, other, ALI], people([]))
    assert (alike.of([one]), alike.of([other]), alike.of([ALI])) == ((other,), (one,), ())
    assert people([]).aliases(one) == {one}


def test_a_name_on_a_thousand_servers_hides_no_account_elsewhere() -> None:
    """A stranger invents servers; what is suggested stays a short list, with one of each platform in it."""
    hub, irc = read_subject("github: alice"), read_subject("irc: alice")
    flood = [read_subject(f"alice@h{number}.example") for number in range(1_000)]
    alike = Namesakes([*flood, hub, irc], people([]))
    assert {hub, irc} < set(alike.of([flood[500]]))
    assert len(alike.of([flood[500]])) == len(alike.of([hub])) == MAX_SUGGESTED
    assert irc in alike.of([hub])


def test_thousands_of_merges_are_looked_up_and_not_searched() -> None:
    """Whoever writes a log may say as many as they like: each account is found in the same time."""
    many = [read_subject(f"github: person{number}") for number in range(4_000)]
    pairs = [Merged(str(n), many[n], many[n + 1], "h", float(n)) for n in range(0, 4_000, 2)]
    chain = [Merged(str(n), many[n], many[n + 1], "h", float(n)) for n in range(3_999)]
    for merges in (pairs, chain):
        known = people(merges)
        since = process_time()
        assert {known.principal(one) for one in many} == {
            min(g, key=lambda s: s.canonical) for g in known.groups
        }
        assert all(one in known.aliases(one) for one in many)
        assert process_time() - since < 2
