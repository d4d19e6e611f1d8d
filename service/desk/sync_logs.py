"""Bringing in the sealed logs of reports: each entry is opened, and its signature held against the rosters."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from crypto.errors import Refused
from crypto.opening import open_entry
from crypto.secrets import SymmetricKey
from service.cases.log import known_entry, read_entry
from service.cases.rosters import RosterHistory
from service.desk.records import Held, LogLine
from service.desk.session import Session
from service.wire import calls, shapes
from service.wire.client import Client, Declined

_Author = tuple[str, str]
"""A verify key in hex, and a name that its owner has or had."""


def pull_activity(session: Session, client: Client) -> set[tuple[str, str]]:
    """Ask which reports' logs have grown. Returns (group, report) of each."""
    changed: set[tuple[str, str]] = set()
    while True:
        cursors = session.cursors(session.group)
        page = client.do(calls.activity(session.signer, cursors.activity))
        changed |= {(entry.group, entry.report) for entry in page.entries}
        session.vault.put("cursors", session.group, msgspec.structs.replace(cursors, activity=page.cursor))
        if not page.more:
            return changed


def pull_logs(session: Session, client: Client, reports: set[tuple[str, str]]) -> int:
    """Bring in what is new in the logs of these (group, report); give how many entries that was."""
    known = {bytes.fromhex(held.id): held for held in session.vault.every("held", Held)} if reports else {}
    authors = _authors(session.histories().values()) if reports else frozenset()
    came = 0
    for group_hex, report_hex in sorted(reports):
        held = known.get(bytes.fromhex(report_hex))
        if held is not None:
            came += _pull_log(session, client, held, bytes.fromhex(group_hex), authors)
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
