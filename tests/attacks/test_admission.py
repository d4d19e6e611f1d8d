"""Attacks on admission, against the whole of it: server glue, real limiters, real Redis where it matters."""

from __future__ import annotations

import asyncio
import shutil
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from abuse.admission import Why
from abuse.difficulty import Effort, Wait
from abuse.plan import Limits
from abuse.routes import NO_GROUP, AdmissionKey, Lane, Route
from bench.flood import flood, solved
from crypto.entropy import system
from service.server.admission import (
    BULK_FROM,
    HELD_AT_ONCE,
    Admission,
    Admitted,
    Again,
    Challenge,
    Decision,
    Waiting,
)
from service.storage.limiter import InProcessLimiter, LimiterUnavailable
from service.storage.limiter_redis import UnfitForLimits, open_redis_limiter
from service.storage.limiter_sqlite import SqliteLimiter
from service.storage.limiters import open_limiter
from tests.support.limiters import Clock
from tests.support.redis_server import redis_cluster, redis_server, wait_until

GROUP, OTHER = bytes(range(16)), bytes(16 * [7])
KEY = AdmissionKey(bytes(range(32)))
LIMITS = Limits(report_effort=Effort(2, 16), mailbox_effort=Effort(2, 16), report_wait=Wait(5, 20))
SMALL = Limits(report_effort=Effort(1, 8), group_reports_burst=6, group_reports_per_hour=360)


