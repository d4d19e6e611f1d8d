"""A member's key file: the seeds of the key that speaks and votes and of the key that opens summaries.

Payload, 64 bytes: member key's seed 32 ‖ sealing key's seed 32, under a passphrase (crypto.keyfiles, kind `member`).
Whoever has the file and the passphrase can speak and vote as this member, and tell what they said before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.group import Point
from crypto.keyfiles import lock, unlock
from crypto.members import MemberKey
from crypto.seal import PublicKey, SealingKey
from crypto.secrets import Passphrase
from service.chain_files import write_private

KIND: Final = "member"
FILE: Final = "member.key"
HOME: Final = Path.home() / ".sottovoce" / "member"
"""Where `sottovoce member` keeps `member.key` unless it is told otherwise."""
SIZE: Final = MemberKey.SIZE + SealingKey.SIZE
_MAX_FILE: Final = 16 * 1_024


@dataclass(frozen=True)
class MemberKeys:
    """The two keys of a member. Their repr hides them."""

    member: MemberKey
    """Signs in rings: voices and votes."""
    sealing: SealingKey
    """Opens what is sealed to members, such as a poll's summary."""

    @classmethod
    def draw(cls, entropy: Entropy) -> MemberKeys:
        """Make new keys from 64 bytes of `entropy`."""
        return cls(MemberKey.draw(entropy), SealingKey.draw(entropy))

    @classmethod
    def from_payload(cls, payload: bytes) -> MemberKeys:
        """Read what `payload` gives. Refused unless it is 64 bytes."""
        if len(payload) != SIZE:
            raise Refused("the key file holds another kind or version of key")
        return cls(MemberKey(payload[: MemberKey.SIZE]), SealingKey(payload[MemberKey.SIZE :]))

    def payload(self) -> bytes:
        """Give the 64 secret bytes that the key file locks."""
        return self.member.reveal() + self.sealing.reveal()

    def public(self) -> tuple[Point, PublicKey]:
        """Give what the registry lists: the member key and the sealing key."""
        return self.member.public(), self.sealing.public_key()


def make(path: Path, passphrase: Passphrase, *, entropy: Entropy) -> MemberKeys:
    """Draw new keys and write them to a new file for their owner only. Refused when there is a file already."""
    keys = MemberKeys.draw(entropy)
    write_private(path, lock(keys.payload(), passphrase, entropy=entropy, kind=KIND))
    return keys


def read(path: Path, passphrase: Passphrase) -> MemberKeys:
    """Open a key file. Raises WrongPassphrase or DamagedKeyFile; Refused when it can't be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except FileNotFoundError:
        raise Refused("there is no member's key file: make one with `sottovoce member new`") from None
    except OSError as error:
        raise Refused(f"the member's key file can't be read: {error.strerror}") from None
    return MemberKeys.from_payload(unlock(raw, passphrase, kind=KIND))
