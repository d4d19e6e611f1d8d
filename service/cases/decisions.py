"""What the council says about a poll's outcome: that it has it, and what it did. Signed, so that it can be held to it.

Guarantees: a signature is for one poll, one outcome and one of the two statements. Leaves to the roster who may sign.
"""

from __future__ import annotations

from typing import Final

from crypto.errors import Refused
from crypto.labels import Label
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from polls.encoding import encode
from polls.results import OutcomeStatement

_NEVER: Final = 0
"""No end: a day that no measure ends on."""


def acknowledge(key: SigningKey, outcome: OutcomeStatement) -> bytes:
    """Sign, as a council member, that the council has this outcome: 64 bytes."""
    return sign(key, Label.RESULT, b"acknowledged", encode(outcome))


def check_acknowledgement(key: VerifyKey, outcome: OutcomeStatement, signature: bytes) -> None:
    """Check what `acknowledge` made. Raises BadSignature."""
    verify(key, Label.RESULT, signature, b"acknowledged", encode(outcome))


def implement(key: SigningKey, outcome: OutcomeStatement, text: str, ends_on: int | None) -> bytes:
    """Sign, as a council member, what was done and the day (since 1970) on which it ends: 64 bytes."""
    return sign(key, Label.RESULT, *_parts(outcome, text, ends_on))


def check_implementation(
    key: VerifyKey, outcome: OutcomeStatement, text: str, ends_on: int | None, signature: bytes
) -> None:
    """Check what `implement` made. Raises BadSignature."""
    verify(key, Label.RESULT, signature, *_parts(outcome, text, ends_on))


def _parts(outcome: OutcomeStatement, text: str, ends_on: int | None) -> tuple[bytes, ...]:
    day = _NEVER if ends_on is None else ends_on
    if (ends_on is not None and ends_on < 1) or day >= 2**32:
        raise Refused("decision: the day is out of range")
    return b"implemented", encode(outcome), text.encode(), day.to_bytes(4, "big")
