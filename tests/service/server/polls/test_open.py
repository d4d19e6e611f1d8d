"""An open poll: what it tells and to whom, which ballots it takes, and that no receipt is broken."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from crypto.errors import Refused
from crypto.seal import DoesNotOpen
from polls.casting import read_receipt
from polls.electorate import Electorate
from service.cases.summaries import open_summary
from service.server import polls
from service.server.polls import electorate_of
from service.server.polls_records import Rings
from service.wire import poll_calls
from service.wire.poll_views import left_out_of
from service.wire.problems import Kind
from tests.support.communities import Community
from tests.support.inprocess import World
from tests.support.server_polls import DAY, SUMMARY, ServerPoll, refused


async def test_nothing_tells_the_turnout_while_it_is_open(world: World, poll: ServerPoll) -> None:
    """Board, ballots and certificates are closed; heads are signed for every page, empty or not, and look alike."""
    world.clock.forward(61)
    before = msgspec.structs.asdict((await poll.view()).shape)
    for n in range(1, 5):
        await poll.cast(f"github.com/m{n}", n % 3)
    after = msgspec.structs.asdict((await poll.view()).shape)
    assert before == after
    for call in (
        poll_calls.opened_board(poll.manifest),
        poll_calls.ballots(poll.phi),
        poll_calls.certificates(poll.phi),
    ):
        await refused(Kind.POLL_NOT_CLOSED, poll.client.do(call))
    world.clock.forward(4 * 3_600)
    seen = {
        head.page: bytes.fromhex(head.head) for head in await poll.client.do(poll_calls.heads(poll.manifest))
    }
    assert sorted(seen) == [0, 1, 2, 3]
    assert await poll.client.do(poll_calls.heads(poll.manifest, after=3)) == ()
    world.clock.forward(DAY)
    opened = await poll.client.do(poll_calls.opened_board(poll.manifest))
    opened.board.check_seen(seen)
    assert len(opened.board.order) == 4


async def test_every_receipt_is_kept(world: World, poll: ServerPoll) -> None:
    """A ballot with a receipt is on its page of the opened board, also when it came a moment before the page ended."""
    receipts = []
    world.clock.forward(61)
    for n in range(1, 12):
        receipts.append(read_receipt(poll.manifest, await poll.cast(f"github.com/m{n}", n % 4)))
        world.clock.forward(3_599)
        await poll.view()
    world.clock.forward(DAY)
    opened = await poll.client.do(poll_calls.opened_board(poll.manifest))
    assert {receipt.page for receipt in receipts} > {0, 1, 2}
    for receipt in receipts:
        assert receipt.ballot in opened.board.pages[receipt.page].ballots


async def test_voting_again_replaces_and_a_repeat_changes_nothing(world: World, poll: ServerPoll) -> None:
    """A second ballot goes on a later page and counts; the first one, sent again, gets its old receipt only."""
    world.clock.forward(61)
    first = poll.make("github.com/m1", 1)
    token = await poll.token()
    receipt = await poll.post(first, token)
    assert await poll.post(first, token) == receipt  # a lost response: same token, same ballot
    later = read_receipt(poll.manifest, await poll.cast("github.com/m1", 2))
    assert later.page == read_receipt(poll.manifest, receipt).page + 1
    assert await poll.post(first) == receipt
    for n in range(1, 6):
        await poll.cast(f"github.com/m{n}", n % 3)
    world.clock.forward(DAY)
    closed = await poll.closed()
    assert closed.ballots == 5


async def test_the_summary_is_for_voters_until_the_close(
    world: World, poll: ServerPoll, community: Community
) -> None:
    """Whoever may vote opens it, the accused doesn't, and after the close nobody gets it."""
    raw = await poll.client.do(poll_calls.summary(poll.manifest))
    shown = open_summary(raw, community.keys["github.com/m3"][1], group=poll.group.id, matter=poll.matter)
    assert shown == SUMMARY
    with pytest.raises(DoesNotOpen):
        open_summary(raw, community.keys["github.com/m0"][1], group=poll.group.id, matter=poll.matter)
    world.clock.forward(61 + DAY)
    await refused(Kind.POLL_CLOSED, poll.client.do(poll_calls.summary(poll.manifest)))


async def test_the_electorate_is_the_registrys(poll: ServerPoll, community: Community) -> None:
    """What the server shows can be made again from the registry, and the accused isn't in it."""
    view = await poll.client.do(poll_calls.electorate(poll.manifest))
    assert left_out_of(view, community.registry) == ("github.com/m0",)
    with pytest.raises(Refused, match="another registry"):
        left_out_of(view, Community.draw(6).registry)
    assert community.keys["github.com/m0"][0].public() not in view.electorate.members


async def test_of_many_who_ask_after_a_start_one_reads_the_electorate(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every key of it is checked, and the first ballots to a restarted server come at once."""
    read = list[Rings]()

    def counted(rings: Rings) -> Electorate:
        read.append(rings)
        return electorate_of(rings)

    monkeypatch.setattr(polls, "electorate_of", counted)
    kept = polls.Polls(world.deps.store)
    asked = await kept.poll(poll.phi)
    found = await asyncio.gather(*(kept.electorate(asked) for _ in range(20)))
    assert len(read) == 1
    assert all(each is found[0] for each in found)
    assert found[0].digest == poll.electorate.digest


async def test_casts_before_the_opening_and_after_the_close_are_refused(
    world: World, poll: ServerPoll
) -> None:
    """Neither is stored; the moment of closing itself is closed."""
    raw = poll.make("github.com/m2", 1)
    await refused(Kind.POLL_NOT_OPEN, poll.post(raw))
    world.clock.forward(poll.manifest.closes_at - world.clock())
    await refused(Kind.POLL_CLOSED, poll.post(raw))
    assert not [name for name in await world.rows(poll.partition) if name.startswith(b"ballot/")]
