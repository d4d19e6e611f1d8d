"""Between the close and the decryption: trustees wait until enough of them verified the same board."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from crypto.entropy import system
from crypto.errors import Refused
from polls.agreement import board_name, board_statement, board_words
from polls.encoding import encode
from polls.results import sign_statement
from service import demo_poll
from service.booth.trustees import MEMORY_FILE, Contradiction
from service.server.polls_records import Stated
from service.server.records import encode as row
from service.storage.protocol import Delete, Put
from service.wire import poll_closing_calls
from service.wire.calls import Call
from service.wire.signing import Signer
from tests.support.communities import Community
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.poll_trustees import decrypt, home_of, warnings
from tests.support.server_polls import DAY, ServerPoll

NEEDS_FIVE = pytest.mark.parametrize("kept", [(5, 3)], indirect=True)


@pytest.fixture(scope="module")
def community() -> Community:
    return Community.draw(7)


@pytest.fixture(scope="module", params=[(3, 2)])
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, community: Community
) -> KeptPoll:
    """A closed poll in which four voted; three are needed. param: how many trustees, and how many decrypt."""
    size, threshold = request.param

    async def made(world: World) -> ServerPoll:
        await world.know(community)
        group = community.group()
        await world.found(group)
        poll = await ServerPoll.ready(
            world.client, world.clock, group, community, trustees_n=size, threshold=threshold
        )
        world.clock.forward(61)
        for n in range(1, 5):
            await poll.cast(f"github.com/m{n}", n % 3)
        world.clock.forward(DAY)
        return poll

    return KeptPoll.make(tmp_path_factory.mktemp("closed"), made)


@pytest.fixture
async def world(tmp_path: Path, kept: KeptPoll) -> AsyncIterator[World]:
    """A server over a copy of it."""
    async with kept.world(tmp_path / "server") as opened:
        yield opened


@pytest.fixture
def poll(world: World, kept: KeptPoll) -> ServerPoll:
    """The closed poll there."""
    return kept.poll(world)


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
            f"Waits for {missing} more trustee{'s'[: missing - 1]} to verify the same board. Run this again then."
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
    assert alone.waits == ["Waits for 1 more trustee to verify the same board. Run this again then."]
    assert (await decrypt(poll, 3, tmp_path)).waits[0].startswith("Waits for 1 more trustee to verify")
    assert (await poll.view()).shape.decrypted == ()
    first = await decrypt(poll, 1, tmp_path, words_compared=True)
    assert any(each.startswith("Only 2 of 3 trustees signed this board. On your word") for each in first.did)
    # It is nobody else's word.
    assert (await decrypt(poll, 3, tmp_path)).waits[0].startswith("Waits for 1 more trustee to verify")
    assert (await poll.view()).shape.decrypted == (1,)
    await decrypt(poll, 3, tmp_path, words_compared=True)
    # Who has decrypted needs to give it no more.
    assert (await decrypt(poll, 1, tmp_path)).waits == []
    assert (await poll.view()).state == "delivered"


async def test_when_all_agree_nobody_is_asked(poll: ServerPoll, tmp_path: Path) -> None:
    """Two of three need all three; the flag, given all the same, takes nobody's word for anything."""
    for place in (1, 2):
        assert (await decrypt(poll, place, tmp_path)).waits
    assert (await decrypt(poll, 3, tmp_path)).waits[0].startswith("Waits for 1 more trustee to decrypt")
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


async def test_what_a_server_makes_up_accuses_no_trustee(
    poll: ServerPoll, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decryption that a trustee did not sign is left out as nobody's: only a signed one that is false is theirs."""
    for place in (1, 2, 3):
        await decrypt(poll, place, tmp_path)
    plain = poll_closing_calls.decryptions

    def made_up(signer: Signer, phi: bytes) -> Call[dict[int, bytes]]:
        call = plain(signer, phi)
        return replace(call, parse=lambda raw: {**call.parse(raw), 3: b"{}"})

    with monkeypatch.context() as lying:
        lying.setattr(poll_closing_calls, "decryptions", made_up)
        done = await decrypt(poll, 1, tmp_path)
    assert "WARNING: what trustee 3 is said to have sent is not signed by them and was left out." in done.did
    assert not any("trustee 3 sent" in each for each in done.did)


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


async def hold_one_in_which_too_few_vote(world: World, poll: ServerPoll) -> None:
    """Another poll of the same board, to its close: one votes where three have to."""
    poll.matter = system(32)
    await poll.create(await poll.make_manifest())
    await poll.prove((1, 2, 3))
    world.clock.forward(61)
    await poll.cast("github.com/m1", 2)
    world.clock.forward(DAY)


async def test_below_the_quorum_all_agree_to_that(world: World, poll: ServerPoll, tmp_path: Path) -> None:
    """Nothing is decrypted; two trustees sign that no action is the outcome once all three verified the same board."""
    await hold_one_in_which_too_few_vote(world, poll)
    below = "Below the quorum: nothing was decrypted, and the outcome is no action."
    for place in (1, 3):
        done = await decrypt(poll, place, tmp_path)
        assert (below in done.did, len(done.waits), len(done.words.split())) == (False, 1, 16)
    assert (await poll.view()).shape.signed == ()
    for place in (2, 1):
        assert below in (await decrypt(poll, place, tmp_path)).did
    view = await poll.view()
    assert (view.state, view.shape.agreed, view.shape.decrypted) == ("delivered", (1, 2, 3), ())


async def test_a_board_cut_below_the_quorum_gets_no_second_outcome(
    world: World, poll: ServerPoll, tmp_path: Path
) -> None:
    """One trustee is shown it, another is malicious and signs both: the honest one waits, and signs nothing."""
    await hold_one_in_which_too_few_vote(world, poll)
    await poll.agree((3,))
    done = await decrypt(poll, 1, tmp_path)
    assert done.waits == ["Waits for 1 more trustee to verify the same board. Run this again then."]
    assert home_of(tmp_path, 1).memory().polls[poll.phi.hex()].outcome is None
    assert (await poll.view()).shape.signed == ()
    done = await decrypt(poll, 1, tmp_path, words_compared=True)  # the third is lost, and they read them out
    assert any(each.startswith("Only 2 of 3 trustees signed this board. On your word") for each in done.did)
    assert (await poll.view()).shape.signed == (1,)
    again = await decrypt(poll, 1, tmp_path)  # what was signed so is no question any more
    assert again.waits == ["The council has the result when 1 more trustee has sent it."]
