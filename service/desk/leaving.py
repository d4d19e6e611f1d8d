"""What a desk still does for a report that its handler stepped out of: hand on, unread, what its reporter sends them.

A letter from before names them, so that an answer to it may be sealed to them alone. Kept are the addresses of the
report's mailboxes and who was told of it; nothing that its reporter wrote. Only this desk's store has these: one that
was lost shows such an answer as a message whose report is not there. The server could say that it is none of theirs if
it was told to; it would then know whose mailbox was burned.
"""

from __future__ import annotations

from msgspec import Struct

from service.cases.letters import HandedTo
from service.desk.actions import grant_to
from service.desk.casebook import Case, by_envelope
from service.desk.readers import knows_left_out, not_left_out, told_of
from service.desk.records import Body, Held, LogLine
from service.desk.session import Session


class Left(Struct, frozen=True):
    """Who is to have what comes to a mailbox of a report that this handler stepped out of."""

    handed_to: tuple[HandedTo, ...]


def leave_all(session: Session, now_s: int) -> None:
    """Keep what `hand_on` needs of all that a recusal waits for, and hand on what came before that was known.

    Envelopes of one batch come in no order, and may come while a recusal waits.
    """
    waiting = [item for item in session.outbox() if item.what == "recusal"]
    cases = by_envelope(session.cases().values()) if waiting else {}
    for item in waiting:
        if item.report in cases:
            leave(session, cases[item.report], item.report)
    while doomed := [
        held
        for held in session.vault.every("held", Held)
        if _follows(session, held) and not _passed(session, held)
    ]:
        for held in doomed:
            hand_on(session, held, now_s)
            forget(session, bytes.fromhex(held.id))


def leave(session: Session, case: Case, report: str) -> None:
    """Keep what `hand_on` needs. report: the envelope, of this case, of which a recusal tells; still at hand."""
    told = told_of(case, session.histories())
    left = Left(
        tuple(HandedTo(group, tuple(one.key_id.hex() for one in people)) for group, people in told.items())
    )
    with session.vault.transaction():
        session.vault.put("passed", bytes.fromhex(report), b"1")
        for one in (case.first, *case.follow_ups, *case.doubtful):
            if one.id == report:
                _mark(session, one, left)


def hand_on(session: Session, held: Held, now_s: int) -> bool:
    """Whether an envelope follows a report that this handler stepped out of: then it is handed on and not kept.

    To nobody whom its reporter left out of it; where this desk can't tell, it is looked at again with the next sync.
    The server sees no more of it than when another desk hands on a follow-up.
    """
    left = _follows(session, held)
    if left is None:
        return False
    histories = session.histories()
    desk = session.desk(now_s)
    known = knows_left_out(held, histories)
    grants = []
    for told in left.handed_to if known else ():
        theirs = histories.get(told.group)
        found = [theirs.latest.by_key(bytes.fromhex(key_id)) for key_id in told.recipients] if theirs else []
        people = [one for one in found if one is not None and one.active]
        reached = not_left_out(held, histories, people)
        grants += [grant_to(desk, held, told.group, one.seal_key) for one in reached]
    with session.vault.transaction():
        if known or not left.handed_to:
            session.vault.put("passed", bytes.fromhex(held.id), b"1")
        _mark(session, held, left)
        session.enqueue(grants)
    return True


def forget(session: Session, report: bytes) -> int:
    """Delete what was opened of an envelope, and the letters that wait to be sent on it; give how many these were.

    Their mailbox was full, or had been burned; without the envelope they could not be sealed.
    """
    body = session.vault.get("body", report, Body)
    for number in range(len(body.content.attachments) if body else 0):
        session.vault.delete("file", report + number.to_bytes(2, "big"))
    for kind in ("body", "held", "logplace", "hearing"):
        session.vault.delete(kind, report)
    for line in session.vault.every("log", LogLine):
        if line.report == report.hex():
            session.vault.delete("log", report + line.seq.to_bytes(8, "big"))
    letters = [item for item in session.outbox() if (item.what, item.report) == ("letter", report.hex())]
    for item in letters:
        session.vault.delete("outbox", bytes.fromhex(item.item))
    return len(letters)


def _mark(session: Session, held: Held, left: Left) -> None:
    """Keep who is to have what burns an envelope's mailbox: nobody, where the code had been used before."""
    address = bytes.fromhex(held.mailbox_address)
    if held.first_use:
        session.vault.put("left", address, left)
    elif session.vault.read("left", address) is None:
        session.vault.put("left", address, Left(()))


def _follows(session: Session, held: Held) -> Left | None:
    """Find who is to have an envelope that follows what this handler stepped out of, and nothing that they have.

    Whoever reads a report could else write its mailbox into one of their own, for a colleague to step out of that.
    """
    left = None if held.follows is None else session.vault.get("left", bytes.fromhex(held.follows), Left)
    if left is None:
        return None
    here = (one for one in session.vault.every("held", Held) if one.mailbox_address == held.follows)
    return None if any(one.id != held.id and not _passed(session, one) for one in here) else left


def _passed(session: Session, held: Held) -> bool:
    return session.vault.read("passed", bytes.fromhex(held.id)) is not None
