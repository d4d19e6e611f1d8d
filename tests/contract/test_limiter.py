"""Every limiter gives the same answers: in memory, in an SQLite file, in a real Redis."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from abuse import lottery
from abuse.admission import CLOCK_MARGIN_US, Passed, Queued, Turned, Why
from abuse.limits import Bucket, Rate
from crypto.entropy import system
from service.storage import limiter_redis
from service.storage.limiter import InProcessLimiter, LimiterUnavailable, wall_clock
from service.storage.limiter_redis import open_redis_limiter
from service.storage.limiters import UnknownLimiter, open_limiter
from tests.support.limiters import KINDS, SECOND, Clock, World, buckets, rush, step, world
from tests.support.redis_server import RedisServer, redis_server

CELL = json.loads((Path(__file__).parents[1] / "vectors" / "redis_cell.json").read_text())
HOUR_S = 3600


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("limits"), {"appendonly": "no"}) as running:
        yield running


@pytest.fixture(params=[pytest.param(k, marks=pytest.mark.redis if k == "redis" else ()) for k in KINDS])
async def at(request: pytest.FixtureRequest, tmp_path: Path, server: RedisServer) -> AsyncIterator[World]:
    async with world(request.param, tmp_path, server.url) as made:
        yield made


async def test_the_published_table_of_redis_cell_holds(at: World) -> None:
    """All 15 published cases, in order: remaining, reset, retry, limited."""
    start = at.clock.now_us
    bucket = buckets("cell", interval_us=CELL["interval_ms"] * 1000, burst=CELL["limit"])
    passed = 0
    for now, volume, remaining, reset, retry, limited in CELL["cases"]:
        at.clock.now_us = start + now * 1000
        result = await at.limiter.debit(bucket, volume)
        (verdict,) = result.verdicts
        got = (verdict.remaining, verdict.reset_after_us, verdict.retry_after_us, verdict.limited)
        assert got == (remaining, reset * 1000, -1 if retry < 0 else retry * 1000, limited)
        assert result.allowed is not limited
        passed += 1
    assert passed == 15


async def test_nothing_is_debited_when_any_bucket_refuses(at: World) -> None:
    """A bucket never pays for another's refusal, whichever place the refusing one has."""
    wide = buckets("wide", burst=9)
    narrow = buckets("narrow", burst=1)
    assert (await at.limiter.debit(wide + narrow)).allowed
    for order in (wide + narrow, narrow + wide, wide + narrow + buckets("third")):
        assert not (await at.limiter.debit(order)).allowed
    assert (await at.limiter.debit(wide, 0)).verdicts[0].remaining == 8
    assert (await at.limiter.debit(buckets("third"), 0)).verdicts[0].remaining == 5


async def test_a_turned_token_costs_no_bucket_anything(at: World) -> None:
    """Stale, early, expired and spent tokens leave the buckets as they were."""
    good = await at.token()
    assert await at.limiter.take(step(good)) == Passed()
    for bad in (
        await at.token(epoch=b"another!"),
        await at.token(ripens_s=1),
        await at.token(lives_s=0),
        good,
    ):
        assert isinstance(await at.limiter.take(step(bad)), Turned)
    assert (await at.limiter.debit(buckets("own"), 0)).verdicts[0].remaining == 4


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
async def test_clock_jumps_of_an_hour_cost_at_most_one_refill(at: World, jump_s: int) -> None:
    """After a jump either way: never more than one extra burst, never blocked longer than a refill."""
    bucket = buckets("jump")
    for _ in range(5):
        assert (await at.limiter.debit(bucket)).allowed
    at.clock.pass_s(jump_s)
    extra = sum([(await at.limiter.debit(bucket)).allowed for _ in range(20)])
    assert extra == (5 if jump_s > 0 else 0)
    at.clock.pass_s(1)
    assert (await at.limiter.debit(bucket)).allowed
    at.clock.pass_s(5)
    assert (await at.limiter.debit(bucket, 0)).verdicts[0].remaining == 5


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S, 30 * HOUR_S, -30 * HOUR_S])
async def test_a_spent_token_stays_spent_through_clock_jumps(at: World, jump_s: int) -> None:
    """Whatever the clock does and undoes, a token passes once."""
    spent = await at.token()
    assert await at.limiter.take(step(spent)) == Passed()
    for seconds in (jump_s, -jump_s, -jump_s, jump_s):
        at.clock.pass_s(seconds)
        for _ in range(600):  # far enough for a sweep
            outcome = await at.limiter.take(step(spent))
            assert isinstance(outcome, Turned)
            if at.clock.now_us % 2 == 0:
                break


async def test_a_clock_set_back_by_more_than_the_margin_begins_a_new_epoch(at: World) -> None:
    """Marks may be gone by then, so everything older is answered "take a new one"."""
    token = await at.token(lives_s=50 * HOUR_S)
    assert await at.limiter.take(step(await at.token())) == Passed()
    at.clock.now_us -= CLOCK_MARGIN_US + 1
    assert await at.limiter.take(step(token)) == Turned(Why.STALE)
    assert await at.limiter.take(step(await at.token())) != Turned(Why.STALE)


