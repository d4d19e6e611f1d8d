"""How results travel: sealed between trustees and to the council, counted only when a threshold says the same."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from crypto.entropy import system
from crypto.errors import Refused
from crypto.seal import DoesNotOpen, SealingKey
from polls import closing
from polls.archive import read
from polls.results import CountsStatement, OutcomeStatement, sign_statement
from polls.verify import Closed, check_closed, verify
from service.cases.verdicts import (
    Delivered,
    Verdict,
    complete,
    deliver,
    open_decryption,
    open_verdict,
    seal_decryption,
    seal_verdict,
)
from service.wire.poll_closing_shapes import MAX_SEALED_DECRYPTION, VERDICT_SIZE
from tests.support.poll_world import DAY, OPENS, World, vote_all

pytestmark = pytest.mark.xdist_group("verdicts")

KEY = SealingKey(b"\x05" * 32)
CAME_AS = "what came as the decryption of trustee"


@dataclass
class Said:
    """A closed poll and what its three trustees say of it."""

    world: World
    archive: bytes
    closed: Closed[Any, Any]
    partial: dict[int, bytes]
    verdicts: list[tuple[int, Verdict]]


def said(voters: int) -> Said:
    world = World(voters=voters)
    vote_all(world)
    archive = world.close(to_verify=True)
    closed = check_closed(world.group, archive, world.evidence(), manifest=world.manifest.raw)
    now = world.manifest.closes_at
    partial = {
        place: closing.decrypt(closed, world.transcript.share(seed, place), now, system, {})[0]
        for place, seed in enumerate(world.seeds, 1)
    }
    outcome, counts = closing.statements(closed, closing.decide(closed, partial))
    return Said(
        world,
        archive,
        closed,
        partial,
        [(place, verdict(world, place, outcome, counts, partial[place])) for place in (1, 2, 3)],
    )


def verdict(
    world: World, place: int, outcome: OutcomeStatement, counts: CountsStatement | None, partial: bytes
) -> Verdict:
    seed = world.seeds[place - 1]
    signed = None if counts is None else sign_statement(world.trustees, seed, place, counts, system)
    return Verdict(
        outcome=outcome,
        outcome_signature=sign_statement(world.trustees, seed, place, outcome, system),
        counts=counts,
        counts_signature=signed,
        decryption=None if counts is None else partial.decode(),
    )


@pytest.fixture(scope="module")
def large() -> Said:
    return said(20)


@pytest.fixture(scope="module")
def small() -> Said:
    return said(12)


def test_a_sealed_verdict_has_one_size(large: Said, small: Said) -> None:
    """With counts and decryption or without: the server can't tell."""
    for each in (large, small):
        sealed = seal_verdict(each.verdicts[0][1], KEY.public_key(), each.world.manifest.phi)
        assert len(sealed) == VERDICT_SIZE
        assert open_verdict(sealed, KEY, each.world.manifest.phi) == each.verdicts[0][1]


def test_a_verdict_is_for_one_poll_and_one_reader(large: Said) -> None:
    """Another poll's, or with another key: it doesn't open."""
    sealed = seal_verdict(large.verdicts[0][1], KEY.public_key(), large.world.manifest.phi)
    with pytest.raises(DoesNotOpen):
        open_verdict(sealed, KEY, bytes(32))
    with pytest.raises(DoesNotOpen):
        open_verdict(sealed, SealingKey(b"\x06" * 32), large.world.manifest.phi)


@pytest.mark.parametrize("places", [(0, 1), (0, 2), (1, 2), (2, 0), (0, 1, 2)])
def test_a_threshold_delivers(large: Said, places: tuple[int, ...]) -> None:
    """Any two of three, in any order; counts and decryptions come with it, each by its place."""
    world = large.world
    found = deliver(world.manifest, world.trustees, [large.verdicts[at] for at in places])
    assert found.counts is not None
    assert sum(found.counts.statement.counts) == found.outcome.statement.ballots
    assert found.partial == {at + 1: large.partial[at + 1] for at in places}
    assert [each.owner for each in found.outcome.signatures] == sorted(at + 1 for at in places)


