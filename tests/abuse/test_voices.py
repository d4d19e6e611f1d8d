"""Voices: one member, one voice per subject, for this report only, and nobody learns whose."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from abuse.voices import (
    Voice,
    VoiceTag,
    distinct_voices,
    encode_voices,
    give_voice,
    hear_voice,
    parse_voices,
)
from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.ring import Ring, RingSignature

KEYS = [MemberKey(seeded(b"voices %d" % number)(32)) for number in range(6)]
RING = Ring.of(key.public() for key in KEYS[:4])
OTHER_RING = Ring.of(key.public() for key in KEYS[1:])
RINGS = {ring.digest: ring for ring in (RING, OTHER_RING)}
ROOT = b"r" * 32
MALLORY, TRENT = (digest(Label.SUBJECT, ROOT, name) for name in (b"mallory", b"trent"))
REPORT, SECOND = (digest(Label.VOICE, name) for name in (b"report", b"second report"))


def voice(member: int = 0, *, ring: Ring = RING, context: bytes = MALLORY, binding: bytes = REPORT) -> Voice:
    return give_voice(ring, KEYS[member], context=context, binding=binding, entropy=seeded(b"give"))


def hear(
    spoken: Voice, *, binding: bytes = REPORT, contexts: tuple[bytes, ...] = (MALLORY, TRENT)
) -> VoiceTag:
    return hear_voice(Voice.parse(spoken.raw), rings=RINGS, contexts=contexts, binding=binding)


def test_same_member_same_subject_is_one_voice() -> None:
    """Two reports, and even two rings: one member about one subject counts once."""
    tags = [hear(voice(1)), hear(voice(1, binding=SECOND), binding=SECOND), hear(voice(1, ring=OTHER_RING))]
    assert len(set(tags)) == 1
    assert distinct_voices(tags) == 1


def test_different_members_are_different_voices() -> None:
    """Three members about one subject are three."""
    assert distinct_voices(hear(voice(member)) for member in (0, 1, 2, 1, 0)) == 3


def test_two_subjects_or_two_groups_share_nothing() -> None:
    """The same member about another subject, or in another group, shows a tag that can't be compared."""
    elsewhere = digest(Label.SUBJECT, b"s" * 32, b"mallory")
    tags = {hear(voice(0, context=c), contexts=(c,)).tag for c in (MALLORY, TRENT, elsewhere)}
    assert len(tags) == 3


def test_merged_names_count_at_least() -> None:
    """Across two contexts nobody can tell members apart: only the larger counts."""
    tags = [*(hear(voice(m)) for m in (0, 1)), *(hear(voice(m, context=TRENT)) for m in (1, 2, 3))]
    assert distinct_voices(tags) == 3


@pytest.mark.parametrize(("replaced", "count"), [(0, 3), (1, 2), (2, 1), (9, 1), (-1, 3)])
def test_replaced_keys_are_taken_off(replaced: int, count: int) -> None:
    """Who changed keys between rings might be there twice; some voice remains certain."""
    assert distinct_voices((hear(voice(m)) for m in (0, 1, 2)), replaced_keys=replaced) == count
    assert distinct_voices([], replaced_keys=replaced) == 0


@pytest.mark.parametrize(
    ("what", "refuse"),
    [
        ("another report", lambda: hear(voice(), binding=SECOND)),
        ("a subject the report doesn't name", lambda: hear(voice(), contexts=(TRENT,))),
        ("no subject", lambda: hear(voice(), contexts=())),
        ("context exchanged", lambda: hear(Voice(RING.digest, TRENT, voice().signature))),
        ("ring exchanged", lambda: hear(Voice(OTHER_RING.digest, MALLORY, voice().signature))),
        ("unknown ring", lambda: hear(Voice(bytes(32), MALLORY, voice().signature))),
        (
            "ring listed under another's digest",
            lambda: hear_voice(voice(), rings={RING.digest: OTHER_RING}, contexts=[MALLORY], binding=REPORT),
        ),
        ("key outside the ring", lambda: voice(5)),
        ("binding too short", lambda: voice(binding=b"short")),
        ("context too short", lambda: voice(context=b"short")),
        ("no bytes", lambda: Voice.parse(b"")),
        ("no signature", lambda: Voice.parse(bytes(64))),
        ("one byte less", lambda: Voice.parse(voice().raw[:-1])),
        ("one byte more", lambda: Voice.parse(voice().raw + b"\0")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(what: str, refuse: Callable[[], object]) -> None:
    """A voice for something else, by somebody else, or malformed."""
    with pytest.raises(Refused):
        refuse()


def test_a_response_changed_is_refused() -> None:
    """Any changed response doesn't verify."""
    good = voice().signature
    for place in range(4):
        responses = list(good.responses)
        responses[place] = -responses[place]
        with pytest.raises(Refused):
            hear(Voice(RING.digest, MALLORY, RingSignature(good.tag, good.challenge, tuple(responses))))


def test_several_voices_travel_together() -> None:
    """One per person that the report names, in one byte string."""
    voices = (voice(), voice(context=TRENT))
    assert parse_voices(encode_voices(voices)) == voices


@pytest.mark.parametrize(
    "raw", [b"", b"\x01", b"\x01\x00", b"\x02\x01", b"\x01\x09", b"\x01\x01" + b"\xff" * 4]
)
def test_malformed_lists_are_refused(raw: bytes) -> None:
    """Unknown version, none, too many, lengths out of range, bytes left over."""
    with pytest.raises(Refused):
        parse_voices(raw)
    with pytest.raises(Refused):
        parse_voices(encode_voices([voice()]) + b"\0")


def test_one_subject_twice_in_a_report_is_refused() -> None:
    """Written or read: two voices about one subject in one report are a mistake or an attempt."""
    twice = bytearray(encode_voices([voice(0), voice(1, context=TRENT)]))
    with pytest.raises(Refused):
        encode_voices([voice(0), voice(1)])
    size = len(voice().raw) + 4
    twice[2 + size : 2 + 2 * size] = twice[2 : 2 + size]
    with pytest.raises(Refused):
        parse_voices(bytes(twice))
    for none_or_many in ([], [voice(0, context=bytes([n]) * 32) for n in range(9)]):
        with pytest.raises(Refused):
            encode_voices(none_or_many)
