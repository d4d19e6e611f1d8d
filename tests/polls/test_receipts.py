"""The board and receipts: a server that drops a ballot, moves it or shows two histories is found."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from crypto.errors import Refused
from crypto.signatures import SigningKey
from polls.board import (
    Board,
    Found,
    Page,
    Voted,
    check_head,
    check_receipt,
    credentials_on,
    genesis,
    next_head,
    sign_head,
)
from polls.casting import give_receipt, last_page, read_receipt
from polls.encoding import hash_hex
from tests.support.poll_world import DAY, OPENS, World


def test_heads_show_no_turnout(world: World) -> None:
    """An empty page's head can't be told from a full one's without its salt."""
    manifest = world.manifest
    empty = next_head(manifest, 0, genesis(manifest), Page(b"a" * 32, ()))
    assert empty != next_head(manifest, 0, genesis(manifest), Page(b"b" * 32, ()))
    wire = sign_head(world.server, manifest, 0, empty)
    assert check_head(manifest, wire) == empty
    assert len(wire.head) == 64


def receipts_of(world: World) -> tuple[Any, Any]:
    first = read_receipt(world.manifest, world.cast(0, 1, OPENS + 5))
    second = read_receipt(world.manifest, world.cast(0, 2, OPENS + DAY + 5))
    return first, second


def found_of(world: World, receipt: Any, *own: Any) -> Found:
    """What became of a ballot on the board as it is."""
    board = world.board()
    return check_receipt(receipt, credentials_on(board, world.stored), [each.ballot for each in own])


def test_a_receipt_says_counted_replaced_or_dropped(world: World) -> None:
    """What became of a ballot; one whose later ballot was dropped counts again."""
    first, second = receipts_of(world)
    world.cast(1, 1, OPENS + 2 * DAY)
    assert found_of(world, second) is Found.COUNTED
    assert found_of(world, first, first, second) is Found.REPLACED
    world.pages[second.page].discard(second.ballot)
    assert found_of(world, second, first) is Found.DROPPED
    assert found_of(world, first, first, second) is Found.COUNTED


def test_a_ballot_that_was_replaced_from_another_machine_is_not_counted(world: World) -> None:
    """The later ballot has the same credential, and no receipt of it is here; also when both are on one page."""
    first, second = receipts_of(world)
    assert found_of(world, first, first) is Found.REPLACED_ELSEWHERE
    ballots = sorted([first.ballot, second.ballot])
    world.pages = {first.page: set(ballots)}
    of = {each.ballot: msgspec.structs.replace(each, page=first.page) for each in (first, second)}
    assert found_of(world, of[ballots[0]]) is Found.REPLACED_ELSEWHERE
    assert found_of(world, of[ballots[1]]) is Found.COUNTED


def test_no_ballot_on_the_board_can_be_withheld_from_who_looks_for_a_later_one(world: World) -> None:
    """Without its text nobody sees that it replaces another; another text isn't taken for it."""
    _, second = receipts_of(world)
    board, texts = world.board(), dict(world.stored)
    other = texts.pop(second.ballot)
    for wrong in (texts, {**texts, second.ballot: other + b" "}):
        with pytest.raises(Refused, match="the text of a ballot on it is missing"):
            credentials_on(board, wrong)


def test_a_rolled_back_revote_is_found_by_its_receipt(world: World) -> None:
    """The server puts the earlier ballot after the later one: neither is where it was promised."""
    first, second = receipts_of(world)
    world.pages = {first.page: {second.ballot}, second.page: {first.ballot}}
    assert found_of(world, first, second) is Found.DROPPED
    assert found_of(world, second) is Found.DROPPED


def test_a_server_with_two_histories_is_found(world: World) -> None:
    """A head that somebody kept is not in the board that is opened later."""
    world.cast(0, 1)
    _, heads = world.flushed()
    seen = {head.page: check_head(world.manifest, head) for head in heads[:3]}
    world.board().check_seen(seen)
    world.cast(1, 1)
    with pytest.raises(Refused, match="page 0 is not the one whose head was published"):
        world.board().check_seen(seen)


def test_receipts_and_heads_of_others_are_refused(world: World) -> None:
    """Forged, of another poll, of another page, malformed."""
    raw = world.cast(0, 1)
    forger = SigningKey(bytes(32))
    good = read_receipt(world.manifest, raw)
    with pytest.raises(Refused):
        read_receipt(world.manifest, give_receipt(forger, world.manifest, good.ballot, 0))
    with pytest.raises(Refused, match="another poll"):
        read_receipt(world.make_manifest(quorum=2), raw)
    for field, value in (("page", 1), ("ballot", "0" * 64), ("signature", "zz"), ("page", 10**6)):
        message = json.loads(raw) | {field: value}
        with pytest.raises(Refused):
            read_receipt(world.manifest, json.dumps(message, separators=(",", ":")).encode())
    beyond = give_receipt(world.server, world.manifest, good.ballot, last_page(world.manifest) + 1)
    nowhere = json.dumps(json.loads(raw) | {"page": -1}, separators=(",", ":")).encode()
    for promised in (beyond, nowhere):
        with pytest.raises(Refused, match="receipt: no such page"):
            read_receipt(world.manifest, promised)
    pages, heads = world.flushed()
    with pytest.raises(Refused):
        Board.check(world.manifest, pages, sign_head(forger, world.manifest, heads[-1].page, b"x" * 32))
    with pytest.raises(Refused, match="one page for every interval"):
        Board.check(world.manifest, pages[:-1], heads[-2])


@pytest.mark.parametrize(
    ("salt", "ballots"),
    [(b"s", ()), (b"s" * 32, ("b" * 64, "a" * 64)), (b"s" * 32, ("a" * 64, "a" * 64)), (b"s" * 32, ("a",))],
)
def test_pages_have_one_form(salt: bytes, ballots: tuple[str, ...]) -> None:
    """Sorted, each once, a full salt: no hidden order of arrival."""
    with pytest.raises(Refused, match="board: "):
        Page(salt, ballots)


def test_a_receipt_costs_no_step_for_each_ballot_of_the_board(world: World) -> None:
    """A file of receipts may hold 40,000: on a board of 20,000 ballots each took 2 ms."""
    receipt, _ = receipts_of(world)

    def looked_at(ballots: int) -> int:
        names = [hash_hex(b"%d" % n) for n in range(ballots)]
        looked = Looked({receipt.ballot: "mine", **dict.fromkeys(names, "theirs")})
        pages = {receipt.ballot: receipt.page, **dict.fromkeys(names, 1)}
        voted = Voted(looked, pages, {"mine": receipt.ballot})
        assert check_receipt(receipt, voted) is Found.COUNTED
        return looked.steps

    assert looked_at(1_000) == looked_at(10) == 1


class Looked(dict[str, str]):
    """Counts how often a credential is looked up."""

    steps = 0

    def __getitem__(self, name: str) -> str:
        self.steps += 1
        return super().__getitem__(name)
