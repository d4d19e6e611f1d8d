"""Where the server keeps what must last: one protocol, over SQLite or Redis.

`protocol` says what a store promises, `addresses` opens one; `sqlite*` and `redis_*` are the two engines. No store
looks into what it keeps. Rate limits are not kept here but in `limiter`, which may be lost without harm.
"""

from service.storage.addresses import open_store
from service.storage.protocol import (
    Absent,
    Append,
    Change,
    Committed,
    Conflict,
    Delete,
    Forget,
    Insert,
    Keep,
    Present,
    Put,
    Replace,
    Store,
    StoreRefused,
    StoreUnavailable,
    Write,
    entry_name,
    sequence_of,
)

__all__ = [
    "Absent",
    "Append",
    "Change",
    "Committed",
    "Conflict",
    "Delete",
    "Forget",
    "Insert",
    "Keep",
    "Present",
    "Put",
    "Replace",
    "Store",
    "StoreRefused",
    "StoreUnavailable",
    "Write",
    "entry_name",
    "open_store",
    "sequence_of",
]
