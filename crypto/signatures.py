"""Ed25519 signatures, each for one use: the label is inside what is signed. SPEC.md §8.

A `VerifyKey` that exists is a point of the prime-order subgroup in its one encoding, so that no key verifies
what its owner never signed, and a signature has one form (S below L).
"""

from __future__ import annotations

from typing import Final, Self, final

from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError

from crypto.errors import Refused
from crypto.hashing import prefixed
from crypto.labels import Label
from crypto.secrets import Secret

VERIFY_KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64


class BadSignature(Refused):
    """Not signed by that key for that use, or changed since."""

    def __init__(self) -> None:
        super().__init__("the signature does not hold: it was made by another key or for something else")


@final
class VerifyKey:
    """A 32-byte Ed25519 public key, checked: canonical, on the curve, in the prime-order subgroup, not the identity."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        """Raises Refused for anything but a valid key."""
        if len(raw) != VERIFY_KEY_SIZE or not crypto_core_ed25519_is_valid_point(bytes(raw)):
            raise Refused("not a valid signing key")
        self._raw = bytes(raw)

    @property
    def raw(self) -> bytes:
        """The 32 bytes."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyKey) and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        return f"<VerifyKey {self._raw.hex()}>"

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (self._raw,)


class SigningKey(Secret):
    """A 32-byte Ed25519 seed (RFC 8032 §5.1.5)."""

    SIZE = 32
    __slots__ = ("__pair",)

    def verify_key(self) -> VerifyKey:
        """Give the public half."""
        return VerifyKey(self._expanded()[0])

    def _expanded(self) -> tuple[bytes, bytes]:
        """Give public key and expanded secret, derived once: a server signs a receipt for every report."""
        try:
            return self.__pair
        except AttributeError:
            self.__pair: tuple[bytes, bytes] = crypto_sign_seed_keypair(self.reveal())
            return self.__pair


def sign(key: SigningKey, label: Label, *parts: bytes) -> bytes:
    """Sign length-prefixed parts for one use: 64 bytes, R ‖ S. Deterministic (RFC 8032)."""
    _, expanded = key._expanded()
    return crypto_sign(_message(label, parts), expanded)[:SIGNATURE_SIZE]


def verify(key: VerifyKey, label: Label, signature: bytes, *parts: bytes) -> None:
    """Check a signature over the same label and parts. Raises BadSignature, and nothing else."""
    if len(signature) != SIGNATURE_SIZE:
        raise BadSignature
    try:
        crypto_sign_open(signature + _message(label, parts), key.raw)
    except BadSignatureError:
        raise BadSignature from None


def _message(label: Label, parts: tuple[bytes, ...]) -> bytes:
    return prefixed((label.value, *parts))
