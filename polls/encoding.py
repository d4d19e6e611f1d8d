"""Belenios' exact JSON: one text per message, since what is hashed and signed is the text. SPEC.md §2.1.

`decode` gives a message only if writing it again gives the same bytes: no other order of fields, no space,
no second spelling of a number, no field twice, none unknown. Hashes are SHA-256 of the text, in hexadecimal as
names and in base 64 without padding as fingerprints; numbers are decimal strings.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from crypto.errors import Refused
from polls.group import E, Group, S

T = TypeVar("T")

BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""The alphabet of identifiers, seeds and private credentials."""

HashHex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""A text's name as a message of ours has it: nothing else is shown to a person in its place."""

MAX_MESSAGE: Final = 4 << 20
"""No message of a poll is longer, but evidence: 4 MiB hold the credentials of 50,000 voters."""

_encoder: Final = msgspec.json.Encoder()


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A Belenios message as written: fields in the specification's order, optional ones left out if absent."""


def encode(message: object) -> bytes:
    """Write a message compactly, fields in their declared order."""
    return _encoder.encode(message)


def decode(raw: bytes, kind: type[T], what: str, *, most: int = MAX_MESSAGE) -> T:
    """Read a message of `kind`, of at most `most` bytes; Refused, naming `what`, unless `raw` is its one text."""
    if len(raw) > most:
        raise Refused(f"{what}: too long")
    try:
        message = msgspec.json.decode(raw, type=kind, strict=True)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Refused(f"{what}: not well formed") from None
    if _encoder.encode(message) != raw:
        raise Refused(f"{what}: not in canonical form")
    return message


def hash_hex(raw: bytes) -> str:
    """Name a text: SHA-256, 64 hexadecimal digits."""
    return sha256(raw).hexdigest()


def hash_base64(raw: bytes) -> str:
    """Fingerprint a text: SHA-256, base 64 without padding, 43 characters."""
    return b64encode(sha256(raw).digest()).rstrip(b"=").decode()


def number(text: str, below: int, what: str) -> int:
    """Read a decimal string from 0 to below `below`, in its one spelling; Refused otherwise."""
    # 700 digits hold every number of a 2048-bit group; longer strings would cost quadratic time.
    if not text.isascii() or not text.isdigit() or len(text) > 700 or (text[0] == "0" and text != "0"):
        raise Refused(f"{what}: not a decimal number")
    value = int(text)
    if value >= below:
        raise Refused(f"{what}: number out of range")
    return value


def challenge(group: Group[E, S], prefix: str, elements: Iterable[E]) -> int:
    """Hash to an exponent: SHA-256(prefix ‖ elements joined by commas), big-endian, modulo q."""
    text = prefix + ",".join(map(group.text, elements))
    return int.from_bytes(sha256(text.encode()).digest(), "big") % group.order


def base58(raw: bytes, length: int) -> str:
    """Write uniform bytes as `length` base-58 characters; `raw` has 16 bytes more than they need."""
    if len(raw) * 8 < length * 6 + 128:
        raise Refused("base 58: too few bytes for a uniform result")
    value, digits = int.from_bytes(raw, "big"), []
    for _ in range(length):
        value, digit = divmod(value, 58)
        digits.append(BASE58[digit])
    return "".join(digits)
