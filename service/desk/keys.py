"""A handler's key file: the seeds of the signing and the sealing key, and of those before them, under a passphrase.

Payload: u8 version 1 ‖ Ed25519 seed 32 ‖ X-Wing seed 32; with former keys u8 version 2 ‖ the present pair ‖ u8 count ‖
former pairs, oldest first. The key of the desk's local store is derived from the oldest pair and stays, so that one
file and one passphrase open all. Losing the file loses the reports on this desk; a colleague can forward theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from crypto.entropy import Entropy
from crypto.envelope import Envelope
from crypto.errors import Refused
from crypto.framing import Reader
from crypto.hashing import keyed
from crypto.labels import Label
from crypto.opening import OpenedReport, open_grant, open_report
from crypto.seal import DoesNotOpen, SealingKey
from crypto.secrets import SymmetricKey
from crypto.signatures import SigningKey
from service.cases.rosters import HandlerCard, Roster, make_card

VERSION = 1
WITH_FORMER = 2
MAX_FORMER = 255
KIND = "handler"
SUPERSEDED = (
    "your group's list has newer keys of yours, which this key file lacks: copy handler.key from the machine on which "
    "you made them, or from its backup"
)


@dataclass(frozen=True)
class Pair:
    """A signing and a sealing key that came, or will come, into force together."""

    signing: SigningKey
    sealing: SealingKey

    @property
    def key_id(self) -> bytes:
        """16-byte id of the sealing key, by which rosters and envelopes name it."""
        return self.sealing.public_key().key_id


@dataclass(frozen=True)
class HandlerKey:
    """The two keys of a handler, council member or mediator, and the former ones."""

    signing: SigningKey
    sealing: SealingKey
    former: tuple[Pair, ...] = ()
    """Oldest first. They open what was sealed to them, and sign until the roster names the present ones."""

    @classmethod
    def draw(cls, entropy: Entropy) -> HandlerKey:
        """Make new keys."""
        return cls(SigningKey(entropy(32)), SealingKey(entropy(32)))

    def rotated(self, entropy: Entropy) -> HandlerKey:
        """Make new keys and keep these as former ones. Refused when there are 255 already."""
        if len(self.former) >= MAX_FORMER:
            raise Refused("the key file holds no more former keys")
        return HandlerKey(
            SigningKey(entropy(32)), SealingKey(entropy(32)), (*self.former, Pair(self.signing, self.sealing))
        )

    @classmethod
    def from_payload(cls, payload: bytes) -> HandlerKey:
        """Read what `payload` wrote. Refused on anything else."""
        reader = Reader(payload, "handler key")
        version = reader.u8()
        if version not in {VERSION, WITH_FORMER}:
            raise Refused("the key file holds another kind or version of key")
        signing, sealing = SigningKey(reader.take(32)), SealingKey(reader.take(32))
        count = reader.u8() if version == WITH_FORMER else 0
        former = tuple(Pair(SigningKey(reader.take(32)), SealingKey(reader.take(32))) for _ in range(count))
        reader.finish()
        if (version == WITH_FORMER) != bool(former):
            raise Refused("the key file holds another kind or version of key")
        return cls(signing, sealing, former)

    def payload(self) -> bytes:
        """Give the bytes that the key file locks."""
        present = self.signing.reveal() + self.sealing.reveal()
        if not self.former:
            return bytes([VERSION]) + present
        former = (pair.signing.reveal() + pair.sealing.reveal() for pair in self.former)
        return bytes([WITH_FORMER]) + present + bytes([len(self.former)]) + b"".join(former)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, the present one first and the oldest last."""
        return (Pair(self.signing, self.sealing), *reversed(self.former))

    def in_force(self, roster: Roster | None) -> Pair:
        """Give the pair that the group's roster names; the present one where it names none of them."""
        for pair in self.pairs if roster is not None and self.former else ():
            handler = None if roster is None else roster.by_key(pair.key_id)
            if handler is not None and handler.active and handler.key_id == pair.key_id:
                return pair
        return self.pairs[0]

    def waits(self, roster: Roster | None) -> bool:
        """Whether the present pair came by a rotation that `roster` doesn't know of. None: no roster is known."""
        return bool(self.former) and (roster is None or roster.by_key(self.pairs[0].key_id) is None)

    def superseded(self, roster: Roster | None) -> bool:
        """Whether the roster names, for the handler whose keys these are, newer ones that are not in this file."""
        if roster is None:
            return False
        ours = {pair.key_id for pair in self.pairs}
        handlers = (roster.by_key(key_id) for key_id in ours)
        return any(one is not None and one.active and one.key_id not in ours for one in handlers)

    def open_report(self, envelope: Envelope) -> OpenedReport:
        """Open a report with the key that it is sealed to. Raises DoesNotOpen; Refused when it isn't padded."""
        sealed_to = (pair for pair in self.pairs if envelope.wrap_for(pair.key_id) is not None)
        return open_report(envelope, next(sealed_to, self.pairs[0]).sealing)

    def open_grant(self, sealed: bytes, report_id: bytes) -> SymmetricKey:
        """Open a grant of a report, to whichever key it was made. Raises DoesNotOpen."""
        for pair in self.pairs:
            try:
                return open_grant(pair.sealing, sealed, report_id)
            except DoesNotOpen:
                continue
        raise DoesNotOpen

    def store_key(self) -> SymmetricKey:
        """Derive the key of the desk's local store: from the oldest pair, so that the store outlives a rotation."""
        oldest = self.pairs[-1]
        return SymmetricKey(keyed(oldest.sealing.reveal(), Label.DESK_STORE, oldest.signing.reveal()))

    def card(self, pseudonym: str) -> HandlerCard:
        """Make the public card that the holder of the group's root key adds to the roster."""
        return make_card(pseudonym, self.signing, self.sealing.public_key())
