"""The server's part of agreeing on a board: who signed is checked, one of each kept, no decryption taken before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest

from polls.agreement import board_statement, weigh
from polls.encoding import encode
from polls.results import BoardStatement, OutcomeStatement, TrusteeSignature, sign_statement
from service.server.polls_records import Progress, Stated
from service.server.records import decode
from service.wire import poll_closing_calls, poll_closing_shapes
from service.wire.failures import Declined
from service.wire.poll_calls import for_poll
from service.wire.problems import Kind
from tests.support.communities import Community
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.server_polls import DAY, ServerPoll, refused

ANY = BoardStatement("00" * 32, "00" * 32, "00" * 32)


@pytest.fixture(scope="module")
def community() -> Community:
    return Community.draw(7)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, community: Community) -> KeptPoll:
    """A server with a poll in which four voted of the three that are needed, still open."""

    async def made(world: World) -> ServerPoll:
        await world.know(community)
        group = community.group()
        await world.found(group)
        poll = await ServerPoll.ready(world.client, world.clock, group, community)
        world.clock.forward(61)
        for n in range(1, 5):
            await poll.cast(f"github.com/m{n}", n % 3)
        return poll

    return KeptPoll.make(tmp_path_factory.mktemp("kept") / "server", made)


def signed(poll: ServerPoll, place: int, statement: BoardStatement | OutcomeStatement) -> TrusteeSignature:
    return sign_statement(poll.trustees, poll.seeds[place - 1], place, statement, poll.entropy)


def agreement(
    poll: ServerPoll, speaker: int, statement: BoardStatement, signature: TrusteeSignature
) -> Awaitable[Any]:
    call = poll_closing_calls.post_agreement(poll.trustee(speaker), poll.phi, statement, signature)
    return poll.client.do(call)


def decryption(poll: ServerPoll, place: int) -> Awaitable[Any]:
    sealed = [b"x"] * poll.trustees_n
    return poll.client.do(poll_closing_calls.post_decryptions(poll.trustee(place), poll.phi, sealed))


def fetched(poll: ServerPoll, place: int) -> Awaitable[dict[int, tuple[bytes, bytes]]]:
    return poll.client.do(poll_closing_calls.agreements(poll.trustee(place), poll.phi))


async def test_agreements_are_of_the_time_between_close_and_destruction(
    world: World, poll: ServerPoll
) -> None:
    """Neither taken nor shown before the close, nor after the ballots are gone."""
    mine = msgspec.structs.replace(ANY, poll=poll.phi.hex())
    await refused(Kind.POLL_NOT_CLOSED, agreement(poll, 1, mine, signed(poll, 1, mine)))
    await refused(Kind.POLL_NOT_CLOSED, fetched(poll, 1))
    world.clock.forward(DAY)
    await poll.agree((1,))
    assert list(await fetched(poll, 2)) == [1]
    world.clock.forward(41 * DAY)
    await world.keep_house()
    await refused(Kind.POLL_ARCHIVED, agreement(poll, 2, mine, signed(poll, 2, mine)))
    await refused(Kind.POLL_ARCHIVED, fetched(poll, 1))
    assert not [name for name in await world.rows(poll.partition) if name.startswith(b"agreement/")]
    assert (await poll.view()).shape.agreed == (1,)


async def test_no_decryption_is_taken_from_who_has_not_agreed(world: World, poll: ServerPoll) -> None:
    """Not even when others have; and what an honest trustee fetches holds."""
    world.clock.forward(DAY)
    await refused(Kind.NOT_AGREED, decryption(poll, 1))
    await poll.agree((2, 3))
    await refused(Kind.NOT_AGREED, decryption(poll, 1))
    await poll.agree((1,))
    await decryption(poll, 1)
    view = await poll.view()
    assert (view.shape.agreed, view.shape.decrypted) == ((1, 2, 3), (1,))
    mine = board_statement(await poll.closed())
    assert weigh(poll.trustees, 2, mine, await fetched(poll, 2)).same == (1, 2, 3)


async def test_below_the_quorum_agreements_are_taken(world: World, community: Community) -> None:
    """There is nothing to decrypt, and that is agreed on too."""
    group = community.group()
    await world.found(group)
    poll = await ServerPoll.ready(world.client, world.clock, group, community)
    world.clock.forward(61)
    await poll.cast("github.com/m1", 1)
    world.clock.forward(DAY)
    mine = board_statement(await poll.closed())
    await agreement(poll, 1, mine, signed(poll, 1, mine))
    assert (await poll.view()).shape.agreed == (1,)
    assert weigh(poll.trustees, 2, mine, await fetched(poll, 2)).same == (1, 2)


async def test_only_what_the_trustee_signed_is_kept(world: World, poll: ServerPoll) -> None:
    """Another's signature, another poll's, an outcome's, a changed board: refused, and nothing is kept."""
    world.clock.forward(DAY)
    mine = board_statement(await poll.closed())
    outcome = OutcomeStatement(mine.poll, mine.head, mine.tally, 6, 4, True, 1)
    other_poll = msgspec.structs.replace(mine, poll="00" * 32)
    for statement, signature in (
        (mine, signed(poll, 1, mine)),
        (mine, msgspec.structs.replace(signed(poll, 1, mine), owner=2)),
        (mine, signed(poll, 2, outcome)),
        (other_poll, signed(poll, 2, other_poll)),
        (msgspec.structs.replace(mine, head="ab" * 32), signed(poll, 2, mine)),
    ):
        await refused(Kind.TRUSTEE_REFUSED, agreement(poll, 2, statement, signature))
    body = poll_closing_shapes.PostAgreement(encode(outcome), encode(signed(poll, 2, outcome)))
    await refused(
        Kind.TRUSTEE_REFUSED, poll.client.do(for_poll(poll.phi, "agreements", body, poll.trustee(2)))
    )
    assert await fetched(poll, 1) == {}
    assert (await poll.view()).shape.agreed == ()


