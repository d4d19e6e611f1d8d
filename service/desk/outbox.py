"""Sending what waits in the outbox, so that the moment of a letter says nothing about which report it answers.

With every upload go entries that say nothing, on other reports (cover.py); all is shuffled and sent in batches.
Recusals go last, since they end access. Repeating is harmless: the server counts each item once. What it didn't take
goes again as it was, whether it says something or not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from crypto.letters import seal_letter
from crypto.seal import PublicKey
from service.cases.letters import Letter, sign_letter
from service.desk.actions import grant_to
from service.desk.casebook import Case, by_envelope
from service.desk.cover import cover
from service.desk.leaving import forget, leave
from service.desk.readers import knows_left_out, not_left_out, told_of
from service.desk.records import Held, Waiting
from service.desk.session import Session
from service.desk.sync_failures import TELL, Failures, whole
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.failures import Declined

T = TypeVar("T")
BATCH = shapes.MAX_ACTIONS
COVER = "cover"
"""Kind of the entries that say nothing, of an upload that the server has not taken whole."""


@dataclass
class Sent:
    """What an upload did."""

    count: int = 0
    failed: int = 0
    """Acts that the server could not do, and those that wait for them."""
    stuck: set[str] = field(default_factory=set)
    """Ids of reports on which an act failed: a later one must not come before it."""
    touched: set[tuple[str, str]] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def grant_follow_ups(session: Session, now_s: int) -> list[str]:
    """Hand follow-ups of a forwarded report to everybody it was forwarded to, by the keys they hold now.

    Once for each person; when they came is not asked, since that is by several clocks. The server counts a repeat once.
    Nobody whom the reporter left out of a follow-up is handed it; gives a warning for each, the first time.
    """
    desk = session.desk(now_s)
    histories = session.histories()
    warnings = []
    grants: list[Waiting] = []
    marked: list[bytes] = []
    for case in session.cases().values():
        for group, people in told_of(case, histories).items():
            for follow_up in (one for one in case.follow_ups if knows_left_out(one, histories)):
                marks = {
                    person: bytes.fromhex(follow_up.id) + bytes.fromhex(group) + person.id
                    for person in people
                }
                new = [one for one in people if session.vault.read("regranted", marks[one]) is None]
                reached = not_left_out(follow_up, histories, new) if new else ()
                for person in new:
                    if person in reached:
                        grants.append(grant_to(desk, follow_up, group, person.seal_key))
                    else:
                        warnings.append(_not_handed(person.pseudonym))
                    marked.append(marks[person])
    if marked:
        with session.vault.transaction():
            session.enqueue(grants)
            for mark in marked:
                session.vault.put("regranted", mark, b"1")
    return warnings


def push(session: Session, client: Client, now_s: int, failures: Failures) -> Sent:
    """Send all that waits; what the server can't do waits on. Raises Unreachable or Declined with the rest waiting."""
    result = Sent()
    waiting, along = session.outbox(), session.vault.every(COVER, Waiting)
    if not waiting and not along:
        return result
    cases = by_envelope(session.cases().values())
    held = {one.id: one for one in session.vault.every("held", Held)}
    keys = {item.item: _mailbox_key(item, cases) for item in waiting if item.what == "letter"}
    if lost := sum(key is None for key in keys.values()):
        result.warnings.append(f"{lost} letters can't be sent: what they answer is not at this desk any more")
    first = [item for item in waiting if item.what != "recusal" and keys.get(item.item, "") is not None]
    last = [item for item in waiting if item.what == "recusal"]
    first = _covered(session, first, along, cover(session.desk(now_s), _bare(first), cases, held))
    for items in (first, last):
        shuffled = in_order(shuffle(items, session.entropy), items)
        for start in range(0, len(shuffled), BATCH):
            _send(session, client, shuffled[start : start + BATCH], cases, result, failures)
    if result.failed:
        result.warnings.append(
            f"{result.failed} acts of yours wait, since the server fails with them: {TELL}"
        )
    return result


def _bare(items: Iterable[Waiting]) -> list[Waiting]:
    return [item for item in items if not item.covered]


def _covered(
    session: Session, real: Sequence[Waiting], along: Sequence[Waiting], new: Sequence[Waiting]
) -> list[Waiting]:
    """Note what goes along with acts before anything is sent, and give all of it in an order that stays.

    What a server doesn't take goes again, whichever it is, and nothing new goes with it: one that fails with an upload,
    or with any part of it, must not see from what comes again which entries say something.
    """
    acts = [msgspec.structs.replace(item, covered=True) for item in real]
    with session.vault.transaction():
        for item in new:
            session.vault.put(COVER, bytes.fromhex(item.item), item)
        for item in _bare(real):
            session.vault.put("outbox", bytes.fromhex(item.item), msgspec.structs.replace(item, covered=True))
    return sorted((*acts, *along, *new), key=lambda item: (item.made_s, item.place, item.item))


