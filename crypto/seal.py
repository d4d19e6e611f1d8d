"""Sealing to a public key: HPKE base mode over X-Wing, post-quantum from day one. SPEC.md §4.

`seal` is for anyone; `unseal` needs a private key of the right role and fails in one way only, whether the
message was cut, changed, or sealed to another key or for another use. Randomness of the encapsulation comes
from the library (SPEC §4.3). What may be opened by whom is for `crypto.letters` and `crypto.opening`.
"""

from __future__ import annotations

from hashlib import shake_256
from typing import Final, Self, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from crypto.errors import Refused
from crypto.hashing import digest, keyed, prefixed
from crypto.labels import Label
from crypto.secrets import Secret

PUBLIC_KEY_SIZE: Final = 1216
"""ML-KEM-768 1184 ‖ X25519 32."""
ENCAPSULATION_SIZE: Final = 1120
"""ML-KEM-768 ciphertext 1088 ‖ X25519 32."""
TAG_SIZE: Final = 16
SEAL_OVERHEAD: Final = ENCAPSULATION_SIZE + TAG_SIZE
KEY_ID_SIZE: Final = 16

_MLKEM_PUBLIC: Final = 1184
_FIELD: Final = 2**255 - 19
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
# Any private key tells a small-order point: the product is then zero, which the library refuses.
_PROBE: Final = X25519PrivateKey.from_private_bytes(b"\1" * 32)


class DoesNotOpen(Refused):
    """Sealed to another key or for another use, cut, or changed: nobody learns which."""

    def __init__(self) -> None:
        super().__init__("this does not open with this key: it is for another one, or it was changed")


@final
class PublicKey:
    """An X-Wing public key, 1216 bytes, checked: ML-KEM part canonical, X25519 part canonical, not of small order."""

    __slots__ = ("_key", "_key_id", "_raw")

    def __init__(self, raw: bytes) -> None:
        """Raises Refused for anything but a valid key."""
        if len(raw) != PUBLIC_KEY_SIZE:
            raise Refused("sealing key: a public key is 1216 bytes")
        point = bytes(raw[_MLKEM_PUBLIC:])
        if int.from_bytes(point, "little") >= _FIELD:
            raise Refused("sealing key: not a valid public key")
        try:
            x25519 = X25519PublicKey.from_public_bytes(point)
            _PROBE.exchange(x25519)
            mlkem = MLKEM768PublicKey.from_public_bytes(bytes(raw[:_MLKEM_PUBLIC]))
        except ValueError:
            raise Refused("sealing key: not a valid public key") from None
        self._raw = bytes(raw)
        self._key = MLKEM768X25519PublicKey(mlkem, x25519)
        self._key_id = digest(Label.KEY_ID, self._raw, size=KEY_ID_SIZE)

    @property
    def raw(self) -> bytes:
        """The 1216 bytes."""
        return self._raw

    @property
    def key_id(self) -> bytes:
        """16 bytes that name the key: digest(KEY_ID, raw)."""
        return self._key_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._key_id)

    def __repr__(self) -> str:
        return f"<PublicKey {self._key_id.hex()}>"

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (self._raw,)


class PrivateKey(Secret):
    """A 32-byte X-Wing seed. Subclassed once per role, so that a mailbox's key can't be passed for a handler's.

    The expanded halves are made at first use and kept, hidden like the seed: opening 10,000 reports expands once.
    """

    SIZE = 32
    __slots__ = ("__private", "__public")

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.__private: MLKEM768X25519PrivateKey | None = None
        self.__public: PublicKey | None = None

    def _expand(self) -> MLKEM768X25519PrivateKey:
        if self.__private is None:
            self.__private = MLKEM768X25519PrivateKey(*self._halves())
        return self.__private

    def _halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        wide = shake_256(self.reveal()).digest(96)
        return (
            MLKEM768PrivateKey.from_seed_bytes(wide[:64]),
            X25519PrivateKey.from_private_bytes(wide[64:]),
        )

    def public_key(self) -> PublicKey:
        """Give the public half. Same seed, same key, here and in the browser."""
        if self.__public is None:
            mlkem, x25519 = (half.public_key().public_bytes_raw() for half in self._halves())
            self.__public = PublicKey(mlkem + x25519)
        return self.__public

    @property
    def key_id(self) -> bytes:
        """The public half's 16-byte name."""
        return self.public_key().key_id


class SealingKey(PrivateKey):
    """The key of a handler, council member, mediator or voter: opens what was sealed to that person."""

    SIZE = 32
    __slots__ = ()

    @classmethod
    def derived(cls, parent: Secret, *parts: bytes) -> Self:
        """Derive a sealing key from another secret of up to 64 bytes: keyed BLAKE2b, label XWING_KEYPAIR. SPEC §4.4."""
        return cls(keyed(parent.reveal(), Label.XWING_KEYPAIR, *parts))


def seal(to: PublicKey, plaintext: bytes, *, label: Label, context: bytes) -> bytes:
    """Seal to a public key for one use: `label` and public `context` must be the same to open.

    Returns 1120 bytes of encapsulation, then the ciphertext: len(plaintext) + 1136 in all. SPEC §4.3.
    """
    return _SUITE.encrypt(plaintext, to._key, _info(label, context))


def unseal(key: PrivateKey, sealed: bytes, *, label: Label, context: bytes) -> bytes:
    """Open what `seal` made for this key, label and context. Raises DoesNotOpen, and nothing else."""
    if len(sealed) < SEAL_OVERHEAD:
        raise DoesNotOpen
    try:
        return _SUITE.decrypt(sealed, key._expand(), _info(label, context))
    except (InvalidTag, ValueError):
        raise DoesNotOpen from None


def _info(label: Label, context: bytes) -> bytes:
    return prefixed([label.value, context])
