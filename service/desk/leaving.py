"""What a desk still does for a report that its handler stepped out of: hand on, unread, what its reporter sends them.

A letter from before names them, so that an answer to it may be sealed to them alone. Kept are the addresses of the
report's mailboxes and who was told of it; nothing that its reporter wrote.
"""

from __future__ import annotations

from msgspec import Struct

from service.cases.letters import HandedTo
from service.desk.actions import grant_to
from service.desk.casebook import Case
from service.desk.readers import told_of
from service.desk.records import Held
from service.desk.session import Session


class Left(Struct, frozen=True):
    """Who is to have what comes to a mailbox of a report that this handler stepped out of."""

    handed_to: tuple[HandedTo, ...]


def leave(session: Session, case: Case) -> None:
    """Keep what `hand_on` needs. Call it before the case is forgotten."""
    told = told_of(case, session.histories())
    left = Left(
        tuple(HandedTo(group, tuple(one.key_id.hex() for one in people)) for group, people in told.items())
    )
    for one in (case.first, *case.follow_ups):
        session.vault.put("left", bytes.fromhex(one.mailbox_address), left)


def hand_on(session: Session, held: Held, now_s: int) -> bool:
    """Whether an envelope follows a report that this handler stepped out of: then it is handed on and not kept.

    The server sees no more of it than when another desk hands on a follow-up.
    """
    left = None if held.follows is None else session.vault.get("left", bytes.fromhex(held.follows), Left)
    if left is None:
        return False
    histories = session.histories()
    desk = session.desk(now_s)
    grants = []
    for told in left.handed_to:
        theirs = histories.get(told.group)
        for key_id in told.recipients if theirs else ():
            handler = None if theirs is None else theirs.latest.by_key(bytes.fromhex(key_id))
            if handler is not None and handler.active:
                grants.append(grant_to(desk, held, told.group, handler.seal_key))
    with session.vault.transaction():
        session.vault.put("passed", bytes.fromhex(held.id), b"1")
        if held.first_use:
            session.vault.put("left", bytes.fromhex(held.mailbox_address), left)
        session.enqueue(grants)
    return True
