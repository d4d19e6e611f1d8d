"""Polls over real HTTP, on both stores: from the ceremony to destroyed ballots, while the test moves the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from polls.encoding import hash_hex
from polls.group import ED25519
from polls.verify import verify
from service.wire import poll_calls
from service.wire.client import AsyncClient
from service.wire.failures import Declined
from service.wire.poll_records import gather_async
from service.wire.problems import Kind
from tests.support.communities import Community
from tests.support.poll_trustees import decrypt
from tests.support.redis_server import redis_server
from tests.support.server_polls import DAY, ServerPoll
from tests.support.timed_server import TimedServer, timed_server


@contextmanager
def served(store: str, folder: Path) -> Iterator[TimedServer]:
    """A server over SQLite, or two workers of it over Redis."""
    if store == "sqlite":
        with timed_server(folder) as server:
            yield server
        return
    with (
        redis_server(folder / "redis") as redis,
        timed_server(folder / "server", redis_url=redis.url, settings={"workers": 2}) as server,
    ):
        yield server


@asynccontextmanager
async def opened(server: TimedServer, members: int, **options: object) -> AsyncIterator[ServerPoll]:
    """A poll among so many, open."""
    community = Community.draw(members + 1)
    group = community.group(council=["Zoe", "Yan"])
    async with AsyncClient(server.base, clock=server.clock) as client:
        await group.found_async(client)
        await community.publish(client)
        poll = await ServerPoll.ready(client, server.clock, group, community, **options)
        server.forward(60)
        yield poll


async def verify_and_decrypt(poll: ServerPoll, folder: Path, words_compared: bool) -> None:
    """Four of five verify the same board and three of them decrypt; or only three are left, who compared words."""
    waits = "to verify the same board"
    if words_compared:
        for place in (1, 3, 4):
            assert waits in (await decrypt(poll, place, folder)).waits[0]
        assert (await poll.view()).shape.agreed == (1, 3, 4)
        assert (await poll.view()).shape.decrypted == ()
        steps = [(place, True) for place in (1, 3, 4)]
    else:
        for place in (1, 2, 3):
            assert waits in (await decrypt(poll, place, folder)).waits[0]
        assert (await poll.view()).shape.decrypted == ()
        steps = [(4, False), (1, False), (3, False)]
    left = ["Waits for 2 more trustees to decrypt.", "Waits for 1 more trustee to decrypt.", ""]
    for (place, flag), words in zip(steps, left, strict=True):
        done = await decrypt(poll, place, folder, words_compared=flag)
        assert words in "".join(done.waits)
    for place, _ in steps[:-1]:  # what is left to sign and to send; the last to decrypt has done it
        done = await decrypt(poll, place, folder)
    assert done.waits == []
    shape = (await poll.view()).shape
    assert shape.agreed == ((1, 3, 4) if words_compared else (1, 2, 3, 4))
    assert shape.decrypted == shape.signed == shape.sent == (1, 3, 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("store", "words_compared"),
    [
        ("sqlite", True),
        pytest.param("redis", False, marks=pytest.mark.redis),
    ],
)
async def test_thirty_one_members_and_three_of_five_trustees(
    store: str, words_compared: bool, tmp_path: Path
) -> None:
    """Ceremony, votes, a change of mind, three decrypt, the council learns the counts and acts, all is destroyed."""
    with served(store, tmp_path) as server:
        async with opened(server, 31, trustees_n=5, threshold=3) as poll:
            for n in range(1, 15):
                await poll.cast(f"github.com/m{n}", (1, 2, 3, 1)[n % 4])
            changed = await poll.cast("github.com/m2", 0)
            assert changed
            server.forward(DAY)
            await verify_and_decrypt(poll, tmp_path, words_compared)
            result = await poll.result()
            assert result.counts is not None
            # Of 14 six chose a warning, four a suspension, four abstained; then m2 went from abstaining to no action.
            assert result.counts.statement.counts == [1, 6, 4, 3]
            archive, evidence = await poll.complete(result)
            report = verify(ED25519, archive, evidence, manifest=poll.manifest.raw)
            assert report.passed, str(report)
            published = await gather_async(poll.client, poll.phi)
            digests = hash_hex(published.archive()), hash_hex(published.evidence())
            await poll.acknowledge("Yan")
            await poll.implement("A written warning was given.", 22_000, "Zoe")
            server.forward(40 * DAY)
            server.kill9()
            server.start()  # the first thing it does is housekeeping
            view = await poll.view()
            assert view.state == "archived"
            assert view.remains is not None
            assert (view.remains.archive, view.remains.evidence) == digests
            await poll.review(1, 22_000, "Not yet.", "Yan")
            await poll.review(2, None, "Welcome back.", "Zoe")
            if store == "sqlite":
                server.kill9()
                server.start()
            view = await poll.view()
            assert [(one.number, one.again, one.text) for one in view.shape.reviewed] == [
                (1, 22_000, "Not yet."),
                (2, None, "Welcome back."),
            ]
            assert view.state == "archived"
            with pytest.raises(Declined) as declined:
                await poll.client.do(poll_calls.opened_board(poll.manifest))
            assert declined.value.kind is Kind.POLL_ARCHIVED


@pytest.mark.slow
async def test_below_the_quorum_and_twelve_members(forwarded_server: TimedServer) -> None:
    """Of twelve the outcome alone is told; and when too few vote nothing is opened, and no action is the outcome."""
    server = forwarded_server
    async with opened(server, 12) as poll:
        for n in range(1, 9):
            await poll.cast(f"github.com/m{n}", 2)
        server.forward(DAY)
        await poll.decide((1, 2))
        await poll.deliver((1, 2))
        result = await poll.result()
        assert result.counts is None
        assert result.partial == {}
        assert result.outcome.statement.outcome == 2
    async with opened(server, 12, manifest={"quorum": 6}) as poll:
        await poll.cast("github.com/m1", 2)
        server.forward(DAY)
        await poll.decide((2, 3))
        await poll.deliver((2, 3))
        statement = (await poll.result()).outcome.statement
        assert (statement.quorum_met, statement.outcome, statement.ballots) == (False, 0, 1)
        assert (await poll.view()).shape.decrypted == ()
