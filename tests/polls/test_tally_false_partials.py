"""A trustee whose partial decryption is false although its proofs verify: named, left out, and stops nobody."""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations
from math import comb
from typing import Any

import pytest

from crypto.entropy import system
from crypto.errors import Refused
from polls import closing
from polls.audit import audit
from polls.encoding import challenge, decode, encode
from polls.evidence import with_decryptions
from polls.opening import MAX_TRIES, _sets, open_tally
from polls.proofs import Proof
from polls.tally import PartialDecryptionWire, _prefix, check_partial, decrypt_partially
from polls.verify import Closed, verify
from tests.support.poll_world import World, each_once, vote_all


class Poll:
    """A closed poll, what each trustee would send, true or false, and the counts."""

    def __init__(self, trustees: int, threshold: int) -> None:
        self.world = World(voters=6, trustees_n=trustees, threshold=threshold, seed=b"false")
        vote_all(self.world)
        self.archive, self.closed = self.world.close(), self.world.closed()
        self.true = {
            place: decrypt_partially(self.closed.election, self.share(place), self.closed.tally, system)
            for place in range(1, trustees + 1)
        }
        self.counts = (0, 2, 2, 1)

    def share(self, place: int) -> Any:
        return self.world.transcript.share(self.world.seeds[place - 1], place)

    def sent(self, places: Collection[int], false: Collection[int]) -> dict[int, bytes]:
        """The partial decryptions of those at `places`, those in `false` false for every answer."""
        return {place: self.false(place) if place in false else self.true[place] for place in places}

    def false(self, place: int, answers: Collection[int] = range(4)) -> bytes:
        """Make a partial decryption with false factors for these answers, and proofs that verify."""
        return false_partial(self.closed, self.share(place), place, self.true[place], answers)


def false_partial(
    closed: Closed[Any, Any], share: Any, place: int, true: bytes, answers: Collection[int]
) -> bytes:
    """Choose both commitments first; the challenge then doesn't depend on the factor, which is solved for."""
    group, key = closed.election.group, closed.trustees.keys[place - 1]
    (texts,), (proofs,) = (
        decode(true, PartialDecryptionWire, "true").decryption_factors,
        decode(true, PartialDecryptionWire, "true").decryption_proofs,
    )
    for answer in answers:
        alpha = closed.tally[0][answer].alpha
        one, two = group.draw(system), group.draw(system)
        commitments = [group.base(one), group.power(alpha, two)]
        asked = challenge(group, _prefix(closed.election, key), commitments)
        response = group.respond(one, share, asked)
        rest = group.over(commitments[1], group.power(alpha, response))
        texts[answer] = group.text(group.power(rest, pow(asked, -1, group.order)))
        proofs[answer] = Proof(asked, response).wire
    return encode(PartialDecryptionWire([texts], [proofs]))


@pytest.fixture(scope="module")
def two_of_three() -> Poll:
    return Poll(3, 2)


@pytest.fixture(scope="module")
def three_of_five() -> Poll:
    return Poll(5, 3)


def holds_without(poll: Poll, partial: dict[int, bytes], false: Collection[int]) -> None:
    """Outcome and counts are found, those who lied are named, and the archive has only the others."""
    decided, named = closing.decide_and_name(poll.closed, partial)
    assert (decided.counts, named) == (poll.counts, tuple(sorted(false)))
    assert closing.decide(poll.closed, partial) == decided
    full = with_decryptions(poll.world.trustees, poll.archive, partial)
    audited = audit(poll.world.group, full, mapper=each_once)
    assert audited.counts == (poll.counts,)
    assert audited.valid_partial == tuple(sorted(partial.keys() - set(false)))
    assert audited.invalid_partial == ()
    assert verify(poll.world.group, full, poll.world.evidence(), mapper=each_once).passed


def test_a_false_partials_proofs_verify(two_of_three: Poll) -> None:
    """The weakness itself, which is Belenios': without it the other tests here would show nothing."""
    closed, key = two_of_three.closed, two_of_three.closed.trustees.keys[0]
    false = check_partial(closed.election, key, closed.tally, two_of_three.false(1))
    true = check_partial(closed.election, key, closed.tally, two_of_three.true[1])
    assert not set(false[0]) & set(true[0])


@pytest.mark.parametrize("liar", [1, 2, 3])
def test_one_liar_of_three_is_named_and_left_out(two_of_three: Poll, liar: int) -> None:
    """At any place: the two others give the counts."""
    holds_without(two_of_three, two_of_three.sent((1, 2, 3), {liar}), {liar})


@pytest.mark.parametrize("liars", [{1}, {4}, {1, 2}, {2, 5}, {4, 5}, {1, 3}])
def test_two_liars_of_five_are_named_and_left_out(three_of_five: Poll, liars: set[int]) -> None:
    """As many as can be without a threshold of true ones lacking."""
    holds_without(three_of_five, three_of_five.sent(range(1, 6), liars), liars)


