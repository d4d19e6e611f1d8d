"""Envelopes: one report sealed to 1 to 32 handlers; its length tells their number and its size class. SPEC.md §6.

Anyone can seal and the server can parse; opening is in `crypto.opening`, which the server can't import.

    header   u8 version=1 ‖ u8 size class ‖ group id 16 ‖ roster digest 32 ‖ u8 n ‖ n × key id 16, ascending
    wraps    n × 1168: the content key by HPKE, in the order of the key ids
    seal     commitment 32 ‖ chunks of 64 KiB, each XChaCha20-Poly1305, with its tag of 16
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, final

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.framing import Reader
from crypto.hashing import keyed
from crypto.labels import Label
from crypto.padding import SIZE_CLASSES, class_for, pad, size_of
from crypto.seal import KEY_ID_SIZE, SEAL_OVERHEAD, TAG_SIZE, PublicKey, seal
from crypto.secrets import SymmetricKey

VERSION: Final = 1
MAX_RECIPIENTS: Final = 32
GROUP_ID_SIZE: Final = 16
ROSTER_DIGEST_SIZE: Final = 32
CONTENT_KEY_SIZE: Final = 32
WRAP_SIZE: Final = SEAL_OVERHEAD + CONTENT_KEY_SIZE
COMMITMENT_SIZE: Final = 32
CHUNK_SIZE: Final = 64 * 1024
_FIXED_HEADER: Final = 1 + 1 + GROUP_ID_SIZE + ROSTER_DIGEST_SIZE + 1


@final
@dataclass(frozen=True)
class Header:
    """What everyone may see of a report. A header that exists is valid."""

    size_class: int
    group_id: bytes
    roster_digest: bytes
    recipients: tuple[bytes, ...]
    """Key ids, strictly ascending: no order to tell by, nobody twice."""

    def __post_init__(self) -> None:
        size_of(self.size_class)
        if len(self.group_id) != GROUP_ID_SIZE or len(self.roster_digest) != ROSTER_DIGEST_SIZE:
            raise Refused("envelope: group or roster of the wrong size")
        if not 1 <= len(self.recipients) <= MAX_RECIPIENTS:
            raise Refused("envelope: needs 1 to 32 recipients")
        if any(len(key_id) != KEY_ID_SIZE for key_id in self.recipients):
            raise Refused("envelope: a key id is 16 bytes")
        if any(low >= high for low, high in pairwise(self.recipients)):
            raise Refused("envelope: recipients not in strictly ascending order")

    @cached_property
    def raw(self) -> bytes:
        """The header's bytes: associated data of every chunk and context of every wrap."""
        return b"".join(
            (
                bytes((VERSION, self.size_class)),
                self.group_id,
                self.roster_digest,
                bytes((len(self.recipients),)),
                *self.recipients,
            )
        )


@final
@dataclass(frozen=True)
class Envelope:
    """A parsed envelope: all its lengths are right; whether it opens is for its recipients to find out."""

    header: Header
    wraps: tuple[bytes, ...]
    commitment: bytes
    body: bytes

    def wrap_for(self, key_id: bytes) -> bytes | None:
        """Give the content key as sealed to this key, or None when it isn't a recipient."""
        for recipient, wrap in zip(self.header.recipients, self.wraps, strict=True):
            if recipient == key_id:
                return wrap
        return None


def body_length(size_class: int) -> int:
    """Give the length of all chunks with their tags."""
    size = size_of(size_class)
    return size + TAG_SIZE * -(-size // CHUNK_SIZE)


def envelope_length(n: int, size_class: int) -> int:
    """Give the one length that an envelope to `n` recipients in a size class has."""
    return _FIXED_HEADER + n * (KEY_ID_SIZE + WRAP_SIZE) + COMMITMENT_SIZE + body_length(size_class)


MIN_ENVELOPE: Final = envelope_length(1, 0)
MAX_ENVELOPE: Final = envelope_length(MAX_RECIPIENTS, len(SIZE_CLASSES) - 1)


def seal_envelope(
    plaintext: bytes,
    recipients: Sequence[PublicKey],
    group_id: bytes,
    roster_digest: bytes,
    entropy: Entropy,
) -> bytes:
    """Seal a report of at most 8 MiB − 4 bytes to 1 to 32 distinct keys, in any order.

    entropy: gives the 32 bytes of the content key; the encapsulations draw their own from the library.
    Raises Refused when it is too long or the recipients can't be. SPEC §6.3.
    """
    ordered = sorted(recipients, key=lambda key: key.key_id)
    header = Header(class_for(len(plaintext)), group_id, roster_digest, tuple(key.key_id for key in ordered))
    content_key = SymmetricKey(entropy(CONTENT_KEY_SIZE))
    body_key, commitment = body_keys(content_key, header)
    wraps = [seal(key, content_key.reveal(), label=Label.SEAL_REPORT, context=header.raw) for key in ordered]
    body = [
        crypto_aead_xchacha20poly1305_ietf_encrypt(chunk, header.raw, nonce, body_key.reveal())
        for nonce, chunk in chunks(pad(plaintext, header.size_class), CHUNK_SIZE)
    ]
    return b"".join((header.raw, *wraps, commitment, *body))


def parse_header(reader: Reader) -> Header:
    """Read a header, strictly."""
    if reader.u8() != VERSION:
        raise Refused("envelope: unknown version")
    size_class = reader.u8()
    group_id = reader.take(GROUP_ID_SIZE)
    roster_digest = reader.take(ROSTER_DIGEST_SIZE)
    n = reader.u8()
    if not 1 <= n <= MAX_RECIPIENTS:
        raise Refused("envelope: needs 1 to 32 recipients")
    return Header(size_class, group_id, roster_digest, tuple(reader.take(KEY_ID_SIZE) for _ in range(n)))


def parse_envelope(raw: bytes) -> Envelope:
    """Read an envelope. Refused unless every field is valid and the length is the one that the header gives."""
    reader = Reader(raw, "envelope")
    header = parse_header(reader)
    n = len(header.recipients)
    if len(raw) != envelope_length(n, header.size_class):
        raise Refused("envelope: not the length that its header says")
    wraps = tuple(reader.take(WRAP_SIZE) for _ in range(n))
    commitment = reader.take(COMMITMENT_SIZE)
    body = reader.rest()
    return Envelope(header, wraps, commitment, body)


def body_keys(content_key: SymmetricKey, header: Header) -> tuple[SymmetricKey, bytes]:
    """Derive the body's key and the 32-byte commitment to it.

    The commitment is there because Poly1305 is not: without it a reporter could craft one body that opens to
    two texts under the keys wrapped for two handlers, and set them against each other.
    """
    both = keyed(content_key.reveal(), Label.BODY_KEY, header.raw, size=64)
    return SymmetricKey(both[:32]), both[32:]


def chunks(data: bytes, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Cut data into pieces of `size` with the nonce of each: 15 zeros ‖ u64 index ‖ u8 last.

    The nonce is fixed because the key is fresh per envelope; it places every chunk, and marks the last (STREAM,
    Hoang, Reyhanitabar, Rogaway and Vizár 2015), so that none can be moved, dropped or added.
    """
    count = -(-len(data) // size)
    for index in range(count):
        last = index == count - 1
        yield bytes(15) + index.to_bytes(8, "big") + bytes((last,)), data[index * size : (index + 1) * size]