def _send(
    session: Session,
    client: Client,
    items: Sequence[Waiting],
    cases: dict[str, Case],
    result: Sent,
    failures: Failures,
) -> None:
    """Send a batch. One that the server declines goes again in halves, in the same order: it shows no more like that.

    A letter waits for no act that failed: its reporter does.
    """
    for item in items:
        if not _ready(item, result):
            _failed(session, item, result)
    items = [item for item in items if _ready(item, result)]
    if not items:
        return
    by_item = {item.item: item for item in items}
    left: set[str] = set()
    actions = [_action(session, item, cases) for item in items]
    try:
        answer = client.do(calls.batch(session.signer, actions))
    except Declined as problem:
        if len(items) == 1:
            failures.one(problem)
            _failed(session, items[0], result)
            return
        if whole(problem):
            raise
        for part in (items[: len(items) // 2], items[len(items) // 2 :]):
            _send(session, client, part, cases, result, failures)
        return
    with session.vault.transaction():
        for outcome in answer.outcomes:
            item = by_item[outcome.item]
            match outcome.outcome:
                case "done":
                    _settle(session, item, cases, left)
                    result.count += 1
                    result.touched.add((item.group, item.report))
                case "burned":
                    _readdress(session, item, cases, result)
                case "full":
                    result.warnings.append("a mailbox is full: the letter waits until the reporter has read")
                case "left-out":
                    _settle(session, item, cases, left)
                    result.warnings.append(_not_handed(_grantee(session, item)))
                case "failed":
                    _failed(session, item, result)
                case "gone":
                    mine = _is_mine(session, item)
                    _settle(session, item, cases, left)
                    if mine and item.what != "recusal":
                        result.warnings.append("an act was dropped: the report is not yours any more")
        if left and forget(session, left):
            result.warnings.append("a letter that waited was dropped: you stepped out of its report")


def _is_mine(session: Session, item: Waiting) -> bool:
    return session.vault.read("outbox", bytes.fromhex(item.item)) is not None


def _ready(item: Waiting, result: Sent) -> bool:
    return item.what == "letter" or item.report not in result.stuck


def _failed(session: Session, item: Waiting, result: Sent) -> None:
    """Leave it waiting. An entry that says nothing waits too, and is no act of the person's."""
    result.failed += _is_mine(session, item)
    if item.what != "letter":
        result.stuck.add(item.report)


def _grantee(session: Session, item: Waiting) -> str:
    groups = session.histories()
    person = (
        groups[item.to_group].latest.by_key(bytes.fromhex(item.key_id)) if item.to_group in groups else None
    )
    return "one person" if person is None else person.pseudonym


def _not_handed(name: str) -> str:
    return (
        f"nothing was handed to {name}: the list that the reporter saw has them, and it was not sent to them"
    )


def _settle(session: Session, item: Waiting, cases: dict[str, Case], left: set[str]) -> None:
    """Take what was sent out of the outbox. left: gets the id of an envelope that this handler stepped out of."""
    session.vault.delete("outbox", bytes.fromhex(item.item))
    session.vault.delete(COVER, bytes.fromhex(item.item))
    if item.what == "recusal":
        if item.report in cases:
            leave(session, cases[item.report], item.report)
        left.add(item.report)


def _readdress(session: Session, item: Waiting, cases: dict[str, Case], result: Sent) -> None:
    """The reporter read meanwhile and has a new mailbox: write there, once the desk has learned of it."""
    case = cases.get(item.report)
    if case is None or case.mailbox_address == item.address:
        result.warnings.append("a letter waits for the reporter's next mailbox: sync again later")
        return
    session.vault.delete("outbox", bytes.fromhex(item.item))
    fresh = session.entropy(16).hex()
    again = msgspec.structs.replace(item, item=fresh, address=case.mailbox_address, covered=False)
    session.vault.put("outbox", bytes.fromhex(again.item), again)
    result.warnings.append(
        "a letter waits, since its reporter has a new mailbox by now: sync again to send it there"
    )


def _mailbox_key(item: Waiting, cases: Mapping[str, Case]) -> str | None:
    """Find the key (hex) of the mailbox that a letter goes to, as its own case has it; None where it is not here.

    Anybody who opened a report knows its mailbox's address, and could file one that gives that another key.
    """
    case = cases.get(item.report)
    words = () if case is None else (case.first, *case.follow_ups, *case.doubtful)
    return next((one.mailbox_key for one in words if one.mailbox_address == item.address), None)


def _action(session: Session, item: Waiting, cases: Mapping[str, Case]) -> shapes.Action:
    match item.what:
        case "entry":
            return shapes.AppendLog(item.item, item.group, item.report, item.payload)
        case "grant":
            return shapes.Grant(item.item, item.group, item.report, item.to_group, item.key_id, item.payload)
        case "recusal":
            return shapes.Recuse(item.item, item.group, item.report)
        case "letter":
            key = session.in_force.signing  # the letter may have waited while its author got new keys
            written = msgspec.json.decode(item.letter, type=Letter)
            letter = msgspec.structs.replace(written, author_key=key.verify_key().raw.hex())
            signed = sign_letter(letter, key, bytes.fromhex(item.address))
            sealed = seal_letter(PublicKey(bytes.fromhex(_mailbox_key(item, cases) or "")), signed)
            return shapes.PostLetter(item.item, item.address, sealed)


def in_order(shuffled: Sequence[Waiting], done: Sequence[Waiting]) -> list[Waiting]:
    """Put the acts on each report into the order in which they were done, in the places that the shuffle gave them.

    Between reports nothing is said by it; on one report a later act must not come before an earlier one.
    """
    queues: dict[str, deque[Waiting]] = {}
    for item in done:
        queues.setdefault(item.report, deque()).append(item)
    return [queues[item.report].popleft() for item in shuffled]


def shuffle(items: Sequence[T], entropy: Callable[[int], bytes]) -> list[T]:
    """Fisher–Yates with cryptographic randomness (8 bytes a draw; the bias is below 2⁻⁵⁰)."""
    shuffled = list(items)
    for last in range(len(shuffled) - 1, 0, -1):
        other = int.from_bytes(entropy(8), "big") % (last + 1)
        shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
    return shuffled
