"""Bringing in the sealed logs of reports: each entry is opened, and its signature held against the rosters.

Guarantees: no entry that the server had is lost to one that it can't read, or to a log that it failed with once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from crypto.errors import Refused
from crypto.opening import open_entry
from crypto.secrets import SymmetricKey
from service.cases.log import read_entry
from service.cases.rosters import RosterHistory
from service.desk.casebook import entry_of
from service.desk.records import Grown, Held, LogLine, Unfetched
from service.desk.session import Session
from service.desk.sync_failures import AGAIN, Failures
from service.wire import calls, shapes
from service.wire.calls import BadAnswer
from service.wire.client import Client
from service.wire.failures import Declined

_Author = tuple[str, str]
"""A verify key in hex, and a name that its owner has or had."""


def pull_activity(session: Session, client: Client) -> None:
    """Ask which reports' logs have grown, and note them for `pull_logs`: all, where the server can't say which."""
    while True:
        cursors = session.cursors(session.group)
        page = client.do(calls.activity(session.signer, cursors.activity))
        grown = [(entry.group, entry.report) for entry in page.entries]
        if page.damaged:
            grown += ((held.group, held.id) for held in session.vault.every("held", Held))
            entries = (one.entry for one in session.vault.every("unfetched", Unfetched))
            grown += ((entry.group, entry.report) for entry in entries)
        if grown or page.cursor != cursors.activity:
            with session.vault.transaction():
                note_grown(session, grown)
                read = msgspec.structs.replace(cursors, activity=page.cursor)
                session.vault.put("cursors", session.group, read)
        if not page.more:
            return


def note_grown(session: Session, reports: Iterable[tuple[str, str]]) -> None:
    """Note logs to be brought in, (group, report) of each.

    Put it into the transaction that stores how far the server's list was read: it names them once only, and a sync may
    be interrupted before their entries have come.
    """
    for group, report in reports:
        name = bytes.fromhex(group + report)
        if session.vault.read("grown", name) is None:
            session.vault.put("grown", name, Grown(group, report))


def pull_logs(session: Session, client: Client, now_s: int, failures: Failures) -> int:
    """Bring in what is new in the logs that were noted; give how many entries that was.

    Those of reports that are not here wait: the server may list a report just after its log was asked for. So do those
    that the server can't give, or not whole. Raises Unreachable, Declined, Refused.
    """
    grown = session.vault.every("grown", Grown)
    known = {held.id: held for held in session.vault.every("held", Held)} if grown else {}
    authors = _authors(session.histories().values()) if grown else frozenset()
    came, whole = 0, list[bytes]()
    try:
        for one in _in_turn(one for one in grown if one.report in known):
            log = _Log(session, client, known[one.report], bytes.fromhex(one.group), authors)
            try:
                log.pull()
            except (Declined, BadAnswer) as problem:
                failures.one(problem, again=one.tried_s > 0)
                log.whole = False
            came += log.came
            name = bytes.fromhex(one.group + one.report)
            if log.whole:
                whole.append(name)
            else:
                session.vault.put("grown", name, msgspec.structs.replace(one, tried_s=now_s))
    finally:  # together: the disk is waited for once, and what breaks off before is brought in again
        with session.vault.transaction():
            for name in whole:
                session.vault.delete("grown", name)
    return came


def _in_turn(grown: Iterable[Grown]) -> list[Grown]:
    """Put first what is new, then AGAIN at most of those that failed before, what was tried longest ago first."""
    in_order = sorted(grown, key=lambda one: (one.tried_s, one.group, one.report))
    new = sum(one.tried_s == 0 for one in in_order)
    return in_order[: new + AGAIN]


@dataclass
class _Log:
    """A report's log while it is brought in."""

    session: Session
    client: Client
    held: Held
    group: bytes
    authors: frozenset[_Author]
    came: int = 0
    whole: bool = True

    def pull(self) -> None:
        """Fetch what is new, page by page. From an entry on that the server can't read, all is fetched again later."""
        report = bytes.fromhex(self.held.id)
        key = SymmetricKey(bytes.fromhex(self.held.content_key))
        after = place = kept = int.from_bytes(self.session.vault.read("logplace", report) or b"\0", "big")
        while True:
            try:
                page = self.client.do(calls.read_log(self.session.signer, self.group, report, after))
            except Declined as problem:
                if problem.status == 404:  # stepped out of it, or it was never ours: nothing more to read
                    return
                raise
            after = max([after, *page.damaged, *(item.seq for item in page.entries)])
            if self.whole:
                place = min(page.damaged) - 1 if page.damaged else after
            self.whole = self.whole and not page.damaged
            with self.session.vault.transaction():
                for item in page.entries:
                    self._keep(report + item.seq.to_bytes(8, "big"), key, item)
                if place != kept:
                    self.session.vault.put("logplace", report, place.to_bytes(8, "big"))
                    kept = place
            if not page.more:
                return

    def _keep(self, name: bytes, key: SymmetricKey, item: shapes.LogItem) -> None:
        if self.session.vault.read("log", name) is None:
            self.session.vault.put("log", name, _opened_line(self.held, key, item, self.authors))
            self.came += 1


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
            entry = entry_of(line)
            if entry is not None and (entry.author_key, entry.author) in authors:
                name = bytes.fromhex(line.report) + line.seq.to_bytes(8, "big")
                session.vault.put("log", name, msgspec.structs.replace(line, trusted=True))
