"""What a council says in public of a measure: how its desks go by it, whoever said it, and what no server can undo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from crypto.errors import Refused
from service.desk.measures import Decision, SeenTo, Turn, goes_on, gone_back, over, turns
from service.desk.reviewing import NextReview, next_review, publish
from service.desk.session import Session
from service.desk.sync_measures import check_not_hidden, measures_due
from service.wire.client import Client
from service.wire.poll_council_shapes import MAX_REVIEWS
from service.wire.poll_decisions import Looked
from tests.support.communities import Community
from tests.support.council_desks import Lying, at_desk, known, pulled
from tests.support.inprocess import World, in_process
from tests.support.poll_trustees import Bridge
from tests.support.server_polls import DAY, ServerPoll

REVIEW, ENDS = 20_100, 20_200


def decision(*again: int | None, ends_on: int | None = ENDS) -> Decision:
    """A measure of which the council said so often that it goes on, or (None) has ended."""
    said = tuple(Looked("Zoe", 20_000, one, "") for one in again)
    return Decision(
        "ab" * 32,
        "archived",
        "Which?",
        "Suspension",
        REVIEW,
        ends_on,
        recorded=True,
        reviewed=said,
        text="Since today.",
    )


@pytest.mark.parametrize(
    ("again", "ends_on", "ahead"),
    [
        ((REVIEW - 20,), ENDS, (("review", REVIEW - 20), ("review", REVIEW), ("ends", ENDS))),
        ((REVIEW,), ENDS, (("review", REVIEW), ("ends", ENDS))),
        ((REVIEW + 20,), ENDS, (("review", REVIEW + 20), ("ends", ENDS))),
        ((REVIEW + 20,), None, (("review", REVIEW + 20),)),
        ((ENDS,), ENDS, (("ends", ENDS),)),
        ((ENDS + 300,), ENDS, (("review", ENDS + 300),)),
        ((ENDS + 300, REVIEW + 20), ENDS, (("review", REVIEW + 20), ("ends", ENDS))),  # a slip, put right
        ((REVIEW + 20, ENDS + 300), ENDS, (("review", ENDS + 300),)),
        ((None,), ENDS, ()),
        ((ENDS + 300, None), ENDS, ()),
    ],
)
def test_the_newest_public_word_decides_what_is_ahead(
    again: tuple[int | None, ...], ends_on: int | None, ahead: tuple[Any, ...]
) -> None:
    """The day that it names; days before it are over, days from it on stay; after the end none."""
    assert turns(decision(*again, ends_on=ends_on), None) == tuple(Turn(*one) for one in ahead)


def test_what_was_said_at_a_desk_holds_until_the_council_says_something_in_public() -> None:
    """Before and after it, an end and a next look; what is public counts at every desk alike."""
    goes = decision(REVIEW + 20)
    for seen in (over(decision(), None), goes_on(decision(), None, REVIEW, REVIEW + 50)):
        assert turns(goes, seen) == turns(goes, None)
        assert turns(decision(None), seen) == ()
    here = goes_on(goes, over(decision(), None), REVIEW + 19, REVIEW + 40)
    assert here == SeenTo(goes.poll, (Turn("review", REVIEW + 20),), REVIEW + 40, after=1)
    assert turns(goes, here) == (Turn("review", REVIEW + 40), Turn("ends", ENDS))
    assert turns(goes, over(goes, here)) == ()
    assert turns(decision(REVIEW + 20, REVIEW + 60), over(goes, here)) == (
        Turn("review", REVIEW + 60),
        Turn("ends", ENDS),
    )
    with pytest.raises(Refused, match="has ended"):
        over(decision(None), None)
    with pytest.raises(Refused, match="has ended"):
        goes_on(decision(None), None, 1, 2)


def test_a_desk_notices_what_a_server_takes_back() -> None:
    """Fewer words than it saw, other ones, another end, none: not more of them."""
    kept = decision(REVIEW + 20, REVIEW + 40)
    other = msgspec.structs.replace(kept, reviewed=(kept.reviewed[0], Looked("Zoe", 1, REVIEW + 40, "No.")))
    for found in (
        decision(REVIEW + 20),
        decision(),
        decision(REVIEW + 40, REVIEW + 20),
        decision(REVIEW + 20, None),
        other,
        msgspec.structs.replace(kept, ends_on=ENDS + 1),
        msgspec.structs.replace(kept, ends_on=None, recorded=False, reviewed=()),
        msgspec.structs.replace(kept, measure=""),
        msgspec.structs.replace(kept, measure="Exclusion"),
        msgspec.structs.replace(kept, text="Since yesterday, and everywhere."),
    ):
        assert gone_back(kept, found)
    assert not gone_back(msgspec.structs.replace(kept, text=None), kept)  # kept before desks kept texts
    assert not gone_back(kept, kept)
    assert not gone_back(kept, decision(REVIEW + 20, REVIEW + 40, None))
    unsaid = msgspec.structs.replace(kept, ends_on=None, recorded=False, reviewed=(), text=None)
    assert not gone_back(unsaid, kept)
    assert gone_back(unsaid, msgspec.structs.replace(kept, measure="Exclusion"))
    nothing = msgspec.structs.replace(kept, measure="", review_on=None, ends_on=None, reviewed=())
    assert gone_back(nothing, msgspec.structs.replace(nothing, measure="Suspension", review_on=REVIEW))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with in_process(tmp_path / "server") as opened:
        yield opened


@pytest.fixture
async def poll(world: World) -> ServerPoll:
    """A poll of which the council has the result."""
    community = Community.draw(8)
    group = community.group(council=["Zoe", "Yan"])
    await world.know(community)
    await world.found(group)
    made = await ServerPoll.ready(world.client, world.clock, group, community, manifest={"quorum": 1})
    world.clock.forward(61)
    await made.cast("github.com/m1", 1)
    world.clock.forward(DAY)
    await made.decide((1, 2))
    await made.deliver((1, 2))
    await made.acknowledge("Zoe")
    return made


async def ready(
    folder: Path, poll: ServerPoll, again: int | None, text: str = "", name: str = "Zoe"
) -> NextReview:
    """Let a member's desk make a word ready, today by the server's clock."""
    bridge, today = cast(Client, Bridge(poll.client)), int(poll.now()) // DAY
    return await at_desk(
        folder, poll, name, lambda session: next_review(session, bridge, poll.phi, again, text, today)
    )


async def send(folder: Path, poll: ServerPoll, found: NextReview, name: str = "Zoe") -> Decision:
    bridge = cast(Client, Bridge(poll.client))

    def act(session: Session) -> Decision:
        return publish(session, bridge, found)

    return await at_desk(folder, poll, name, act)


async def test_what_one_publishes_the_others_are_told_no_more(
    tmp_path: Path, world: World, poll: ServerPoll
) -> None:
    """Two desks, before and after the poll is archived; a desk that is new learns it, too; nothing is asked twice."""
    closes = poll.manifest.closes_at // DAY
    await poll.implement("Warned.", closes + 120, "Zoe")
    await pulled(tmp_path, poll, name="Yan")
    yans = turns(await known(tmp_path, poll, "Yan"), None)
    assert yans == (Turn("review", closes + 90), Turn("ends", closes + 120))
    found = await ready(tmp_path, poll, closes + 100, "Not yet.")
    assert found.lines()[:4] == [
        "Everyone will see this with the poll:",
        "",
        "  " + found.word.lines()[0],
        "    Not yet.",
    ]
    mine = await send(tmp_path, poll, found)
    assert await pulled(tmp_path, poll, name="Yan") == []
    theirs = await known(tmp_path, poll, "Yan")
    assert theirs == mine == await known(tmp_path, poll)
    assert turns(theirs, None) == (Turn("review", closes + 100), Turn("ends", closes + 120))
    world.clock.forward(40 * DAY)
    await world.keep_house()
    assert (await poll.view()).state == "archived"
    beyond = await ready(tmp_path, poll, closes + 300, name="Yan")
    assert "then it goes on beyond." in beyond.lines()[-1]
    end = await ready(tmp_path, poll, None, "Welcome back.", name="Yan")
    assert "has ended: signed by Yan" in end.lines()[2]
    await send(tmp_path, poll, end, "Yan")
    assert await at_desk(tmp_path, poll, "Zoe", lambda one: measures_due(one, closes + 120)) == 1
    assert await pulled(tmp_path, poll) == []
    assert await at_desk(tmp_path, poll, "Zoe", lambda one: measures_due(one, closes + 120)) == 0
    for name in ("Zoe", "Yan"):
        silent = Lying(poll)
        assert await pulled(tmp_path, poll, silent, name) == []
        assert silent.asked == 0
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    await pulled(fresh, poll)
    assert turns(await known(fresh, poll), None) == ()


async def test_what_was_done_is_not_signed_again_for_a_server_that_hides_it(
    tmp_path: Path, poll: ServerPoll
) -> None:
    """A desk that saw a colleague's word on it refuses; with it on show the server judges, as for a repeat."""
    before = await poll.view()
    await at_desk(tmp_path, poll, "Yan", lambda one: check_not_hidden(one, before))
    after = await poll.implement("Warned.", None, "Zoe")
    await pulled(tmp_path, poll, name="Yan")
    await at_desk(tmp_path, poll, "Yan", lambda one: check_not_hidden(one, after))
    with pytest.raises(Refused, match="no longer shows what the council said"):
        await at_desk(tmp_path, poll, "Yan", lambda one: check_not_hidden(one, before))


