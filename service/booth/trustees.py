"""The folder of a trustee: their key file, and what they said before.

`trustee.key` holds the ceremony's seed and the request key under a passphrase (crypto.keyfiles, kind `trustee`);
`trustee.json` is public and says which boards this trustee sits on, which messages they sent, which closed board of a
poll they agreed to, which tally they decrypted and which outcome they signed. Guarantees: it is on the disk before
anything leaves the machine, and nothing that contradicts it is said: a server that shows two boards or two tallies gets
one answer, also when two commands run at once. A folder restored from an old backup has forgotten what was said since;
nothing here can tell.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from crypto.entropy import Entropy, system
from crypto.errors import Refused
from crypto.keyfiles import lock, unlock
from crypto.signatures import SigningKey
from polls.channels import TrusteeSeed
from service.cases.names import checked_name
from service.cases.rosters import RosterHistory
from service.chain_files import alone, read_whole, write_private, write_whole
from service.console import read_passphrase
from service.files import named
from service.wire import pins
from service.wire.poll_shapes import TrusteeCard

KIND: Final = "trustee"
KEY_FILE: Final = "trustee.key"
CARD_FILE: Final = "card.json"
MEMORY_FILE: Final = "trustee.json"
PINS_FILE: Final = "pins.json"
LOCK_FILE: Final = "trustee.lock"
HOME: Final = Path.home() / ".sottovoce" / "trustee"
_MAX_KEY: Final = 16 * 1_024
_MAX_MEMORY: Final = 1_024 * 1_024
_RESTORE: Final = (
    "restore the newest backup. An older one makes this trustee forget what was said since, and say something else "
    "when a server asks again"
)


class Contradiction(Refused):
    """What the server shows would have this trustee say something else than they said before."""


@dataclass(frozen=True)
class TrusteeKeys:
    """A trustee's two secrets. Payload of the key file: seed 22 ‖ request key 32. Their repr hides them."""

    seed: TrusteeSeed
    signing: SigningKey

    @classmethod
    def draw(cls, entropy: Entropy) -> TrusteeKeys:
        """Make new keys."""
        return cls(TrusteeSeed.draw(entropy), SigningKey(entropy(SigningKey.SIZE)))

    @classmethod
    def from_payload(cls, payload: bytes) -> TrusteeKeys:
        """Read what `payload` gives. Refused unless it is 54 bytes."""
        if len(payload) != TrusteeSeed.SIZE + SigningKey.SIZE:
            raise Refused("the key file holds another kind or version of key")
        return cls(TrusteeSeed(payload[: TrusteeSeed.SIZE]), SigningKey(payload[TrusteeSeed.SIZE :]))

    def payload(self) -> bytes:
        """Give the 54 secret bytes that the key file locks."""
        return self.seed.reveal() + self.signing.reveal()

    def card(self, name: str) -> TrusteeCard:
        """Make the public card that the board's creator needs."""
        return TrusteeCard(name, self.signing.verify_key().raw)


class PollMemory(Struct, frozen=True, forbid_unknown_fields=True):
    """What was said about a poll: SHA-256 of the tally that was verified, and of the statements that were signed.

    Nothing else is decrypted than what is said here. agreement: polls.agreement.board_name; files of before have none.
    """

    tally: str | None = None
    outcome: str | None = None
    counts: str | None = None
    agreement: str | None = None