def test_a_place_is_heard_once(large: Said) -> None:
    """A server hands over several words as one trustee's, the same or made up: the others' result is there still."""
    world, (one, two, _) = large.world, large.verdicts
    made_up = (one[0], msgspec.structs.replace(one[1], outcome_signature=two[1].outcome_signature))
    bare = (one[0], msgspec.structs.replace(one[1], decryption=None))
    for verdicts in ([made_up, one, two], [one, made_up, two], [one, one, two], [one, bare, two]):
        found = deliver(world.manifest, world.trustees, verdicts)
        assert [each.owner for each in found.outcome.signatures] == [one[0], two[0]]
    with pytest.raises(Refused, match="no threshold"):
        deliver(world.manifest, world.trustees, [one, one])


def test_a_small_electorate_delivers_no_counts(small: Said) -> None:
    """Below twenty the outcome alone, and nothing to make counts from."""
    found = deliver(small.world.manifest, small.world.trustees, small.verdicts)
    assert found.counts is None
    assert found.partial == {}


def test_one_is_not_enough(large: Said) -> None:
    """Nor two who say different things, nor one who is heard twice under two places."""
    world, first = large.world, large.verdicts[0]
    other = msgspec.structs.replace(first[1].outcome, outcome=0 if first[1].outcome.outcome else 1)
    lying = verdict(world, 2, other, first[1].counts, large.partial[2])
    with pytest.raises(Refused, match="no threshold"):
        deliver(world.manifest, world.trustees, [])
    for verdicts in ([first], [first, (2, lying)], [first, (2, first[1])]):
        with pytest.raises(Refused, match="no threshold"):
            deliver(world.manifest, world.trustees, verdicts)


def test_a_liar_among_three_is_left_out(large: Said) -> None:
    """The outcome is what the two others say."""
    world, (one, two, _) = large.world, large.verdicts
    counts = large.verdicts[2][1].counts
    assert counts is not None
    moved = msgspec.structs.replace(counts, counts=counts.counts[::-1])
    lying = verdict(world, 3, one[1].outcome, moved, large.partial[3])
    found = deliver(world.manifest, world.trustees, [one, two, (3, lying)])
    assert [each.owner for each in found.outcome.signatures] == [1, 2]
    assert found.counts is not None
    assert found.counts.statement == counts


def test_a_threshold_of_liars_is_held_to_arithmetic(large: Said, small: Said) -> None:
    """Counts that don't give the outcome, counts of a small electorate, a false word on the quorum: refused."""
    world, honest = large.world, large.verdicts[0][1]
    assert honest.counts is not None
    wrong = msgspec.structs.replace(honest.counts, counts=[each + 1 for each in honest.counts.counts])
    quorum = msgspec.structs.replace(honest.outcome, quorum_met=False)
    for outcome, counts in ((honest.outcome, wrong), (quorum, honest.counts)):
        liars = [(n, verdict(world, n, outcome, counts, large.partial[n])) for n in (1, 2)]
        with pytest.raises(Refused):
            deliver(world.manifest, world.trustees, liars)
    told = CountsStatement(small.world.manifest.phi.hex(), small.verdicts[0][1].outcome.tally, [0, 1, 9, 1])
    liars = [
        (n, verdict(small.world, n, small.verdicts[0][1].outcome, told, small.partial[n])) for n in (1, 2)
    ]
    with pytest.raises(Refused, match="only the outcome is told"):
        deliver(small.world.manifest, small.world.trustees, liars)


def test_counts_without_their_signature_are_nobodys(large: Said) -> None:
    """A verdict with counts that aren't signed is left out as a whole."""
    world = large.world
    bare = [(n, msgspec.structs.replace(each, counts_signature=None)) for n, each in large.verdicts]
    with pytest.raises(Refused, match="no threshold"):
        deliver(world.manifest, world.trustees, bare)


def delivered_with(large: Said, decryptions: dict[int, str | None]) -> Delivered:
    """What the council has when these trustees sent these decryptions in verdicts that are right otherwise."""
    changed = [
        (place, msgspec.structs.replace(each, decryption=decryptions[place]))
        for place, each in large.verdicts
        if place in decryptions
    ]
    return deliver(large.world.manifest, large.world.trustees, changed)


def true(large: Said, *places: int) -> dict[int, str | None]:
    return {place: large.partial[place].decode() for place in places}


JUNK = ("junk", "", "{}", '{"decryption_factors":[[]],"decryption_proofs":[[]]}', "9" * 12_000)


