"""Opening reports and their logs: for the desk only. SPEC.md §6.4 and §7. The server can't import this.

A report opens to its content key too, which the report's log hangs from and which a handler can grant to another.
Who sealed the report drew that key: if they kept it and get the stored log, they can read it. SPEC.md §7.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final, final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from crypto.entropy import Entropy
from crypto.envelope import CHUNK_SIZE, WRAP_SIZE, Envelope, body_keys, chunks
from crypto.errors import Refused
from crypto.hashing import keyed
from crypto.labels import Label
from crypto.padding import LENGTH_SIZE, pad_to, unpad
from crypto.seal import TAG_SIZE, DoesNotOpen, PublicKey, SealingKey, seal, unseal
from crypto.secrets import SymmetricKey

ENTRY_SIZES: Final = (1024, 16 * 1024)
"""Padded sizes of a log entry."""
NONCE_SIZE: Final = 24
ENTRY_OVERHEAD: Final = NONCE_SIZE + TAG_SIZE
SEALED_ENTRY_SIZES: Final = tuple(size + ENTRY_OVERHEAD for size in ENTRY_SIZES)
MAX_ENTRY: Final = ENTRY_SIZES[-1] - LENGTH_SIZE
GRANT_SIZE: Final = WRAP_SIZE
REPORT_ID_SIZE: Final = 16


@final
@dataclass(frozen=True)
class OpenedReport:
    """A report's plaintext and the key it was under."""

    plaintext: bytes = field(repr=False)
    content_key: SymmetricKey

    __hash__ = None  # type: ignore[assignment]


def open_report(envelope: Envelope, key: SealingKey) -> OpenedReport:
    """Open a report with a recipient's key. Raises DoesNotOpen for another key and for a changed envelope alike.

    Raises Refused when what opens isn't padded: then whoever sealed it did it wrong.
    """
    wrap = envelope.wrap_for(key.key_id)
    if wrap is None:
        raise DoesNotOpen
    content_key = SymmetricKey(unseal(key, wrap, label=Label.SEAL_REPORT, context=envelope.header.raw))
    return open_with_content_key(envelope, content_key)


def open_with_content_key(envelope: Envelope, content_key: SymmetricKey) -> OpenedReport:
    """Open a report with its content key, as granted. Errors as in `open_report`."""
    body_key, commitment = body_keys(content_key, envelope.header)
    if not hmac.compare_digest(commitment, envelope.commitment):
        raise DoesNotOpen
    try:
        padded = b"".join(
            crypto_aead_xchacha20poly1305_ietf_decrypt(chunk, envelope.header.raw, nonce, body_key.reveal())
            for nonce, chunk in chunks(envelope.body, CHUNK_SIZE + TAG_SIZE)
        )
    except CryptoError:
        raise DoesNotOpen from None
    return OpenedReport(unpad(padded), content_key)


def grant(content_key: SymmetricKey, to: PublicKey, report_id: bytes) -> bytes:
    """Seal a report's content key to one more person: 1168 bytes. report_id: 16 bytes, bound into it."""
    return seal(to, content_key.reveal(), label=Label.SEAL_GRANT, context=_checked(report_id))


def open_grant(key: SealingKey, sealed: bytes, report_id: bytes) -> SymmetricKey:
    """Open a grant of this report. Raises DoesNotOpen."""
    if len(sealed) != GRANT_SIZE:
        raise DoesNotOpen
    return SymmetricKey(unseal(key, sealed, label=Label.SEAL_GRANT, context=_checked(report_id)))


def seal_entry(
    content_key: SymmetricKey, report_id: bytes, plaintext: bytes, entropy: Entropy, *, at_least: int = 0
) -> bytes:
    """Seal an entry of at most 16380 bytes to a report's log: 1064 or 16424 bytes.

    Readable by all who have the content key: its handlers, and whoever sealed the report and kept it.

    entropy: gives the 24 bytes of nonce. at_least: the plaintext length to look like, for entries that say nothing
    and must have the size of one that does. Raises Refused when it is too long.
    """
    length = max(len(plaintext), at_least)
    size = next((size for size in ENTRY_SIZES if length <= size - LENGTH_SIZE), None)
    if size is None:
        raise Refused("the log entry is too long")
    nonce = entropy(NONCE_SIZE)
    key = _log_key(content_key, report_id)
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(
        pad_to(plaintext, size), report_id, nonce, key.reveal()
    )


def open_entry(content_key: SymmetricKey, report_id: bytes, sealed: bytes) -> bytes:
    """Open an entry of a report's log. Raises DoesNotOpen; Refused when it isn't padded."""
    if len(sealed) not in SEALED_ENTRY_SIZES:
        raise DoesNotOpen
    key = _log_key(content_key, report_id)
    nonce, ciphertext = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
    try:
        padded = crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, report_id, nonce, key.reveal())
    except CryptoError:
        raise DoesNotOpen from None
    return unpad(padded)


def _log_key(content_key: SymmetricKey, report_id: bytes) -> SymmetricKey:
    return SymmetricKey(keyed(content_key.reveal(), Label.LOG_KEY, _checked(report_id)))


def _checked(report_id: bytes) -> bytes:
    if len(report_id) != REPORT_ID_SIZE:
        raise Refused("a report's id is 16 bytes")
    return report_id