class Memory(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything this trustee said. `said`: by board and step, the message's SHA-256. All names are hexadecimal."""

    said: dict[str, dict[str, str]] = {}
    polls: dict[str, PollMemory] = {}


@dataclass(frozen=True)
class TrusteeHome:
    """A trustee's folder. passphrase_file: as `service.console.read_passphrase` takes it."""

    folder: Path
    passphrase_file: Path | None

    def new(self, name: str) -> TrusteeCard:
        """Make new keys and the card, or only a card that is missing. Refused when there are both already.

        name: what `service.cases.names.checked_name` takes.
        """
        has_key = (self.folder / KEY_FILE).exists()
        if has_key and (self.folder / CARD_FILE).exists():
            raise Refused("there is a trustee's key here already; it was not touched")
        checked_name(name)  # before a passphrase is asked for
        keys = self.keys() if has_key else TrusteeKeys.draw(system)
        card = keys.card(name)
        if not has_key:
            passphrase = read_passphrase(self.passphrase_file, "New passphrase", confirm=True)
            self.begin_memory()  # before the key: with a key and no memory, nothing can be said
            write_private(self.folder / KEY_FILE, lock(keys.payload(), passphrase, entropy=system, kind=KIND))
        write_whole(self.folder / CARD_FILE, msgspec.json.encode(card))
        return card

    def begin_memory(self) -> None:
        """Begin an empty record of what was said, for a key that is about to be made. One that is here stays."""
        with self._alone():
            if not (self.folder / MEMORY_FILE).exists():
                self._keep(Memory())

    def keys(self) -> TrusteeKeys:
        """Unlock the keys. Raises WrongPassphrase or DamagedKeyFile; Refused when there are none."""
        if not (self.folder / KEY_FILE).exists():
            raise Refused("there is no trustee's key here: make one with `sottovoce trustee new`")
        raw = read_whole(self.folder / KEY_FILE, _MAX_KEY)
        return TrusteeKeys.from_payload(unlock(raw, read_passphrase(self.passphrase_file), kind=KIND))

    def card(self) -> TrusteeCard:
        """Read the public card; needs no passphrase."""
        if not (self.folder / CARD_FILE).exists():
            if (self.folder / KEY_FILE).exists():
                raise Refused("the card is missing: `sottovoce trustee new` makes it again from the key")
            raise Refused("there is no trustee's key here: make one with `sottovoce trustee new`")
        return read_card(self.folder / CARD_FILE)

    def memory(self) -> Memory:
        """Read what was said before. Refused when it is damaged, or missing beside a key: forgetting would undo it."""
        path = self.folder / MEMORY_FILE
        if not path.exists():
            if (self.folder / KEY_FILE).exists():
                raise Refused(f"the record of what this trustee said, {MEMORY_FILE}, is missing: {_RESTORE}")
            return Memory()
        try:
            return msgspec.json.decode(read_whole(path, _MAX_MEMORY), type=Memory)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Refused(
                f"the record of what this trustee said, {MEMORY_FILE}, is damaged: {_RESTORE}"
            ) from None

    def will_say(self, board: bytes, step: str, digest: str) -> None:
        """Remember a message of the ceremony. Raises Contradiction when another one was said in this step."""
        with self._alone():
            memory = self.memory()
            said = memory.said.get(board.hex(), {})
            if said.get(step, digest) != digest:
                raise Contradiction(
                    "ceremony: another message was sent in this step before; nothing was sent"
                )
            self._keep(Memory({**memory.said, board.hex(): {**said, step: digest}}, memory.polls))

    def will_tell(
        self,
        phi: bytes,
        *,
        tally: str | None = None,
        agreement: str | None = None,
        outcome: str | None = None,
        counts: str | None = None,
    ) -> None:
        """Remember a tally to be decrypted or statements to be signed. Raises Contradiction for a second, other one."""
        with self._alone():
            memory = self.memory()
            known = memory.polls.get(phi.hex(), PollMemory())
            said = PollMemory(tally, outcome, counts, agreement)
            merged: dict[str, str | None] = {}
            for name, now in msgspec.structs.asdict(said).items():
                before = getattr(known, name)
                if before is not None and now is not None and before != now:
                    raise Contradiction(
                        "poll: this trustee agreed to, decrypted or signed something else before; nothing was sent"
                    )
                merged[name] = before or now
            told = PollMemory(**merged)
            self._keep(Memory(memory.said, {**memory.polls, phi.hex(): told}))

    def accept(self, history: RosterHistory) -> None:
        """Pin a group's roster. Raises pins.RolledBack or pins.Forked."""
        path = self.folder / PINS_FILE
        with self._alone():
            pins.save(path, pins.load(path).accept(history))

    def _alone(self) -> AbstractContextManager[None]:
        """Wait until no other command reads and writes what was said: two at once could both find that nothing was."""
        return alone(self.folder / LOCK_FILE)

    def _keep(self, memory: Memory) -> None:
        write_whole(self.folder / MEMORY_FILE, msgspec.json.encode(memory))


def read_card(path: Path) -> TrusteeCard:
    """Read a trustee's card from a file. Refused, by the file's name, when it is none or names nobody in one line."""
    with named(path):
        try:
            return msgspec.json.decode(read_whole(path, 4_096), type=TrusteeCard)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Refused("that is not a trustee's card: it is the file of `sottovoce trustee new`") from None
