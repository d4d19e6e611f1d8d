"""Buckets and plans: what no order of requests can break."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.difficulty import Wait
from abuse.limits import HOUR_US, Bucket, Rate, ask, ask_all, pay_one
from abuse.plan import Limits, plan
from abuse.routes import NO_GROUP, Lane, Route

GROUP, OTHER = bytes(range(16)), bytes(16 * [9])
rates = st.builds(Rate, st.integers(1, 10**7), st.integers(1, 50))


@given(rates, st.lists(st.integers(0, 10**7), max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_window_lets_more_through_than_burst_and_refill(rate: Rate, pauses: list[int]) -> None:
    """Over any span of t: at most burst + t / interval."""
    now, arrival, passed = 10**15, None, 0
    start = now
    for pause in pauses:
        now += pause
        verdict = ask(arrival, rate, 1, now)
        if not verdict.limited:
            arrival, passed = verdict.arrival_us, passed + 1
    assert passed <= rate.burst + (now - start) // rate.interval_us


@given(rates, st.integers(0, 50), st.integers(-(10**12), 10**12))
@settings(max_examples=100, deadline=None)
def test_whoever_comes_back_when_told_is_let_through(rate: Rate, used: int, jump: int) -> None:
    """After a clock jump of any size, retry_after is at most one refill, and right."""
    now = 10**15
    first = ask(None, rate, min(used, rate.burst), now)
    now += jump
    verdict = ask(first.arrival_us, rate, 1, now)
    if verdict.limited:
        assert 0 < verdict.retry_after_us <= rate.tolerance_us
        assert not ask(verdict.arrival_us, rate, 1, now + verdict.retry_after_us).limited
        assert ask(verdict.arrival_us, rate, 1, now + verdict.retry_after_us - 1).limited


def test_one_refusal_refuses_all() -> None:
    free, full = Bucket("free", Rate(1000, 5)), Bucket("full", Rate(1000, 1))
    allowed, verdicts = ask_all([None, 10_000_001_000], [free, full], 1, 10_000_000_000)
    assert not allowed
    assert [verdict.limited for verdict in verdicts] == [False, True]


@pytest.mark.parametrize("wrong", [(0, 1), (1, 0), (-1, 1), (1, 8193), (HOUR_US * 24 + 1, 1)])
def test_a_rate_out_of_range_is_refused(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        Rate(*wrong)


@pytest.mark.parametrize("share", [0.25, 0.3, 1 / 3, 0.5, 0.75])
@pytest.mark.parametrize("hungry", list(Lane))
def test_neither_lane_can_use_up_the_others_part(share: float, hungry: Lane) -> None:
    """While one lane takes all it can for an hour, the other still gets its whole share: no starvation."""
    limits = Limits(slow_share=share)
    patient = Lane.SLOW if hungry is Lane.FAST else Lane.FAST
    arrivals: dict[str, int | None] = {}
    passed = {hungry: 0, patient: 0}
    now = 10**15
    part = share if patient is Lane.SLOW else 1 - share

    def go(lane: Lane) -> bool:
        buckets = plan(limits, GROUP, Route.REPORTS, lane).buckets
        allowed, verdicts = ask_all([arrivals.get(b.name) for b in buckets], buckets, 1, now)
        if allowed:
            arrivals.update({b.name: v.arrival_us for b, v in zip(buckets, verdicts, strict=True)})
            passed[lane] += 1
        return allowed

    own = plan(limits, GROUP, Route.REPORTS, patient).rate
    for _ in range(4_000):
        while go(hungry):
            pass
        assert go(patient), "the patient lane is let through at its own pace, always"
        now += own.interval_us
    hours = 4_000 * own.interval_us / HOUR_US
    assert passed[patient] >= 0.99 * part * limits.group_reports_per_hour * hours
    assert passed[patient] / hours >= 0.99 * 0.25 * limits.group_reports_per_hour


def test_one_groups_flood_leaves_the_other_groups_half() -> None:
    limits = Limits()
    arrivals: dict[str, int | None] = {}
    now = 10**15
    for group, least in ((GROUP, 0), (OTHER, 40)):
        passed = 0
        while True:
            buckets = plan(limits, group, Route.REPORTS, Lane.FAST).buckets
            allowed, verdicts = ask_all([arrivals.get(b.name) for b in buckets], buckets, 1, now)
            if not allowed:
                break
            arrivals.update({b.name: v.arrival_us for b, v in zip(buckets, verdicts, strict=True)})
            passed += 1
        assert passed >= least


def test_big_reports_have_rooms_of_their_own() -> None:
    small, big = (plan(Limits(), GROUP, Route.REPORTS, Lane.FAST, bulk) for bulk in (False, True))
    assert small.room != big.room
    assert big.rate.interval_us > small.rate.interval_us
    names = {bucket.name for bucket in small.buckets} | {bucket.name for bucket in big.buckets}
    assert names <= {"reports", "reports:fast", f"reports:{GROUP.hex()}", small.room, big.room}


@pytest.mark.parametrize(
    "wrong",
    [
        {"slow_share": 0.2},
        {"slow_share": 0.8},
        {"ticket_lives_s": 60},
        {"puzzle_lives_s": 1},
        {"group_reports_burst": 1},
        {"mailbox_opens_burst": 5000},
        {"group_bulk_per_hour": 3},
        {"casts_per_hour": 3},
        {"casts_burst": 4097},
        {"cast_wait": Wait(20, 1_000), "ticket_lives_s": 900},
        {"server_reports_per_hour": 10**9},
    ],
)
def test_limits_that_would_shut_somebody_out_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Limits(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("lane", list(Lane))
def test_ballots_have_rooms_of_their_own(lane: Lane) -> None:
    """A poll's last hour keeps no report out, nor a flood of reports a ballot."""
    limits, other = Limits(), bytes(15) + b"\x07"
    casts = plan(limits, GROUP, Route.CASTS, lane)
    for route, group in ((Route.REPORTS, GROUP), (Route.MAILBOX, NO_GROUP)):
        names = {bucket.name for bucket in plan(limits, group, route, lane).buckets}
        assert names.isdisjoint(bucket.name for bucket in casts.buckets)
    assert casts.room != plan(limits, other, Route.CASTS, lane).room
    whole, shared, own = (bucket.rate for bucket in casts.buckets)
    assert whole.burst > shared.burst == own.burst
    assert whole.interval_us < own.interval_us