async def test_a_ticket_passes_from_its_ripening_until_its_end(at: World) -> None:
    """The limits of both times, to the microsecond, on the limiter's clock."""
    start = at.clock.now_us
    early, late = await at.token(ripens_s=10, lives_s=20), await at.token(ripens_s=10, lives_s=20)
    at.clock.now_us = start + 10 * SECOND - 1
    assert await at.limiter.take(step(early)) == Turned(Why.EARLY, 1)
    at.clock.now_us = start + 10 * SECOND
    assert await at.limiter.take(step(early)) == Passed()
    at.clock.now_us = start + 20 * SECOND
    assert await at.limiter.take(step(late)) == Turned(Why.EXPIRED)


async def test_when_the_bucket_is_empty_the_lowest_lots_win(at: World) -> None:
    """Seven wait for three places: who came first doesn't matter; winners pass whenever they come back."""
    for _ in range(5):
        assert await at.limiter.take(step(await at.token())) == Passed()
    at.clock.now_us += lottery.slot_ends_in_us(at.clock.now_us) - 3 * SECOND
    crowd = [await at.token(lot) for lot in (60, 10, 50, 20, 40, 30, 70)]
    while not isinstance(await at.limiter.take(step(await at.token(9999))), Queued):
        pass
    outcomes = [await at.limiter.take(step(token)) for token in crowd]
    assert Passed() not in outcomes
    at.clock.pass_s(3)
    assert (await at.limiter.debit(buckets("own"), 0)).verdicts[0].remaining >= 3
    results = {token.lot: await at.limiter.take(step(token)) for token in crowd}
    won = {lot for lot, outcome in results.items() if outcome == Passed()}
    assert won == set(sorted(results)[: len(won)])
    assert 3 <= len(won) < 7
    for token in crowd:
        if token.lot in won:
            assert await at.limiter.take(step(token)) == Turned(Why.SPENT)


async def test_asking_faster_changes_no_lot(at: World) -> None:
    """A token that asks a hundred times holds one seat, and counts once in the pressure."""
    at.clock.now_us -= at.clock.now_us % lottery.SLOT_US
    for _ in range(5):
        await at.limiter.take(step(await at.token()))
    pushy, calm = await at.token(2), await at.token(1)
    for _ in range(100):
        assert isinstance(await at.limiter.take(step(pushy)), Queued)
    assert isinstance(await at.limiter.take(step(calm)), Queued)
    at.clock.now_us += lottery.SLOT_US
    pulse = await at.limiter.pulse("room", Rate(SECOND, 5))
    assert pulse.pressure == (5 + 2) * 1000 // 4 // 5


async def test_efforts_are_kept_to_the_latest_31(at: World) -> None:
    for effort in range(1, 41):
        assert await at.limiter.take(step(await at.token(effort=effort))) == Passed()
        at.clock.pass_s(1)
    assert (await at.limiter.pulse("room", Rate(SECOND, 5))).efforts == tuple(range(10, 41))


async def test_one_token_in_a_hundred_way_race_passes_once(at: World) -> None:
    token = await at.token()
    outcomes = await asyncio.gather(*(at.limiter.take(step(token, burst=200)) for _ in range(100)))
    assert outcomes.count(Passed()) == 1
    assert outcomes.count(Turned(Why.SPENT)) == 99


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
async def test_random_histories_agree_with_memory(kind: str, tmp_path: Path, server: RedisServer) -> None:
    """The same 1,500 random requests, with pauses, floods and clock jumps, get the same outcomes everywhere."""
    for seed in range(5):
        rng = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        async with world(kind, folder, server.url) as one, world("memory", folder, "") as other:
            pool: list[Any] = []
            jump = rng.choice((3600, -3600, 30))
            for turn in range(300):
                match rng.random():
                    case x if x < 0.25:
                        pause = rng.choice((0.1, 0.7, 1.3, 4, 9, 60, jump))
                        jump = -jump if pause == jump else jump  # there and back, as a corrected clock goes
                        one.clock.pass_s(pause)
                        other.clock.pass_s(pause)
                    case x if x < 0.35:
                        names = rng.sample(["shared", "a", "b", "x"], 2)
                        quantity = rng.randrange(4)
                        assert await one.limiter.debit(
                            buckets(*names), quantity
                        ) == await other.limiter.debit(buckets(*names), quantity)
                        continue
                if not pool or rng.random() < 0.7:
                    want = (
                        rng.getrandbits(lottery.LOT_BITS),
                        rng.choice((2, 60, 3600)),
                        rng.choice((0, 0, 3)),
                    )
                    effort = rng.choice((0, 7, 9))
                    pool.append(
                        tuple(
                            [
                                await w.token(want[0], lives_s=want[1], ripens_s=want[2], effort=effort)
                                for w in (one, other)
                            ]
                        )
                    )
                ours, theirs = rng.choice(pool[-12:])
                room = rng.choice(("a", "b"))
                got = await one.limiter.take(step(ours, "shared", room, room=room))
                assert got == await other.limiter.take(step(theirs, "shared", room, room=room)), (seed, turn)
                seen, expected = [await w.limiter.pulse(room, Rate(SECOND, 5)) for w in (one, other)]
                assert (seen.pressure, seen.efforts) == (expected.pressure, expected.efforts), (seed, turn)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
