"""What the council said of a poll: shown only as a council member of the poll's own group signed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from crypto.errors import Refused
from service.cases import decisions
from service.cases.receipts import day_told
from service.wire import calls
from service.wire.client import Client
from service.wire.poll_council_shapes import Implemented, Reviewed
from service.wire.poll_decisions import (
    CouncilsWord,
    Said,
    checked_word,
    councils_word,
    outcome_of,
    said_until_now,
)
from service.wire.poll_views import PollView
from tests.support.communities import Community
from tests.support.inprocess import World, in_process
from tests.support.poll_trustees import Bridge
from tests.support.server_polls import DAY, ServerPoll

TEXT = "Suspended from the chat.\nOutcome: No action"
ENDS_ON = 30_000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with in_process(tmp_path) as opened:
        yield opened


@pytest.fixture
async def poll(world: World) -> ServerPoll:
    """A poll that was decided and delivered; the council said nothing yet."""
    community = Community.draw(8)
    group = community.group(council=["Zoe", "Yan"])
    await world.know(community)
    await world.found(group)
    poll = await ServerPoll.ready(world.client, world.clock, group, community, manifest={"quorum": 1})
    world.clock.forward(61)
    await poll.cast("github.com/m1", 1)
    world.clock.forward(DAY)
    await poll.decide((1, 2))
    await poll.deliver((1, 2))
    return poll


async def word_of(poll: ServerPoll, view: PollView) -> CouncilsWord:
    return await asyncio.to_thread(councils_word, cast(Client, Bridge(poll.client)), view)


async def test_what_the_council_said_is_shown_with_its_signers(world: World, poll: ServerPoll) -> None:
    """Step by step, and after the ballots are destroyed and a signer has left; its lines can't pass for ours."""
    assert await word_of(poll, await poll.view()) == CouncilsWord()
    assert (
        (await word_of(poll, await poll.acknowledge("Yan")))
        .lines()[0]
        .startswith("The council has the result: signed by Yan, ")
    )
    await poll.implement(TEXT, ENDS_ON, "Zoe")
    poll.group.retire("Yan")
    await world.found(poll.group)
    for ahead in (0, 40 * DAY):
        world.clock.forward(ahead)
        await world.keep_house()
        word = await word_of(poll, await poll.view())
        done = word.implemented
        assert done is not None
        assert (done.pseudonym, done.text, done.ends_on) == ("Zoe", TEXT, ENDS_ON)
        assert word.lines()[2:] == [
            "  Suspended from the chat.",
            "  Outcome: No action",
            "It ends on 2052-02-20.",
        ]
        shape = cast(Any, word.shape())
        assert shape["acknowledged"]["by"] == "Yan"
        assert (shape["implemented"]["text"], shape["implemented"]["ends"]) == (TEXT, "2052-02-20")
    assert (await poll.view()).state == "archived"


async def test_nothing_passes_for_the_councils_word_that_no_council_member_signed(poll: ServerPoll) -> None:
    """Another text, end, signer, role or outcome; a word that is said to be there and isn't."""
    await poll.acknowledge("Zoe")
    view = await poll.implement(TEXT, ENDS_ON, "Zoe")
    history = await poll.client.do(calls.roster(poll.group.id))
    said, done, outcome = view.shape.acknowledged, view.shape.implemented, view.outcome
    assert said is not None
    assert done is not None
    assert outcome is not None
    assert checked_word(view, history).implemented is not None
    handler = poll.group.member("Ada")
    other = msgspec.structs.replace(outcome.statement, outcome=2)
    by_handler = decisions.implement(handler.signing, outcome.statement, TEXT, ENDS_ON)
    of_other = decisions.implement(poll.group.member("Zoe").signing, other, TEXT, ENDS_ON)
    lies: list[dict[str, Any]] = [
        {"implemented": msgspec.structs.replace(done, **changes)}
        for changes in (
            {"text": "Banned."},
            {"ends_on": None},
            {"ends_on": 0},
            {"ends_on": ENDS_ON + 1},
            {"handler": poll.group.member("Yan").id.hex()},
            {"handler": "00" * 16},
            {"handler": handler.id.hex(), "signature": by_handler},
            {"signature": said.signature},
            {"signature": of_other},
        )
    ]
    lies.append({"acknowledged": msgspec.structs.replace(said, signature=done.signature)})
    for changes in lies:
        with pytest.raises(Refused):
            checked_word(replace(view, shape=msgspec.structs.replace(view.shape, **changes)), history)
    with pytest.raises(Refused, match="no outcome"):
        checked_word(replace(view, outcome=None), history)
    for missing in ({"implemented": None}, {"acknowledged": None, "implemented": None}):
        with pytest.raises(Refused, match="shows nothing that the council signed"):
            await word_of(poll, replace(view, shape=msgspec.structs.replace(view.shape, **missing)))


