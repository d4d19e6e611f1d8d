"""Every parser of bytes that a stranger can send: a value, or its one kind of exception, and never another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.errors import Refused
from crypto.labels import Label
from service.cases import letters, log, policies, registry_statements
from tests.support.parsers import ADDRESS, PARSERS, REPORT_ID, SIGNING, Parser, signed_entries, signed_letter

_BITS = (
    b"",
    b"\0",
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b'"',
    b"\\n",
    b"{",
    b"[" * 99,
    b"1e999",
    b"-1",
    b"null",
)
_PIECES = st.one_of(st.sampled_from(_BITS), st.binary(max_size=40))


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    """A valid input with one to three places cut out, doubled, flipped or replaced."""
    raw = valid
    for _ in range(draw(st.integers(1, 3))):
        at, to = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        match draw(st.sampled_from(("cut", "put", "flip", "over", "double"))):
            case "cut":
                raw = raw[:at] if to - at > 99 else raw[:at] + raw[to:]
            case "put":
                raw = raw[:at] + draw(_PIECES) + raw[at:]
            case "flip" if at < len(raw):
                raw = raw[:at] + bytes([raw[at] ^ (1 << draw(st.integers(0, 7)))]) + raw[at + 1 :]
            case "over":
                piece = draw(_PIECES)
                raw = raw[:at] + piece + raw[at + len(piece) :]
            case _:
                raw = raw[:to] + raw[at : min(to, at + 200)] + raw[to:]
    return raw


def _holds(parser: Parser, raw: bytes) -> None:
    """What is parsed can be written again: the same bytes, or at least the same value."""
    try:
        value = parser.parse(raw)
    except parser.raises:
        return
    if parser.write is not None:
        assert parser.parse(parser.write(value)) == value


@pytest.mark.parametrize("name", PARSERS)
def test_what_is_valid_is_parsed_and_written_as_it_was(name: str) -> None:
    """The examples that are changed below are valid to begin with, and have one written form."""
    parser = PARSERS[name]
    for raw in parser.valid():
        if name == "receipt":
            parser.parse(raw)
            continue
        if name == "ring signature":
            continue  # only its length is right
        value = parser.parse(raw)
        if parser.write is not None:
            assert parser.write(value) == raw


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_changed_and_random_bytes_give_a_value_or_the_one_exception(name: str, data: st.DataObject) -> None:
    """Whatever the bytes: no other exception, and what is accepted can be written and read again."""
    parser = PARSERS[name]
    examples = parser.valid()
    ways = [st.binary(max_size=200), _PIECES, *(mutated(example) for example in examples)]
    _holds(parser, data.draw(st.one_of(ways)))


def _strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Every string in a JSON value with the way to it."""
    match value:
        case str():
            yield path, value
        case dict() | list():
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in pairs:
                yield from _strings(inner, (*path, key))


_FIXED = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{64}|\d{4}-\d{2}-\d{2})")


@pytest.mark.parametrize("name", ["roster statement", "registry statement", "wire: batch"])
def test_a_digest_or_day_with_a_line_feed_after_it_is_refused(name: str) -> None:
    """`$` in a pattern lets one line feed through, and Python reads hexadecimal around it; the browser doesn't."""
    parser, tried = PARSERS[name], 0
    for raw in parser.valid():
        for path, text in _strings(json.loads(raw)):
            if not _FIXED.fullmatch(text):
                continue
            tried += 1
            changed = raw.replace(f'"{text}"'.encode(), f'"{text}\\n"'.encode())
            assert changed != raw, path
            with pytest.raises(parser.raises):
                parser.parse(changed)
    assert tried >= 2


def test_a_letter_or_entry_with_a_line_feed_after_its_key_is_refused() -> None:
    """The same where an author signs what they wrote."""
    from crypto.framing import part
    from crypto.signatures import sign

    for raw, label, place, read in (
        (signed_letter(), Label.LETTER, ADDRESS, letters.read_letter),
        (signed_entries()[1], Label.LOG_ENTRY, REPORT_ID, log.read_entry),
    ):
        body = raw[4:-64]
        for _, text in _strings(json.loads(body)):
            if _FIXED.fullmatch(text):
                changed = body.replace(f'"{text}"'.encode(), f'"{text}\\n"'.encode())
                with pytest.raises(Refused):
                    read(part(changed) + sign(SIGNING, label, place, changed), place)


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (registry_statements.Account, "github.com/eve"),
        (registry_statements.Day, "2026-11-21"),
        (registry_statements.Hex16, "0" * 32),
        (policies.Slug, "a-slug"),
        (policies.LanguageTag, "pt-BR"),
    ],
)
def test_no_name_has_a_second_form_with_a_line_feed(shape: Any, text: str) -> None:
    """One account can't be registered twice, nor a day or step be written in two ways."""
    assert msgspec.convert(text, shape) == text
    for other in (text + "\n", "\n" + text, text + "\0", text + "\u0660", ""):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(other, shape)