async def test_four_processes_and_400_attempts_admit_exactly_20(
    kind: str, tmp_path: Path, server: RedisServer
) -> None:
    with server.client() as client:
        client.flushall()
    address = f"sqlite:{tmp_path / 'rush.sqlite'}" if kind == "sqlite" else server.url
    assert sum(await rush(address, processes=4, each=100)) == 20


async def test_400_concurrent_attempts_in_one_process_admit_exactly_20() -> None:
    """The in-memory limiter serves one process; threads and tasks of it can't over-admit."""
    limiter = InProcessLimiter(Clock(), system)
    bucket = buckets("rush", interval_us=HOUR_S * SECOND, burst=20)
    threads = [asyncio.to_thread(lambda: asyncio.run(_many(limiter, bucket))) for _ in range(4)]
    assert sum(await asyncio.gather(*threads)) == 20


async def _many(limiter: InProcessLimiter, bucket: tuple[Bucket, ...]) -> int:
    done = await asyncio.gather(*(limiter.debit(bucket) for _ in range(100)))
    return sum(result.allowed for result in done)


async def test_memory_stays_bounded_under_a_flood_of_free_tickets() -> None:
    """Tokens that don't win leave nothing behind: a flood of free tickets can't fill the memory."""
    clock = Clock()
    limiter = InProcessLimiter(clock, system)
    at = World(limiter, clock)
    rng = random.Random(1)
    epoch = (await at.limiter.pulse("any", Rate(SECOND, 5))).epoch
    for _ in range(20_000):
        await limiter.take(step(await at.token(rng.getrandbits(40), epoch=epoch)))
        clock.now_us += 4_000
    assert limiter.size() < 5 + 80 + 40


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sqlite:",
        "http://127.0.0.1",
        "memory",
        "redis://:hidden@localhost:port",
        "redis+cluster://:hidden@x:y",
    ],
)
async def test_an_address_that_cannot_be_read_is_refused(address: str) -> None:
    """With the kinds there are, and without the password that may be in it."""
    with pytest.raises(UnknownLimiter, match="redis://HOST:PORT/DB") as refused:
        await open_limiter(address)
    assert "hidden" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.redis
async def test_a_wrong_password_is_told_as_such(tmp_path: Path) -> None:
    """Not as a Redis that is away."""
    with redis_server(tmp_path, {"appendonly": "no", "requirepass": "right"}) as guarded:
        port = guarded.url.rpartition(":")[2].partition("/")[0]
        for login in ("", ":hidden@", "nobody:hidden@"):
            with pytest.raises(LimiterUnavailable, match="wants another user name or password"):
                await open_limiter(f"redis://{login}127.0.0.1:{port}")
        await (await open_limiter(f"redis://:right@127.0.0.1:{port}")).close()


async def test_as_many_at_once_as_come_are_answered(at: World) -> None:
    """More than a client's pool has connections: a flood is no reason to answer anybody "can't be reached"."""
    done = await asyncio.gather(*(at.limiter.debit(buckets("crowd", burst=400)) for _ in range(500)))
    assert sum(result.allowed for result in done) == 400


@pytest.mark.redis
async def test_requests_do_not_pile_up_at_a_redis_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gets no place is told so: all are answered within the same time."""
    monkeypatch.setattr(limiter_redis, "_PATIENCE_S", 0.2)
    with redis_server(tmp_path, {"appendonly": "no"}) as hanging:
        limiter = await open_redis_limiter(f"{hanging.url}?socket_timeout=1", system)
        await limiter.debit(buckets("crowd"))
        os.kill(hanging.pid, signal.SIGSTOP)
        try:
            steps = [limiter.debit(buckets("crowd", burst=400)) for _ in range(300)]
            async with asyncio.timeout(20):
                done = await asyncio.gather(*steps, return_exceptions=True)
        finally:
            os.kill(hanging.pid, signal.SIGCONT)
            await limiter.close()
        assert all(isinstance(one, LimiterUnavailable) for one in done)


@pytest.mark.redis
async def test_efforts_are_known_an_hour_after_the_last_of_them(server: RedisServer) -> None:
    """Not an hour after the first: few acceptances an hour are no reason to forget them."""
    client: Any = Redis.from_url(server.url)
    limiter = await open_redis_limiter(server.url, system, prefix="efforts")
    at = World(limiter, Clock(now_us=wall_clock()))
    try:
        for _ in range(3):
            assert await limiter.take(step(await at.token(effort=7))) == Passed()
            (key,) = await client.keys("{efforts-limits}:efforts:*")
            assert await client.pttl(key) > 3_590_000
            await client.pexpire(key, 60_000)
        assert (await limiter.pulse("room", Rate(SECOND, 5))).efforts == (7, 7, 7)
    finally:
        await limiter.close()
        await client.aclose()
