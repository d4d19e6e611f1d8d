"""A summary opens for those who vote and for nobody else, and its length says little."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.entropy import system
from crypto.errors import Refused
from crypto.seal import DoesNotOpen, SealingKey
from service.cases.summaries import MAX_TEXT, SIZES, open_summary, recipients_of, seal_summary
from service.wire.poll_shapes import MAX_SUMMARY, MAX_VOTERS

KEYS = [SealingKey(bytes([n]) * 32) for n in range(1, 7)]
GROUP, MATTER = b"g" * 16, b"m" * 32
TEXT = "What happened, as the mediator tells it."


def sealed(text: str = TEXT, keys: list[SealingKey] = KEYS) -> bytes:
    members = [key.public_key() for key in keys]
    return seal_summary(text, members, group=GROUP, matter=MATTER, entropy=system)


def opened(raw: bytes, key: SealingKey, group: bytes = GROUP, matter: bytes = MATTER) -> str:
    return open_summary(raw, key, group=group, matter=matter)


SEALED = sealed()


@pytest.mark.parametrize("key", KEYS, ids=range(6))
def test_each_recipient_opens_it(key: SealingKey) -> None:
    """Every one of them, whatever their place in the list."""
    assert opened(SEALED, key) == TEXT


def test_nobody_else_opens_it() -> None:
    """Another key, the same key for another matter or another group: one answer for all."""
    with pytest.raises(DoesNotOpen):
        opened(SEALED, SealingKey(b"\x99" * 32))
    with pytest.raises(DoesNotOpen):
        opened(SEALED, KEYS[0], matter=b"n" * 32)
    with pytest.raises(DoesNotOpen):
        opened(SEALED, KEYS[0], group=b"h" * 16)


def test_its_recipients_can_be_read_without_a_key() -> None:
    """In ascending order, whatever the order in which they were given."""
    ids = tuple(sorted(key.key_id for key in KEYS))
    assert recipients_of(SEALED) == ids
    assert recipients_of(sealed(keys=KEYS[::-1])) == ids


def test_its_length_tells_only_a_size_and_the_number_of_recipients() -> None:
    """One word and eight thousand bytes of text: the same length; one byte more: the next size."""
    most = SIZES[0] - 4
    assert len(sealed("x")) == len(sealed("x" * most))
    assert len(sealed("x" * (most + 1))) - len(sealed("x")) == SIZES[1] - SIZES[0]
    assert len(sealed(keys=KEYS[:1])) < len(sealed(keys=KEYS[:2]))


def test_the_largest_fits_the_wire() -> None:
    """As many members as a poll takes, and the longest text."""
    most = 6 + MAX_VOTERS * (16 + 32 + 1_136) + SIZES[-1] + 1_136
    assert most <= MAX_SUMMARY


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", KEYS),
        ("x" * (MAX_TEXT + 1), KEYS),
        ("é" * (MAX_TEXT // 2 + 1), KEYS),
        (TEXT, []),
        (TEXT, KEYS[:1] * 2),
    ],
    ids=["empty", "too long", "too long in bytes", "for nobody", "twice for one"],
)
def test_what_is_not_sealed(text: str, keys: list[SealingKey]) -> None:
    """Mistakes show before anything is sent."""
    with pytest.raises(Refused):
        sealed(text, keys)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: b"",
        lambda raw: raw[:6],
        lambda raw: b"sv1x" + raw[4:],
        lambda raw: raw[:4] + b"\x00\x00" + raw[6:],
        lambda raw: raw[:4] + b"\xff\xff" + raw[6:],
        lambda raw: raw[:4] + b"\x00\x05" + raw[6:],
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: raw[:6] + raw[6 + 1_184 : 6 + 2 * 1_184] + raw[6 : 6 + 1_184] + raw[6 + 2 * 1_184 :],
        lambda raw: raw[:6] + raw[6 : 6 + 1_184] + raw[6 : 6 + 1_184] + raw[6 + 2 * 1_184 :],
    ],
    ids=["nothing", "head", "magic", "none", "too many", "miscounted", "short", "long", "swapped", "doubled"],
)
def test_what_is_malformed(spoil: object) -> None:
    """Refused for its form, by the server too, which can't open it."""
    raw = spoil(SEALED)  # type: ignore[operator]
    with pytest.raises(Refused, match="summary: "):
        recipients_of(raw)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(SEALED) - 1), bit=st.integers(0, 7))
def test_no_changed_bit_opens_as_something_else(at: int, bit: int) -> None:
    """A recipient sees the text that was sealed, or none; other recipients' wraps don't matter to them."""
    changed = bytearray(SEALED)
    changed[at] ^= 1 << bit
    with contextlib.suppress(Refused):
        assert opened(bytes(changed), KEYS[0]) == TEXT


def test_the_body_and_ones_own_wrap_are_bound() -> None:
    """Each byte of the body, and of the wrap that is used, matters."""
    place = recipients_of(SEALED).index(KEYS[0].key_id)
    wrap = 6 + place * 1_184 + 16
    body = 6 + len(KEYS) * 1_184
    for at in (wrap, wrap + 600, wrap + 1_167, body, body + 1_200, len(SEALED) - 1):
        changed = bytearray(SEALED)
        changed[at] ^= 1
        with pytest.raises(DoesNotOpen):
            opened(bytes(changed), KEYS[0])
