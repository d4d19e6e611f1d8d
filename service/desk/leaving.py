"""What a desk still does for a report that its handler stepped out of: hand on, unread, what its reporter sends them.

A letter from before names them, so that an answer to it may be sealed to them alone. Kept are the addresses of the
report's mailboxes and who was told of it; nothing that its reporter wrote. Only this desk's store has these: one that
was lost shows such an answer as a message whose report is not there. The server could say that it is none of theirs if
it was told to; it would then know whose mailbox was burned.
"""

from __future__ import annotations

from collections.abc import Collection

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
    here = Here(session)
    gone: dict[str, Held] = {}
    looked_at = here.following()
    with session.vault.transaction():
        while looked_at:
            doomed = [
                held for held in looked_at if _follows(session, held, here) and not _passed(session, held)
            ]
            for held in doomed:
                hand_on(session, held, now_s, here)
                here.drop(held)
                gone[held.id] = held
            looked_at = [
                held for one in doomed for held in here.following(one.mailbox_address) if held.id not in gone
            ]
        if gone:
            forget(session, gone)


class Here:
    """The envelopes at hand by their mailboxes, read once they are asked for.

    For one sync: whoever owns a code may send thousands that burn one mailbox after the other.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read = False
        self._by_address: dict[str, dict[str, Held]] = {}
        self._by_burned: dict[str, dict[str, Held]] = {}

    def add(self, held: Held) -> None:
        """Note one that was kept just now."""
        self._by_address.setdefault(held.mailbox_address, {})[held.id] = held
        if held.follows is not None:
            self._by_burned.setdefault(held.follows, {})[held.id] = held

    def drop(self, held: Held) -> None:
        """Note that one is kept no more."""
        self._by_address.get(held.mailbox_address, {}).pop(held.id, None)
        self._by_burned.get(held.follows or "", {}).pop(held.id, None)

    def at(self, address: str) -> list[Held]:
        """Give those that came with a mailbox."""
        self._fill()
        return list(self._by_address.get(address, {}).values())

    def following(self, address: str | None = None) -> list[Held]:
        """Give those that burned a mailbox, or any."""
        self._fill()
        some = self._by_burned.values() if address is None else [self._by_burned.get(address, {})]
        return [held for one in some for held in one.values()]

    def _fill(self) -> None:
        if not self._read:
            self._read = True
            for held in self._session.vault.every("held", Held):
                self.add(held)


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


def hand_on(session: Session, held: Held, now_s: int, here: Here | None = None) -> bool:
    """Whether an envelope follows a report that this handler stepped out of: then it is handed on and not kept.

    To nobody whom its reporter left out of it; where this desk can't tell, it is looked at again with the next sync.
    The server sees no more of it than when another desk hands on a follow-up.
    """
    left = _follows(session, held, here or Here(session))
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


def forget(session: Session, reports: Collection[str]) -> int:
    """Delete what was opened of envelopes, and the letters that wait to be sent on them; give how many these were.

    Their mailbox was full, or had been burned; without the envelope they could not be sealed. reports: their ids.
    """
    for report_id in reports:
        report = bytes.fromhex(report_id)
        body = session.vault.get("body", report, Body)
        for number in range(len(body.content.attachments) if body else 0):
            session.vault.delete("file", report + number.to_bytes(2, "big"))
        for kind in ("body", "held", "logplace", "hearing"):
            session.vault.delete(kind, report)
    for line in session.vault.every("log", LogLine):
        if line.report in reports:
            session.vault.delete("log", bytes.fromhex(line.report) + line.seq.to_bytes(8, "big"))
    letters = [item for item in session.outbox() if item.what == "letter" and item.report in reports]
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


def _follows(session: Session, held: Held, here: Here) -> Left | None:
    """Find who is to have an envelope that follows what this handler stepped out of, and nothing that they have.

    Whoever reads a report could else write its mailbox into one of their own, for a colleague to step out of that.
    """
    left = None if held.follows is None else session.vault.get("left", bytes.fromhex(held.follows), Left)
    if left is None:
        return None
    beside = here.at(held.follows or "")
    return None if any(one.id != held.id and not _passed(session, one) for one in beside) else left


def _passed(session: Session, held: Held) -> bool:
    return session.vault.read("passed", bytes.fromhex(held.id)) is not None
