"""Which Redis may be trusted with what must last, and what to tell the person whose Redis may not.

Redis forgets by default: it may evict records when memory is short, and write its file once a second or never.
An evicted "spent" mark lets a ticket be spent twice; a lost report was promised to a frightened person. So the store
refuses to start, and refuses to acknowledge, unless nothing is evicted and every write is on a disk (or, where
the operator chose so, on other machines) before it is acknowledged. design.md §10.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import ResponseError

_EVICTS: Final = (
    "Redis may throw records away when its memory is full (maxmemory-policy is not noeviction). A spent ticket or a "
    "burned code could then be used again, and reports be lost. Set `maxmemory-policy noeviction` in redis.conf."
)
_FORGETS: Final = (
    "Redis keeps no append-only file, so a restart loses what was acknowledged. Set `appendonly yes` and "
    "`appendfsync always` in redis.conf."
)
_LATE: Final = (
    "Redis writes its file later than it acknowledges (appendfsync is not always), so a crash loses up to a second or "
    "more. Set `appendfsync always` in redis.conf; or, with `appendfsync everysec`, require at least one replica "
    "and allow it explicitly in this service's settings."
)
_SECRETIVE: Final = (
    "Redis does not say how it is configured, so nobody knows whether it keeps what it acknowledges. Allow this "
    "service's user the command CONFIG GET (in an ACL: +config|get)."
)
_OLD: Final = "This Redis is too old for the store. Use Redis 7, Valkey, or later."
NOT_A_MASTER: Final = (
    "The store's address names a replica, which takes no writes. Name the master, or use redis+sentinel:// so that it "
    "is found."
)
FEW_REPLICAS: Final = (
    "Redis has fewer replicas connected than this service is told to wait for. "
    "Start the replicas, or ask for fewer."
)
UNWATCHED_FAILOVER: Final = (
    "This Redis fails over to replicas, but the service is not told to wait for any, so a failover could lose "
    "what was acknowledged. Ask for as many replicas as there are (at least 1)."
)
_UNTRUSTED: Final = (
    "Redis shows a TLS certificate that can't be trusted: it is of another name, expired, or signed by nobody whom "
    "this machine knows. Put that right, or name the file of your own authority in SSL_CERT_FILE. Try again."
)
INCOMPLETE_CLUSTER: Final = (
    "The Redis cluster does not serve all of its slots. See `redis-cli --cluster check`."
)


@dataclass(frozen=True, slots=True)
class Durability:
    """What an acknowledgement stands for.

    replicas: how many replicas must have a write. To survive any failover, as many as there are.
    every_second: accept `appendfsync everysec`; needs at least one replica.
    wait_ms: how long to wait for them.
    """

    replicas: int = 0
    every_second: bool = False
    wait_ms: int = 2_000

    def __post_init__(self) -> None:
        if self.replicas < 0 or self.wait_ms < 1:
            raise ValueError("replicas and wait_ms can't be negative")
        if self.every_second and not self.replicas:
            raise ValueError("appendfsync everysec is only accepted together with at least one replica")


def what_tls_lacks(failure: BaseException | None) -> str | None:
    """Say what to change where the server's certificate kept a connection from coming about; else None."""
    while failure is not None:
        if isinstance(failure, ssl.SSLCertVerificationError):
            return _UNTRUSTED
        failure = failure.__cause__ or failure.__context__  # redis-py raises its own, of the same text
    return None


QUESTION: Final = (b"CONFIG", b"GET", b"maxmemory-policy", b"appendonly", b"appendfsync")
"""The command whose reply `what_is_wrong` judges."""


def what_is_wrong(reply: Any, durability: Durability) -> str | None:
    """Judge the reply to `QUESTION`: None if writes are durable, else what a person should change."""
    if isinstance(reply, ResponseError) and "wrong number of arguments" in str(reply):
        return _OLD
    asked = len(QUESTION) - 2
    if not (
        isinstance(reply, list) and len(reply) == 2 * asked and all(isinstance(part, bytes) for part in reply)
    ):
        return _SECRETIVE
    found = dict(zip(reply[::2], reply[1::2], strict=True))
    # Also where no maxmemory is set: it can be set at any time, and then this is what happens.
    if found.get(b"maxmemory-policy") != b"noeviction":
        return _EVICTS
    if found.get(b"appendonly") != b"yes":
        return _FORGETS
    fsync = found.get(b"appendfsync")
    if fsync == b"always" or (fsync == b"everysec" and durability.every_second):
        return None
    return _LATE
