"""Hearing the voices of opened reports: once each, by the registry that the group names; the outcome is kept.

Guarantees: a `Spoken` in a `Hearing` was verified for this very report and mailbox, by a ring that the registry froze,
about somebody whom the report names; whatever was not accepted is there by name. A ring of 100 costs 20 ms, so what
was heard is never heard again; only a ring that the registry didn't have is looked for anew when it has grown, and
everything when names of accounts are read in another way than before (`abuse.subjects.VERSION`).
Leaves to sync.py the download of the registry, and to subjects.py what voices count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from abuse.subjects import VERSION, Subject
from abuse.voices import Voice, hear_voice
from crypto.errors import Refused
from crypto.ring import Ring
from crypto.seal import PublicKey
from crypto.signatures import VerifyKey
from service.cases.registry import Registry
from service.cases.reports import Report, voice_binding
from service.cases.speaking import Spoken
from service.cases.voices import contexts_of, voices_in
from service.desk.records import Held

Why = Literal["unreadable", "unknown_ring", "other_person", "not_for_this_report"]

WHY: Final[dict[Why, str]] = {
    "unreadable": "a voice that can't be read",
    "unknown_ring": "a voice by a list of members that the group's registry never froze",
    "other_person": "a voice about somebody whom the report doesn't name, or by a program of another version",
    "not_for_this_report": "a voice that doesn't hold: it was made for another report, or made up",
}


class Unheard(Struct, frozen=True):
    """A voice that was not accepted. context: whom it claims to be about (hex), empty where it can't be read."""

    context: str
    why: Why

    @property
    def sentence(self) -> str:
        """Say it plainly."""
        return WHY[self.why]


class Hearing(Struct, frozen=True):
    """What became of the voices of one report. registry, head: by which registry, as of which statement (hex).

    subjects: the version by which the report's names were read as accounts.
    """

    report: str
    registry: str
    head: str
    spoken: tuple[Spoken, ...]
    unheard: tuple[Unheard, ...]
    subjects: int = 1

    def stands(self, registry: str, head: str) -> bool:
        """Whether hearing again could not say anything else."""
        if self.registry != registry or self.subjects != VERSION:
            return False
        return self.head == head or all(each.why != "unknown_ring" for each in self.unheard)


def told(held: Held, hearing: Hearing | None, root: VerifyKey | None) -> tuple[str, ...]:
    """Say what became of a report's voices, one line each. root: of its group, None when this desk doesn't know it."""
    if not held.has_voice:
        return ()
    if hearing is None:
        return ("not checked: sync, or see that the group names a registry of members",)
    names = {} if root is None else {c.hex(): str(one) for c, one in contexts_of(root, held.who).items()}
    return (
        *(
            f"a registered member speaks about {names.get(each.context, 'somebody')}; which one, nobody can tell"
            for each in hearing.spoken
        ),
        *(f"REFUSED: {each.sentence}" for each in hearing.unheard),
    )


def weight_of(voice: str) -> int:
    """Say what hearing costs at most, in rounds of a ring signature (0.2 ms each): one for each 32 bytes."""
    return len(voice) * 3 // 4 // 32


def hear(
    held: Held, report: Report, root: VerifyKey, registry: Registry, rings: Mapping[bytes, Ring]
) -> Hearing:
    """Hear all voices of a report. root: of the group it was filed with; rings: `registry.voice_rings()`.

    Whatever a stranger may have sent ends in a `Hearing`; nothing is raised.
    """
    spoken: list[Spoken] = []
    unheard: list[Unheard] = []
    try:
        voices = voices_in(report.voice or "")
    except Refused:
        voices = ()
        unheard.append(Unheard("", "unreadable"))
    contexts = contexts_of(root, report.who)
    binding = voice_binding(
        report, bytes.fromhex(held.mailbox_address), PublicKey(bytes.fromhex(held.mailbox_key))
    )
    for voice in voices:
        outcome = _heard(voice, rings, contexts, binding)
        if isinstance(outcome, Spoken):
            spoken.append(outcome)
        else:
            unheard.append(outcome)
    return Hearing(held.id, registry.id.hex(), registry.head.hex(), tuple(spoken), tuple(unheard), VERSION)


def _heard(
    voice: Voice, rings: Mapping[bytes, Ring], contexts: Mapping[bytes, Subject], binding: bytes
) -> Spoken | Unheard:
    about = voice.context.hex()
    if voice.context not in contexts:
        return Unheard(about, "other_person")
    if voice.ring_digest not in rings:
        return Unheard(about, "unknown_ring")
    try:
        tag = hear_voice(voice, rings=rings, contexts=contexts, binding=binding)
    except Refused:
        return Unheard(about, "not_for_this_report")
    return Spoken(tag.context.hex(), tag.tag.hex(), voice.ring_digest.hex())
