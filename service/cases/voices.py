"""Voices in a report: about whom they may be, how they are put in before sealing and read after opening. Pure.

Guarantees: every voice that `speak` adds is bound to this report with this mailbox, one for each account the report
names and at most `MAX_VOICES`; a report's voices have one written form. abuse/SPEC.md "Voices".
Leaves to `service.cases.speaking` which ring speaks, and to `service.desk.voices` whether a voice holds.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence

import msgspec

from abuse.subjects import Subject, subject, voice_context
from abuse.voices import MAX_VOICES, Voice, encode_voices, give_voice, parse_voices
from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.members import MemberKey
from crypto.ring import Ring
from crypto.signatures import VerifyKey
from service.cases.reports import Person, Report, voice_binding


def contexts_of(root: VerifyKey, people: Iterable[Person]) -> dict[bytes, Subject]:
    """Give the voice context of everybody a report names, as far as they can be read as accounts."""
    return {voice_context(root.raw, found): found for found in subjects_named(people)}


def subjects_named(people: Iterable[Person]) -> list[Subject]:
    """Read the names of a report as accounts; what can't be read as one is left out, and each is there once."""
    found: dict[Subject, None] = {}
    for person in people:
        try:
            found[subject(person.platform, person.handle)] = None
        except Refused:
            continue  # shown in the case as written; it can't be grouped
    return list(found)


def text_of(voices: Sequence[Voice]) -> str:
    """Write voices as a report carries them: base64url without padding."""
    return urlsafe_b64encode(encode_voices(voices)).rstrip(b"=").decode()


def voices_in(text: str) -> tuple[Voice, ...]:
    """Read a report's voices. Refused unless it is exactly what `text_of` writes."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Refused("voices: not base64url") from None
    voices = parse_voices(raw)
    if text_of(voices) != text:
        raise Refused("voices: not in their one form")
    return voices


def speak(
    report: Report, code: ReplyCode, root: VerifyKey, ring: Ring, key: MemberKey, entropy: Entropy
) -> Report:
    """Put a member's voice about each whom the report names, the first MAX_VOICES of them, into it.

    code: the reply code that the report will answer to, since a voice is bound to its mailbox; root: of the group that
    it goes to. Raises Refused when it names nobody who can be read as an account, or the key is not in the ring.
    """
    contexts = list(contexts_of(root, report.who))[:MAX_VOICES]
    if not contexts:
        raise Refused("a voice is about somebody: name a person, on a platform that is known or as 'name'")
    binding = voice_binding(report, address_of(claim_of(code)), mailbox_of(code).public_key())
    voices = [
        give_voice(ring, key, context=context, binding=binding, entropy=entropy) for context in contexts
    ]
    return msgspec.structs.replace(report, voice=text_of(voices))
