"""Belenios' credentials: from the voter's private text to the key that signs the ballot. SPEC.md §2.4.

In Belenios an authority draws the private credentials and knows them all. A Sottovoce poll has no such
authority: `polls.membership` derives the private credential from the member's own key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from crypto.errors import Refused
from crypto.secrets import Secret
from polls.encoding import decode, encode
from polls.group import E, Group, S

_SHAPE: Final = re.compile(
    rb"[1-9A-HJ-NP-Za-km-z]{5}-[1-9A-HJ-NP-Za-km-z]{6}-[1-9A-HJ-NP-Za-km-z]{5}-[1-9A-HJ-NP-Za-km-z]{6}"
)


class PrivateCredential(Secret):
    """A voter's private credential: the 25 ASCII bytes of XXXXX-XXXXXX-XXXXX-XXXXXX in base 58 (128 bits)."""

    SIZE = 25
    __slots__ = ()

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        if not _SHAPE.fullmatch(raw):
            raise Refused("private credential: not of the form XXXXX-XXXXXX-XXXXX-XXXXXX")

    @classmethod
    def of_characters(cls, characters: str) -> PrivateCredential:
        """Group 22 base-58 characters as 5-6-5-6."""
        return cls("-".join((characters[:5], characters[5:11], characters[11:16], characters[16:])).encode())


def secret_of(group: Group[E, S], uuid: str, credential: PrivateCredential) -> S:
    """Derive the secret exponent of a private credential in the election `uuid`; g to it is the public one.

    SHA-256 of derive_credential|uuid|i|credential for i = 0 and 1, as one 512-bit number modulo q.
    """
    wide = b"".join(
        sha256(f"derive_credential|{uuid}|{half}|".encode() + credential.reveal()).digest() for half in (0, 1)
    )
    return group.secret(int.from_bytes(wide, "big"))


def write_public(group: Group[E, S], credentials: Iterable[E]) -> bytes:
    """Write `public_credentials`: in ascending order of their text, each once."""
    texts = sorted(group.text(credential) for credential in credentials)
    return encode(texts)


def read_public(group: Group[E, S], raw: bytes) -> frozenset[str]:
    """Read `public_credentials` (no weights); Refused for one that isn't an element or is there twice."""
    texts = decode(raw, list[str], "public credentials")
    for text in texts:
        group.parse(text)
    distinct = frozenset(texts)
    if len(distinct) != len(texts):
        raise Refused("public credentials: one is there twice")
    return distinct
