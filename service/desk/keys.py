"""A handler's key file: the seeds of the signing and the sealing key, under a passphrase.

Payload: u8 version 1 ‖ Ed25519 seed 32 ‖ X-Wing seed 32. The key of the desk's local store is derived from both, so
that one file and one passphrase open all. Losing the file loses the reports on this desk; another handler has theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.framing import Reader
from crypto.hashing import keyed
from crypto.labels import Label
from crypto.seal import SealingKey
from crypto.secrets import SymmetricKey
from crypto.signatures import SigningKey
from service.cases.rosters import HandlerCard, make_card

VERSION = 1
KIND = "handler"


@dataclass(frozen=True)
class HandlerKey:
    """The two keys of a handler, council member or mediator."""

    signing: SigningKey
    sealing: SealingKey

    @classmethod
    def draw(cls, entropy: Entropy) -> HandlerKey:
        """Make new keys."""
        return cls(SigningKey(entropy(32)), SealingKey(entropy(32)))

    @classmethod
    def from_payload(cls, payload: bytes) -> HandlerKey:
        """Read what `payload` wrote. Refused on anything else."""
        reader = Reader(payload, "handler key")
        if reader.u8() != VERSION:
            raise Refused("the key file holds another kind or version of key")
        signing, sealing = SigningKey(reader.take(32)), SealingKey(reader.take(32))
        reader.finish()
        return cls(signing, sealing)

    def payload(self) -> bytes:
        """Give the bytes that the key file locks."""
        return bytes([VERSION]) + self.signing.reveal() + self.sealing.reveal()

    def store_key(self) -> SymmetricKey:
        """Derive the key of the desk's local store."""
        return SymmetricKey(keyed(self.sealing.reveal(), Label.DESK_STORE, self.signing.reveal()))

    def card(self, pseudonym: str) -> HandlerCard:
        """Make the public card that the holder of the group's root key adds to the roster."""
        return make_card(pseudonym, self.signing, self.sealing.public_key())