class Door:
    """An admission with its clock."""

    def __init__(self, limits: Limits = LIMITS, held: int = 0) -> None:
        self.clock = Clock()
        self.limiter = InProcessLimiter(self.clock, system)
        self.slept: list[float] = []
        self.admission = Admission(
            KEY,
            self.limiter,
            limits,
            monotonic_s=lambda: self.clock.now_us / 1e6,
            sleep=self._sleep,
            held_requests=held,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.pass_s(seconds)
        await asyncio.sleep(0)

    async def challenge(self, group: bytes = GROUP, route: Route = Route.REPORTS) -> Challenge:
        return await self.admission.challenge(group, route)

    async def admit(
        self, token: str | None, group: bytes = GROUP, route: Route = Route.REPORTS, size: int = 0
    ) -> Decision:
        return await self.admission.admit(group, route, token, size=size)

    async def fill(self) -> None:
        """Use up every place of the fast and of the slow lane."""
        for _ in range(12):
            await self.admit(solved(await self.challenge()))
        tickets = [(await self.challenge()).ticket for _ in range(12)]
        self.clock.pass_s(20)
        for ticket in tickets:
            await self.admit(ticket)


@pytest.fixture
async def door() -> Door:
    return Door()


def why(decision: Decision) -> Why | None:
    return decision.why if isinstance(decision, Again) else None


async def test_a_solved_puzzle_and_a_ripe_ticket_get_in(door: Door) -> None:
    challenge = await door.challenge()
    assert await door.admit(solved(challenge)) == Admitted(Lane.FAST)
    door.clock.pass_s(challenge.ticket_ripens_in_s + 1)
    assert await door.admit(challenge.ticket) == Admitted(Lane.SLOW)


async def test_the_table_of_refused_solutions(door: Door) -> None:
    """Altered, replayed, spliced, expired, cross-route, cross-group, unsolved, stale, early: each names its reason."""
    one, two = await door.challenge(), await door.challenge()
    token, second = solved(one), solved(two)
    mailbox = solved(await door.challenge(NO_GROUP, Route.MAILBOX))
    foreign = solved(await door.challenge(OTHER))
    assert await door.admit(second) == Admitted(Lane.FAST)
    table: list[tuple[str, str | None, Why]] = [
        ("none", None, Why.MISSING),
        ("altered", ("B" if token[20] != "B" else "C").join((token[:20], token[21:])), Why.UNUSABLE),
        ("replayed", second, Why.SPENT),
        ("spliced", two.puzzle[:-1] + token[len(two.puzzle) - 1 :], Why.UNUSABLE),
        ("cross-route", mailbox, Why.UNUSABLE),
        ("cross-group", foreign, Why.UNUSABLE),
        ("not solved", one.puzzle, Why.UNUSABLE),
        ("early ticket", one.ticket, Why.EARLY),
        ("empty", "", Why.UNUSABLE),
        ("huge", "A" * 10_000_000, Why.UNUSABLE),
    ]
    for name, text, reason in table:
        assert why(await door.admit(text)) is reason, name
    stale = solved(await Door().challenge())
    assert why(await door.admit(stale)) is Why.STALE
    door.clock.pass_s(LIMITS.puzzle_lives_s + 1)
    assert why(await door.admit(token)) is Why.EXPIRED
    door.clock.pass_s(LIMITS.ticket_lives_s)
    assert why(await door.admit(one.ticket)) is Why.EXPIRED


async def test_each_refusal_brings_what_makes_the_next_one_pass(door: Door) -> None:
    """Never a dead end: the challenge inside `Again` admits."""
    for text in (None, "nonsense", solved(await Door().challenge())):
        decision = await door.admit(text)
        assert isinstance(decision, Again)
        assert await door.admit(solved(decision.challenge)) == Admitted(Lane.FAST)


async def test_no_report_is_refused_when_the_place_is_full() -> None:
    """Full buckets mean waiting and drawing; everybody gets in after a while, in both lanes."""
    door = Door(SMALL)
    await door.fill()
    for slow in (False, True):
        challenge = await door.challenge()
        token = challenge.ticket if slow else solved(challenge)
        for _ in range(200):
            match await door.admit(token):
                case Admitted():
                    break
                case Waiting(pause_s):
                    door.clock.pass_s(pause_s)
                case Again(Why.NOT_DRAWN, _, fresh):
                    token = fresh.ticket if slow else solved(fresh)
                case Again(Why.EARLY, pause_s, _):
                    door.clock.pass_s(pause_s)
                case other:
                    pytest.fail(f"not let in: {other}")
        else:
            pytest.fail("waited for ever")


async def test_a_place_for_a_small_report_lets_no_big_one_in() -> None:
    """Win a draw with a small body, come back with 8 MiB: the places of big reports are drawn apart."""
    door = Door(SMALL)
    await door.fill()
    token = solved(await door.challenge())
    decision = await door.admit(token)
    for _ in range(20):  # the big reports' places, used up by others
        await door.admit(solved(await door.challenge()), size=BULK_FROM)
    while not isinstance(decision, Waiting):
        token = solved(await door.challenge())
        decision = await door.admit(token)
        door.clock.pass_s(1)
    door.clock.pass_s(decision.retry_after_s)
    await door.admit(solved(await door.challenge()))  # somebody holds the draw
    assert not isinstance(await door.admit(token, size=BULK_FROM), Admitted)


async def test_slow_lane_starvation_fails() -> None:
    """A fast-lane flood that takes all it can: every ripe ticket at the slow lane's pace gets in at once."""
    door = Door(Limits(report_effort=Effort(1, 8)))
    rate_s = 3600 / (9_000 / 3)
    tickets = [(await door.challenge()).ticket for _ in range(120)]
    door.clock.pass_s(130)
    for ticket in tickets:
        for _ in range(4):
            await door.admit(solved(await door.challenge()))
        assert await door.admit(ticket) == Admitted(Lane.SLOW)
        door.clock.pass_s(rate_s)


async def test_difficulty_inflation_stops_at_the_ceiling() -> None:
    """Someone who solves anything, as fast as they like, for ten minutes: never above the ceiling, then calm again."""
    door = Door(Limits(report_effort=Effort(1, 8), group_reports_per_hour=900, group_reports_burst=10))
    seen = set()
    waiting: list[str] = []
    for _ in range(2_000):
        challenge = await door.challenge()
        seen.add(challenge.difficulty)
        for token in (solved(challenge), *waiting[:1]):
            waiting = [other for other in waiting if other != token]
            if isinstance(await door.admit(token), Waiting):
                waiting.append(token)
        door.clock.pass_s(0.3)
    assert max(seen) == 8
    door.clock.pass_s(120)
    assert (await door.challenge()).difficulty == 1


async def test_replaying_one_losing_token_inflates_nothing() -> None:
    """Ten thousand presentations of one solved puzzle are one token's worth of pressure."""
    door = Door(SMALL)
    await door.fill()
    token = solved(await door.challenge())
    before = (await door.challenge()).difficulty
    for _ in range(1_000):
        decision = await door.admit(token)
        if isinstance(decision, Admitted):
            break
        door.clock.pass_s(0.05)
    # Filling the door may by itself raise the difficulty by one step (twice the work) as its pulse is counted;
    # were each replay counted, it would stand at its ceiling of eight times.
    assert (await door.challenge()).difficulty <= 2 * before


async def test_a_page_without_scripts_is_held_and_let_in() -> None:
    """The server waits for the reader: an unripe ticket ripens, a lost draw is followed by another."""
    door = Door(SMALL, held=2)
    ticket = (await door.challenge()).ticket
    assert await door.admission.admit_patiently(GROUP, Route.REPORTS, ticket) == Admitted(Lane.SLOW)
    assert sum(door.slept) <= 50


async def test_held_requests_are_bounded() -> None:
    """With no seat left the decision comes at once, so that a flood of held connections holds nothing."""
    door = Door(SMALL, held=0)
    ticket = (await door.challenge()).ticket
    decision = await door.admission.admit_patiently(GROUP, Route.REPORTS, ticket)
    assert why(decision) is Why.EARLY
    assert not door.slept
    door = Door(SMALL, held=1)
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def doze(seconds: float) -> None:
        asleep.set()
        await wake.wait()
        door.clock.pass_s(seconds)

    door.admission._sleep = doze
    tickets = [(await door.challenge()).ticket for _ in range(5)]
    first = asyncio.create_task(door.admission.admit_patiently(GROUP, Route.REPORTS, tickets[0]))
    await asleep.wait()
    for other in tickets[1:]:
        assert why(await door.admission.admit_patiently(GROUP, Route.REPORTS, other)) is Why.EARLY
    wake.set()
    assert await first == Admitted(Lane.SLOW)


async def test_held_bytes_are_bounded() -> None:
    """Large forms that wait are held up to a number of bytes together; one more is decided at once."""
    door = Door(SMALL, held=64)
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def doze(seconds: float) -> None:
        asleep.set()
        await wake.wait()
        door.clock.pass_s(seconds)

    door.admission._sleep = doze
    first, second = [(await door.challenge()).ticket for _ in range(2)]
    held = door.admission.admit_patiently(GROUP, Route.REPORTS, first, size=HELD_AT_ONCE - 1_000)
    waiting = asyncio.create_task(held)
    await asleep.wait()
    more = await door.admission.admit_patiently(GROUP, Route.REPORTS, second, size=1_001)
    assert why(more) is Why.EARLY
    wake.set()
    assert await waiting == Admitted(Lane.SLOW)


async def test_impatience_ends() -> None:
    door = Door(SMALL, held=1)
    ticket = (await door.challenge()).ticket
    decision = await door.admission.admit_patiently(GROUP, Route.REPORTS, ticket, patience_s=3)
    assert why(decision) is Why.EARLY


@pytest.mark.slow
def test_the_flood() -> None:
    """10,000 puzzles and 10,000 tickets an hour of junk: fast p95 under 60 s on every device, nobody refused."""
    result = flood(8, seed=4, honest_per_hour=600)
    assert result["refused honest"] == 0
    for name, numbers in result["honest"].items():
        assert numbers["accepted"] == numbers["sent"] >= 15
        assert numbers["p95_s"] < (60 if name != "scripts off" else 600), (name, numbers)
    assert result["highest difficulty"] <= 131_072


@pytest.mark.redis
@pytest.mark.parametrize("end", ["kill9", "flush", "old snapshot", "script flush"])
async def test_a_redis_that_lost_its_memory_revives_no_spent_token(end: str, tmp_path: Path) -> None:
    """Killed, flushed, restored from a snapshot before the spend: older tokens are stale, new ones pass."""
    with redis_server(tmp_path / "r", {"appendonly": "no"}) as server:
        limiter = await open_redis_limiter(server.url, system)
        other = await open_redis_limiter(server.url, system)
        door, second = Admission(KEY, limiter, LIMITS), Admission(KEY, other, LIMITS)
        spent = solved(await door.challenge(GROUP, Route.REPORTS))
        unspent = solved(await second.challenge(GROUP, Route.REPORTS))
        if end == "old snapshot":
            with server.client() as client:
                client.save()
        assert await door.admit(GROUP, Route.REPORTS, spent) == Admitted(Lane.FAST)
        assert why(await second.admit(GROUP, Route.REPORTS, spent)) is Why.SPENT
        match end:
            case "flush":
                with server.client() as client:
                    client.flushall()
            case "script flush":
                with server.client() as client:
                    client.script_flush()
            case _:
                server.kill9()
                server.start()
        if end == "old snapshot":
            with server.client() as client:
                assert client.dbsize() > 0, "the snapshot came back, with the old epoch in it"
        for text in (spent, unspent):
            for asked in (door, second):
                assert why(await asked.admit(GROUP, Route.REPORTS, text)) is Why.STALE
        fresh = solved(await second.challenge(GROUP, Route.REPORTS))
        decision = await door.admit(GROUP, Route.REPORTS, fresh)
        if why(decision) is Why.STALE:  # the second server's look was up to a second old
            assert isinstance(decision, Again)
            decision = await door.admit(GROUP, Route.REPORTS, solved(decision.challenge))
        assert decision == Admitted(Lane.FAST)
        await limiter.close()
        await other.close()


@pytest.mark.redis
async def test_a_promoted_replica_revives_no_spent_token(tmp_path: Path) -> None:
    """A replica may lack the last marks, so nothing of before its promotion passes there."""
    with (
        redis_server(tmp_path / "one", {"appendonly": "no"}) as one,
        redis_server(tmp_path / "two", {"appendonly": "no"}) as two,
    ):
        with two.client() as client:
            client.replicaof("127.0.0.1", str(one.port))
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", what="in step")
        before = await open_redis_limiter(one.url, system)
        door = Admission(KEY, before, LIMITS)
        spent = solved(await door.challenge(GROUP, Route.REPORTS))
        assert await door.admit(GROUP, Route.REPORTS, spent) == Admitted(Lane.FAST)
        await before.close()
        with two.client() as client:
            wait_until(lambda: bool(client.exists("{sv-limits}:life")), what="the epoch is replicated")
            one.kill9()
            client.replicaof("NO", "ONE")
        after = await open_redis_limiter(two.url, system)
        decision = await Admission(KEY, after, LIMITS).admit(GROUP, Route.REPORTS, spent)
        assert why(decision) is Why.STALE
        await after.close()


@pytest.mark.redis
@pytest.mark.slow
async def test_admission_works_on_a_cluster(tmp_path: Path) -> None:
    """Every key of a step is in one slot, or the cluster itself would refuse the script."""
    with redis_cluster(tmp_path) as cluster:
        limiter = await open_limiter(f"redis+cluster://127.0.0.1:{cluster.nodes[0].port}")
        door = Admission(KEY, limiter, SMALL)
        outcomes = []
        for _ in range(12):
            token = solved(await door.challenge(GROUP, Route.REPORTS))
            outcomes.append(await door.admit(GROUP, Route.REPORTS, token))
            again = await door.admit(GROUP, Route.REPORTS, token)
            assert not isinstance(again, Admitted)
        assert Admitted(Lane.FAST) in outcomes
        assert any(isinstance(outcome, Waiting) for outcome in outcomes)
        await limiter.close()


@pytest.mark.redis
async def test_a_redis_that_is_gone_lets_nothing_in(tmp_path: Path) -> None:
    with redis_server(tmp_path / "r", {"appendonly": "no"}) as server:
        limiter = await open_redis_limiter(server.url, system)
        door = Admission(KEY, limiter, LIMITS)
        token = solved(await door.challenge(GROUP, Route.REPORTS))
        server.kill9()
        with pytest.raises(LimiterUnavailable):
            await door.admit(GROUP, Route.REPORTS, token)
        with pytest.raises(LimiterUnavailable):
            await open_limiter(server.url)
        await limiter.close()


@pytest.mark.redis
async def test_a_redis_that_evicts_is_not_used(tmp_path: Path) -> None:
    with (
        redis_server(tmp_path / "r", {"appendonly": "no", "maxmemory-policy": "allkeys-lru"}) as server,
        pytest.raises(UnfitForLimits),
    ):
        await open_redis_limiter(server.url, system)


@pytest.mark.redis
async def test_all_keys_of_a_step_lie_in_one_cluster_slot(tmp_path: Path) -> None:
    """And no key, name or value in Redis says anything but lane, group, token and numbers."""
    with redis_server(tmp_path / "r", {"appendonly": "no"}) as server:
        limiter = await open_redis_limiter(server.url, system)
        door = Admission(KEY, limiter, SMALL)
        for _ in range(12):
            await door.admit(GROUP, Route.REPORTS, solved(await door.challenge(GROUP, Route.REPORTS)))
        with server.client() as client:
            keys = list(client.scan_iter(b"*"))
            assert len(keys) > 8
            assert all(key.startswith(b"{sv-limits}:") for key in keys)
            lasting = [key for key in keys if client.ttl(key) < 0]
            assert lasting == [b"{sv-limits}:life"], "everything but the epoch goes by itself"
        await limiter.close()


async def test_an_sqlite_limiter_from_before_a_boot_revives_no_spent_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may lag behind what was answered when the power went: after a boot its tokens are stale."""
    path = tmp_path / "limits.sqlite"
    first = SqliteLimiter(path, Clock(), system)
    again = SqliteLimiter(path, Clock(), system)
    door, second = Admission(KEY, first, LIMITS), Admission(KEY, again, LIMITS)
    token = solved(await door.challenge(GROUP, Route.REPORTS))
    assert await second.admit(GROUP, Route.REPORTS, token) == Admitted(Lane.FAST)
    await first.close()
    await again.close()
    monkeypatch.setattr("service.storage.limiter_sqlite.boot_id", lambda: "another boot")
    later = SqliteLimiter(path, Clock(), system)
    assert why(await Admission(KEY, later, LIMITS).admit(GROUP, Route.REPORTS, token)) is Why.STALE
    await later.close()


async def test_a_damaged_sqlite_limiter_lets_nothing_in(tmp_path: Path) -> None:
    path = tmp_path / "limits.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LimiterUnavailable):
        SqliteLimiter(path, Clock(), system)
    with pytest.raises(LimiterUnavailable):
        SqliteLimiter(tmp_path / "no folder" / "x", Clock(), system)
    shutil.rmtree(tmp_path)


def test_a_token_carries_nothing_of_the_client() -> None:
    """Two people who ask at the same moment get tokens that differ in nonce and MAC only."""

    async def ask() -> list[bytes]:
        door = Door()
        return [urlsafe_b64decode((await door.challenge()).ticket + "=") for _ in range(2)]

    one, two = asyncio.run(ask())
    assert one[:10] == two[:10]
    assert one[26:34] == two[26:34]
