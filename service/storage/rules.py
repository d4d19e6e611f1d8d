"""The rules every store shares: which requests are well formed, where a prefix ends, how `update` retries.

Engines are left with what is theirs: reading, writing, failing. A request that breaks a rule is a mistake of the
calling code, so it raises ValueError, with fixed text and no part of the request in it.
"""

from __future__ import annotations

import asyncio
import random
import re
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from service.storage.protocol import (
    MAX_COMMIT,
    MAX_NAME,
    MAX_PARTITION,
    MAX_VALUE,
    SEQUENCE_BYTES,
    Append,
    Change,
    Conflict,
    Forget,
    Insert,
    Keep,
    Put,
    Replace,
    Store,
    StoreUnavailable,
    Write,
)

T = TypeVar("T")

MAX_CHANGES: Final = 1_000
MAX_EXPIRES_S: Final = 2**53  # beyond it a Redis score is no longer exact
_PARTITION: Final = re.compile(r"[A-Za-z0-9\-_.:/]+", re.ASCII)
_ATTEMPTS: Final = 200


def check_partition(partition: str) -> None:
    """ValueError unless it is 1 to MAX_PARTITION characters of the allowed alphabet (a hash tag with no braces)."""
    if not (0 < len(partition) <= MAX_PARTITION and _PARTITION.fullmatch(partition)):
        raise ValueError("a partition's name is outside its alphabet or length")


def check_names(names: Sequence[bytes]) -> None:
    """ValueError unless there are at most MAX_CHANGES names, each of 1 to MAX_NAME bytes."""
    if len(names) > MAX_CHANGES:
        raise ValueError("too many names in one request")
    for name in names:
        if not 0 < len(name) <= MAX_NAME:
            raise ValueError("a name is empty or too long")


def check_scan(prefix: bytes, after: bytes, limit: int) -> None:
    """ValueError unless the bounds are names (or empty) and the limit is 1 to 1,000."""
    if len(prefix) > MAX_NAME or len(after) > MAX_NAME:
        raise ValueError("a scan's bound is too long")
    if not 1 <= limit <= 1_000:
        raise ValueError("a scan's limit is outside 1 to 1,000")


def check_changes(changes: Sequence[Change]) -> int:
    """ValueError unless the changes can be one commit. Returns the bytes of values they hold.

    A name may occur once, so that "all conditions look at the state before the commit" and "changes are made in
    order" mean the same in every engine.
    """
    if len(changes) > MAX_CHANGES:
        raise ValueError("too many changes in one commit")
    seen: set[bytes] = set()
    appended: set[bytes] = set()
    forgotten: set[bytes] = set()
    total = 0
    for change in changes:
        if type(change) is Insert:  # first and in place: what a report is made of
            name = change.name
            if not 0 < len(name) <= MAX_NAME:
                raise ValueError("a name is empty or too long")
            if name in seen:
                raise ValueError("a name occurs twice in one commit")
            seen.add(name)
            total += _check_value(change.value, change.expires_s)
            continue
        match change:
            case Append(log, value, expires_s):
                if not 0 < len(log) <= MAX_NAME - SEQUENCE_BYTES - 1:
                    raise ValueError("a log's name is empty or too long")
                appended.add(log)
                total += _check_value(value, expires_s)
            case Forget(log):
                if not 0 < len(log) <= MAX_NAME - SEQUENCE_BYTES - 1:
                    raise ValueError("a log's name is empty or too long")
                forgotten.add(log)
            case _:
                check_names((change.name,))
                if change.name in seen:
                    raise ValueError("a name occurs twice in one commit")
                seen.add(change.name)
                if isinstance(change, Replace):
                    total += len(change.expected)
                if isinstance(change, Put | Replace):
                    total += _check_value(change.value, change.expires_s)
    if appended & forgotten:
        raise ValueError("a log is appended to and forgotten in one commit")
    if appended and any(name[: -SEQUENCE_BYTES - 1] in appended and _is_entry(name) for name in seen):
        raise ValueError("an entry of a log is named in a commit that appends to the log")
    if total > MAX_COMMIT:
        raise ValueError("a commit is too large")
    return total


def _check_value(value: bytes, expires_s: int | None) -> int:
    if len(value) > MAX_VALUE:
        raise ValueError("a value is too large")
    if expires_s is not None and not 0 <= expires_s <= MAX_EXPIRES_S:
        raise ValueError("an expiry is out of range")
    return len(value)


def _is_entry(name: bytes) -> bool:
    return len(name) > SEQUENCE_BYTES + 1 and name[-SEQUENCE_BYTES - 1 : -SEQUENCE_BYTES] == b"/"


def scan_bounds(prefix: bytes, after: bytes, *, reverse: bool) -> tuple[bytes, bytes]:
    """What a scan covers, as (lowest, beyond): lowest ≤ name < beyond. Arguments as in `Store.scan`."""
    stem = prefix.rstrip(b"\xff")
    # The smallest string above everything that begins with the prefix; above 0xff… only a longer one than any name.
    beyond = stem[:-1] + bytes((stem[-1] + 1,)) if stem else b"\xff" * (MAX_NAME + 1)
    if not after:
        return prefix, beyond
    if reverse:
        return prefix, min(beyond, after)
    return max(prefix, after + b"\0"), beyond  # the smallest string above `after`


class Updates:
    """`Store.update` on top of read and commit: read, decide, compare and set; again if somebody came between.

    Tasks of one process take turns per record, so that only other processes can come between.
    """

    def __init__(self, store: Store, settle: Callable[[str], Awaitable[None]] | None = None) -> None:
        """settle: waits until what has been read in a partition is durable, where a read can be ahead of that."""
        self._store = store
        self._settle = settle
        self._turns: weakref.WeakValueDictionary[tuple[str, bytes], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def run(
        self, partition: str, name: bytes, decide: Callable[[bytes | None], Write[T] | Keep[T]]
    ) -> T:
        """See `Store.update`. StoreUnavailable when others keep coming between for many attempts."""
        turn = self._turns.setdefault((partition, name), asyncio.Lock())
        async with turn:
            for attempt in range(_ATTEMPTS):
                old = await self._store.read(partition, name)
                decision = decide(old)
                if isinstance(decision, Keep):
                    if self._settle is not None:
                        await self._settle(partition)
                    return decision.result
                change: Insert | Replace
                if old is None:
                    change = Insert(name, decision.value, decision.expires_s)
                else:
                    change = Replace(name, old, decision.value, decision.expires_s)
                if not isinstance(await self._store.commit(partition, (change,)), Conflict):
                    return decision.result
                # Spreads out processes that met; no security rests on this randomness.
                await asyncio.sleep(random.random() * min(0.05, 0.001 * 2**attempt))  # noqa: S311
        raise StoreUnavailable("A record is being changed by too many at once. Try again.")
