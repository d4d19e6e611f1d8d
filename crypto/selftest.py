"""Known-answer self-tests: run once at start-up, before any key is read. SPEC.md §1.6.

A library that was swapped, miscompiled or downgraded is found here and named, with what to install, before it
seals a report that nobody can open or accepts a signature that nobody made. All answers are published ones, or
those of tests/vectors. What it doesn't show: that a library is free of side channels, or random where it should be.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b, sha256
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from mnemonic import Mnemonic
from nacl import bindings as sodium
from nacl.exceptions import BadSignatureError, CryptoError

from crypto.labels import Label
from crypto.seal import DoesNotOpen, SealingKey, seal, unseal
from crypto.torsion import SMALL_ORDER, UnsoundLibraryError, check_library

_SEED: Final = bytes(range(32))
_CONTEXT: Final = b"context"
_PLAINTEXT: Final = b"a text"
_KEY_ID: Final = bytes.fromhex("c6d60244b69913790845bdb2dcf4eaa1")
# tests/vectors/seal.json, the second message: sealed to the key pair of 00 01 … 1f.
_SEALED: Final = b64decode(
    "CREEpwKb1W5C8gsMMJwNj4O3IK5zZbMfHn90U+DHRQXxplKdmkN8lFWq4S90vx+Chzsd8AoAmIJ4W7NyoEnTM2wPAV1Mlmthf5RK2cGtOIF7"
    "0Q6T1JqNVZcVqyTYaiIv9xn7GjHI52Sg9/sUnBierWw6Yth3YFe5kCDGOIJkk3Ml5IVn4uasQL2Y8f6+m4oIUOJaf4txcKTVoEk3pck9njkj"
    "Uj2anuz/Szuv7aaD1FcH4pxNriQ6y8oNRoJHlHr8oZAwN4sYOVkyxoSX9uO3TEXRDr2LsKXvEPXtnLDOCrAdAmOMZUhdk6/oqfUfEgo5SDu8"
    "Yg8vFf+MZM4aYrVTN6NpD30Qd/nWojf0liuhgLNbQLZ46aKIz54HyFg25AalGD6FfTL0J/+cekbKGP1Y1I8ItOpt4eeaCLD+Ehz6b5buVz/z"
    "QwlScFrHT6IUbyr1oHKm+S/4CyqOJG7tZgV2KJXMT4g1STZJXE6x/oXG5lCM/3qRxoDrHuLkOpDxV3QnKQ0pqxzQb/EGkxdEskB6NDG62td2"
    "Ojmn2svOkBEJi1Au7RkYBmzytP59B/753HjQCOzA5bTI5734hZqurgsZpjpyy11FYDSMUV3xdCjJ8I/FAOSwcC/pwvb8z48K+8ABObVLJx5W"
    "glsxjl8/7B4Q00sn/ymu7QO8cd8S+VSPxYOUUXD6PkZhQNXyef/UJJDXjoKxF0+iAwxgSjTqHj7dRqd2wOp+ggLbJrxaijNo/0tlGFL0YHZt"
    "O5vB9QuCGnjGH+vsT+Zkd9TGtysbNE4lSSWnLJaBmBGLwAAEyDq5ea5o9IUMVMbROJbHsQzQqGxDJDc2hUBrgGlOb0JfZy0iB+gNAuJY2zlk"
    "mn5xnudDsyrl+CrX83u04ctZ5i/RyhClMo39kxJE2MF44kWMtNhSA8uBLKJ3AXvCTLBxGRGdVEgxmE4miEXXuJJ79epVlGbKqqyIUasTN6SK"
    "fYpG+xrO3W/RwSRc9qYPYrr4OM6pbtQGlRD0XlqYK6tjnrHEXCfkQRinlek/C8t6j7ymMXa+3ZvwKRl7YoujxSv3zeUfYUTRFyX/Heu93jFM"
    "j+EElzebjLytwn3XjxzJ6T106bfTa8AYnLfpSUOS8oF/47+UngvE6HZDhy84ALTJM5XkasEmfddp+3XotRm6G3lBJENFCljyIs7fIKYsBoYr"
    "5IUSfHJ10qgkL059phy14xzAz29TRaeAY64R9jEw90y+xaLZfN/cwetIp6OjYPLWDkcCxkHupPw2/sLLTlr/Zz65rbUHJaAYdRhoPy22UFRI"
    "DUG21Cj0xMpaIgXy1kTeqF1kZonM92U62KSyqPJy2NnmnF5yR4vrXAKmV4b9pq7MflNADv4DU16XcBdEpkfbOBrg5sOdvGA5iqcrtLzLvU1l"
    "j84mfv5C2nbG8z5VigNn0xAQgdLcXFD4Fwd6btrX/squstmXl8Y3KNnNIYdfIW+ha+ngamSzW/2rnW9BI2ssCQdaB3OQGe3qPsJroTkwuuPR"
    "ktHp3yeNnpg="
)
# RFC 8032 §7.1, test 1: the empty message.
_SIGN_SEED: Final = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
_SIGN_KEY: Final = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
_SIGNATURE: Final = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
# draft-irtf-cfrg-xchacha-03, A.3.1: SHA-256 of its ciphertext and tag.
_AEAD_TEXT: Final = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
_AEAD_DATA: Final = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
_AEAD_NONCE: Final = bytes(range(0x40, 0x58))
_AEAD_KEY: Final = bytes(range(0x80, 0xA0))
_AEAD_TAG: Final = bytes.fromhex("c0875924c1c7987947deafd8780acf49")
# The reference implementation's test: argon2id, version 19, 2 passes, 256 KiB, 1 lane, "password", "somesalt".
_ARGON2ID: Final = bytes.fromhex("9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe")
_BLAKE2B: Final = bytes.fromhex("7561b22f4d1fec33754ce4eb31bbbc3c205c39ac9bf0ddf023483c283a9f2f4d")
# SHA-256 of BIP-39's english.txt, as published.
_ENGLISH: Final = bytes.fromhex("2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda")


class SelfTestFailed(RuntimeError):
    """A library gave a wrong answer. The text names what failed and what to install, and nothing else."""

    def __init__(self, what: str, install: str) -> None:
        super().__init__(f"Self-test failed: {what}. Nothing was started. Install {install} and try again.")


def _aead_seal(text: bytes, data: bytes, nonce: bytes, key: bytes) -> bytes:
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(text, data, nonce, key)


def _aead_open(sealed: bytes, data: bytes, nonce: bytes, key: bytes) -> bytes:
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, data, nonce, key)


def _hash(data: bytes, person: bytes) -> bytes:
    return blake2b(data, digest_size=32, person=person).digest()


def _sign(seed: bytes) -> bytes:
    return sodium.crypto_sign(b"", sodium.crypto_sign_seed_keypair(seed)[1])[:64]


def _verifies(signature: bytes, key: bytes) -> bool:
    try:
        return sodium.crypto_sign_open(signature, key) == b""
    except BadSignatureError:
        return False


def _stretch(passphrase: bytes, salt: bytes) -> bytes:
    return hash_secret_raw(
        passphrase, salt, time_cost=2, memory_cost=256, parallelism=1, hash_len=32, type=Type.ID
    )


def _unseal(sealed: bytes, context: bytes) -> bytes:
    return unseal(SealingKey(_SEED), sealed, label=Label.SEAL_LETTER, context=context)


def _seal(plaintext: bytes, context: bytes) -> bytes:
    return seal(SealingKey(_SEED).public_key(), plaintext, label=Label.SEAL_LETTER, context=context)


def _key_id() -> bytes:
    return SealingKey(_SEED).key_id


def _english() -> tuple[str, ...]:
    return tuple(Mnemonic("english").wordlist)


@dataclass(frozen=True, slots=True)
class Libraries:
    """What is tested, as the project calls it; a test puts one that misbehaves in its place."""

    is_valid_point: Callable[[bytes], bool] = sodium.crypto_core_ed25519_is_valid_point
    sign: Callable[[bytes], bytes] = _sign
    verifies: Callable[[bytes, bytes], bool] = _verifies
    aead_seal: Callable[[bytes, bytes, bytes, bytes], bytes] = _aead_seal
    aead_open: Callable[[bytes, bytes, bytes, bytes], bytes] = _aead_open
    hash: Callable[[bytes, bytes], bytes] = _hash
    stretch: Callable[[bytes, bytes], bytes] = _stretch
    key_id: Callable[[], bytes] = _key_id
    seal: Callable[[bytes, bytes], bytes] = _seal
    unseal: Callable[[bytes, bytes], bytes] = _unseal
    english: Callable[[], tuple[str, ...]] = _english


def check(libraries: Libraries) -> None:
    """Ask each library what has a known answer, and what it has to refuse. Raises SelfTestFailed."""
    for what, install, holds in _TESTS:
        try:
            held = holds(libraries)
        except Exception:  # noqa: BLE001 - whatever a broken library raises, it is broken
            held = False
        if not held:
            raise SelfTestFailed(what, install)


@cache
def check_once() -> None:
    """Check this process's own libraries; later calls do nothing. Raises SelfTestFailed. About 10 ms."""
    check(Libraries())


