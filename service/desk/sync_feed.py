"""Bringing in the reports that the server lists: each is fetched, opened, checked and kept.

Guarantees: no report that was listed is lost to a server that failed with it once, or to a sync that broke off: the
place up to which the feed was read is stored after what came before it was kept, or noted as one to fetch again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec

from crypto.envelope import Envelope, Header, parse_envelope
from crypto.errors import Refused
from crypto.opening import OpenedReport, open_with_content_key
from crypto.seal import DoesNotOpen
from service.cases.reports import Unsealed
from service.desk.keys import HandlerKey
from service.desk.leaving import Here, hand_on
from service.desk.records import Body, Held, Unfetched, Unreadable, held_of_content
from service.desk.rosters import pull_other, roster_warnings
from service.desk.session import Session
from service.desk.sync_downloads import AHEAD, Kept, downloads
from service.desk.sync_failures import AGAIN, Failures
from service.desk.sync_logs import note_grown
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.failures import Declined

LOOK_BACK_S = 86_400  # a clock is seldom wrong by more; and what is listed again costs a line, not a report
_BATCH = 16  # hex digits of a cursor that say when its report was released, in ms since 1970
_REPORT = 32  # the others: the report's id


@dataclass
class Came:
    """What came, for the person."""

    new_reports: int = 0
    new_follow_ups: int = 0
    urgent: int = 0
    warnings: list[str] = field(default_factory=list)


def pull_feed(
    session: Session, client: Client, now_s: int, failures: Failures, *, unopened: bool = False
) -> Came:
    """Fetch and open what is new, then what could not be fetched before; unopened: and what could not be opened.

    Raises Unreachable, Declined, Refused.
    """
    came, here = Came(), Here(session)
    failed = {one.entry.report for one in session.vault.every("unfetched", Unfetched)}
    at = "" if unopened else _looking_back(session.cursors(session.group).feed, now_s)
    listed_whole = True
    with ThreadPoolExecutor(AHEAD, "fetch") as aside:

        def bring_in(entries: Sequence[shapes.FeedEntry], *, again: bool = False) -> None:
            for group in sorted({entry.group for entry in entries} - {session.setup.group}):
                if session.vault.read("chain", bytes.fromhex(group)) is None:
                    came.warnings.extend(pull_other(session, client, bytes.fromhex(group)))
            for entry, sent in downloads(session.signer, client, entries, aside):
                if isinstance(sent, Declined):
                    failures.one(sent, again=again)
                    _note(session, entry, now_s)
                else:
                    with session.vault.transaction():
                        _keep(session, entry, sent, now_s, came, here)
                        session.vault.delete("unfetched", bytes.fromhex(entry.report))

        while True:
            page = client.do(calls.feed(session.signer, at))
            listed = {entry.report: entry for entry in page.entries}
            bring_in(
                [
                    entry
                    for entry in listed.values()
                    if _new(session, client, entry, now_s, failures, unopened=unopened)
                ]
            )
            at = page.cursor
            failures.unlisted += page.damaged
            listed_whole = listed_whole and not page.damaged
            if page.entries and listed_whole:  # else this part is listed again, until it is whole
                cursors = session.cursors(session.group)
                if cursors.feed != at:
                    session.vault.put("cursors", session.group, msgspec.structs.replace(cursors, feed=at))
            if not page.more:
                break
        bring_in(_failed_before(session, failed), again=True)
    return came


def _failed_before(session: Session, reports: Collection[str]) -> list[shapes.FeedEntry]:
    """Give AGAIN at most of the reports that an earlier sync could not fetch, what was tried longest ago first."""
    noted = [one for one in session.vault.every("unfetched", Unfetched) if one.entry.report in reports]
    noted.sort(key=lambda one: (one.tried_s, one.entry.report))
    return [one.entry for one in noted[:AGAIN]]


def _note(session: Session, entry: shapes.FeedEntry, now_s: int) -> None:
    """Note a report as one to fetch again: the feed lists it for a day only."""
    session.vault.put("unfetched", bytes.fromhex(entry.report), Unfetched(entry, now_s))


def _new(
    session: Session,
    client: Client,
    entry: shapes.FeedEntry,
    now_s: int,
    failures: Failures,
    *,
    unopened: bool,
) -> bool:
    """Whether to fetch an entry now. One that could not be fetched before has its turn after those that are new."""
    report = bytes.fromhex(entry.report)
    noted = session.vault.get("unfetched", report, Unfetched)
    if noted is not None:
        if entry.granted and not noted.entry.granted:
            session.vault.put("unfetched", report, msgspec.structs.replace(noted, entry=entry))
        return False
    try:
        return not _known(session, client, entry, unopened=unopened)
    except Declined as problem:
        failures.one(problem)
        _note(session, entry, now_s)
        return False


def _looking_back(cursor: str, now_s: int) -> str:
    """Give where to list the feed from, in hex as on the wire: LOOK_BACK_S before where it was read to.

    While a server's clock was behind another's, or was set back, reports are stamped behind what was listed already.
    A place that lies further ahead than that is from a clock that was wrong: all is listed again.
    """
    if not cursor:
        return ""
    released_ms, back_ms = int(cursor[:_BATCH], 16), LOOK_BACK_S * 1_000
    if released_ms > now_s * 1_000 + back_ms:
        return ""
    return f"{max(0, released_ms - back_ms):0{_BATCH}x}" + "0" * _REPORT


def _known(session: Session, client: Client, entry: shapes.FeedEntry, *, unopened: bool) -> bool:
    """Whether an entry was dealt with before: opened, or found not to open, with the same grant if it has one.

    unopened: as for `pull_feed`; what was found not to open is then none of these.
    """
    read, report = session.vault.read, bytes.fromhex(entry.report)
    if read("held", report) is not None or read("passed", report) is not None:
        return True
    unreadable = None if unopened else session.vault.get("unreadable", report, Unreadable)
    if unreadable is None or not entry.granted:
        return unreadable is not None
    try:
        again = client.do(calls.fetch_grant(session.signer, bytes.fromhex(entry.group), report))
    except Declined as problem:
        if problem.status != 404:
            raise
        return True
    except Refused:
        return True
    return again.key_id == unreadable.grant


def _keep(session: Session, entry: shapes.FeedEntry, sent: Kept, now_s: int, came: Came, here: Here) -> None:
    """Open an envelope and keep it; what doesn't open is told, and not fetched again by itself."""
    report_id = bytes.fromhex(entry.report)
    tried = session.in_force.key_id.hex() if entry.granted else ""
    if sent is None:
        came.warnings.append("a report in the feed could not be fetched")
        return
    try:
        if isinstance(sent, Refused):
            raise sent
        tried = "" if sent.grant is None else sent.grant.key_id
        envelope = parse_envelope(sent.raw)
        opened, forwarded = _opened(session.key, envelope, sent.grant, report_id)
        held, unsealed = _held(session, entry, envelope.header, opened, now_s, forwarded=forwarded)
    except Refused as refused:
        unreadable = Unreadable(entry.report, entry.group, refused.reason, entry.day, tried)
        session.vault.put("unreadable", report_id, unreadable)
        came.warnings.append(f"a report could not be opened: {refused.reason}")
        return
    session.vault.delete("unreadable", report_id)
    if hand_on(session, held, now_s, here):
        return
    with session.vault.transaction():
        session.vault.put("body", report_id, Body(unsealed.content))
        for number, file in enumerate(unsealed.files):
            session.vault.put("file", report_id + number.to_bytes(2, "big"), file.content)
        session.vault.put("held", report_id, held)
        if entry.granted:  # its log began before this desk was told of it
            note_grown(session, [(entry.group, entry.report)])
    here.add(held)
    came.new_follow_ups += held.follows is not None
    came.new_reports += held.follows is None
    came.urgent += held.urgency == "danger"