def test_a_lie_about_one_answer_is_enough_to_be_left_out(three_of_five: Poll) -> None:
    """Two lie about different answers, the last one too: no set of trustees is wrong in all, and both are named."""
    partial = three_of_five.true | {1: three_of_five.false(1, {0}), 3: three_of_five.false(3, {3})}
    holds_without(three_of_five, partial, {1, 3})


def test_false_proofs_and_false_factors_are_both_left_out(three_of_five: Poll) -> None:
    """One trustee's proof doesn't verify, one isn't a partial decryption, one's is true with another's name."""
    holds_without(three_of_five, three_of_five.true | {2: b"junk", 4: three_of_five.false(4)}, {2, 4})
    holds_without(three_of_five, three_of_five.true | {2: three_of_five.true[1]}, {2})


def test_without_a_liar_all_agree(three_of_five: Poll) -> None:
    """Nobody is named, and all are in the archive."""
    holds_without(three_of_five, three_of_five.true, ())
    holds_without(three_of_five, three_of_five.sent((1, 4, 5), ()), ())


@pytest.mark.parametrize(("liar", "other"), [(1, 2), (2, 1), (3, 1)])
def test_a_threshold_with_a_liar_names_both_and_asks_for_one_more(
    two_of_three: Poll, liar: int, other: int
) -> None:
    """Which of two lied can't be told: neither is accused alone, and the third's decides."""
    partial = two_of_three.sent((liar, other), {liar})
    places = ", ".join(map(str, sorted(partial)))
    said = (
        f"tally: at least one of the trustees at places {places} sent a false partial decryption; "
        "that of one more trustee decides which"
    )
    with pytest.raises(Refused) as refused:
        closing.decide(two_of_three.closed, partial)
    assert refused.value.reason == said
    with pytest.raises(Refused) as refused:
        with_decryptions(two_of_three.world.trustees, two_of_three.archive, partial)
    assert refused.value.reason == said
    third = ({1, 2, 3} - set(partial)).pop()
    holds_without(two_of_three, partial | {third: two_of_three.true[third]}, {liar})


def test_too_many_liars_are_counted(three_of_five: Poll) -> None:
    """Two liars among four leave too few; who is false for certain is said besides."""
    with pytest.raises(
        Refused, match=r"^tally: at least 2 of the trustees at places 1, 2, 3, 4 sent a false"
    ):
        closing.decide(three_of_five.closed, three_of_five.sent((1, 2, 3, 4), {2, 3}))
    caught = three_of_five.sent((1, 2, 3, 4), ())
    caught |= {1: three_of_five.false(1, {0}), 2: three_of_five.false(2, {1})}
    with pytest.raises(
        Refused,
        match=r"at least one of the trustees at places 2, 3, 4 .* false for certain: that of place 1$",
    ):
        closing.decide(three_of_five.closed, caught)
    with pytest.raises(
        Refused, match=r"fewer partial decryptions than the threshold; false for certain: that of place 2$"
    ):
        closing.decide(three_of_five.closed, {1: three_of_five.true[1], 2: b"{}", 3: three_of_five.true[3]})


def test_a_partial_decryption_of_nobody_is_refused(two_of_three: Poll) -> None:
    """A place that the board doesn't have is the caller's mistake, not a trustee's."""
    for place in (0, 4):
        with pytest.raises(Refused, match="of no trustee"):
            closing.decide(two_of_three.closed, two_of_three.true | {place: b"junk"})


def test_counts_that_do_not_add_up_are_refused(two_of_three: Poll) -> None:
    """Six ballots, each with one choice, can't give five choices."""
    closed = two_of_three.closed
    with pytest.raises(Refused, match="add up"):
        open_tally(closed.election, closed.trustees, closed.tally, two_of_three.true, 6)


@pytest.mark.parametrize(("places", "size"), [(2, 2), (3, 2), (5, 3), (9, 4), (15, 8)])
def test_every_set_is_tried_once(places: int, size: int) -> None:
    """All of a board of fifteen are within the bound."""
    found = list(_sets(range(1, places + 1), size))
    assert set(found) == set(combinations(range(1, places + 1), size))
    assert len(found) == comb(places, size) <= MAX_TRIES


def test_few_sets_are_tried_for_three_liars_of_fifteen() -> None:
    """On average fewer than 15, at worst fewer than 100, of 6,435: liars can't make the others wait for long."""
    order = [set(each) for each in _sets(range(1, 16), 8)]
    tries = [
        next(turn for turn, chosen in enumerate(order, 1) if not chosen & set(liars))
        for liars in combinations(range(1, 16), 3)
    ]
    assert sum(tries) / len(tries) < 15
    assert max(tries) < 100


def test_work_is_bounded_on_the_largest_board() -> None:
    """Belenios' boards have up to 32 trustees; sets are made one by one, never all 601 million."""
    sets = _sets(range(1, 33), 16)
    found = {next(sets) for _ in range(MAX_TRIES)}
    assert len(found) == MAX_TRIES
    assert all(len(set(each)) == 16 for each in found)
