"""Bringing in the sealed logs of reports: each entry is opened, and its signature held against the rosters."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from crypto.errors import Refused
from crypto.opening import open_entry
from crypto.secrets import SymmetricKey
from service.cases.log import known_entry, read_entry
from service.cases.rosters import RosterHistory
from service.desk.records import Grown, Held, LogLine
from service.desk.session import Session
from service.wire import calls, shapes
from service.wire.client import Client, Declined

_Author = tuple[str, str]
"""A verify key in hex, and a name that its owner has or had."""


def pull_activity(session: Session, client: Client) -> None:
    """Ask which reports' logs have grown, and note them for `pull_logs`."""
    while True:
        cursors = session.cursors(session.group)
        page = client.do(calls.activity(session.signer, cursors.activity))
        with session.vault.transaction():
            note_grown(session, ((entry.group, entry.report) for entry in page.entries))
            session.vault.put(
                "cursors", session.group, msgspec.structs.replace(cursors, activity=page.cursor)
            )
        if not page.more:
            return


def note_grown(session: Session, reports: Iterable[tuple[str, str]]) -> None:
    """Note logs to be brought in, (group, report) of each.

    Put it into the transaction that stores how far the server's list was read: it names them once only, and a sync may
    be interrupted before their entries have come.
    """
    for group, report in reports:
        session.vault.put("grown", bytes.fromhex(group + report), Grown(group, report))


def pull_logs(session: Session, client: Client) -> int:
    """Bring in what is new in the logs that were noted; give how many entries that was.

    Those of reports that are not here wait: the server may list a report just after its log was asked for.
    """
    grown = session.vault.every("grown", Grown)
    known = {held.id: held for held in session.vault.every("held", Held)} if grown else {}
    authors = _authors(session.histories().values()) if grown else frozenset()
    came = 0
    for one in sorted(grown, key=lambda one: (one.group, one.report)):
        held = known.get(one.report)
        if held is not None:
            came += _pull_log(session, client, held, bytes.fromhex(one.group), authors)
            session.vault.delete("grown", bytes.fromhex(one.group + one.report))
    return came


def _pull_log(session: Session, client: Client, held: Held, group: bytes, authors: frozenset[_Author]) -> int:
    report = bytes.fromhex(held.id)
    key = SymmetricKey(bytes.fromhex(held.content_key))
    place = session.vault.read("logplace", report)
    after = int.from_bytes(place or b"\0", "big")
    came = 0
    while True:
        try:
            page = client.do(calls.read_log(session.signer, group, report, after))
        except Declined as problem:
            if problem.status == 404:  # stepped out of it, or it was never ours: nothing more to read
                return came
            raise
        with session.vault.transaction():
            for item in page.entries:
                line = _opened_line(held, key, item, authors)
                session.vault.put("log", report + item.seq.to_bytes(8, "big"), line)
                after = item.seq
                came += 1
            session.vault.put("logplace", report, after.to_bytes(8, "big"))
        if not page.more:
            return came


def _authors(histories: Iterable[RosterHistory]) -> frozenset[_Author]:
    """Find everybody who may sign, with each name they ever had: an entry is shown under the name that it gives."""
    return frozenset(
        (key.raw.hex(), handler.pseudonym)
        for history in histories
        for roster in history.rosters
        for handler in roster.handlers
        for key in handler.verify_keys
    )


def _opened_line(held: Held, key: SymmetricKey, item: shapes.LogItem, authors: frozenset[_Author]) -> LogLine:
    """Open one entry; what doesn't open or wasn't signed by a known handler in their name is kept as not trusted."""
    report = bytes.fromhex(held.id)
    try:
        raw = open_entry(key, report, item.entry)
        entry = read_entry(raw, report)
    except Refused:
        return LogLine(held.id, item.seq, b"", trusted=False)
    return LogLine(held.id, item.seq, raw, trusted=(entry.author_key, entry.author) in authors)


def judge_again(session: Session) -> None:
    """Trust the entries whose author a verified roster has named since they came."""
    doubted = [line for line in session.vault.every("log", LogLine) if not line.trusted and line.raw]
    authors = _authors(session.histories().values()) if doubted else frozenset()
    with session.vault.transaction():
        for line in doubted:
            entry = known_entry(line.raw)
            if (entry.author_key, entry.author) in authors:
                name = bytes.fromhex(line.report) + line.seq.to_bytes(8, "big")
                session.vault.put("log", name, msgspec.structs.replace(line, trusted=True))