def _opened(
    key: HandlerKey, envelope: Envelope, sent: shapes.GrantShape | None, report_id: bytes
) -> tuple[OpenedReport, bool]:
    """Open an envelope by a grant, if there is one that holds, else by its own seal; say whether it was by a grant.

    A colleague may grant what a recipient can open anyway, and a false grant must not keep them from it.
    """
    ours = any(envelope.wrap_for(pair.key_id) is not None for pair in key.pairs)
    for sealed in () if sent is None else (sent.sealed, *sent.earlier):
        try:
            return open_with_content_key(envelope, key.open_grant(sealed, report_id)), not ours
        except DoesNotOpen:
            continue
    return key.open_report(envelope), False


def _held(
    session: Session,
    entry: shapes.FeedEntry,
    header: Header,
    opened: OpenedReport,
    now_s: int,
    *,
    forwarded: bool,
) -> tuple[Held, Unsealed]:
    if header.group_id.hex() != entry.group:
        raise Refused("the envelope is for another group than the server said")
    unsealed = Unsealed.from_bytes(opened.plaintext)
    fields = held_of_content(unsealed.content)
    return (
        msgspec.convert(
            {
                "id": entry.report,
                "group": entry.group,
                "day": entry.day,
                "fetched_s": now_s,
                "size_class": header.size_class,
                "content_key": opened.content_key.reveal().hex(),
                "recipients": tuple(key_id.hex() for key_id in header.recipients),
                "roster": header.roster_digest.hex(),
                "mailbox_address": unsealed.mailbox_address.hex(),
                "mailbox_key": unsealed.mailbox_key.raw.hex(),
                "first_use": entry.follow_up != "repeat",
                "forwarded": forwarded,
                "warnings": roster_warnings(session, header.group_id, header.roster_digest),
                **{
                    name: msgspec.to_builtins(value) if name == "who" else value
                    for name, value in fields.items()
                },
            },
            Held,
        ),
        unsealed,
    )
