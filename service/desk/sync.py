"""Exchanging with the server: what is new comes in and is opened, what waits goes out.

Everything that comes is checked before it is kept; a hostile server can withhold, and can make nothing up. What one
item can't do is end a sync (sync_failures.py). What goes out is outbox.py's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from crypto.errors import Refused
from service.cases.receipts import day_of
from service.desk.consulted import long_waited
from service.desk.keys import SUPERSEDED
from service.desk.leaving import leave_all
from service.desk.outbox import grant_follow_ups, push
from service.desk.records import Held
from service.desk.registries import pull_registries
from service.desk.rosters import look_again, pull_forwarded, pull_rosters
from service.desk.session import Session
from service.desk.sync_failures import Failures
from service.desk.sync_feed import pull_feed
from service.desk.sync_logs import judge_again, note_grown, pull_activity, pull_logs
from service.desk.sync_measures import ResultWaiting, measures_due, pull_measures, results_waiting
from service.desk.touch import letter_due
from service.wire.client import Client


@dataclass
class SyncResult:
    """What a sync did, for the person and for --json."""

    new_reports: int = 0
    new_follow_ups: int = 0
    new_entries: int = 0
    sent: int = 0
    waiting: int = 0
    urgent: int = 0
    voices: int = 0
    """Reports whose voices were checked."""
    letters_due: int = 0
    """Cases in which nobody has written to the reporter for a week (touch.py)."""
    advice_waited: int = 0
    """Cases in which a consultation has had no answer for a week (consulted.py)."""
    measures_due: int = 0
    """On a council member's desk: measures that end or are looked at again within two weeks, or should have been."""
    results_waiting: list[ResultWaiting] = field(default_factory=list)
    """On a council member's desk: polls whose result nobody of the council has acknowledged, or carried out."""
    warnings: list[str] = field(default_factory=list)


def sync(session: Session, client: Client, now_s: int, *, unopened: bool = False) -> SyncResult:
    """Bring in and send out. Safe to repeat and to interrupt anywhere. Raises Unreachable, Declined, Refused.

    What the server fails with is told of, and tried again by the next sync.
    unopened: fetch again what came before and could not be opened, however long ago.
    """
    result, failures = SyncResult(), Failures()
    result.warnings += pull_rosters(session, client)
    if session.key.superseded(session.own_roster):
        raise Refused(f"{SUPERSEDED}. If you made others here since, wait until they are published")
    look_again(session)
    judge_again(session)
    leave_all(session, now_s)
    came = pull_feed(session, client, now_s, failures, unopened=unopened)
    result.new_reports, result.new_follow_ups = came.new_reports, came.new_follow_ups
    result.urgent = came.urgent
    result.warnings += came.warnings
    leave_all(session, now_s)
    pull_activity(session, client)
    result.new_entries += pull_logs(session, client, now_s, failures)
    result.voices, told = pull_registries(session, client, failures)
    result.warnings += told
    result.warnings += grant_follow_ups(session, now_s)
    sent = push(session, client, now_s, failures)
    held = {one.id for one in session.vault.every("held", Held)} if sent.touched else set()
    with session.vault.transaction():
        note_grown(session, (one for one in sent.touched if one[1] in held))
    result.new_entries += pull_logs(session, client, now_s, failures)
    result.sent = sent.count
    result.warnings += sent.warnings
    result.warnings += pull_measures(session, client, failures)
    result.waiting = len(session.outbox())
    result.warnings += failures.told(session)
    today = day_of(now_s)
    cases = session.cases().values()
    result.warnings += pull_forwarded(session, client, cases, failures)
    result.letters_due = sum(letter_due(case, today) for case in cases)
    result.advice_waited = sum(long_waited(case, today) for case in cases)
    result.measures_due = measures_due(session, today)
    result.results_waiting = results_waiting(session)
    return result
