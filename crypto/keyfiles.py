"""Key files: secret bytes under a passphrase, stretched by Argon2id, parameters in the file. SPEC.md §4.5.

A wrong passphrase and a damaged file are told apart: a checksum over the whole file says whether it is as written.

    file  "svkey" 0 0 1 ‖ u32+kind ‖ u32 memory KiB ‖ u32 passes ‖ u32 lanes ‖ salt 16 ‖ nonce 24
          ‖ u32+sealed ‖ checksum 32
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.framing import Reader, part
from crypto.hashing import digest
from crypto.labels import Label
from crypto.secrets import Passphrase, SymmetricKey

MAGIC: Final = b"svkey\x00\x00\x01"
SALT_SIZE: Final = 16
NONCE_SIZE: Final = 24
CHECKSUM_SIZE: Final = 32
MAX_PAYLOAD: Final = 64 * 1024
MAX_KIND: Final = 32
# Caps on what a file may ask for, so that a planted file can't take the machine's memory or an afternoon.
MAX_MEMORY_KIB: Final = 2 * 1024 * 1024
MAX_PASSES: Final = 32
MAX_LANES: Final = 16


class WrongPassphrase(Refused):
    """The file is as it was written, and the passphrase does not open it."""

    def __init__(self) -> None:
        super().__init__("The passphrase is wrong.")


class DamagedKeyFile(Refused):
    """The file is not a key file, not of this kind, or not as it was written."""

    def __init__(self) -> None:
        super().__init__("The key file is damaged or of another kind. Restore it from a backup.")


@final
@dataclass(frozen=True, slots=True)
class Stretching:
    """Argon2id's parameters. The default takes about a second and 256 MiB."""

    memory_kib: int = 256 * 1024
    passes: int = 3
    lanes: int = 1

    def __post_init__(self) -> None:
        if not (
            8 * self.lanes <= self.memory_kib <= MAX_MEMORY_KIB
            and 1 <= self.passes <= MAX_PASSES
            and 1 <= self.lanes <= MAX_LANES
        ):
            raise Refused("key file: parameters out of range")


DEFAULT: Final = Stretching()


def lock(
    payload: bytes, passphrase: Passphrase, params: Stretching = DEFAULT, *, entropy: Entropy, kind: str
) -> bytes:
    """Write a key file. kind: ASCII word that `unlock` has to ask for.

    Refused for over 64 KiB of payload, and where memory is short.
    """
    if len(payload) > MAX_PAYLOAD or not kind.isascii() or not 0 < len(kind) <= MAX_KIND:
        raise Refused("key file: too much to lock, or an unusable kind")
    salt, nonce = entropy(SALT_SIZE), entropy(NONCE_SIZE)
    header = b"".join(
        (
            MAGIC,
            part(kind.encode()),
            *(number.to_bytes(4, "big") for number in (params.memory_kib, params.passes, params.lanes)),
            salt,
            nonce,
        )
    )
    key = _stretch(passphrase, params, salt, "make")
    sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(payload, header, nonce, key.reveal())
    body = header + part(sealed)
    return body + digest(Label.KEY_FILE, body)


def unlock(raw: bytes, passphrase: Passphrase, *, kind: str) -> bytes:
    """Give a key file's payload. Raises DamagedKeyFile, WrongPassphrase, or Refused where memory is short."""
    body, checksum = raw[:-CHECKSUM_SIZE], raw[-CHECKSUM_SIZE:]
    if digest(Label.KEY_FILE, body) != checksum:
        raise DamagedKeyFile
    try:
        reader = Reader(body, "key file")
        if reader.take(len(MAGIC)) != MAGIC or reader.prefixed(MAX_KIND) != kind.encode():
            raise DamagedKeyFile
        params = Stretching(reader.u32(), reader.u32(), reader.u32())
        salt, nonce = reader.take(SALT_SIZE), reader.take(NONCE_SIZE)
        sealed = reader.prefixed(MAX_PAYLOAD + 16)
        reader.finish()
    except Refused:
        raise DamagedKeyFile from None
    header = body[: len(body) - 4 - len(sealed)]
    key = _stretch(passphrase, params, salt, "open")
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, header, nonce, key.reveal())
    except CryptoError:
        raise WrongPassphrase from None


def _stretch(passphrase: Passphrase, params: Stretching, salt: bytes, act: str) -> SymmetricKey:
    try:
        raw = hash_secret_raw(
            passphrase.reveal(),
            salt,
            time_cost=params.passes,
            memory_cost=params.memory_kib,
            parallelism=params.lanes,
            hash_len=SymmetricKey.SIZE,
            type=Type.ID,
        )
    except HashingError:  # the parameters are in range, so it is the memory that it could not get
        raise Refused(f"not enough memory to {act} this key file") from None
    return SymmetricKey(raw)