def test_a_mailbox_belongs_to_no_group() -> None:
    assert plan(Limits(), NO_GROUP, Route.MAILBOX, Lane.SLOW).room == "mailbox:slow"
    with pytest.raises(ValueError):
        plan(Limits(), GROUP, Route.MAILBOX, Lane.SLOW)


def test_the_largest_limits_allowed_make_a_plan() -> None:
    """Whatever `Limits` takes, a request can be planned: an operator learns of a mistake at the start, not later."""
    for burst, per_hour in ((4096, 10**8), (4, 4)):
        limits = Limits(per_hour, burst, per_hour, burst, per_hour, burst, per_hour, burst, per_hour, burst)
        for lane in Lane:
            for bulk in (False, True):
                assert plan(limits, GROUP, Route.REPORTS, lane, bulk).rate.burst >= 1
            assert plan(limits, NO_GROUP, Route.MAILBOX, lane).rate.burst >= 1


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 50)),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 10**9),
)
def test_paying_one_is_asking_for_one(given_: list[tuple[int | None, int, int]], now_us: int) -> None:
    """The short way decides and keeps just what the long way does."""
    arrivals = [arrival for arrival, _, _ in given_]
    buckets = [Bucket(str(n), Rate(interval, burst)) for n, (_, interval, burst) in enumerate(given_)]
    allowed, verdicts = ask_all(arrivals, buckets, 1, now_us)
    kept = pay_one(arrivals, buckets, now_us)
    assert kept == ([verdict.arrival_us for verdict in verdicts] if allowed else None)
