"""What every store promises: an ordered map from names to bytes, in partitions, changed atomically.

A *partition* is a named group of records that can change together: one `commit` is all or nothing and touches one
partition. (On Redis Cluster a partition is a hash tag, so all of it lives on one node.) Two partitions never change
together. Inside a partition names are ordered as bytes, shorter first.

The promises, held by tests/contract/ against real engines:

- What `commit` or `update` returned is durable: a crash of this process or of the engine does not lose it.
- A commit whose condition fails has changed nothing.
- Expiry is data. `expires_s` tells `sweep` what is garbage; until the sweep the record is read, and is in the way
  of an `Insert`, like any other. Whoever needs to know whether a record still counts keeps the time in the value too.
- A secret in a store's address never appears in an error or a repr, nor does a record's value.

The store looks into no value. design.md §10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

import msgspec

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAX_PARTITION: Final = 128
"""Characters of a partition's name: ASCII letters, digits and `-_.:/`."""
MAX_NAME: Final = 512
"""Bytes of a record's name; at least one."""
MAX_VALUE: Final = 9 * 2**20
"""Bytes of a value: the largest envelope (8 MiB class, design.md §4) and room for its header."""
MAX_COMMIT: Final = 32 * 2**20
"""Bytes of all values in one commit."""
MAX_SCAN: Final = 16 * 2**20
"""Bytes of values after which one `scan` stops early, so that a page of large records can't fill the memory."""
SEQUENCE_BYTES: Final = 8


class StoreUnavailable(Exception):
    """The engine failed or did not answer in time. Whether a change was made is unknown: read before repeating it.

    The message goes to the log: it says what to change, and holds no secret and nothing of a record.
    """


class StoreRefused(Exception):
    """The store can't be used as it is set up. The message says what to change; it holds no secret."""


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """What goes to a store or comes back, also across processes. Shows no value when it is printed."""

    def __repr__(self) -> str:
        first = next(iter(self.__struct_fields__), None)
        return f"{type(self).__name__}({getattr(self, first)!r})" if first else f"{type(self).__name__}()"


class Insert(Message, frozen=True):
    """Write a record that must not exist yet.

    scattered: keep it in a random place among others, so that the files don't tell what was written before and after
    it. It costs more, and Redis, whose file is a list of commands, ignores it until that file is rewritten.
    """

    name: bytes
    value: bytes
    expires_s: int | None = None
    scattered: bool = False


class Put(Message, frozen=True):
    """Write a record, whether or not it exists. Its earlier expiry goes with its earlier value."""

    name: bytes
    value: bytes
    expires_s: int | None = None


class Replace(Message, frozen=True):
    """Write a record that must hold exactly `expected`."""

    name: bytes
    expected: bytes
    value: bytes
    expires_s: int | None = None


class Delete(Message, frozen=True):
    """Remove a record; no matter if there is none."""

    name: bytes


class Absent(Message, frozen=True):
    """Condition: there is no such record. Changes nothing."""

    name: bytes


class Present(Message, frozen=True):
    """Condition: there is such a record. Changes nothing."""

    name: bytes


class Append(Message, frozen=True):
    """Write `value` under `entry_name(log, n)`, n being the next number of that log: 1, 2, 3 … without gaps.

    A number is given out once, also when entries are deleted later. Within one commit the appends to a log
    get consecutive numbers in their order.
    """

    log: bytes
    value: bytes
    expires_s: int | None = None


class Forget(Message, frozen=True):
    """Drop the counter of a log, so that nothing of the log's name stays. Its entries are deleted by `Delete`."""

    log: bytes


Change = Insert | Put | Replace | Delete | Absent | Present | Append | Forget


class Committed(Message, frozen=True):
    """Everything was written and is durable. `positions`: the number given to each Append, in order."""

    positions: tuple[int, ...] = ()


class Conflict(Message, frozen=True):
    """Nothing was written. `name`: the record whose condition failed (the first, in the order of the changes).

    What the conflict rests on is itself durable.
    """

    name: bytes


@dataclass(frozen=True, slots=True)
class Write(Generic[T_co]):
    """Outcome of `update`'s decision: store `value`, and return `result` once it is durable."""

    value: bytes = field(repr=False)
    result: T_co
    expires_s: int | None = None


@dataclass(frozen=True, slots=True)
class Keep(Generic[T_co]):
    """Outcome of `update`'s decision: leave the record as it is, and return `result`."""

    result: T_co


def entry_name(log: bytes, sequence: int) -> bytes:
    """The name of a log's entry: log ‖ "/" ‖ u64 big-endian, so that names sort as numbers do."""
    return log + b"/" + sequence.to_bytes(SEQUENCE_BYTES, "big")


def sequence_of(name: bytes) -> int:
    """The number at the end of an entry's name, as `entry_name` put it there."""
    return int.from_bytes(name[-SEQUENCE_BYTES:], "big")


class Store(Protocol):
    """An ordered byte map in partitions. Safe to use from many tasks of one event loop, and from many processes.

    Every method raises StoreUnavailable if the engine fails, and ValueError for a name, value or set of changes
    outside the limits above (a mistake of the caller's; lengths that users control are checked before).
    """

    async def clock_s(self) -> float:
        """Seconds since 1970 by the store's own clock, the same for every process that shares the store."""

    async def read(self, partition: str, name: bytes) -> bytes | None:
        """The record's value, or None. Sees every commit that has returned."""

    async def read_many(self, partition: str, names: Sequence[bytes]) -> list[bytes | None]:
        """The values of `names`, in their order, all of one moment."""

    async def commit(self, partition: str, changes: Sequence[Change]) -> Committed | Conflict:
        """Make all the changes or none, durably.

        All conditions look at the state before the commit. A name may occur once in a commit; a log may be
        appended to several times. No changes at all: Committed.
        """

    async def update(
        self, partition: str, name: bytes, decide: Callable[[bytes | None], Write[T] | Keep[T]]
    ) -> T:
        """Read one record, decide, write: as if nobody else were there. Returns the decision's `result`.

        decide: a pure function of the value (None: no record). It may be called several times; only the last
        call counts. What it raises comes through, and nothing is written.
        """

    async def scan(
        self, partition: str, prefix: bytes, after: bytes = b"", limit: int = 100, *, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        """Names that begin with `prefix`, with their values, in order, beyond `after` (a full name, itself left out).

        At most `limit` (1 to 1,000), and fewer once the values exceed MAX_SCAN: **only an empty list means the
        end.** reverse: from the last name down, `after` being an upper bound (empty: none).
        """

    async def sweep(self, now_s: int) -> int:
        """Remove the records with `expires_s` ≤ now_s. Returns how many were removed."""

    async def purge(self, partition: str, names: Sequence[bytes]) -> None:
        """Delete the records, and return when no file of the engine holds a byte of their values any more.

        Slow (it rewrites files): for the few things whose destruction was promised. Unknown names don't matter.
        What the disk's firmware, backups and snapshots keep is beyond its reach. If it raises, repeat it.
        """

    async def healthy(self) -> None:
        """Return if a write would be durable now; else StoreUnavailable, or StoreRefused if the set-up changed."""

    async def close(self) -> None:
        """Finish what is under way and let go of files and connections. The store can't be used afterwards."""