async def test_a_word_whose_answer_was_lost_is_not_said_twice(tmp_path: Path, poll: ServerPoll) -> None:
    """By the same desk again, or by a colleague who says the same; of two different ones the first is taken."""
    await poll.implement("Warned.", None, "Zoe")
    day = poll.manifest.closes_at // DAY + 300
    found, late = await ready(tmp_path, poll, day), await ready(tmp_path, poll, None, name="Yan")
    await send(tmp_path, poll, found)
    await send(tmp_path, poll, found)  # as it was signed before
    for name in ("Zoe", "Yan"):
        assert (await ready(tmp_path, poll, day, name=name)).said_before
    with pytest.raises(Refused, match=f"meanwhile, and nothing was published: .* status {poll.phi.hex()}`"):
        await send(tmp_path, poll, late, "Yan")
    assert [one.again for one in (await known(tmp_path, poll)).reviewed] == [day]
    assert not (await ready(tmp_path, poll, day, "Not yet.")).said_before
    await send(tmp_path, poll, await ready(tmp_path, poll, None, name="Yan"), "Yan")
    assert (await ready(tmp_path, poll, None)).said_before
    for again, text in ((day, ""), (None, "Welcome back.")):
        with pytest.raises(Refused, match=r"has ended: nothing more is said of it \(Yan, "):
            await ready(tmp_path, poll, again, text)