def _torsion(on: Libraries) -> bool:
    try:
        check_library(on.is_valid_point)
    except UnsoundLibraryError:
        return False
    return True


def _ed25519(on: Libraries) -> bool:
    second = _SIGNATURE[:32] + (int.from_bytes(_SIGNATURE[32:], "little") + _ORDER).to_bytes(32, "little")
    refused = (
        (second, _SIGN_KEY),
        (bytes([_SIGNATURE[0] ^ 1]) + _SIGNATURE[1:], _SIGN_KEY),
        # R and key of small order with S = 0 satisfy the equation for any message.
        *((small + bytes(32), small) for small in SMALL_ORDER),
    )
    return (
        on.sign(_SIGN_SEED) == _SIGNATURE
        and on.verifies(_SIGNATURE, _SIGN_KEY)
        and not any(on.verifies(signature, key) for signature, key in refused)
    )


def _xchacha(on: Libraries) -> bool:
    sealed = on.aead_seal(_AEAD_TEXT, _AEAD_DATA, _AEAD_NONCE, _AEAD_KEY)
    if sealed[-16:] != _AEAD_TAG or on.aead_open(sealed, _AEAD_DATA, _AEAD_NONCE, _AEAD_KEY) != _AEAD_TEXT:
        return False
    try:
        on.aead_open(sealed, b"", _AEAD_NONCE, _AEAD_KEY)
    except CryptoError:
        return True
    return False


