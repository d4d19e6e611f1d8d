"""A server that shows half of the honest trustees a board without one ballot, and the other half the board with it.

Two copies of one server, forked before the last vote: same keys, same poll, every signature in order on both. One of
3 of 5 trustees is malicious and helps it on both boards, so that each half is a threshold. The difference of the two
counts is the last voter's vote.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from polls import closing
from polls.agreement import board_name, board_statement, board_words
from service.booth import trustees_work
from service.booth.trustees import Contradiction
from service.cases.verdicts import open_decryption
from service.storage.protocol import Put
from service.wire import poll_closing_calls
from tests.support.communities import Community
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.poll_trustees import decrypt, home_of, warnings
from tests.support.server_polls import DAY, ServerPoll

VICTIM, VOTE = "github.com/m6", 2
MALICIOUS = 5
WITHOUT, WITH = (1, 2), (3, 4)


@dataclass
class Fork:
    """One face of the malicious server, and the honest trustees who are shown it."""

    world: World
    poll: ServerPoll
    shown_to: tuple[int, ...]

    async def run(self, folder: Path, *, words_compared: bool = False) -> list[trustees_work.Done]:
        """Let the honest trustees of this half run the command, one after the other."""
        return [
            await decrypt(self.poll, place, folder, words_compared=words_compared) for place in self.shown_to
        ]

    async def decrypted(self) -> tuple[int, ...]:
        return (await self.poll.view()).shape.decrypted

    async def counts(self) -> tuple[int, ...]:
        """What the malicious trustee makes of what was sealed to them. Refused below a threshold."""
        poll, partial = self.poll, dict[int, bytes]()
        fetch = poll_closing_calls.decryptions(poll.trustee(MALICIOUS), poll.phi)
        for sender, sealed in (await poll.client.do(fetch)).items():
            seed = poll.seeds[MALICIOUS - 1]
            partial[sender] = open_decryption(poll.trustees, seed, poll.phi, sender, sealed)
        counts = closing.decide(await poll.closed(), partial).counts
        assert counts is not None
        return counts


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> tuple[KeptPoll, KeptPoll]:
    """The closed poll without the victim's ballot, and with it; the malicious trustee has agreed to both."""
    folder, community = tmp_path_factory.mktemp("faces"), Community.draw(7)

    async def made(world: World) -> ServerPoll:
        group = community.group()
        await world.know(community)
        await world.found(group)
        poll = await ServerPoll.ready(world.client, world.clock, group, community, trustees_n=5, threshold=3)
        world.clock.forward(61)
        for n in range(1, 6):
            await poll.cast(f"github.com/m{n}", n % 3)
        return poll

    async def closed(world: World, poll: ServerPoll) -> None:
        world.clock.forward(DAY)
        await poll.agree((MALICIOUS,))

    async def voted(world: World, poll: ServerPoll) -> None:
        await poll.cast(VICTIM, VOTE)
        await closed(world, poll)

    opened = KeptPoll.make(folder / "opened", made)
    return opened.later(folder / "without", closed), opened.later(folder / "with", voted)


@pytest.fixture
async def forks(tmp_path: Path, faces: tuple[KeptPoll, KeptPoll]) -> AsyncIterator[tuple[Fork, Fork]]:
    """Both faces, each over a copy of its files."""
    async with AsyncExitStack() as stack:
        made = []
        for name, kept, places in (("one", faces[0], WITHOUT), ("two", faces[1], WITH)):
            world = await stack.enter_async_context(kept.world(tmp_path / name))
            made.append(Fork(world, kept.poll(world), places))
        without, with_ = made
        yield without, with_


async def relay(source: Fork, target: Fork) -> None:
    """Show on one face what the trustees of the other one said, beside what was said there."""
    rows = await source.world.rows(source.poll.partition)
    for place in source.shown_to:
        name = b"agreement/" + bytes((place,))
        await target.world.deps.store.commit(target.poll.partition, [Put(name, rows[name])])


def learned(without: tuple[int, ...], with_: tuple[int, ...]) -> list[int]:
    """The vote that the difference of two counts gives away."""
    return [more - fewer for fewer, more in zip(without, with_, strict=True)]


async def test_no_half_of_the_trustees_decrypts(forks: tuple[Fork, Fork], tmp_path: Path) -> None:
    """Both boards hold by themselves, both halves are a threshold with the malicious one: nobody decrypts, on neither.

    Also when they try again, and when the server shows each half what the other one signed: then all are warned.
    """
    without, with_ = forks
    for fork in forks:
        for _ in range(2):
            for done in await fork.run(tmp_path):
                assert done.waits[0].endswith("to verify the same board. Run this again then.")
                assert warnings(done) == []
        assert (await fork.poll.view()).shape.agreed == (*fork.shown_to, MALICIOUS)
    await relay(without, with_)
    await relay(with_, without)
    names = [board_name(board_statement(await fork.poll.closed())) for fork in forks]
    assert names[0] != names[1]
    words = [" ".join(board_words(name)) for name in names]
    for fork, other, mine, theirs in (
        (without, with_, words[0], words[1]),
        (with_, without, words[1], words[0]),
    ):
        for done in await fork.run(tmp_path):
            assert done.words == mine
            assert [each[: len("WARNING: trustee 1")] for each in warnings(done)] == [
                f"WARNING: trustee {place}" for place in other.shown_to
            ]
            assert all(f"Theirs: {theirs}. Yours: {mine}." in each for each in warnings(done))
    for fork in forks:
        assert await fork.decrypted() == ()
        assert not [
            name for name in await fork.world.rows(fork.poll.partition) if name.startswith(b"decryption/")
        ]


async def test_nor_when_both_halves_are_shown_to_one_trustee(
    forks: tuple[Fork, Fork], tmp_path: Path
) -> None:
    """A trustee who agreed to one board agrees to no other one, whatever server shows it."""
    without, with_ = forks
    await without.run(tmp_path)
    before = home_of(tmp_path, 1).memory()
    with_.shown_to = (1,)
    with pytest.raises(Contradiction):
        await with_.run(tmp_path)
    assert home_of(tmp_path, 1).memory() == before
    assert (await with_.poll.view()).shape.agreed == (MALICIOUS,)


async def test_the_attack_is_one_without_the_agreement(
    forks: tuple[Fork, Fork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With trustees who decrypt what they verified, as they once did, the same two servers learn the last vote."""
    monkeypatch.setattr(trustees_work, "agreements_needed", lambda _size, _threshold: 1)
    counts = []
    for fork in forks:
        await fork.run(tmp_path)
        await fork.poll.decrypt((MALICIOUS,))
        assert await fork.decrypted() == (*fork.shown_to, MALICIOUS)
        counts.append(await fork.counts())
    assert learned(*counts) == [int(option == VOTE) for option in range(4)]


async def test_the_flag_rests_on_those_who_give_it(forks: tuple[Fork, Fork], tmp_path: Path) -> None:
    """What the documents warn of: both halves say that they compared words and did not, and the vote is known.

    Had they compared them, the words would have differed.
    """
    words = []
    for fork in forks:
        words.append({done.words for done in await fork.run(tmp_path)})
        for done in await fork.run(tmp_path, words_compared=True):
            assert any("On your word that you compared its words" in each for each in done.did)
        await fork.poll.decrypt((MALICIOUS,))
    assert [len(each) for each in words] == [1, 1]
    assert not words[0] & words[1]
    assert learned(*[await fork.counts() for fork in forks]) == [0, 0, 1, 0]
