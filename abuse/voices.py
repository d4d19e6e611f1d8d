"""Voices: a report is by one registered member, nobody learns which, and once per subject. SPEC.md "Voices".

A voice is a linkable ring signature (crypto.ring). Its context is the group and the subject
(`abuse.subjects.voice_context`), so the same member about the same subject shows one tag however often and
about another subject an unlinkable one. Its message is the report's binding (mailbox, key and content), so
a voice can't be cut out of one report and put into another.

Guarantees: a `VoiceTag` exists only for a voice that was verified. Leaves to the caller: which rings are
the registry's (`service.cases.registry`), and which subjects the report names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.framing import Reader, part
from crypto.hashing import digest
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.ring import MAX_RING, Ring, RingSignature, Tag, sign, verify

VERSION: Final = 1
DIGEST_SIZE: Final = 32
MAX_VOICES: Final = 8
"""In one report: one for each person it names."""
MAX_VOICE: Final = 2 * DIGEST_SIZE + 64 + 32 * MAX_RING


@final
@dataclass(frozen=True, slots=True)
class Voice:
    """One voice as it travels: ring digest 32 ‖ context 32 ‖ ring signature. Nothing is verified yet."""

    ring_digest: bytes
    context: bytes
    signature: RingSignature

    def __post_init__(self) -> None:
        if len(self.ring_digest) != DIGEST_SIZE or len(self.context) != DIGEST_SIZE:
            raise Refused("voice: a digest has the wrong size")

    @classmethod
    def parse(cls, raw: bytes) -> Voice:
        """Read one voice, strictly."""
        reader = Reader(raw, "voice")
        return cls(reader.take(DIGEST_SIZE), reader.take(DIGEST_SIZE), RingSignature.parse(reader.rest()))

    @property
    def raw(self) -> bytes:
        """The encoding that `parse` reads."""
        return self.ring_digest + self.context + self.signature.raw


@final
@dataclass(frozen=True, slots=True, order=True)
class VoiceTag:
    """A verified voice: equal when the same member spoke in the same context (32 bytes each)."""

    context: bytes
    tag: bytes


def give_voice(ring: Ring, key: MemberKey, *, context: bytes, binding: bytes, entropy: Entropy) -> Voice:
    """Add a member's voice to a report.

    context: 32 bytes of `abuse.subjects.voice_context`; binding: 32 bytes that name the report.
    Raises Refused when the key is not in the ring.
    """
    signature = sign(ring, key, context, _message(binding), entropy)
    return Voice(ring.digest, context, signature)


def hear_voice(
    voice: Voice, *, rings: Mapping[bytes, Ring], contexts: Iterable[bytes], binding: bytes
) -> VoiceTag:
    """Verify a voice: by a ring of the registry, about a subject of the report, made for this report.

    rings: by their digests, those that the registry ever froze; contexts: those of the report's subjects.
    Raises Refused when any of it doesn't hold.
    """
    ring = rings.get(voice.ring_digest)
    if ring is None or ring.digest != voice.ring_digest:
        raise Refused("voice: by a ring that the registry doesn't have")
    if voice.context not in set(contexts):
        raise Refused("voice: about nobody that the report names")
    tag: Tag = verify(ring, voice.context, _message(binding), voice.signature)
    return VoiceTag(voice.context, tag.raw)


def distinct_voices(tags: Iterable[VoiceTag], *, replaced_keys: int = 0) -> int:
    """Count members who spoke for certain: "at least" this many.

    Within one context equal tags are one member. Tags in two contexts (two names of one person, merged by a handler)
    can't be compared, so only the context with the most counts. A member who replaced their key between two frozen
    rings has two tags: `replaced_keys` members at most, so as many are taken off, but never the last voice.
    """
    by_context: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for tag in tags:
        by_context[tag.context].add(tag.tag)
    most = max((len(found) for found in by_context.values()), default=0)
    return max(min(most, 1), most - max(replaced_keys, 0))


def encode_voices(voices: Sequence[Voice]) -> bytes:
    """Write a report's voices: u8 version 1 ‖ u8 count ‖ each behind its four-byte length."""
    if not 1 <= len(voices) <= MAX_VOICES:
        raise Refused("voices: needs 1 to 8")
    if len({voice.context for voice in voices}) != len(voices):
        raise Refused("voices: two about the same subject")
    return bytes([VERSION, len(voices)]) + b"".join(part(voice.raw) for voice in voices)


def parse_voices(raw: bytes) -> tuple[Voice, ...]:
    """Read what `encode_voices` wrote; at most 8, no two with one context."""
    reader = Reader(raw, "voices")
    version, count = reader.u8(), reader.u8()
    if version != VERSION or not 1 <= count <= MAX_VOICES:
        raise Refused("voices: unknown version or count")
    voices = tuple(Voice.parse(reader.prefixed(MAX_VOICE)) for _ in range(count))
    reader.finish()
    if len({voice.context for voice in voices}) != count:
        raise Refused("voices: two about the same subject")
    return voices


def _message(binding: bytes) -> bytes:
    if len(binding) != DIGEST_SIZE:
        raise Refused("voice: the binding is 32 bytes")
    return digest(Label.VOICE, binding)
