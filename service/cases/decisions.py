"""What the council says about a poll's outcome: that it has it, what it did, and what became of that. Signed.

Guarantees: a signature is for one poll, one outcome and one of the three statements; the last is also for one place in
the list of its kind, and for all that was said before it. Leaves to the roster who may sign.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from polls.encoding import encode
from polls.results import OutcomeStatement

_NEVER: Final = 0
"""No end, or no next look: a day that none is on."""


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


def review(
    key: SigningKey, outcome: OutcomeStatement, number: int, before: bytes, again: int | None, text: str
) -> bytes:
    """Sign, as a council member, that a measure was looked at: 64 bytes.

    number: which word on it this is, from 1. before: `said` of what the council said until then. again: the day (since
    1970) of the next look; None: it has ended.
    """
    return sign(key, Label.RESULT, *_review_parts(outcome, number, before, again, text))


def check_review(
    key: VerifyKey,
    outcome: OutcomeStatement,
    number: int,
    before: bytes,
    again: int | None,
    text: str,
    signature: bytes,
) -> None:
    """Check what `review` made. Raises BadSignature."""
    verify(key, Label.RESULT, signature, *_review_parts(outcome, number, before, again, text))


def said(
    outcome: OutcomeStatement, text: str, ends_on: int | None, reviewed: Iterable[tuple[int | None, str]] = ()
) -> bytes:
    """Name what the council did and all that it said of it since, by whomever: 32 bytes, which the next word signs.

    text, ends_on: what it did and the day on which that ends. reviewed: the next look, or None, and text of each word.
    """
    before = digest(Label.RESULT, *_parts(outcome, text, ends_on))
    for number, (again, words) in enumerate(reviewed, 1):
        before = digest(Label.RESULT, *_review_parts(outcome, number, before, again, words))
    return before


def _parts(outcome: OutcomeStatement, text: str, ends_on: int | None) -> tuple[bytes, ...]:
    return b"implemented", encode(outcome), text.encode(), _day(ends_on)


def _review_parts(
    outcome: OutcomeStatement, number: int, before: bytes, again: int | None, text: str
) -> tuple[bytes, ...]:
    if not 1 <= number < 2**32:
        raise Refused("decision: the number is out of range")
    what = b"ended" if again is None else b"again"
    return b"reviewed", encode(outcome), number.to_bytes(4, "big"), before, what, _day(again), text.encode()


def _day(day: int | None) -> bytes:
    if day is None:
        return _NEVER.to_bytes(4, "big")
    if not 1 <= day < 2**32:
        raise Refused("decision: the day is out of range")
    return day.to_bytes(4, "big")
