"""A case's summary, sealed to the members who vote on it and to nobody else. design.md §9.

Guarantees: who isn't among the recipients can't open it; what opens is exactly what was sealed, for that group and
matter; the length says one of four things. It names its recipients by key id, in ascending order, so that a server
that can't read it can check that they are exactly the electorate: nobody left out, the accused not let in.
Reading needs no login: everybody fetches the whole of it and opens their own wrap, so the server doesn't learn who did.

Format: `sv1s` ‖ u16 n ‖ n × (key id 16 ‖ wrap 1168) ‖ body. A wrap is the body key's seed sealed to a member, the body
is the padded text sealed to the body key, both by crypto.seal under SEAL_SUMMARY in their own context.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.labels import Label
from crypto.padding import KIB, LENGTH_SIZE, pad_to, unpad
from crypto.seal import KEY_ID_SIZE, SEAL_OVERHEAD, DoesNotOpen, PublicKey, SealingKey, seal, unseal

MAGIC: Final = b"sv1s"
SIZES: Final = (8 * KIB, 32 * KIB, 128 * KIB, 512 * KIB)
"""Padded sizes of the text."""
MAX_TEXT: Final = SIZES[-1] - LENGTH_SIZE
MAX_RECIPIENTS: Final = 2_000
WRAP_SIZE: Final = SealingKey.SIZE + SEAL_OVERHEAD
_ENTRY: Final = KEY_ID_SIZE + WRAP_SIZE
_HEAD: Final = len(MAGIC) + 2


def seal_summary(
    text: str, members: Iterable[PublicKey], *, group: bytes, matter: bytes, entropy: Entropy
) -> bytes:
    """Seal a summary to the electorate's sealing keys.

    group: 16 bytes, matter: 32 bytes, as in the manifest, which then names the digest of what this returns.
    About 1.2 KiB for each member and the padded text. Refused for a text over 512 KiB, no or too many members, or a
    member twice.
    """
    content = text.encode()
    if not content or len(content) > MAX_TEXT:
        raise Refused("summary: empty, or longer than 512 KiB")
    ordered = sorted(members, key=lambda member: member.key_id)
    if not 1 <= len(ordered) <= MAX_RECIPIENTS:
        raise Refused("summary: needs 1 to 2000 recipients")
    if any(low == high for low, high in pairwise(ordered)):
        raise Refused("summary: a recipient is there twice")
    body_key = SealingKey(entropy(SealingKey.SIZE))
    size = next(size for size in SIZES if len(content) <= size - LENGTH_SIZE)
    parts = [MAGIC, len(ordered).to_bytes(2, "big")]
    for member in ordered:
        context = _context(b"key", group, matter)
        parts += (
            member.key_id,
            seal(member, body_key.reveal(), label=Label.SEAL_SUMMARY, context=context),
        )
    padded = pad_to(content, size)
    context = _context(b"body", group, matter)
    parts.append(seal(body_key.public_key(), padded, label=Label.SEAL_SUMMARY, context=context))
    return b"".join(parts)


def recipients_of(raw: bytes) -> tuple[bytes, ...]:
    """Give the key ids of those who can open it, ascending. Refused unless it is well-formed. No key is needed."""
    count = int.from_bytes(raw[len(MAGIC) : _HEAD], "big")
    if raw[: len(MAGIC)] != MAGIC or not 1 <= count <= MAX_RECIPIENTS:
        raise Refused("summary: not a sealed summary")
    if len(raw) - _HEAD - count * _ENTRY - SEAL_OVERHEAD not in SIZES:
        raise Refused("summary: cut short or too long")
    ids = tuple(raw[at : at + KEY_ID_SIZE] for at in range(_HEAD, _HEAD + count * _ENTRY, _ENTRY))
    if any(low >= high for low, high in pairwise(ids)):
        raise Refused("summary: recipients not in ascending order, each once")
    return ids


def open_summary(raw: bytes, key: SealingKey, *, group: bytes, matter: bytes) -> str:
    """Open a summary as one of its recipients. Refused when malformed, DoesNotOpen when it isn't for this key."""
    try:
        place = recipients_of(raw).index(key.key_id)
    except ValueError:
        raise DoesNotOpen from None
    at = _HEAD + place * _ENTRY + KEY_ID_SIZE
    wrap, body = raw[at : at + WRAP_SIZE], raw[_HEAD + len(recipients_of(raw)) * _ENTRY :]
    seed = unseal(key, wrap, label=Label.SEAL_SUMMARY, context=_context(b"key", group, matter))
    padded = unseal(
        SealingKey(seed), body, label=Label.SEAL_SUMMARY, context=_context(b"body", group, matter)
    )
    try:
        return unpad(padded).decode()
    except UnicodeDecodeError:
        raise Refused("summary: not a text") from None


def _context(part: bytes, group: bytes, matter: bytes) -> bytes:
    if len(group) != 16 or len(matter) != 32:
        raise Refused("summary: a group's id is 16 bytes, a matter's 32")
    return part + group + matter
