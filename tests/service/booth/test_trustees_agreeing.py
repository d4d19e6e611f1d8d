"""Between the close and the decryption: trustees wait until enough of them verified the same board."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from crypto.errors import Refused
from polls.agreement import board_name, board_statement, board_words
from polls.encoding import encode
from polls.results import sign_statement
from service import demo_poll
from service.booth.trustees import MEMORY_FILE, Contradiction
from service.server.polls_records import Stated
from service.server.records import encode as row
from service.storage.protocol import Delete, Put
from tests.support.inprocess import World, in_process
from tests.support.poll_trustees import decrypt, home_of, warnings
from tests.support.server_polls import DAY, Community, ServerPoll

NEEDS_FIVE = pytest.mark.parametrize("board", [(5, 3)], indirect=True)


@pytest.fixture(scope="module")
def community() -> Community:
    return Community.draw(7)


@pytest.fixture
def board(request: pytest.FixtureRequest) -> tuple[int, int]:
    """How many trustees, and how many of them decrypt."""
    found: tuple[int, int] = getattr(request, "param", (3, 2))
    return found


@pytest.fixture
async def world(tmp_path: Path, community: Community) -> AsyncIterator[World]:
    async with in_process(tmp_path / "server") as opened:
        await opened.know(community)
        yield opened


@pytest.fixture
async def poll(world: World, community: Community, board: tuple[int, int]) -> ServerPoll:
    """A closed poll in which four voted; three are needed."""
    group = community.group()
    await world.found(group)
    size, threshold = board
    made = await ServerPoll.ready(
        world.client, world.clock, group, community, trustees_n=size, threshold=threshold
    )
    world.clock.forward(61)
    for n in range(1, 5):
        await made.cast(f"github.com/m{n}", n % 3)
    world.clock.forward(DAY)
    return made


async def forge(world: World, poll: ServerPoll, place: int, stated: Stated | None) -> None:
    """Put into the server's store, as its operator can, what a trustee is to have said; None: take it out again."""
    name = b"agreement/" + bytes((place,))
    change = Delete(name) if stated is None else Put(name, row(stated))
    await world.deps.store.commit(poll.partition, [change])


@NEEDS_FIVE
async def test_nobody_decrypts_before_enough_verified_the_same(
    world: World, poll: ServerPoll, tmp_path: Path
) -> None:
    """Of 3 of 5, four: each of the first three waits, says for how many, and sends nothing but the agreement.

    A trustee who signs another head, and one whose signature is forged, are named, and stop nobody.
    """
    await poll.agree((5,), head="ab" * 32)
    closed = await poll.closed()
    mine = board_statement(closed)
    theirs = " ".join(board_words(board_name(msgspec.structs.replace(mine, head="ab" * 32))))
    words = " ".join(board_words(board_name(mine)))
    stranger = sign_statement(poll.trustees, poll.seeds[0], 1, mine, poll.entropy)
    await forge(world, poll, 4, Stated(encode(mine), encode(msgspec.structs.replace(stranger, owner=4))))
    for place, missing in ((1, 3), (2, 2), (3, 1), (1, 1)):
        done = await decrypt(poll, place, tmp_path)
        assert done.waits == [
            f"Waits for {missing} more trustees to verify the same board. Run this again then."
        ]
        assert done.words == words
        assert warnings(done) == [
            "WARNING: trustee 5 signed another board of this poll: either that trustee or the server shows two "
            f"boards. Tell the others. Theirs: {theirs}. Yours: {words}.",
            "WARNING: what trustee 4 is said to have signed does not hold and was left out.",
        ]
    shape = (await poll.view()).shape
    assert (shape.agreed, shape.decrypted, shape.signed) == ((1, 2, 3, 5), (), ())
    assert not [name for name in await world.rows(poll.partition) if name.startswith(b"decryption/")]
    await forge(world, poll, 4, None)
    fourth = await decrypt(poll, 4, tmp_path)
    assert fourth.waits == ["Waits for 2 more trustees to decrypt. Run this again then."]
    assert "4 of 5 trustees verified the same board." in fourth.did
    assert len(warnings(fourth)) == 1
    for place in (2, 3, 4):
        done = await decrypt(poll, place, tmp_path)
    assert (await poll.view()).shape.decrypted == (2, 3, 4)
    assert (await poll.view()).shape.signed == (3, 4)


