"""Which board trustees say they verified, before they decrypt: who counts, who is named, and how many are enough."""

from __future__ import annotations

from itertools import combinations

import msgspec
import pytest

from crypto.entropy import system
from crypto.errors import Refused
from polls.agreement import (
    Signed,
    agreements_needed,
    board_name,
    board_statement,
    board_words,
    read_agreement,
    weigh,
)
from polls.encoding import encode
from polls.results import (
    BoardStatement,
    CountsStatement,
    OutcomeStatement,
    Statement,
    TrusteeSignature,
    check_one_signature,
    sign_statement,
)
from polls.trustees import MAX_TRUSTEES
from tests.support.poll_world import World, vote_all


@pytest.fixture(scope="module")
def world() -> World:
    made = World(voters=6, trustees_n=5, threshold=3, seed=b"agreement")
    vote_all(made)
    return made


@pytest.fixture(scope="module")
def mine(world: World) -> BoardStatement:
    """The board as an honest trustee verifies it."""
    return board_statement(world.closed())


def signed(world: World, place: int, statement: BoardStatement) -> Signed:
    """A statement and a trustee's signature, as they send it."""
    return encode(statement), encode(by(world, place, statement))


def by(world: World, place: int, statement: Statement) -> TrusteeSignature:
    return sign_statement(world.trustees, world.seeds[place - 1], place, statement, system)


def elsewhere(mine: BoardStatement, **changes: str) -> BoardStatement:
    """Another board of the same poll."""
    return msgspec.structs.replace(mine, **(changes or {"head": "ab" * 32}))


def test_two_sets_of_that_size_share_an_honest_trustee() -> None:
    """For every board that a ceremony allows: at least t of both, of whom t - 1 may be malicious; and never over n."""
    for size in range(2, MAX_TRUSTEES + 1):
        for threshold in range(1, size):
            needed = agreements_needed(size, threshold)
            assert 2 * needed - size >= threshold
            assert threshold < needed <= size
            assert 2 * (needed - 1) - size < threshold  # and one fewer would not be enough
    assert [agreements_needed(*board) for board in ((3, 2), (4, 2), (5, 2), (5, 3), (7, 4))] == [
        3,
        3,
        4,
        4,
        6,
    ]


@pytest.mark.parametrize(("size", "threshold"), [(3, 2), (4, 2), (4, 3), (5, 3), (6, 2)])
def test_no_two_boards_are_agreed_on_however_trustees_are_split(size: int, threshold: int) -> None:
    """By trying every choice of t - 1 malicious trustees, who sign both boards, and of honest ones for each."""
    needed, places = agreements_needed(size, threshold), range(size)
    for malicious in map(set, combinations(places, threshold - 1)):
        honest = [place for place in places if place not in malicious]
        for ones in range(len(honest) + 1):
            for first in map(set, combinations(honest, ones)):
                second = set(honest) - first
                assert min(len(first | malicious), len(second | malicious)) < needed


def test_who_signed_the_same_board_counts_and_who_did_not_is_named(
    world: World, mine: BoardStatement
) -> None:
    """Another head, another tally: named with what they signed. False ones: named. Nobody stops those who agree."""
    head, tally = elsewhere(mine), elsewhere(mine, tally="cd" * 32)
    said = {1: signed(world, 1, mine), 3: signed(world, 3, mine), 4: signed(world, 4, mine)}
    assert weigh(world.trustees, 2, mine, {}).same == (2,)
    assert weigh(world.trustees, 2, mine, said).same == (1, 2, 3, 4)
    assert weigh(world.trustees, 2, mine, said).missing(4) == 0
    for other in (head, tally):
        found = weigh(world.trustees, 2, mine, {**said, 5: signed(world, 5, other)})
        assert (found.same, found.other, found.false) == ((1, 2, 3, 4), {5: other}, ())
    split = weigh(world.trustees, 2, mine, {**said, 4: signed(world, 4, head), 5: signed(world, 5, tally)})
    assert (split.same, split.other) == ((1, 2, 3), {4: head, 5: tally})
    assert split.missing(4) == 1


def forgeries(world: World, mine: BoardStatement) -> dict[str, tuple[int, Signed]]:
    """What a server could pass off as the agreement of a trustee: the place, and what it shows of them."""
    text, good = signed(world, 4, mine)
    again = msgspec.json.decode(good, type=TrusteeSignature)
    claimed = encode(msgspec.structs.replace(again, owner=5))
    other_poll = elsewhere(mine, poll="00" * 32)
    return {
        "another's signature": (5, (text, good)),
        "another's signature under this name": (5, (text, claimed)),
        "the signature of another board": (4, (encode(elsewhere(mine)), good)),
        "true, but of another poll": (4, signed(world, 4, other_poll)),
        "no such place": (6, (text, encode(msgspec.structs.replace(again, owner=6)))),
        "place nought": (0, (text, encode(msgspec.structs.replace(again, owner=0)))),
        "no statement": (4, (b"{}", good)),
        "no signature": (4, (text, b"")),
        "not canonical": (4, (text + b" ", good)),
        "one field more": (4, (text[:-1] + b',"x":"y"}', good)),
    }


def test_no_forged_agreement_counts(world: World, mine: BoardStatement) -> None:
    """Each is named and left out, beside a true one that counts; and a server that checks it refuses it."""
    for what, (place, forged) in forgeries(world, mine).items():
        found = weigh(world.trustees, 2, mine, {1: signed(world, 1, mine), place: forged})
        assert (found.same, dict(found.other), found.false) == ((1, 2), {}, (place,)), what
        with pytest.raises(Refused):
            read_agreement(world.trustees, place, mine.poll, *forged)
    assert read_agreement(world.trustees, 4, mine.poll, *signed(world, 4, mine)) == mine


def test_ones_own_other_statement_comes_back(world: World, mine: BoardStatement) -> None:
    """A trustee who forgot sees what they signed before; a forged one under their name takes nothing from them."""
    other = elsewhere(mine)
    assert weigh(world.trustees, 2, mine, {2: signed(world, 2, other)}).other == {2: other}
    forged = (encode(mine), signed(world, 1, mine)[1])
    assert weigh(world.trustees, 2, mine, {2: forged}).same == (2,)


def test_an_agreement_is_no_outcome_and_no_counts(world: World, mine: BoardStatement) -> None:
    """Statements of three kinds with three signatures: each holds for its own only."""
    outcome = OutcomeStatement(mine.poll, mine.head, mine.tally, 6, 5, True, 1)
    kinds: list[Statement] = [mine, outcome, CountsStatement(mine.poll, mine.tally, [1, 2, 1, 1])]
    for statement in kinds:
        signature = by(world, 2, statement)
        for claimed in kinds:
            if claimed is statement:
                check_one_signature(world.trustees, claimed, signature)
                continue
            with pytest.raises(Refused, match="does not verify"):
                check_one_signature(world.trustees, claimed, signature)


def test_the_words_are_of_the_whole_statement(mine: BoardStatement) -> None:
    """Sixteen, the same for the same board; poll, head and tally each change them, in both halves."""
    words = board_words(board_name(mine))
    assert len(words) == 16
    assert board_words(board_name(msgspec.structs.replace(mine))) == words
    for field in ("poll", "head", "tally"):
        other = board_words(board_name(elsewhere(mine, **{field: "01" * 32})))
        assert other[:8] != words[:8]
        assert other[8:] != words[8:]
