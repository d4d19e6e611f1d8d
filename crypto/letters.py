"""Letters to a mailbox: one size, opened by the key that the reply code gives. SPEC.md §5.

The server may open letters for a reporter without scripts, with the code just typed: the key type tells it
apart from opening a report, which is in a module that the server can't import.
"""

from __future__ import annotations

from typing import Final

from crypto.codes import MailboxKey
from crypto.labels import Label
from crypto.padding import LENGTH_SIZE, pad_to, unpad
from crypto.seal import SEAL_OVERHEAD, DoesNotOpen, PublicKey, seal, unseal

LETTER_PLAINTEXT: Final = 8192
"""Padded size."""
MAX_LETTER: Final = LETTER_PLAINTEXT - LENGTH_SIZE
"""Bytes of a signed letter: 8188."""
LETTER_SIZE: Final = SEAL_OVERHEAD + LETTER_PLAINTEXT


def seal_letter(to: PublicKey, plaintext: bytes) -> bytes:
    """Seal a letter of at most 8188 bytes to a mailbox: always 9328 bytes. Refused when it is longer."""
    return seal(to, pad_to(plaintext, LETTER_PLAINTEXT), label=Label.SEAL_LETTER, context=b"")


def open_letter(key: MailboxKey, sealed: bytes) -> bytes:
    """Open a letter. Raises DoesNotOpen for filler, another mailbox's letter and a changed one alike.

    Raises Refused when what opens isn't padded: then whoever sealed it did it wrong.
    """
    if len(sealed) != LETTER_SIZE:
        raise DoesNotOpen
    return unpad(unseal(key, sealed, label=Label.SEAL_LETTER, context=b""))