async def test_the_flag_makes_a_threshold_enough_and_nothing_less(poll: ServerPoll, tmp_path: Path) -> None:
    """One of three is lost: two agree, and decrypt only on the word of both, who must have seen the words before."""
    with pytest.raises(Refused, match="not shown here yet"):
        await decrypt(poll, 1, tmp_path, words_compared=True)
    assert (await poll.view()).shape.agreed == ()
    assert (await decrypt(poll, 1, tmp_path)).waits[0].startswith("Waits for 2 more trustees to verify")
    alone = await decrypt(poll, 1, tmp_path, words_compared=True)
    assert alone.waits == ["Waits for 1 more trustees to verify the same board. Run this again then."]
    assert (await decrypt(poll, 3, tmp_path)).waits[0].startswith("Waits for 1 more trustees to verify")
    assert (await poll.view()).shape.decrypted == ()
    first = await decrypt(poll, 1, tmp_path, words_compared=True)
    assert any(each.startswith("Only 2 of 3 trustees signed this board. On your word") for each in first.did)
    # It is nobody else's word.
    assert (await decrypt(poll, 3, tmp_path)).waits[0].startswith("Waits for 1 more trustees to verify")
    assert (await poll.view()).shape.decrypted == (1,)
    await decrypt(poll, 3, tmp_path, words_compared=True)
    # Who has decrypted needs to give it no more.
    assert (await decrypt(poll, 1, tmp_path)).waits == []
    assert (await poll.view()).state == "delivered"


async def test_when_all_agree_nobody_is_asked(poll: ServerPoll, tmp_path: Path) -> None:
    """Two of three need all three; the flag, given all the same, takes nobody's word for anything."""
    for place in (1, 2):
        assert (await decrypt(poll, place, tmp_path)).waits
    assert (await decrypt(poll, 3, tmp_path)).waits[0].startswith("Waits for 1 more trustees to decrypt")
    done = await decrypt(poll, 1, tmp_path, words_compared=True)
    assert "3 of 3 trustees verified the same board." in done.did
    assert not any("On your word" in each for each in done.did)


async def test_the_demonstrations_order_is_enough(poll: ServerPoll, tmp_path: Path) -> None:
    """As walk-through 3 prints it: at the end, and not before, the council has its result."""
    places = [demo_poll.TRUSTEES.index(name) + 1 for name in demo_poll.DECRYPTING.split()]
    for place in places[:-1]:
        await decrypt(poll, place, tmp_path)
    assert (await poll.view()).state == "closed"
    assert (await decrypt(poll, places[-1], tmp_path)).waits == []
    assert (await poll.view()).state == "delivered"


async def test_a_trustee_agrees_to_one_board_only(poll: ServerPoll, tmp_path: Path) -> None:
    """Remembered before it leaves the machine; another one is refused, and nothing is sent."""
    home_of(tmp_path, 1).will_tell(poll.phi, agreement="ab" * 32)
    with pytest.raises(Contradiction, match="agreed to, decrypted or signed something else"):
        await decrypt(poll, 1, tmp_path)
    assert (await poll.view()).shape.agreed == ()
    await decrypt(poll, 2, tmp_path)
    kept = home_of(tmp_path, 2).memory().polls[poll.phi.hex()]
    assert kept.agreement == board_name(board_statement(await poll.closed()))
    (home_of(tmp_path, 2).folder / MEMORY_FILE).unlink()  # no key file here, so that nothing misses it
    await decrypt(poll, 2, tmp_path)
    assert home_of(tmp_path, 2).memory().polls[poll.phi.hex()] == kept


async def test_who_forgot_is_reminded_by_their_own_signature(poll: ServerPoll, tmp_path: Path) -> None:
    """A folder restored from an old backup, or a key in two places: what was signed before is not contradicted."""
    await poll.agree((1,), head="ab" * 32)
    with pytest.raises(Contradiction, match="signed another board before"):
        await decrypt(poll, 1, tmp_path)
    assert poll.phi.hex() not in home_of(tmp_path, 1).memory().polls


async def test_below_the_quorum_nothing_is_agreed_to(
    world: World, community: Community, tmp_path: Path
) -> None:
    """Nothing is decrypted, so nothing has to be agreed; two trustees sign that no action is the outcome."""
    group = community.group()
    await world.found(group)
    poll = await ServerPoll.ready(world.client, world.clock, group, community)
    world.clock.forward(61)
    await poll.cast("github.com/m1", 2)
    world.clock.forward(DAY)
    for place in (1, 3):
        done = await decrypt(poll, place, tmp_path)
        assert "Below the quorum: nothing was decrypted, and the outcome is no action." in done.did
        assert done.words == ""
    view = await poll.view()
    assert (view.state, view.shape.agreed, view.shape.decrypted) == ("delivered", (), ())
