"""Races of casts: with each other, with the end of a page and with the close, no vote is lost or counted twice.

Against the real application, on SQLite and on a real Redis, in this process with a clock that the test moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from polls.casting import read_receipt
from service.wire import poll_calls
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.attacked_polls import ON_BOTH, stored
from tests.support.communities import Community
from tests.support.inprocess import World, in_process
from tests.support.server_polls import DAY, ServerPoll, refused


async def patiently(poll: ServerPoll, raw: bytes) -> bytes | Kind:
    """Cast, coming again while the server is busy; gives the receipt, or why not."""
    while True:
        try:
            return await poll.post(raw)
        except Declined as declined:
            if declined.kind is not None and declined.kind is not Kind.BUSY:
                return declined.kind
            await asyncio.sleep(0.1)


@ON_BOTH
async def test_a_hundred_casts_of_one_voter_leave_one_counted_ballot(
    tmp_path: Path, world: World, url: str | None, poll: ServerPoll, community: Community
) -> None:
    """A hundred different ballots of one member at once, through two servers of one service: one voter, one vote.

    Whatever got a receipt is on its page; the pages are the order of voting; the last one is what counts.
    """
    raws = [poll.make("github.com/m1", n % 4) for n in range(100)]
    async with in_process(
        tmp_path / "server", url=url or f"sqlite://{tmp_path / 'server' / 'store.db'}", clock=world.clock
    ) as second:
        other = ServerPoll(second.client, world.clock, poll.group, community)
        other.manifest, other.phi = poll.manifest, poll.phi
        outcomes = await asyncio.gather(
            *(patiently(poll if n % 2 else other, raw) for n, raw in enumerate(raws))
        )
    receipts = [read_receipt(poll.manifest, each) for each in outcomes if isinstance(each, bytes)]
    assert {each for each in outcomes if isinstance(each, Kind)} <= {Kind.CAST_TOO_OFTEN}
    assert len(receipts) >= 2
    voters, kept = await stored(world, poll)
    assert len(voters) == 1
    assert {receipt.ballot: receipt.page for receipt in receipts} == {
        name: ballot.page for name, ballot in kept.items()
    }
    assert {name for name, _ in voters[0].ballots} == set(kept)
    pages = [page for _, page in voters[0].ballots]
    assert pages == sorted(set(pages))
    world.clock.forward(DAY)
    closed = await poll.closed()
    assert closed.ballots == 1
    assert set(closed.evidence.board.order) == {receipt.ballot for receipt in receipts}


@ON_BOTH
async def test_a_hundred_times_the_same_cast_is_one_ballot(world: World, poll: ServerPoll) -> None:
    """Retries that cross, each with a token of its own: one ballot, one and the same receipt."""
    raw = poll.make("github.com/m1", 2)
    outcomes = await asyncio.gather(*(patiently(poll, raw) for _ in range(100)))
    assert len(set(outcomes)) == 1
    assert isinstance(outcomes[0], bytes)
    voters, kept = await stored(world, poll)
    assert (len(voters), len(kept)) == (1, 1)


async def test_everybody_at_once(world: World, poll: ServerPoll) -> None:
    """Seven voters, three ballots each, all at the same moment: seven votes, every receipt kept."""
    raws = [(f"github.com/m{n}", option) for n in range(1, 8) for option in (0, 1, 2)]
    outcomes = await asyncio.gather(*(patiently(poll, poll.make(*each)) for each in raws))
    assert all(isinstance(each, bytes) for each in outcomes)
    world.clock.forward(DAY)
    closed = await poll.closed()
    assert closed.ballots == 7
    assert len(closed.evidence.board.order) == 21


@ON_BOTH
async def test_a_page_that_ends_while_ballots_come_loses_none(world: World, poll: ServerPoll) -> None:
    """The clock jumps over page after page while votes are cast and boards flushed: receipts and heads both hold."""
    heads: dict[int, bytes] = {}
    receipts: list[bytes] = []

    async def cast(account: str, option: int) -> None:
        receipt = await patiently(poll, poll.make(account, option))
        assert isinstance(receipt, bytes)
        receipts.append(receipt)

    async def flush() -> None:
        world.clock.forward(1_800)
        for head in await world.client.do(poll_calls.heads(poll.manifest)):
            heads[head.page] = bytes.fromhex(head.head)

    work: list[Awaitable[None]] = []
    for n in range(1, 8):
        work += [cast(f"github.com/m{n}", 1), flush(), cast(f"github.com/m{n}", 2)]
    await asyncio.gather(*work)
    world.clock.forward(DAY)
    opened = await world.client.do(poll_calls.opened_board(poll.manifest))
    opened.board.check_seen(heads)
    assert len(heads) >= 2
    for raw in receipts:
        receipt = read_receipt(poll.manifest, raw)
        assert receipt.ballot in opened.board.pages[receipt.page].ballots


@ON_BOTH
async def test_a_ballot_that_comes_in_behind_its_page_goes_on_the_next(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decision on a page and the commit the page ends and its head is signed: the ballot moves on.

    At the close there is no next page: then nothing is stored and no receipt given.
    """
    commit, heads = world.deps.store.commit, list[Any]()

    async def late(partition: str, changes: Any) -> Any:
        if any(getattr(change, "name", b"").startswith(b"placed/") for change in changes):
            monkeypatch.setattr(world.deps.store, "commit", commit, raising=False)
            world.clock.forward(leap)
            heads.extend(await world.client.do(poll_calls.heads(poll.manifest)))
        return await commit(partition, changes)

    leap = 3_600
    monkeypatch.setattr(world.deps.store, "commit", late, raising=False)
    receipt = read_receipt(poll.manifest, await poll.cast("github.com/m1", 1))
    assert [head.page for head in heads] == [0]
    assert receipt.page == 1
    leap = 2 * DAY
    monkeypatch.setattr(world.deps.store, "commit", late, raising=False)
    await refused(Kind.POLL_CLOSED, poll.cast("github.com/m2", 1))
    opened = await world.client.do(poll_calls.opened_board(poll.manifest))
    assert opened.board.order == (receipt.ballot,)
    assert receipt.ballot in opened.board.pages[1].ballots
    assert set((await stored(world, poll))[1]) == {receipt.ballot}


@ON_BOTH
@pytest.mark.parametrize("before", [0, 1], ids=["first ballot", "later ballot"])
async def test_two_casts_that_cross_are_told_apart(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """The voter's second ballot comes between the first one's decision and its commit: both are kept, in order."""
    for _ in range(before):
        await poll.cast("github.com/m1", 0)
    commit, between = world.deps.store.commit, list[bytes]()
    second = poll.make("github.com/m1", 2)

    async def crossed(partition: str, changes: Any) -> Any:
        if any(getattr(change, "name", b"").startswith(b"placed/") for change in changes):
            monkeypatch.setattr(world.deps.store, "commit", commit, raising=False)
            between.append(await poll.post(second))
        return await commit(partition, changes)

    monkeypatch.setattr(world.deps.store, "commit", crossed, raising=False)
    first = read_receipt(poll.manifest, await poll.cast("github.com/m1", 1))
    other = read_receipt(poll.manifest, between[0])
    assert (other.page, first.page) == (before, before + 1)
    (voter,), kept = await stored(world, poll)
    assert [page for _, page in voter.ballots] == list(range(before + 2))
    assert {name for name, _ in voter.ballots} == set(kept)