async def test_the_same_again_is_harmless_and_another_is_refused(world: World, poll: ServerPoll) -> None:
    """A signature is drawn anew each time, so that a repeat differs and the first one stays."""
    world.clock.forward(DAY)
    await poll.agree((1,))
    first = await fetched(poll, 2)
    await poll.agree((1,))
    await refused(Kind.SAID_BEFORE, poll.agree((1,), head="ab" * 32))
    await refused(Kind.SAID_BEFORE, poll.agree((1,), tally="ab" * 32))
    assert await fetched(poll, 2) == first
    # Another trustee who says something else is kept as well: who lies is for trustees to find.
    await poll.agree((3,), head="ab" * 32)
    found = weigh(poll.trustees, 2, board_statement(await poll.closed()), await fetched(poll, 2))
    assert (found.same, list(found.other), found.false) == ((1, 2), [3], ())


async def test_of_two_at_once_one_is_kept(world: World, poll: ServerPoll) -> None:
    """Ten requests of one trustee, two boards: one board is kept, those who said the other are told so."""
    world.clock.forward(DAY)
    heads = ["ab" * 32, "cd" * 32] * 5
    done = await asyncio.gather(*(poll.agree((1,), head=head) for head in heads), return_exceptions=True)
    kept = decode((await world.rows(poll.partition))[b"agreement/\x01"], Stated)
    for head, result in zip(heads, done, strict=True):
        if head.encode() in kept.statement:
            assert result is None
        else:
            assert isinstance(result, Declined)
            assert result.kind is Kind.SAID_BEFORE
    assert (await poll.view()).shape.agreed == (1,)


def test_a_record_of_before_is_still_read() -> None:
    """Progress as it was stored without the field: nobody has agreed."""
    old = msgspec.msgpack.encode([1, [1, 2, 3], [1], [], [], None, False, False, 0])
    assert decode(old, Progress) == Progress(opened=1, proved=(1, 2, 3), decrypted=(1,))
