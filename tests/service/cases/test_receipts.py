"""Receipts: proof of what was accepted, for whom, on which day, and of nothing else."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.signatures import SigningKey
from service.cases.receipts import MAX_DAY, Receipt, check, day_of, day_told, envelope_digest, issue

KEY = SigningKey(seeded(b"server")(32))
OTHER = SigningKey(seeded(b"other")(32))
GROUP = b"g" * 16
RAW = b"an envelope"
RECEIPT = issue(KEY, envelope_digest(RAW), 20_000, GROUP)


def test_a_receipt_holds() -> None:
    """The server's receipt checks, and the same day gives the same bytes."""
    check(RECEIPT, KEY.verify_key(), RAW, GROUP)
    assert issue(KEY, envelope_digest(RAW), 20_000, GROUP) == RECEIPT


@pytest.mark.parametrize(
    ("receipt", "key", "raw", "group"),
    [
        (RECEIPT, OTHER, RAW, GROUP),
        (RECEIPT, KEY, b"another envelope", GROUP),
        (RECEIPT, KEY, RAW, b"h" * 16),
        (replace(RECEIPT, day=20_001), KEY, RAW, GROUP),
        (replace(RECEIPT, group=b"h" * 16), KEY, RAW, b"h" * 16),
        (replace(RECEIPT, signature=bytes(64)), KEY, RAW, GROUP),
    ],
)
def test_a_receipt_for_anything_else_does_not(
    receipt: Receipt, key: SigningKey, raw: bytes, group: bytes
) -> None:
    """Another server, envelope, group or day, or a changed signature: refused."""
    with pytest.raises(Refused):
        check(receipt, key.verify_key(), raw, group)


@pytest.mark.parametrize(
    "changes",
    [{"day": -1}, {"day": 2**32}, {"envelope": b""}, {"group": b""}, {"signature": bytes(63)}],
)
def test_malformed_receipts_cannot_exist(changes: dict[str, object]) -> None:
    """Sizes and ranges are checked when it is made."""
    with pytest.raises(Refused):
        replace(RECEIPT, **changes)


def test_only_the_day_is_said() -> None:
    """All moments of a day give one receipt."""
    assert day_of(86_400 * 7) == day_of(86_400 * 8 - 0.001) == 7
    assert day_of(-5) == 0


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (0, "1970-01-01"),
        (20_000, "2024-10-04"),
        (2_932_896, "9999-12-31"),
        (2_932_897, "day 2932897 since 1970"),
        (MAX_DAY, "day 4294967295 since 1970"),
    ],
)
def test_any_day_can_be_written(day: int, told: str) -> None:
    """A server may give one that no calendar has."""
    assert day_told(day) == told