def _blake2b(on: Libraries) -> bool:
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in (b"ab", b"c"))
    return on.hash(framed, Label.CLAIM.value) == _BLAKE2B != on.hash(framed, Label.ADDRESS.value)


def _argon2id(on: Libraries) -> bool:
    return on.stretch(b"password", b"somesalt") == _ARGON2ID


def _hpke(on: Libraries) -> bool:
    if on.key_id() != _KEY_ID or on.unseal(_SEALED, _CONTEXT) != _PLAINTEXT:
        return False
    if on.unseal(on.seal(_PLAINTEXT, _CONTEXT), _CONTEXT) != _PLAINTEXT:
        return False
    for sealed, context in ((_SEALED, b"Context"), (_SEALED[:-1] + bytes([_SEALED[-1] ^ 1]), _CONTEXT)):
        try:
            on.unseal(sealed, context)
        except (DoesNotOpen, InvalidTag):
            continue
        return False
    return True


def _words(on: Libraries) -> bool:
    return sha256("".join(f"{word}\n" for word in on.english()).encode()).digest() == _ENGLISH


_SODIUM: Final = "PyNaCl 1.6.2 or newer"
_TESTS: Final[tuple[tuple[str, str, Callable[[Libraries], bool]], ...]] = (
    ("libsodium does not refuse torsion points", _SODIUM, _torsion),
    ("Ed25519 signatures", _SODIUM, _ed25519),
    ("XChaCha20-Poly1305", _SODIUM, _xchacha),
    ("BLAKE2b with a personalisation", "a Python whose hashlib has BLAKE2b", _blake2b),
    ("Argon2id", "argon2-cffi as pinned in requirements.txt", _argon2id),
    ("HPKE with X-Wing", "cryptography as pinned in requirements.txt", _hpke),
    ("the word list of BIP-39", "mnemonic as pinned in requirements.txt", _words),
)
