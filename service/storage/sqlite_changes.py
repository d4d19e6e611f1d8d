"""How a SQLite store makes changes, inside the transaction that its writer has opened.

A commit whose condition fails writes nothing and leaves the transaction as it was, so that the others of its group
are not disturbed.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Sequence
from typing import Final, Protocol

from service.storage.protocol import (
    Absent,
    Append,
    Change,
    Committed,
    Conflict,
    Delete,
    Forget,
    Insert,
    Present,
    Put,
    Replace,
    entry_name,
)

_ASKED_AT_ONCE: Final = 64
_AT_ONCE: Final = 1_024
"""Rows of one statement; SQLite takes 32,766 parameters, five for each row."""

_LARGE: Final = 2_048
"""Bytes of a value from which few rows share a page of 8 KiB, and a page's number tells when a row was written."""
_PLACES_BEGIN: Final = -(2**63)
_PLACES_END: Final = -(2**62)
"""Large scattered records have ids from the first to below the second; small ones, from there to −1."""

_EXISTS: Final = "SELECT 1 FROM records WHERE partition = ? AND name = ?"
_HOLDS: Final = "SELECT 1 FROM records WHERE partition = ? AND name = ? AND value = ?"
_LAST: Final = "SELECT last FROM logs WHERE partition = ? AND log = ?"
_INSERT: Final = "INSERT INTO records (partition, name, expires_s, value) VALUES (?, ?, ?, ?)"
_INSERT_AT: Final = "INSERT INTO records (id, partition, name, expires_s, value) VALUES (?, ?, ?, ?, ?)"
_LAST_LARGE: Final = "SELECT max(id) FROM records WHERE id < ?"
_AT: Final = "SELECT partition, name, expires_s, value FROM records WHERE id = ?"
_MOVE_IN: Final = "UPDATE records SET partition = ?, name = ?, expires_s = ?, value = ? WHERE id = ?"
_UPSERT: Final = (
    _INSERT + " ON CONFLICT (partition, name) DO UPDATE"
    " SET value = excluded.value, expires_s = excluded.expires_s"
)
_DELETE: Final = "DELETE FROM records WHERE partition = ? AND name = ?"
_COUNT: Final = (
    "INSERT INTO logs (partition, log, last) VALUES (?, ?, ?)"
    " ON CONFLICT (partition, log) DO UPDATE SET last = excluded.last"
)
_FORGET: Final = "DELETE FROM logs WHERE partition = ? AND log = ?"


def apply_changes(
    connection: sqlite3.Connection, partition: str, changes: Sequence[Change]
) -> Committed | Conflict:
    """Check every condition, then make every change, inside the transaction that is open. Writes all or nothing."""
    execute = connection.execute
    last: dict[bytes, int] = {}
    positions: list[int] = []
    there = _existing(connection, partition, [c.name for c in changes if isinstance(c, (Insert, Absent))])
    for change in changes:
        match change:
            case Insert(name) | Absent(name):
                if name in there:
                    return Conflict(name)
            case Replace(name, expected):
                if not execute(_HOLDS, (partition, name, expected)).fetchone():
                    return Conflict(name)
            case Present(name):
                if not execute(_EXISTS, (partition, name)).fetchone():
                    return Conflict(name)
            case Append(name):
                if name not in last:
                    row = execute(_LAST, (partition, name)).fetchone()
                    last[name] = row[0] if row else 0
                last[name] += 1
                positions.append(last[name])
                entry = entry_name(name, last[name])
                if execute(_EXISTS, (partition, entry)).fetchone():
                    return Conflict(entry)
    given = iter(positions)
    _insert(connection, [(partition, c) for c in changes if isinstance(c, Insert)])
    for change in changes:
        match change:
            case Put(name, value, expires_s) | Replace(name, _, value, expires_s):
                execute(_UPSERT, (partition, name, expires_s, value))
            case Delete(name):
                execute(_DELETE, (partition, name))
            case Append(name, value, expires_s):
                execute(_INSERT, (partition, entry_name(name, next(given)), expires_s, value))
            case Forget(name):
                execute(_FORGET, (partition, name))
    for name, number in last.items():
        execute(_COUNT, (partition, name, number))
    return Committed(tuple(positions))


def only_inserts(changes: Sequence[Change]) -> bool:
    """Whether the changes are nothing else than inserts, and at least one."""
    return bool(changes) and all(type(change) is Insert for change in changes)


class Inserts(Protocol):
    """A commit that only inserts."""

    @property
    def partition(self) -> str:
        """Its partition."""

    @property
    def changes(self) -> Sequence[Change]:
        """All of them `Insert`."""


