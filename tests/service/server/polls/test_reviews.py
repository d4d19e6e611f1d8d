"""What became of a measure, as the council says it for everybody to see: once, in order, and as long as it takes."""

from __future__ import annotations

import asyncio

import pytest

from service.cases import decisions
from service.wire import poll_calls
from service.wire.failures import Declined
from service.wire.poll_council_shapes import MAX_REVIEWS, Reviewed
from service.wire.poll_decisions import outcome_of, said_until_now
from service.wire.poll_views import PollView
from service.wire.problems import Kind
from tests.support.communities import Community
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.server_polls import DAY, ServerPoll, refused

AGAIN = 22_000


@pytest.fixture(scope="module")
def community() -> Community:
    return Community.draw(6)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, community: Community) -> KeptPoll:
    """A server on which the council has said what it did after a poll, and not before anything of it."""

    async def made(world: World) -> ServerPoll:
        await world.know(community)
        group = community.group(council=["Zoe", "Yan"])
        await world.found(group)
        poll = await ServerPoll.ready(world.client, world.clock, group, community)
        world.clock.forward(61)
        for n in range(1, 5):
            await poll.cast(f"github.com/m{n}", 1)
        world.clock.forward(DAY)
        await poll.decide((1, 2))
        await poll.deliver((1, 2))
        await poll.acknowledge()
        await refused(Kind.NOT_IMPLEMENTED, poll.review(1, None))
        await poll.implement("A written warning was given.", AGAIN)
        return poll

    return KeptPoll.make(tmp_path_factory.mktemp("kept") / "server", made)


def said(view: PollView) -> list[tuple[int, int | None, str]]:
    """What everybody sees of the council's words on the measure."""
    return [(one.number, one.again, one.text) for one in view.shape.reviewed]


async def listed(poll: ServerPoll) -> int:
    """How many words the group's list of polls tells of."""
    [entry] = (await poll.client.do(poll_calls.polls(poll.group.id))).polls
    return entry.reviewed


@pytest.mark.parametrize("archived", [False, True])
async def test_words_on_a_measure_follow_each_other_to_its_end(
    world: World, poll: ServerPoll, archived: bool
) -> None:
    """By any member of the council, also when the poll is archived; its state stays; after the end nothing is taken."""
    if archived:
        world.clock.forward(40 * DAY)
        await world.keep_house()
    state = (await poll.view()).state
    assert state == ("archived" if archived else "implemented")
    assert await listed(poll) == 0
    await poll.review(1, AGAIN, "Not yet.", "Yan")
    view = await poll.review(2, None, "", "Zoe")
    assert view.state == state
    assert said(view) == said(await poll.view()) == [(1, AGAIN, "Not yet."), (2, None, "")]
    signers = [poll.group.member(name).id.hex() for name in ("Yan", "Zoe")]
    assert [one.handler for one in view.shape.reviewed] == signers
    assert {one.day for one in view.shape.reviewed} == {int(world.clock()) // DAY}
    assert await listed(poll) == 2
    for again in (None, AGAIN + 1):
        await refused(Kind.MEASURE_ENDED, poll.review(3, again))
    world.clock.forward(40 * DAY)
    await world.keep_house()
    assert said(await poll.view()) == said(view)


async def test_the_same_word_again_is_harmless_and_another_one_refused(poll: ServerPoll) -> None:
    """After a lost answer, also when more was said since; a number is taken once, by whoever comes first."""
    await poll.review(1, AGAIN, "Not yet.")
    first = await poll.view()
    assert said(await poll.review(1, AGAIN, "Not yet.")) == said(first)
    assert (await poll.review(1, AGAIN, "Not yet.", "Yan")).shape.reviewed == first.shape.reviewed
    for again, text in ((AGAIN, ""), (AGAIN + 1, "Not yet."), (None, "Not yet.")):
        for name in ("Zoe", "Yan"):
            await refused(Kind.SAID_BEFORE, poll.review(1, again, text, name))
    await refused(Kind.REVIEW_NOT_DUE, poll.review(3, None))
    await poll.review(2, None)
    assert len(said(await poll.review(1, AGAIN, "Not yet."))) == 2
    await refused(Kind.SAID_BEFORE, poll.review(1, None))


async def test_of_words_that_cross_one_is_taken(poll: ServerPoll) -> None:
    """Ten at once under one number: one is kept, and whoever said the same is told that it is there."""
    texts = ["Not yet.", "Later."] * 5
    told = await asyncio.gather(
        *(poll.review(1, AGAIN, text, ("Zoe", "Yan")[n % 2]) for n, text in enumerate(texts)),
        return_exceptions=True,
    )
    [(_, _, kept)] = said(await poll.view())
    for text, answer in zip(texts, told, strict=True):
        if text == kept:
            assert isinstance(answer, PollView)
        else:
            assert isinstance(answer, Declined)
            assert answer.kind is Kind.SAID_BEFORE


async def test_the_last_place_is_kept_for_the_end(poll: ServerPoll) -> None:
    """Nobody can fill what everybody is shown, nor keep the end of a measure from being said."""
    for number in range(1, MAX_REVIEWS):
        await poll.review(number, AGAIN + number, "x" * 2_000)
    await refused(Kind.TOO_MANY, poll.review(MAX_REVIEWS, AGAIN))
    assert len(said(await poll.review(MAX_REVIEWS, None, "\U0001f600" * 2_000))) == MAX_REVIEWS


async def test_only_the_groups_council_says_what_became_of_its_measure(
    world: World, poll: ServerPoll
) -> None:
    """Not a handler, not another group's council, not with another's signature, nor one for another word."""
    stranger = Group.draw("Elsewhere", council=["Max"])
    await world.found(stranger)
    view = await poll.view()
    outcome, done = outcome_of(view), said_until_now(view)
    zoe = poll.group.member("Zoe").signing
    right = decisions.review(zoe, outcome, 1, done, AGAIN, "")
    for signer, kind in ((poll.group.signer("Ada"), Kind.ROLE), (stranger.signer("Max"), Kind.NOT_FOUND)):
        await refused(kind, poll.client.do(poll_calls.review(signer, poll.phi, 1, AGAIN, "", right)))
    for signature in (
        bytes(64),
        decisions.review(poll.group.member("Yan").signing, outcome, 1, done, AGAIN, ""),
        decisions.review(zoe, outcome, 2, done, AGAIN, ""),
        decisions.review(zoe, outcome, 1, done, None, ""),
        decisions.review(zoe, outcome, 1, bytes(32), AGAIN, ""),
        decisions.review(zoe, outcome, 1, decisions.said(outcome, "Something else.", None), AGAIN, ""),
        decisions.implement(zoe, outcome, "", AGAIN),
    ):
        call = poll_calls.review(poll.group.signer("Zoe"), poll.phi, 1, AGAIN, "", signature)
        await refused(Kind.TRUSTEE_REFUSED, poll.client.do(call))
    on_no_day = poll_calls.review(poll.group.signer("Zoe"), poll.phi, 1, 0, "", right)
    await refused(Kind.TRUSTEE_REFUSED, poll.client.do(on_no_day))
    assert said(await poll.view()) == []
    view = await poll.client.do(poll_calls.review(poll.group.signer("Zoe"), poll.phi, 1, AGAIN, "", right))
    handler, day = poll.group.member("Zoe").id.hex(), int(world.clock()) // DAY
    assert view.shape.reviewed == (Reviewed(1, handler, day, AGAIN, "", right),)
