"""What a server signs about a report it stored: a reporter can later prove that it was accepted, and on which day.

A receipt says nothing of who sent it or when in the day; it holds digests only. Ed25519, label RECEIPT, over
(envelope digest 32, day as u32 big-endian days since 1970-01-01, group 16).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.signatures import SigningKey, VerifyKey, sign, verify

DIGEST_SIZE = 32
GROUP_SIZE = 16
SIGNATURE_SIZE = 64
SECONDS_A_DAY = 86_400
MAX_DAY = 2**32 - 1

_EPOCH: Final = date(1970, 1, 1)


def envelope_digest(raw: bytes) -> bytes:
    """Give the 32 bytes that name an envelope in receipts and on the server."""
    return digest(Label.ENVELOPE, raw)


def day_of(now_s: float) -> int:
    """Give the day (UTC, days since 1970-01-01) of a time in seconds."""
    return max(0, int(now_s) // SECONDS_A_DAY)


def day_number(day: date) -> int:
    """Count the days from 1970-01-01 to a date."""
    return (day - _EPOCH).days


def day_told(day: int) -> str:
    """Write a day (since 1970-01-01 UTC) as a date, or as a number where no date is that late."""
    try:
        return (_EPOCH + timedelta(days=day)).isoformat()
    except OverflowError:  # a day may have 32 bits, as a server likes, and a date ends with the year 9999
        return f"day {day} since 1970"


class Receipt(Struct, frozen=True, gc=False):
    """A signed statement that an envelope was durably stored for a group on a day."""

    envelope: bytes
    day: int
    group: bytes
    signature: bytes

    def __post_init__(self) -> None:
        if (
            len(self.envelope) != DIGEST_SIZE
            or len(self.group) != GROUP_SIZE
            or len(self.signature) != SIGNATURE_SIZE
            or not 0 <= self.day <= MAX_DAY
        ):
            raise Refused("receipt: malformed")


def issue(key: SigningKey, envelope: bytes, day: int, group: bytes) -> Receipt:
    """Sign a receipt. envelope: its 32-byte digest. Same input, same receipt (Ed25519 is deterministic)."""
    return Receipt(envelope, day, group, sign(key, Label.RECEIPT, *_parts(envelope, day, group)))


def check(receipt: Receipt, server: VerifyKey, raw_envelope: bytes, group: bytes) -> None:
    """Refuse a receipt that is not this server's for this envelope and group."""
    if receipt.envelope != envelope_digest(raw_envelope) or receipt.group != group:
        raise Refused("receipt: it is for another report")
    verify(server, Label.RECEIPT, receipt.signature, *_parts(receipt.envelope, receipt.day, receipt.group))


def _parts(envelope: bytes, day: int, group: bytes) -> tuple[bytes, bytes, bytes]:
    if not 0 <= day <= MAX_DAY:
        raise Refused("receipt: malformed")
    return envelope, day.to_bytes(4, "big"), group