def insert_at_once(connection: sqlite3.Connection, commits: Sequence[Inserts]) -> bool:
    """Make all of many commits that only insert, in one statement that is its own transaction; False: none was made.

    Hardly ever is a name taken, and then `apply_inserts` finds out whose it is. On a thread every statement costs turns
    of the interpreter's lock, for which the event loop competes: this takes as many as one, sync of the disk included.
    """
    rows = _rows(commits)
    if len(rows) > _AT_ONCE or any(_large(change) for _, change in rows):
        return False
    try:
        _insert(connection, rows)
    except sqlite3.IntegrityError:
        return False
    return True


def apply_inserts(connection: sqlite3.Connection, commits: Sequence[Inserts]) -> list[Committed | Conflict]:
    """Make many commits that only insert, each whole or not at all, as if one after the other, in few statements."""
    wanted: dict[str, list[bytes]] = {}
    for partition, change in _rows(commits):
        wanted.setdefault(partition, []).append(change.name)
    taken = {
        (partition, name)
        for partition, names in wanted.items()
        for name in _existing(connection, partition, names)
    }
    outcomes: list[Committed | Conflict] = []
    rows: list[tuple[str, Insert]] = []
    for commit in commits:
        own = _rows((commit,))
        conflict = next((change.name for at, change in own if (at, change.name) in taken), None)
        if conflict is not None:
            outcomes.append(Conflict(conflict))
            continue
        taken.update((at, change.name) for at, change in own)
        rows += own
        outcomes.append(Committed())
    _insert(connection, rows)
    return outcomes


def _rows(commits: Sequence[Inserts]) -> list[tuple[str, Insert]]:
    return [
        (commit.partition, change)
        for commit in commits
        for change in commit.changes
        if isinstance(change, Insert)
    ]


def _insert(connection: sqlite3.Connection, rows: list[tuple[str, Insert]]) -> None:
    """Write records, many in one statement."""
    for partition, change in rows:
        if _large(change):
            _insert_among_others(connection, partition, change)
    small = [row for row in rows if not _large(row[1])]
    for at in range(0, len(small), _AT_ONCE):
        some = small[at : at + _AT_ONCE]
        values = [value for p, c in some for value in (_place(c), p, c.name, c.expires_s, c.value)]
        connection.execute(_INSERT_AT + ", (?, ?, ?, ?, ?)" * (len(some) - 1), values)


def _place(change: Insert) -> int | None:
    """Where a row goes: at the end, or at a random place before all that went there (whose ids are above zero)."""
    return -1 - (int.from_bytes(os.urandom(8), "big") >> 2) if change.scattered else None


def _large(change: Insert) -> bool:
    return change.scattered and len(change.value) > _LARGE


def _insert_among_others(connection: sqlite3.Connection, partition: str, change: Insert) -> None:
    """Write a scattered record that fills pages of its own, and whose id would hide nothing: pages are numbered too.

    It takes the place of one of the large ones that are there, or a new one, each as likely; who was there moves to the
    new one. So every order of them is as likely as any other (Fisher and Yates' shuffle, from the inside out).
    """
    execute = connection.execute
    (last,) = execute(_LAST_LARGE, (_PLACES_END,)).fetchone()
    new = _PLACES_BEGIN if last is None else last + 1
    place = _PLACES_BEGIN + secrets.randbelow(new - _PLACES_BEGIN + 1)
    there = execute(_AT, (place,)).fetchone()
    mine = (partition, change.name, change.expires_s, change.value)
    if there is None:  # the new one, or one that was left
        execute(_INSERT_AT, (place, *mine))
    else:
        execute(_MOVE_IN, (*mine, place))
        execute(_INSERT_AT, (new, *there))


def _existing(connection: sqlite3.Connection, partition: str, names: list[bytes]) -> set[bytes]:
    """Those of `names` that are there: one question to the engine for many names, as each costs a turn of the GIL."""
    there: set[bytes] = set()
    for at in range(0, len(names), _ASKED_AT_ONCE):
        some = names[at : at + _ASKED_AT_ONCE]
        # As many question marks as names, in steps, so that the prepared statements stay few.
        some = some + some[-1:] * (-len(some) % 4)
        marks = ", ".join("?" * len(some))
        query = f"SELECT name FROM records WHERE partition = ? AND name IN ({marks})"  # noqa: S608
        there.update(row[0] for row in connection.execute(query, (partition, *some)))
    return there
