"""Crashes while ballots come: the server or Redis is killed at random moments, and no ballot with a receipt is lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polls.casting import read_receipt
from service.wire import poll_calls
from service.wire.client import AsyncClient
from service.wire.failures import Declined, Unreachable
from tests.support.communities import Community
from tests.support.redis_server import RedisServer, redis_server
from tests.support.server_polls import DAY, ServerPoll
from tests.support.timed_server import TimedServer, timed_server

VOTERS = 9
SERVER_KILLED = 2  # times: it takes a second of processor time to start again, and Redis next to none
REDIS_KILLED = 3


@contextlib.asynccontextmanager
async def opened(server: TimedServer, community: Community) -> AsyncIterator[ServerPoll]:
    """An open poll on a server, whose pages end every minute."""
    async with AsyncClient(server.base, clock=server.clock) as client:
        group = community.group()
        await group.found_async(client)
        await community.publish(client)
        poll = await ServerPoll.ready(
            client, server.clock, group, community, manifest={"page_s": 60, "quorum": 1}
        )
        server.forward(61)
        yield poll


async def vote_until(stop: asyncio.Event, poll: ServerPoll, account: str, receipts: list[bytes]) -> None:
    """One voter, who votes again and again, and goes on after every failure.

    What failed is sent again, unchanged: to make another costs more than the server's answer, and a server that
    comes back meets both ballots that it has kept and ballots that it has not.
    """
    option, raw = 0, b""
    while not stop.is_set():
        if not raw:
            option = (option + 1) % 4
            raw = poll.make(account, option)
        with contextlib.suppress(Unreachable, Declined):
            receipts.append(await poll.post(raw))
            raw = b""
        await asyncio.sleep(0.01 if not raw else 0.2)


async def check(server: TimedServer, poll: ServerPoll, receipts: list[bytes]) -> None:
    """Every receipt's ballot is on its page, the record verifies, and each voter counts once."""
    server.forward(DAY)
    read = [read_receipt(poll.manifest, raw) for raw in receipts]
    board = (await poll.client.do(poll_calls.opened_board(poll.manifest))).board
    for receipt in read:
        assert receipt.ballot in board.pages[receipt.page].ballots
    closed = await poll.closed()
    assert closed.ballots == VOTERS
    assert len(read) > 2 * VOTERS


async def voting(server: TimedServer, community: Community, crash: RedisServer | None, seed: int) -> None:
    """Let all vote while the server, or its Redis, is killed and started again."""
    moments, receipts, stop = random.Random(seed), list[bytes](), asyncio.Event()
    async with opened(server, community) as poll:
        tasks = [
            asyncio.create_task(vote_until(stop, poll, f"github.com/m{n}", receipts))
            for n in range(1, VOTERS + 1)
        ]
        for _ in range(SERVER_KILLED if crash is None else REDIS_KILLED):
            await asyncio.sleep(moments.uniform(0.2, 0.7))
            server.forward(61)
            if crash is None:
                await asyncio.to_thread(server.kill9)
                await asyncio.to_thread(server.start)
            else:
                await asyncio.to_thread(crash.kill9)
                await asyncio.to_thread(crash.start)
        await asyncio.sleep(0.5)
        stop.set()
        await asyncio.gather(*tasks)
        for n in range(1, VOTERS + 1):
            with contextlib.suppress(Declined):
                receipts.append(await poll.cast(f"github.com/m{n}", 1))
        await check(server, poll, receipts)


@pytest.mark.slow
async def test_killing_the_server_loses_no_ballot_with_a_receipt(tmp_path: Path) -> None:
    """SIGKILL to the server at random moments while nine vote again and again, over SQLite."""
    community = Community.draw(VOTERS + 1)
    with timed_server(tmp_path) as server:
        await voting(server, community, None, 31)


@pytest.mark.redis
@pytest.mark.slow
async def test_killing_redis_loses_no_ballot_with_a_receipt(tmp_path: Path) -> None:
    """SIGKILL to Redis at random moments, under two workers; they find it again by themselves."""
    community = Community.draw(VOTERS + 1)
    with (
        redis_server(tmp_path / "redis") as redis,
        timed_server(tmp_path / "server", redis_url=redis.url, settings={"workers": 2}) as server,
    ):
        await voting(server, community, redis, 32)
