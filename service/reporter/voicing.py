"""Adding a member's voice to a report: what the reporter is told before, and by which ring it is made.

Guarantees: nothing about the member leaves their machine but what the ring signature shows; the registry that is asked
for is the one that the group's root signed for. A download of it tells the server that somebody may be about to use a
voice, not who: everybody downloads the whole, whatever they have of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from abuse.voices import MAX_VOICES
from crypto.codes import ReplyCode
from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.members import MemberKey
from crypto.ring import Ring
from service.cases.registry import Registry
from service.cases.reports import Person, Report
from service.cases.rosters import Roster
from service.cases.snapshots import Snapshot
from service.cases.speaking import ring_to_speak_by
from service.cases.voices import contexts_of, speak, subjects_named
from service.console import read_passphrase
from service.member_keys import read as read_keys
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.registry_pins import download, load_chain

FEW: Final = 20
"""Below this many members in a ring the reporter is warned that they may be guessed."""
NO_REGISTRY: Final = "the group that this goes to names no registry of members: a voice wouldn't count there"


@dataclass(frozen=True)
class Speaker:
    """A member who is about to speak: the key, and the ring that hides it. The repr hides the key."""

    key: MemberKey
    roster: Roster
    registry: Registry
    snapshot: Snapshot
    ring: Ring

    @classmethod
    def of(cls, key: MemberKey, roster: Roster, registry: Registry) -> Speaker:
        """Find the newest ring with the member. Raises NotAMember, or Refused for another registry than the group's."""
        if roster.registry != registry.id:
            raise Refused("this is not the registry that the group names")
        snapshot, ring = ring_to_speak_by(registry, key.public())
        return cls(key, roster, registry, snapshot, ring)

    def explained(self) -> str:
        """Say what the voice will prove and what it reveals."""
        lines = [
            f"Your voice proves that one of {len(self.ring)} members wrote this report, and not which one.",
            f"Who they are is public: snapshot “{self.snapshot.name}” of the registry “{self.registry.name}”.",
            "Only those who read the report see that it has a voice. It makes the report larger, which the server "
            "may see.",
            "About one person you have one voice: used again, it shows that the same member spoke, and counts once.",
            "About two people nobody can tell that it was the same member.",
            "Whoever has your key file and its passphrase can tell which voices were yours.",
        ]
        if len(self.ring) < FEW:
            lines.append(
                f"CAREFUL: {len(self.ring)} members are few. Who knows them may guess who wrote this."
            )
        return "\n".join(lines)

    def about(self, people: Sequence[Person]) -> tuple[list[str], list[str]]:
        """Say about whom the voice can be, and which of the names as written can have none."""
        named = [str(one) for one in contexts_of(self.roster.root, people).values()]
        unreadable = [person.handle for person in people if not subjects_named([person])]
        return named[:MAX_VOICES], [*unreadable, *named[MAX_VOICES:]]

    def speak(self, report: Report, code: ReplyCode, entropy: Entropy) -> Report:
        """Put the voice into the report that will answer to this code. Refused when it names nobody."""
        return speak(report, code, self.roster.root, self.ring, self.key, entropy)


def open_voice(client: Client, roster: Roster, key_file: Path, passphrase_file: Path | None) -> Speaker:
    """Unlock a member's key file, download and verify the group's registry, and find the ring.

    Before the reporter writes, so that what is missing is said early. Raises WrongPassphrase, DamagedKeyFile,
    Unreachable, Declined, NotAMember, and Refused for a group without a registry or a registry that doesn't verify.
    """
    if roster.registry is None:
        raise Refused(NO_REGISTRY)
    keys = read_keys(key_file, read_passphrase(passphrase_file, "Passphrase of your member key"))
    return Speaker.of(keys.member, roster, _registry(client, roster.registry, key_file.parent))


def _registry(client: Client, registry: bytes, folder: Path) -> Registry:
    """Download the registry and hold it against the chain that the member's folder keeps. Nothing is written there."""
    kept = load_chain(folder / f"{registry.hex()}.json")
    have = () if kept is None or kept[0] != registry else kept[1]
    try:
        return download(client, registry, have).registry
    except Declined as problem:
        if problem.status != 404:
            raise
        raise Refused("the registry of members that the group names is not on this server") from None
