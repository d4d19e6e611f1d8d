"""Secrets as types: fixed size, hidden, and with one greppable way out.

A `Secret` never shows itself in a repr, a format or a crash; can't be hashed, pickled, or encoded
by json or msgspec; compares in constant time. What leaves it leaves through `.reveal()`. SPEC.md §1.4.
"""

from __future__ import annotations

import hmac
from typing import ClassVar, NoReturn, Self, final

from crypto.entropy import Entropy
from crypto.errors import Refused


class Unshown:
    """A base for values that hold what people wrote, or a secret in clear: a repr gives the type's name, nothing else.

    For Structs, before Struct among the bases; for dataclasses with `repr=False`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} hidden>"


class Secret(Unshown):
    """A secret of exactly `SIZE` bytes. Subclass it once per kind of secret."""

    SIZE: ClassVar[int] = 32
    __slots__ = ("__bytes",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != self.SIZE:
            raise Refused(f"a {type(self).__name__} is {self.SIZE} bytes")
        self.__bytes = bytes(raw)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Wrap raw bytes. Raises Refused when the size is wrong."""
        return cls(raw)

    @classmethod
    def draw(cls, entropy: Entropy) -> Self:
        """Make a new secret from `SIZE` bytes of `entropy`."""
        return cls(entropy(cls.SIZE))

    @final
    def reveal(self) -> bytes:
        """Give the raw bytes: the only way out, so that a search for it finds every use."""
        return self.__bytes

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str, /) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self.__bytes, other.__bytes)

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        raise TypeError("a secret can't be pickled or copied")


class SymmetricKey(Secret):
    """A 32-byte key for one AEAD or MAC use."""


class Passphrase(Unshown):
    """What a person typed to protect a key file: of any length, hidden like a Secret. Refused for half a character."""

    __slots__ = ("__bytes",)

    def __init__(self, text: str) -> None:
        import unicodedata

        # Looked for beforehand: the error of encoding it would carry all that was typed.
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise Refused("the passphrase is not text that UTF-8 can hold: look at the terminal's encoding")
        self.__bytes = unicodedata.normalize("NFKD", text).encode()

    def reveal(self) -> bytes:
        """Give the NFKD UTF-8 bytes to Argon2id."""
        return self.__bytes

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        raise TypeError("a secret can't be pickled or copied")
