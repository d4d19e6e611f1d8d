"""Which limits apply to which request: the operator's settings, turned into rooms and buckets. SPEC.md, "Limits".

Every number is per hour, per group or per server; none is per client, for clients aren't known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from abuse.difficulty import Effort, Wait
from abuse.limits import HOUR_US, Bucket, Rate
from abuse.routes import NO_GROUP, Lane, Route, check_group

LEAST_SLOW_SHARE = 0.25


@dataclass(frozen=True, slots=True, eq=False)  # hashed by identity: looked up for every request
class Limits:
    """What an operator may set. The defaults fit one small machine; SPEC.md says what each one stops."""

    server_reports_per_hour: int = 18_000
    server_reports_burst: int = 240
    group_reports_per_hour: int = 9_000
    group_reports_burst: int = 60
    group_bulk_per_hour: int = 360
    group_bulk_burst: int = 9
    mailbox_opens_per_hour: int = 36_000
    mailbox_opens_burst: int = 240
    casts_per_hour: int = 9_000
    casts_burst: int = 120
    slow_share: float = 1 / 3
    puzzle_lives_s: int = 7_200
    ticket_lives_s: int = 21_600
    report_effort: Effort = field(default_factory=lambda: Effort(16_384, 131_072))
    mailbox_effort: Effort = field(default_factory=lambda: Effort(2_048, 16_384))
    cast_effort: Effort = field(default_factory=lambda: Effort(8_192, 65_536))
    report_wait: Wait = field(default_factory=lambda: Wait(20, 120))
    mailbox_wait: Wait = field(default_factory=lambda: Wait(3, 20))
    cast_wait: Wait = field(default_factory=lambda: Wait(10, 60))

    def __post_init__(self) -> None:
        if not LEAST_SLOW_SHARE <= self.slow_share <= 0.75:
            raise ValueError("the slow lane gets between a quarter and three quarters of the capacity")
        if not (60 <= self.puzzle_lives_s <= 86_400 and 600 <= self.ticket_lives_s <= 86_400):
            raise ValueError("puzzles live 1 minute to 1 day, tickets 10 minutes to 1 day")
        if any(self.wait(route).longest_s >= self.ticket_lives_s for route in Route):
            raise ValueError("a ticket must ripen before it expires")
        rates = (
            self.server_reports_per_hour,
            self.group_reports_per_hour,
            self.group_bulk_per_hour,
            self.mailbox_opens_per_hour,
            self.casts_per_hour,
        )
        if min(rates) < 4 or max(rates) > 10**8:
            raise ValueError("a rate is 4 to 100 million an hour")
        for burst in (
            self.server_reports_burst,
            self.group_reports_burst,
            self.group_bulk_burst,
            self.mailbox_opens_burst,
            self.casts_burst,
        ):
            if not 4 <= burst <= 4096:
                raise ValueError("a burst is 4 to 4096")

    def effort(self, route: Route) -> Effort:
        """The range of a route's puzzle."""
        match route:
            case Route.REPORTS:
                return self.report_effort
            case Route.MAILBOX:
                return self.mailbox_effort
            case Route.CASTS:
                return self.cast_effort

    def wait(self, route: Route) -> Wait:
        """The range of a route's ticket."""
        match route:
            case Route.REPORTS:
                return self.report_wait
            case Route.MAILBOX:
                return self.mailbox_wait
            case Route.CASTS:
                return self.cast_wait


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a request goes: its room, and its buckets from the widest to the room's own."""

    room: str
    buckets: tuple[Bucket, ...]

    @property
    def rate(self) -> Rate:
        """The room's own rate."""
        return self.buckets[-1].rate


def _whole(per_hour: float, burst: int) -> Rate:
    return Rate(int(HOUR_US / per_hour), burst)


def _part(per_hour: float, burst: int, lane: Lane, slow_share: float) -> Rate:
    # Bursts and rates of the two lanes never add up to more than the whole, so neither can use up
    # what is the other's: intervals round up, the burst is split.
    slow_burst = max(1, round(burst * slow_share))
    share, own = (slow_share, slow_burst) if lane is Lane.SLOW else (1 - slow_share, burst - slow_burst)
    return Rate(-int(-HOUR_US // (per_hour * share)), own)


@lru_cache(maxsize=4096)
def plan(limits: Limits, group: bytes, route: Route, lane: Lane, bulk: bool = False) -> Plan:
    """Name the room and the buckets of a request. `bulk`: a report of 256 KiB or more.

    Big reports have rooms of their own, so that junk of 8 MiB can't use up the places of small reports.
    """
    check_group(group)
    if route is Route.MAILBOX:
        if group != NO_GROUP:
            raise ValueError("a mailbox belongs to no group")
        per_hour, burst = limits.mailbox_opens_per_hour, limits.mailbox_opens_burst
        room = f"mailbox:{lane.value}"
        own = Bucket(room, _part(per_hour, burst, lane, limits.slow_share))
        return Plan(room, (Bucket("mailbox", _whole(per_hour, burst)), own))
    name = group.hex()
    if route is Route.CASTS:
        # Rooms of their own: a poll's last hour must not keep a report out, nor a flood of reports a ballot.
        per_hour, burst = limits.casts_per_hour, limits.casts_burst
        room, own_rate = f"casts:{name}:{lane.value}", _part(per_hour, burst, lane, limits.slow_share)
        return Plan(
            room,
            (
                Bucket("casts", _whole(per_hour, burst)),
                Bucket(f"casts:{lane.value}", own_rate),
                Bucket(room, own_rate),
            ),
        )
    per_hour, burst = limits.group_reports_per_hour, limits.group_reports_burst
    in_group = _whole(per_hour + limits.group_bulk_per_hour, burst + limits.group_bulk_burst)
    if bulk:
        per_hour, burst = limits.group_bulk_per_hour, limits.group_bulk_burst
    room = f"reports:{name}:{lane.value}{':bulk' if bulk else ''}"
    server, server_burst = limits.server_reports_per_hour, limits.server_reports_burst
    return Plan(
        room,
        (
            Bucket("reports", _whole(server, server_burst)),
            Bucket(f"reports:{lane.value}", _part(server, server_burst, lane, limits.slow_share)),
            Bucket(f"reports:{name}", in_group),
            Bucket(room, _part(per_hour, burst, lane, limits.slow_share)),
        ),
    )