@pytest.mark.parametrize(
    ("liar", "junk"),
    zip((1, 3, 1, 3, 1), JUNK, strict=True),
    ids=("word", "nothing", "empty", "lists", "long"),
)
def test_a_junk_decryption_does_not_keep_the_council_from_its_record(
    large: Said, liar: int, junk: str
) -> None:
    """Left out and named; the two others' give the counts, and the record verifies with them."""
    world = large.world
    delivered = delivered_with(large, true(large, 1, 2, 3) | {liar: junk})
    completed = complete(world.trustees, large.archive, delivered)
    assert completed.warning == f"left out, as it does not hold: {CAME_AS} {liar}, which nobody signed"
    assert [place for place, _ in read(completed.archive).partial] == sorted({1, 2, 3} - {liar})
    evidence = world.evidence(delivered.outcome, completed.counts)
    report = verify(world.group, completed.archive, evidence, manifest=world.manifest.raw)
    assert report.passed, report
    assert "the counts are what they decrypted" in str(report)


def test_another_trustees_decryption_is_left_out_too(large: Said) -> None:
    """Copied under one's own name it doesn't hold."""
    delivered = delivered_with(large, true(large, 1, 2, 3) | {2: large.partial[1].decode()})
    completed = complete(large.world.trustees, large.archive, delivered)
    assert completed.warning == f"left out, as it does not hold: {CAME_AS} 2, which nobody signed"


@pytest.mark.parametrize(
    ("sent", "named"),
    [({3: "junk"}, "; false for certain: that of place 3"), ({3: None}, ""), ({1: None, 3: None}, "")],
)
def test_without_a_threshold_of_decryptions_the_record_has_the_outcome_only(
    large: Said, sent: dict[int, str | None], named: str
) -> None:
    """Neither decryptions nor counts, which is said; what is there verifies by the trustees' signatures."""
    world = large.world
    delivered = delivered_with(large, true(large, 1) | sent)
    completed = complete(world.trustees, large.archive, delivered)
    assert completed.warning == (
        "decryptions and counts are left out; tally: fewer partial decryptions than the threshold" + named
    )
    assert (completed.archive, completed.counts) == (large.archive, None)
    report = verify(world.group, completed.archive, world.evidence(delivered.outcome, completed.counts))
    assert report.passed, report
    assert "rests on the trustees' signatures" in str(report)


def test_when_all_decryptions_hold_nothing_is_warned_of(large: Said, small: Said) -> None:
    """All three are in the record; of a small electorate none is, also if a trustee sends one all the same."""
    completed = complete(large.world.trustees, large.archive, delivered_with(large, true(large, 1, 2, 3)))
    assert completed.warning is None
    assert [place for place, _ in read(completed.archive).partial] == [1, 2, 3]
    for decryptions in (true(small, 1, 2, 3), true(small, 1) | {2: "junk"}):
        told = complete(small.world.trustees, small.archive, delivered_with(small, decryptions))
        assert (told.archive, told.counts, told.warning) == (small.archive, None, None)


def test_no_trustee_is_named_for_a_servers_other_ballots(large: Said) -> None:
    """A server that shows the council another board makes true decryptions look false: refused as its own doing."""
    other = copy(large.world)
    other.slots, other.tags, other.stored, other.certificates, other.receipts, other.pages = deepcopy(
        (other.slots, other.tags, other.stored, other.certificates, other.receipts, other.pages)
    )
    other.cast(3, 0, OPENS + 2 * DAY)
    delivered = delivered_with(large, true(large, 1, 2, 3))
    with pytest.raises(Refused, match="other ballots"):
        complete(large.world.trustees, other.close(to_verify=True), delivered)


def test_decryptions_pass_from_trustee_to_trustee(small: Said) -> None:
    """Each opens their own copy; not another's, not as from another sender, not in another poll."""
    world, phi = small.world, small.world.manifest.phi
    sealed = seal_decryption(world.trustees, world.seeds[0], phi, small.partial[1], system)
    assert len(sealed) == 3
    assert max(map(len, sealed)) * 3 < MAX_SEALED_DECRYPTION
    for place, seed in enumerate(world.seeds, 1):
        assert open_decryption(world.trustees, seed, phi, 1, sealed[place - 1]) == small.partial[1]
        with pytest.raises(Refused):
            open_decryption(world.trustees, seed, phi, 1, sealed[place % 3])
        with pytest.raises(Refused):
            open_decryption(world.trustees, seed, phi, 2, sealed[place - 1])
        with pytest.raises(Refused, match="another poll"):
            open_decryption(world.trustees, seed, bytes(32), 1, sealed[place - 1])
        with pytest.raises(Refused):
            open_decryption(world.trustees, seed, phi, 1, b"\xff" + sealed[place - 1])
