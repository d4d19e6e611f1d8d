"""A store's address, as it stands in the settings, and the one function that opens what it names.

    sqlite:///var/lib/sottovoce/store.db          one file; what follows `sqlite://` is the path as it is
    redis://[user:password@]host[:port][/db]      one server            (rediss:// for TLS)
    redis+sentinel://[user:password@]h1:p1,h2:p2/service                (rediss+sentinel://)
    redis+cluster://[user:password@]h1:p1,h2:p2                         (rediss+cluster://)

A password in an address is never repeated: not in errors, not in a repr. Percent-encode what a URL reserves.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote

from service.storage.protocol import Store, StoreRefused

_SCHEMES: Final = re.compile(r"(rediss?)(?:\+(sentinel|cluster))?")
_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._\-]+))(?::([0-9]{1,5}))?")
_REDIS_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379

_HELP: Final = (
    "The store's address is not understood. Examples: sqlite:///var/lib/sottovoce/store.db, redis://host:6379, "
    "redis+sentinel://host1:26379,host2:26379/service, redis+cluster://host:6379."
)


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """A file on this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One Redis, the Sentinels that know it, or some nodes of a cluster."""

    kind: Literal["single", "sentinel", "cluster"]
    hosts: tuple[tuple[str, int], ...]
    tls: bool = False
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    db: int = 0
    service: str = ""


def parse_address(url: str) -> SqliteAddress | RedisAddress:
    """Take an address apart. StoreRefused, repeating nothing of it, if it is not one of the forms above."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite" and rest and not rest.endswith("/"):
        return SqliteAddress(Path(rest))
    redis = _SCHEMES.fullmatch(scheme)
    if not (separator and redis):
        raise StoreRefused(_HELP)
    account, _, place = rest.rpartition("@")
    hosts_text, _, tail = place.partition("/")
    username, _, password = account.partition(":")
    kind: Literal["single", "sentinel", "cluster"] = {  # type: ignore[assignment]
        None: "single",
        "sentinel": "sentinel",
        "cluster": "cluster",
    }[redis[2]]
    default_port = _SENTINEL_PORT if kind == "sentinel" else _REDIS_PORT
    hosts = tuple(_host(text, default_port) for text in hosts_text.split(","))
    match kind:
        case "single":
            understood = len(hosts) == 1 and (not tail or (tail.isascii() and tail.isdigit()))
        case "sentinel":
            understood = bool(tail)
        case "cluster":
            understood = not tail
    if not understood:
        raise StoreRefused(_HELP)
    return RedisAddress(
        kind=kind,
        hosts=hosts,
        tls=redis[1] == "rediss",
        username=unquote(username) or None,
        password=unquote(password) or None,
        db=int(tail) if kind == "single" and tail else 0,
        service=unquote(tail) if kind == "sentinel" else "",
    )


def _host(text: str, default_port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    port = int(found[3] or default_port) if found else 0
    if not found or not 0 < port < 65536:
        raise StoreRefused(_HELP)
    return found[1] or found[2], port


async def open_store(
    url: str,
    *,
    clock: Callable[[], float] = time.time,
    replicas: int = 0,
    every_second: bool = False,
    apart: bool = False,
) -> Store:
    """Open the store at `url`, after checking that what it acknowledges will be durable.

    clock: for SQLite; Redis has its own.
    replicas: how many replicas must have a write before it is acknowledged (Redis).
    every_second: accept `appendfsync everysec` of Redis; only together with replicas.
    apart: write in a process of its own (SQLite); for servers, which write much.

    Raises StoreRefused, saying what to change, or StoreUnavailable if the engine does not answer.
    """
    match parse_address(url):
        case SqliteAddress(path):
            from service.storage.sqlite import open_sqlite

            return await open_sqlite(path, clock, apart=apart)
        case address:
            from service.storage.redis_store import open_redis

            return await open_redis(address, replicas=replicas, every_second=every_second)