async def test_what_can_not_be_said_in_public_is_refused_before_it_is_signed(
    tmp_path: Path, poll: ServerPoll
) -> None:
    """Too early, by no member of the council, of a day that is over, in too long a text, beyond the room there is."""
    today = int(poll.now()) // DAY
    with pytest.raises(Refused, match="first `sottovoce desk implemented`"):
        await ready(tmp_path, poll, None)
    await poll.implement("Warned.", None, "Zoe")
    with pytest.raises(Refused, match="desks of the council"):
        await ready(tmp_path, poll, None, name="Ada")
    with pytest.raises(Refused, match="a day to come"):
        await ready(tmp_path, poll, today - 1)
    with pytest.raises(Refused, match="at most 2000"):
        await ready(tmp_path, poll, today, "x" * 2_001)
    for number in range(1, MAX_REVIEWS):
        await poll.review(number, today + number)
    with pytest.raises(Refused, match="only for its end"):
        await ready(tmp_path, poll, today + 90)
    assert (await send(tmp_path, poll, await ready(tmp_path, poll, None, "x" * 2_000))).ended


async def test_after_no_action_there_is_nothing_to_say(tmp_path: Path, world: World) -> None:
    """A council that did nothing has no measure to end."""
    community = Community.draw(8)
    group = community.group(council=["Zoe"])
    await world.know(community)
    await world.found(group)
    poll = await ServerPoll.ready(world.client, world.clock, group, community)
    world.clock.forward(DAY + 61)
    await poll.decide((1, 2))
    await poll.deliver((1, 2))
    await poll.acknowledge()
    await poll.implement("Nothing was done.", None)
    with pytest.raises(Refused, match="no measure came"):
        await ready(tmp_path, poll, None)


async def test_no_server_takes_back_what_the_council_said_of_a_measure(
    tmp_path: Path, poll: ServerPoll
) -> None:
    """Fewer words, none, forged ones, or not what was done: it is said, and the desk goes by what it saw."""
    day = poll.manifest.closes_at // DAY + 300
    view = await poll.implement("Warned.", day + 600, "Zoe")
    await poll.review(1, day)
    assert await pulled(tmp_path, poll) == []
    view = await poll.review(2, None, "Welcome back.", "Yan")
    one, end = view.shape.reviewed
    before = await known(tmp_path, poll)
    forged = msgspec.structs.replace(end, text="Never.")
    for shown, words in (
        ({"reviewed": ()}, "no longer shows what the council said"),
        ({"reviewed": (end,)}, "leaves out"),
        ({"reviewed": (one, forged)}, "no member of the group's council signed"),
        ({"reviewed": (), "implemented": None, "state": "archived"}, "no longer shows"),
    ):
        [warning] = await pulled(tmp_path, poll, Lying(poll, **shown))
        assert warning.startswith(f"about the poll {poll.phi.hex()[:8]}: ")
        assert words in warning
        assert await known(tmp_path, poll) == before
    assert await pulled(tmp_path, poll, Lying(poll, reviewed=(one,))) == []  # the newest, to who never saw it
    assert await pulled(tmp_path, poll) == []
    assert (await known(tmp_path, poll)).ended
