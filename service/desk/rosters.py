"""The lists of handlers that this desk goes by: fetched, held against what was seen before, and kept.

Guarantees: what a desk has seen of a group is the beginning of whatever it accepts later, in `sync` and in `record`
alike. What was judged by an older list is judged again by the newest: a colleague may have joined since.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from crypto.errors import Refused
from service.cases.rosters import Handler, Roster, RosterHistory
from service.console import one_line
from service.desk.casebook import Case
from service.desk.records import Held
from service.desk.session import Chain, Session
from service.desk.sync_failures import TELL, Failures
from service.desk.vault import VaultDamaged
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.failures import Declined

UNSEEN = (
    "The reporter saw a list of handlers that this desk has never seen: "
    "the server may show people different lists."
)
ELSEWHERE = "another group's list of handlers is not on this server"


def pull_roster(session: Session, client: Client, group: bytes) -> RosterHistory:
    """Fetch a group's chain and keep it. Raises pins.RolledBack, pins.Forked, Refused, Unreachable or Declined."""
    call = calls.roster(group)
    kept: list[bytes] = []

    def parse(raw: bytes) -> RosterHistory:
        history = call.parse(raw)
        kept.extend(msgspec.json.decode(raw, type=shapes.RosterChain).statements)
        return history

    history = client.do(replace(call, parse=parse))
    session.keep_chain(group, kept, history)
    return history


def pull_rosters(session: Session, client: Client) -> list[str]:
    """Refresh the chains of this desk's group, of its alternate, and of every group known or with a report here.

    Gives warnings: what is wrong with another group's chain keeps nobody from their own group's reports. Raises as
    `pull_roster` does for the desk's own group, and Unreachable.
    """
    alternate = pull_roster(session, client, session.group).latest.alternate
    groups = {bytes.fromhex(chain.group) for chain in session.vault.every("chain", Chain)}
    groups |= {bytes.fromhex(held.group) for held in session.vault.every("held", Held)}
    groups |= {alternate} if alternate is not None else set()
    return [told for group in sorted(groups - {session.group}) for told in pull_other(session, client, group)]


def newest_roster(session: Session, client: Client) -> Roster | None:
    """Fetch the list of the desk's own group; None while the server doesn't have the group. Raises as `pull_roster`.

    For new keys: an older list could lack those that were made on another machine, and newer ones would leave them out.
    """
    try:
        return pull_roster(session, client, session.group).latest
    except Declined as problem:
        if problem.status != 404:
            raise
        return session.own_roster


def pull_forwarded(session: Session, client: Client, cases: Iterable[Case], failures: Failures) -> list[str]:
    """Fetch the chains of groups to which colleagues forwarded reports, where they are new to this desk.

    Without them its letters would not name everybody who reads the answer. Asked for is only what the server lists:
    anybody who reads a report can write an id into its log. Gives warnings. Raises Unreachable, Declined or Refused.
    """
    told = {forwarded.group for case in cases for forwarded in case.state.forwarded}
    new = {group for group in told if session.vault.read("chain", bytes.fromhex(group)) is None}
    if not new:
        return []
    try:
        listed = {head.group for head in client.do(calls.groups()).groups}
    except Declined as problem:
        failures.one(problem)
        return [f"the server fails with its list of groups: {TELL}"]
    return [
        warning
        for group in sorted(new & listed)
        for warning in pull_other(session, client, bytes.fromhex(group))
    ]


def pull_other(session: Session, client: Client, group: bytes) -> list[str]:
    """Fetch another group's chain; give what is wrong with it, if anything. The one kept stays as it was then."""
    try:
        pull_roster(session, client, group)
    except Declined as problem:
        return [ELSEWHERE if problem.status == 404 else f"about another group ({group.hex()[:8]}): {problem}"]
    except VaultDamaged:
        raise
    except Refused as refused:
        return [f"about another group ({group.hex()[:8]}): {refused.reason}"]
    return []


def roster_warnings(session: Session, group: bytes, roster: bytes) -> tuple[str, ...]:
    """Say what is wrong with the list that a reporter saw, by the chains at hand. roster: its digest."""
    if session.vault.read("chain", group) is None or session.history_of(group).at(roster) is None:
        return (UNSEEN,)
    return ()


def look_again(session: Session) -> None:
    """Take back the warnings of reports whose reporter saw a list that this desk has seen meanwhile."""
    warned = [held for held in session.vault.every("held", Held) if held.warnings]
    with session.vault.transaction():
        for held in warned:
            warnings = roster_warnings(session, bytes.fromhex(held.group), bytes.fromhex(held.roster))
            again = msgspec.structs.replace(held, warnings=warnings)
            session.vault.put("held", bytes.fromhex(held.id), again)


def check_in_force(author: Handler, signed_by: str) -> None:
    """Refuse what former keys signed. Whoever got hold of those is why they were changed, and could date it back."""
    if author.verify_key.raw.hex() != signed_by:
        name = one_line(author.pseudonym)
        raise Refused(f"{name} has new keys since this was signed: ask them to write it again")
