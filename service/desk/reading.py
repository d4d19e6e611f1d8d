"""What a desk knows when it scores: taken from its local store, and put back. Offline.

Voices are heard when the registry is at hand (sync), each once; what was heard and shown is kept in the store, so that
scoring verifies nothing again and what was shown never falls.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from abuse.subjects import Subject
from service.cases.registry import Registry
from service.cases.reports import Report
from service.cases.speaking import Moments, moments_of
from service.desk.casebook import Case
from service.desk.records import Held
from service.desk.session import Session
from service.desk.subjects import About, Reading, Remembered
from service.desk.voices import Hearing, hear, told, weight_of

ROUNDS: Final = 300_000
"""Of ring signatures in one sync: a minute of work on one core. False voices cost a stranger nothing to make."""


class _Kept(Struct, frozen=True):
    """What was shown of one account, as the store has it."""

    account: Subject
    shown: Remembered


class _Registry(Struct, frozen=True):
    """What a desk keeps of a group's registry to count voices offline."""

    group: str
    moments: Moments


@dataclass(frozen=True, slots=True)
class Listened:
    """What a round of hearing did: reports heard, of them with a voice that doesn't hold, and left for next time."""

    heard: int = 0
    unheard: int = 0
    waiting: int = 0


def reading_of(session: Session) -> Reading:
    """Read everything that scoring needs. Raises VaultDamaged."""
    from abuse.accounts import arrival_s  # with numpy: see subjects.py

    cases = {name: case for name, case in session.cases().items() if not case.stray}
    held = [one for case in cases.values() for one in (case.first, *case.follow_ups)]
    arrivals = (arrival_s(case.first.day, case.first.fetched_s) for case in cases.values())
    groups = {case.first.group for case in cases.values()}
    # An account has a record for each version of its canonical form under which it was shown: the highest counts.
    kept = sorted(session.vault.every("shown", _Kept), key=lambda one: (one.shown.d, one.shown.d_v))
    histories = session.histories()
    return Reading(
        cases=cases,
        bodies={one.id: session.body_of(one) for one in held},
        hearings={hearing.report: hearing for hearing in session.vault.every("hearing", Hearing)},
        roots={group: histories[group].latest.root.raw for group in groups if group in histories},
        moments={kept.group: kept.moments for kept in session.vault.every("moments", _Registry)},
        remembered={one.account: one.shown for one in kept},
        since_s=min(arrivals, default=0.0),
    )


def voices_told(session: Session, case: Case) -> tuple[str, ...]:
    """Say what became of the voices of one case, one line each."""
    group = session.histories().get(case.first.group)
    hearing = session.vault.get("hearing", bytes.fromhex(case.first.id), Hearing)
    return told(case.first, hearing, None if group is None else group.latest.root)


def remember(session: Session, shown: Iterable[About]) -> None:
    """Keep what was shown of some persons, so that it never falls."""
    with session.vault.transaction():
        for about in shown:
            for account, what in about.to_remember().items():
                session.vault.put("shown", account.canonical, _Kept(account, what))


def listen(session: Session, group: bytes, registry: Registry, *, rounds: int = ROUNDS) -> Listened:
    """Hear the voices of a group's reports that were not heard yet, or whose ring the registry didn't have then.

    registry: verified, the one that the group's roster names. rounds: the most work to do now, oldest reports first;
    at least one report is heard. Safe to interrupt: what was heard is kept.
    """
    root = session.roster_of(group).root
    moments = moments_of(registry)
    with session.vault.transaction():
        session.vault.put("moments", group, _Registry(group.hex(), moments))
    done = {hearing.report: hearing for hearing in session.vault.every("hearing", Hearing)}
    todo = [
        held
        for held in session.vault.every("held", Held)
        if held.has_voice
        and held.group == group.hex()
        and not (held.id in done and done[held.id].stands(moments.registry, moments.head))
    ]
    rings = registry.voice_rings() if todo else {}
    chosen = _affordable(session, sorted(todo, key=lambda one: (one.day, one.fetched_s, one.id)), rounds)
    heard = unheard = 0
    with ThreadPoolExecutor(os.cpu_count() or 1, "hear") as aside:  # libsodium works outside Python's lock
        hearings = aside.map(lambda one: hear(one[0], one[1], root, registry, rings), chosen)
        try:
            for (held, _), hearing in zip(chosen, hearings, strict=True):
                session.vault.put("hearing", bytes.fromhex(held.id), hearing)
                heard += 1
                unheard += bool(hearing.unheard)
        except BaseException:
            aside.shutdown(wait=False, cancel_futures=True)  # whoever interrupts doesn't wait for the rest
            raise
    return Listened(heard, unheard, len(todo) - heard)


def _affordable(session: Session, todo: Iterable[Held], rounds: int) -> list[tuple[Held, Report]]:
    """Take as many reports as can be heard with so many rounds, and at least one."""
    chosen: list[tuple[Held, Report]] = []
    spent = 0
    for held in todo:
        report = session.body_of(held).content
        if not isinstance(report, Report):
            continue
        spent += weight_of(report.voice or "")
        if chosen and spent > rounds:
            break
        chosen.append((held, report))
    return chosen
