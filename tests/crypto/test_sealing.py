"""Sealing, envelopes, letters and log entries: each opens where it should, and nowhere else after any change."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.codes import MailboxKey
from crypto.entropy import seeded
from crypto.envelope import (
    CHUNK_SIZE,
    MAX_ENVELOPE,
    MAX_RECIPIENTS,
    Envelope,
    Header,
    envelope_length,
    parse_envelope,
    seal_envelope,
)
from crypto.errors import Refused
from crypto.labels import Label
from crypto.letters import LETTER_SIZE, MAX_LETTER, open_letter, seal_letter
from crypto.opening import (
    MAX_ENTRY,
    SEALED_ENTRY_SIZES,
    grant,
    open_entry,
    open_grant,
    open_report,
    open_with_content_key,
    seal_entry,
)
from crypto.padding import SIZE_CLASSES, class_for, pad, unpad
from crypto.seal import PUBLIC_KEY_SIZE, SEAL_OVERHEAD, DoesNotOpen, PublicKey, SealingKey, seal, unseal
from crypto.secrets import SymmetricKey

DRAW = seeded(b"tests of sealing")
KEYS = [SealingKey(DRAW(32)) for _ in range(4)]
GROUP, ROSTER, REPORT = bytes(16), bytes(32), b"r" * 16
EDGES = [0, 1, 4092, 4093, 16380, 16381, 65532, 65533]


def sealed(plaintext: bytes = b"what happened", count: int = 3) -> bytes:
    return seal_envelope(plaintext, [key.public_key() for key in KEYS[:count]], GROUP, ROSTER, DRAW)


@pytest.mark.parametrize("length", EDGES)
def test_every_recipient_opens_an_envelope_and_nobody_else(length: int) -> None:
    """At both edges of the size classes; the fourth key was left out."""
    plaintext = bytes(DRAW(length)) if length else b""
    raw = sealed(plaintext)
    envelope = parse_envelope(raw)
    assert len(raw) == envelope_length(3, class_for(length))
    for key in KEYS[:3]:
        opened = open_report(envelope, key)
        assert opened.plaintext == plaintext
        assert open_with_content_key(envelope, opened.content_key).plaintext == plaintext
    with pytest.raises(DoesNotOpen):
        open_report(envelope, KEYS[3])


def test_the_largest_report_opens_and_a_larger_one_is_refused() -> None:
    """8 MiB less the padding's four bytes, in 128 chunks."""
    plaintext = DRAW(64) * (SIZE_CLASSES[-1] // 64 - 1) + DRAW(60)
    assert open_report(parse_envelope(sealed(plaintext, 1)), KEYS[0]).plaintext == plaintext
    with pytest.raises(Refused):
        sealed(plaintext + b"x", 1)


def test_any_changed_byte_of_an_envelope_is_noticed() -> None:
    """Header, key ids, wraps, commitment, chunks, tags: for all recipients, or for the one whose wrap it is."""
    raw = sealed(bytes(70_000))
    for at in [*range(100), *range(100, len(raw), len(raw) // 400)]:
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        opened = []
        for key in KEYS[:3]:
            with contextlib.suppress(Refused):
                opened.append(open_report(parse_envelope(changed), key).plaintext)
        assert len(opened) <= 2
        assert all(plaintext == bytes(70_000) for plaintext in opened)
        wraps_start = 51 + 3 * 16
        if not wraps_start <= at < wraps_start + 3 * 1168:
            assert not opened


def test_chunks_cannot_be_moved_dropped_or_repeated() -> None:
    """The place of a chunk and being the last are in its nonce (STREAM)."""
    envelope = parse_envelope(sealed(bytes(200_000)))
    size = CHUNK_SIZE + 16
    pieces = [envelope.body[at : at + size] for at in range(0, len(envelope.body), size)]
    assert len(pieces) == 4
    for order in ([1, 0, 2, 3], [0, 0, 2, 3], [0, 1, 3, 2], [0, 1, 2, 2]):
        body = b"".join(pieces[i] for i in order)
        with pytest.raises(DoesNotOpen):
            open_report(Envelope(envelope.header, envelope.wraps, envelope.commitment, body), KEYS[0])


def test_a_body_is_committed_to_one_key() -> None:
    """The commitment of another key is refused before any chunk is tried."""
    envelope = parse_envelope(sealed())
    with pytest.raises(DoesNotOpen):
        open_with_content_key(envelope, SymmetricKey(bytes(32)))


def test_wraps_are_bound_to_their_header() -> None:
    """A wrap put into another envelope, or under another recipient's name, opens nothing."""
    one, other = parse_envelope(sealed()), parse_envelope(sealed(b"another"))
    with pytest.raises(DoesNotOpen):
        open_report(Envelope(other.header, one.wraps, other.commitment, other.body), KEYS[0])
    turned = Envelope(one.header, (one.wraps[1], one.wraps[2], one.wraps[0]), one.commitment, one.body)
    for key in KEYS[:3]:
        with pytest.raises(DoesNotOpen):
            open_report(turned, key)


def malformed() -> list[bytes]:
    """Envelopes that can't be."""
    raw = sealed()
    ids = [raw[51 + 16 * i : 67 + 16 * i] for i in range(3)]
    rest = raw[51 + 48 :]
    return [
        b"",
        raw[:-1],
        raw + b"\0",
        b"\0" + raw[1:],
        b"\2" + raw[1:],
        raw[:1] + b"\6" + raw[2:],
        raw[:1] + b"\1" + raw[2:],
        raw[:50] + b"\0" + raw[51:],
        raw[:50] + bytes([MAX_RECIPIENTS + 1]) + raw[51:],
        raw[:50] + b"\2" + raw[51:],
        raw[:51] + ids[1] + ids[0] + ids[2] + rest,
        raw[:51] + ids[0] + ids[0] + ids[2] + rest,
        raw[:51],
        bytes(MAX_ENVELOPE),
    ]


@pytest.mark.parametrize("raw", malformed(), ids=range(len(malformed())))
def test_malformed_envelopes_are_refused(raw: bytes) -> None:
    """Lengths, version, class, number and order of recipients: strict."""
    with pytest.raises(Refused):
        parse_envelope(raw)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_refused(raw: bytes) -> None:
    """No input makes a parser fail in another way."""
    for act in (
        lambda: parse_envelope(raw),
        lambda: PublicKey(raw),
        lambda: unseal(KEYS[0], raw, label=Label.SEAL_GRANT, context=b""),
        lambda: open_letter(MailboxKey(bytes(32)), raw),
        lambda: open_entry(SymmetricKey(bytes(32)), REPORT, raw),
    ):
        with pytest.raises(Refused):
            act()


def test_recipients_are_distinct_and_one_to_thirty_two() -> None:
    """Nobody, somebody twice, a crowd."""
    public = KEYS[0].public_key()
    for keys in ([], [public, public], [SealingKey(DRAW(32)).public_key() for _ in range(33)]):
        with pytest.raises(Refused):
            seal_envelope(b"", keys, GROUP, ROSTER, DRAW)
    for group, roster in ((bytes(15), ROSTER), (GROUP, bytes(31))):
        with pytest.raises(Refused):
            Header(0, group, roster, (bytes(16),))


def test_a_seal_opens_for_its_key_label_and_context_only() -> None:
    """Another key, use or context, a cut or changed message: all fail alike."""
    to, context = KEYS[0].public_key(), b"context"
    box = seal(to, b"text", label=Label.SEAL_GRANT, context=context)
    assert len(box) == SEAL_OVERHEAD + 4
    assert unseal(KEYS[0], box, label=Label.SEAL_GRANT, context=context) == b"text"
    told = set()
    for key, raw, label, about in (
        (KEYS[1], box, Label.SEAL_GRANT, context),
        (KEYS[0], box, Label.SEAL_LETTER, context),
        (KEYS[0], box, Label.SEAL_GRANT, b"contexT"),
        (KEYS[0], box[:-1], Label.SEAL_GRANT, context),
        (KEYS[0], box[:-1] + bytes([box[-1] ^ 1]), Label.SEAL_GRANT, context),
        (KEYS[0], bytes([box[0] ^ 1]) + box[1:], Label.SEAL_GRANT, context),
        (KEYS[0], b"", Label.SEAL_GRANT, context),
    ):
        with pytest.raises(DoesNotOpen) as refused:
            unseal(key, raw, label=label, context=about)
        told.add(refused.value.reason)
    assert len(told) == 1
    assert seal(to, b"text", label=Label.SEAL_GRANT, context=context) != box  # fresh each time


def test_public_keys_are_checked() -> None:
    """Size, ML-KEM coefficients over q, X25519 points not canonical or of small order."""
    raw = KEYS[0].public_key().raw
    assert len(raw) == PUBLIC_KEY_SIZE
    for wrong in (
        raw[:-1],
        raw + b"\0",
        b"\xff" * 3 + raw[3:],
        raw[:1184] + bytes(32),
        raw[:1184] + b"\1" + bytes(31),
        raw[:1184] + (2**255 - 18).to_bytes(32, "little"),
        raw[:1184] + b"\xff" * 32,
    ):
        with pytest.raises(Refused):
            PublicKey(wrong)


@pytest.mark.parametrize("length", [0, 1, 100, MAX_LETTER])
def test_letters_have_one_size(length: int) -> None:
    """Whatever they say; and they open for their mailbox only."""
    key, other = MailboxKey(DRAW(32)), MailboxKey(DRAW(32))
    box = seal_letter(key.public_key(), b"x" * length)
    assert len(box) == LETTER_SIZE
    assert open_letter(key, box) == b"x" * length
    for wrong_key, raw in ((other, box), (key, box[:-1] + bytes([box[-1] ^ 1])), (key, DRAW(LETTER_SIZE))):
        with pytest.raises(DoesNotOpen):
            open_letter(wrong_key, raw)
    with pytest.raises(Refused):
        seal_letter(key.public_key(), bytes(MAX_LETTER + 1))


@pytest.mark.parametrize("length", [0, 1020, 1021, MAX_ENTRY])
def test_entries_have_two_sizes_and_belong_to_one_report(length: int) -> None:
    """An entry of one report, or of another content key, doesn't open; one that says nothing can look longer."""
    key = SymmetricKey(DRAW(32))
    box = seal_entry(key, REPORT, bytes(length), DRAW)
    assert len(box) == SEALED_ENTRY_SIZES[length > 1020]
    assert open_entry(key, REPORT, box) == bytes(length)
    assert len(seal_entry(key, REPORT, b"", DRAW, at_least=length)) == len(box)
    for wrong, report, raw in (
        (SymmetricKey(bytes(32)), REPORT, box),
        (key, b"s" * 16, box),
        (key, REPORT, box[:-1]),
        (key, REPORT, bytes([box[0] ^ 1]) + box[1:]),
    ):
        with pytest.raises(Refused):
            open_entry(wrong, report, raw)
    with pytest.raises(Refused):
        seal_entry(key, REPORT, bytes(MAX_ENTRY + 1), DRAW)


def test_a_grant_hands_on_one_report_to_one_person() -> None:
    """Another person or another report's id opens nothing."""
    key = SymmetricKey(DRAW(32))
    box = grant(key, KEYS[3].public_key(), REPORT)
    assert open_grant(KEYS[3], box, REPORT) == key
    for who, raw, report in (
        (KEYS[2], box, REPORT),
        (KEYS[3], box, b"s" * 16),
        (KEYS[3], box + b"\0", REPORT),
    ):
        with pytest.raises(Refused):
            open_grant(who, raw, report)


@given(plaintext=st.binary(max_size=5_000), more=st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_padding_comes_off_as_it_went_on(plaintext: bytes, more: int) -> None:
    """To the size of its class or a larger one; any other last byte than zero is refused."""
    padded = pad(plaintext, class_for(len(plaintext)) + more)
    assert len(padded) in SIZE_CLASSES
    assert unpad(padded) == plaintext
    if len(plaintext) < len(padded) - 4:
        with pytest.raises(Refused):
            unpad(padded[:-1] + b"\1")
    with pytest.raises(Refused):
        unpad(b"\xff" * 4 + padded[4:])