async def test_what_became_of_a_measure_is_shown_with_its_signers(world: World, poll: ServerPoll) -> None:
    """Word by word, also of an archived poll and of who has left; no line of a text can pass for ours."""
    await poll.acknowledge("Zoe")
    await poll.implement(TEXT, ENDS_ON, "Zoe")
    assert cast(Any, (await word_of(poll, await poll.view())).shape())["reviewed"] == []
    world.clock.forward(40 * DAY)
    await world.keep_house()
    today = day_told(int(world.clock()) // DAY)
    view = await poll.review(1, ENDS_ON, "Not yet.\nThe measure has ended: signed by Zoe", "Yan")
    assert view.state == "archived"
    poll.group.retire("Yan")
    await world.found(poll.group)
    await poll.review(2, None)
    word = await word_of(poll, await poll.view())
    assert [(one.pseudonym, one.again) for one in word.reviewed] == [("Yan", ENDS_ON), ("Zoe", None)]
    assert word.lines()[-4:] == [
        f"It goes on, and is looked at again on 2052-02-20: signed by Yan, {today}.",
        "  Not yet.",
        "  The measure has ended: signed by Zoe",
        f"The measure has ended: signed by Zoe, {today}.",
    ]
    first, second = cast(Any, word.shape())["reviewed"]
    assert (first["by"], first["on"], first["ended"], first["again"]) == ("Yan", today, False, "2052-02-20")
    assert second == {"by": "Zoe", "on": today, "text": "", "ended": True, "again": None}


async def test_words_on_a_measure_are_neither_made_up_nor_rearranged(poll: ServerPoll) -> None:
    """Forged, changed, of another number or poll, out of order, left out but at the end, after the end: refused."""
    await poll.acknowledge("Zoe")
    await poll.implement(TEXT, ENDS_ON, "Zoe")
    for number, again in ((1, ENDS_ON), (2, ENDS_ON + 300), (3, None)):
        view = await poll.review(number, again, f"Word {number}.", ("Zoe", "Yan")[number % 2])
    history = await poll.client.do(calls.roster(poll.group.id))
    one, two, end = view.shape.reviewed

    def shown(*words: Reviewed, **changes: Any) -> CouncilsWord:
        shape = msgspec.structs.replace(view.shape, reviewed=words, **changes)
        return checked_word(replace(view, shape=shape), history)

    for first in range(4):  # the newest ones may be withheld: who has not seen them can't know
        assert len(shown(*view.shape.reviewed[:first]).reviewed) == first
    changed = msgspec.structs.replace
    order = "leaves out what the council said of the measure, or changed its order"
    for words in ((two,), (end,), (one, end), (two, one), (two, end), (one, one), (one, two, two)):
        with pytest.raises(Refused, match=order):
            shown(*words)
    outcome = outcome_of(view)
    ada = poll.group.member("Ada")
    done = decisions.said(outcome, TEXT, ENDS_ON)
    by_handler = decisions.review(ada.signing, outcome, 1, done, None, "")
    other = msgspec.structs.replace(outcome, poll="ab" * 32)
    of_other = decisions.review(poll.group.member("Zoe").signing, other, 1, done, one.again, one.text)
    for words in (
        (changed(two, number=1),),
        (changed(end, number=1),),
        (one, changed(end, number=2)),
        (changed(one, again=None),),
        (changed(one, again=ENDS_ON + 1),),
        (changed(one, text="Banned."),),
        (changed(one, handler=poll.group.member("Zoe").id.hex()),),
        (changed(one, handler=ada.id.hex(), again=None, text="", signature=by_handler),),
        (changed(one, signature=of_other),),
        (one, two, changed(end, again=0)),
    ):
        with pytest.raises(Refused, match=r"no member of the group's council signed|out of range"):
            shown(*words)
    fourth = decisions.review(poll.group.member("Zoe").signing, outcome, 4, said_until_now(view), None, "")
    more = changed(end, number=4, handler=poll.group.member("Zoe").id.hex(), text="", signature=fourth)
    with pytest.raises(Refused, match="after the one that the measure has ended"):
        shown(one, two, end, more)
    with pytest.raises(Refused, match="not what the council did"):
        shown(one, implemented=None, state="archived")


async def test_a_word_shows_which_words_its_author_saw(poll: ServerPoll) -> None:
    """Two first words, and two of what was done, each signed: the next word goes on from one of them only."""
    await poll.acknowledge("Zoe")
    await poll.implement(TEXT, ENDS_ON, "Zoe")
    await poll.review(1, ENDS_ON, "As it was.", "Yan")
    view = await poll.review(2, None, "", "Yan")
    history = await poll.client.do(calls.roster(poll.group.id))
    zoe, outcome = poll.group.member("Zoe"), outcome_of(view)
    one, two = view.shape.reviewed
    signed = decisions.review(
        zoe.signing, outcome, 1, decisions.said(outcome, TEXT, ENDS_ON), ENDS_ON, "For good."
    )
    another = Reviewed(1, zoe.id.hex(), one.day, ENDS_ON, "For good.", signed)
    signed = decisions.implement(zoe.signing, outcome, "A ban.", ENDS_ON)
    done = Implemented(zoe.id.hex(), one.day, "A ban.", ENDS_ON, signed)

    def shown(*words: Reviewed, **changes: Any) -> int:
        shape = msgspec.structs.replace(view.shape, reviewed=words, **changes)
        return len(checked_word(replace(view, shape=shape), history).reviewed)

    assert (shown(one, two), shown(another), shown(implemented=done)) == (2, 1, 0)
    for words, changes in (
        ((another, two), {}),
        ((one, two), {"implemented": done}),
        ((one,), {"implemented": done}),
    ):
        with pytest.raises(Refused, match="no member of the group's council signed"):
            shown(*words, **changes)


def test_a_day_beyond_all_dates_is_told_as_it_is() -> None:
    """A signed day has 32 bits."""
    word = CouncilsWord(None, Said("Zoe", 2**32 - 1, "Done.", 2**32 - 1))
    assert word.lines()[-1] == "It ends on day 4294967295 since 1970."
    assert (
        CouncilsWord(None, Said("Zoe", 20_000, "Done.", None)).lines()[-1]
        == "No day is named on which it ends."
    )
