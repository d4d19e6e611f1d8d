"""Make voices.json: `python -m tests.vectors.make_voices` from the repository's root. abuse/SPEC.md "Voices".

One report about three people by one of five members, from the names as written to the text that the report carries;
and altered texts, each with what the desk calls it. Byte strings are hexadecimal, but for the voices themselves.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import msgspec

from abuse.voices import Voice, encode_voices, give_voice
from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import seeded
from crypto.members import MemberKey
from crypto.ring import Ring
from crypto.signatures import SigningKey
from service.cases.answers import Answers
from service.cases.reports import Person, voice_binding
from service.cases.voices import contexts_of, speak, text_of, voices_in
from tests.support.reporters import TODAY

WHO = (
    Person(platform="GitHub", handle="https://github.com/M\u0430llory/"),  # with a Cyrillic a
    Person(platform="irc", handle="Trent on libera"),
    Person(platform="a place nobody knows", handle="peggy"),
    Person(platform="github", handle="mallory"),
    Person(platform="name", handle="Würgen\u200bd, Alice"),
)


def text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def make() -> dict[str, object]:
    """Give the whole file as JSON data."""
    keys = [MemberKey(seeded(b"voice vectors %d" % number)(32)) for number in range(5)]
    ring = Ring.of(key.public() for key in keys)
    root = SigningKey(seeded(b"voice vectors root")(32)).verify_key()
    code = ReplyCode(seeded(b"voice vectors code")(16))
    report = Answers(what="What happened, 再び.", who=WHO).to_report((), TODAY)
    spoken = speak(report, code, root, ring, keys[2], seeded(b"voice vectors signing"))
    address, mailbox = address_of(claim_of(code)), mailbox_of(code).public_key()
    binding = voice_binding(report, address, mailbox)
    voices = voices_in(spoken.voice or "")
    raw = urlsafe_b64decode((spoken.voice or "") + "==")
    elsewhere = give_voice(ring, keys[2], context=bytes(32), binding=binding, entropy=seeded(b"elsewhere"))
    other_report = give_voice(
        ring, keys[2], context=voices[0].context, binding=bytes(32), entropy=seeded(b"another report")
    )
    other_ring = Ring.of(key.public() for key in keys[:4])
    by_others = give_voice(
        other_ring, keys[2], context=voices[0].context, binding=binding, entropy=seeded(b"o")
    )
    renamed = Voice(ring.digest, by_others.context, by_others.signature)
    twice = bytes([raw[0], 2]) + encode_voices(voices[:1])[2:] * 2
    refused = {
        "for another report": ("not_for_this_report", text_of([other_report])),
        "about somebody else": ("other_person", text_of([elsewhere])),
        "by a ring that was never frozen": ("unknown_ring", text_of([by_others])),
        "by such a ring under a frozen one's name": ("not_for_this_report", text_of([renamed])),
        "two about one person": ("unreadable", text(twice)),
        "no voice": ("unreadable", text(bytes([1, 0]))),
        "nine voices announced": ("unreadable", text(bytes([1, 9]) + raw[2:])),
        "version 2": ("unreadable", text(bytes([2]) + raw[1:])),
        "one byte short": ("unreadable", text(raw[:-1])),
        "one byte more": ("unreadable", text(raw + b"\0")),
        "with padding": ("unreadable", (spoken.voice or "") + "=" * (-len(spoken.voice or "") % 4 or 4)),
        "in the other alphabet": ("unreadable", (spoken.voice or "").replace("_", "/").replace("-", "+")),
        "nothing": ("unreadable", ""),
    }
    return {
        "group_root": root.raw.hex(),
        "ring": [member.raw.hex() for member in ring.members],
        "ring_digest": ring.digest.hex(),
        "member_seed": keys[2].reveal().hex(),
        "mailbox_address": address.hex(),
        "mailbox_key": mailbox.raw.hex(),
        "report": msgspec.json.encode(report).decode(),
        "contexts": [context.hex() for context in contexts_of(root, WHO)],
        "subjects": [str(subject) for subject in contexts_of(root, WHO).values()],
        "binding": binding.hex(),
        "tags": [voice.signature.tag.raw.hex() for voice in voices],
        "voice": spoken.voice,
        "refused": [{"what": what, "why": why, "voice": voice} for what, (why, voice) in refused.items()],
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("voices.json")
    path.write_text(json.dumps(make(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
