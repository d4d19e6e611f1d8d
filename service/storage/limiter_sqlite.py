"""A limiter in one SQLite file, for several server processes on one machine. abuse/SPEC.md, "Limiter".

Every step is one `BEGIN IMMEDIATE` transaction, so it is exact between processes. The file is written with
`synchronous=OFF`: it may be lost with the machine's power, and then must not come back half old. So it carries the
machine's boot id, and opening it under another boot starts a new epoch.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from abuse import admission
from abuse.admission import CLOCK_MARGIN_US, Debited, Mark, Outcome, Pulse, Step
from abuse.difficulty import EFFORTS_KEPT
from abuse.limits import HOUR_US, Bucket, Rate
from abuse.lottery import Room, slot_at
from abuse.routes import EPOCH_SIZE
from crypto.entropy import Entropy
from service.storage.limiter import SWEEP_EVERY, Clock, LimiterUnavailable

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS life (one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT, epoch BLOB, latest INTEGER);
CREATE TABLE IF NOT EXISTS marks (token BLOB PRIMARY KEY, mark INTEGER, until INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS marks_until ON marks (until);
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, arrival INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rooms (name TEXT PRIMARY KEY, slot INTEGER, rest TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS efforts (name TEXT PRIMARY KEY, latest TEXT) WITHOUT ROWID;
"""
_T = TypeVar("_T")


def boot_id() -> str | None:
    """Name this boot of the machine, or None where the system doesn't say: then every opening is a new epoch."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return None


class _SqliteLedger:
    """The records, inside one open transaction."""

    def __init__(self, db: sqlite3.Connection, entropy: Entropy) -> None:
        self._db = db
        self._entropy = entropy

    def renew_epoch(self, boot: str | None, now_us: int) -> bytes:
        epoch = self._entropy(EPOCH_SIZE)
        self._db.execute("INSERT OR REPLACE INTO life VALUES (1, ?, ?, ?)", (boot, epoch, now_us))
        return epoch

    def open_under(self, boot: str | None, now_us: int) -> None:
        row = self._db.execute("SELECT boot FROM life").fetchone()
        if row is None or boot is None or row[0] != boot:
            self.renew_epoch(boot, now_us)

    def epoch(self, now_us: int) -> bytes:
        row = self._db.execute("SELECT boot, epoch, latest FROM life").fetchone()
        if row is None:
            return self.renew_epoch(boot_id(), now_us)
        boot, epoch, latest = row
        if now_us < latest - CLOCK_MARGIN_US:
            return self.renew_epoch(boot, now_us)
        if now_us > latest:
            self._db.execute("UPDATE life SET latest = ?", (now_us,))
        return bytes(epoch)

    def mark(self, token: bytes, now_us: int) -> Mark | None:
        row = self._db.execute(
            "SELECT mark FROM marks WHERE token = ? AND until > ?", (token, now_us)
        ).fetchone()
        return Mark(row[0]) if row else None

    def put_mark(self, token: bytes, mark: Mark, until_us: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", (token, mark.value, until_us))

    def arrivals(self, buckets: Sequence[Bucket]) -> list[int | None]:
        return [self._arrival(bucket.name) for bucket in buckets]

    def _arrival(self, bucket: str) -> int | None:
        row = self._db.execute("SELECT arrival FROM buckets WHERE name = ?", (bucket,)).fetchone()
        return int(row[0]) if row else None

    def put_arrivals(self, buckets: Sequence[Bucket], arrivals_us: Sequence[int]) -> None:
        rows = [(bucket.name, arrival_us) for bucket, arrival_us in zip(buckets, arrivals_us, strict=True)]
        self._db.executemany("INSERT OR REPLACE INTO buckets VALUES (?, ?)", rows)

    def room(self, name: str) -> Room | None:
        row = self._db.execute("SELECT slot, rest FROM rooms WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        waiting, contended, overflowed, served, pressure = json.loads(row[1])
        lots = tuple((lot, bytes.fromhex(who)) for lot, who in waiting)
        return Room(row[0], lots, contended, overflowed, served, pressure)

    def put_room(self, name: str, room: Room) -> None:
        waiting = [(lot, who.hex()) for lot, who in room.waiting]
        rest = json.dumps((waiting, room.contended, room.overflowed, room.served, room.pressure))
        self._db.execute("INSERT OR REPLACE INTO rooms VALUES (?, ?, ?)", (name, room.slot, rest))

    def efforts(self, name: str) -> tuple[int, ...]:
        row = self._db.execute("SELECT latest FROM efforts WHERE name = ?", (name,)).fetchone()
        return tuple(json.loads(row[0])) if row else ()

    def put_effort(self, name: str, effort: int) -> None:
        latest = json.dumps((*self.efforts(name), effort)[-EFFORTS_KEPT:])
        self._db.execute("INSERT OR REPLACE INTO efforts VALUES (?, ?)", (name, latest))

    def sweep(self, now_us: int) -> None:
        self._db.execute("DELETE FROM marks WHERE until <= ?", (now_us,))
        self._db.execute("DELETE FROM buckets WHERE arrival <= ?", (now_us - CLOCK_MARGIN_US,))
        self._db.execute("DELETE FROM rooms WHERE slot < ?", (slot_at(now_us - HOUR_US),))
        self._db.execute("DELETE FROM efforts WHERE name NOT IN (SELECT name FROM rooms)")


class SqliteLimiter:
    """A limiter over `path`, a file of its own (not the Store's).

    `clock` must be the same clock in every process: the machine's wall clock.
    """

    def __init__(self, path: Path, clock: Clock, entropy: Entropy, *, busy_s: float = 10.0) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._steps = 0
        try:
            self._db = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
        except sqlite3.Error:
            raise LimiterUnavailable("the limiter's file can't be opened") from None
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.executescript(_SCHEMA)
            self._ledger = _SqliteLedger(self._db, entropy)
            self._atomically(lambda now_us: self._ledger.open_under(boot_id(), now_us))
        except sqlite3.Error:
            self._db.close()
            raise LimiterUnavailable("the limiter's file can't be opened") from None
        except BaseException:
            self._db.close()
            raise

    def _atomically(self, act: Callable[[int], _T]) -> _T:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    now_us = self._clock()
                    self._steps += 1
                    if self._steps % SWEEP_EVERY == 0:
                        self._ledger.sweep(now_us)
                    result = act(now_us)
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error:
                raise LimiterUnavailable("the limiter's file can't be used") from None
            return result

    async def take(self, step: Step) -> Outcome:
        """See Limiter."""
        return await asyncio.to_thread(self._atomically, lambda now: admission.take(self._ledger, step, now))

    async def debit(self, buckets: tuple[Bucket, ...], quantity: int = 1) -> Debited:
        """See Limiter."""
        return await asyncio.to_thread(
            self._atomically, lambda now: admission.debit(self._ledger, buckets, quantity, now)
        )

    async def pulse(self, room: str, rate: Rate) -> Pulse:
        """See Limiter."""
        return await asyncio.to_thread(
            self._atomically, lambda now: admission.pulse(self._ledger, room, rate, now)
        )

    async def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
