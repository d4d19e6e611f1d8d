"""Cleaning files: what could tell who made them goes, the evidence stays."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crypto.errors import Refused
from service.cases import attachments
from service.cases.attachments import clean
from service.cases.coded_pictures import strip_jpeg
from service.cases.media_types import NotCleanable, media_type_of
from tests.support.pictures import CANARY, picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_an_image_loses_what_tells_of_its_maker(kind: str) -> None:
    """Place, camera, dates and comments are gone; the picture opens and has its size."""
    raw = picture(kind)
    assert CANARY in raw
    cleaned = clean(raw)
    assert CANARY not in cleaned.content
    assert cleaned.removed
    with Image.open(io.BytesIO(cleaned.content)) as image:
        assert image.size == (60, 40)
        assert not image.getexif()


def test_a_photograph_keeps_every_coded_bit() -> None:
    """A JPEG that stands upright is not coded again: its scan is byte for byte the same."""
    raw = picture("JPEG")
    scan = raw[raw.index(b"\xff\xda") :]
    assert clean(raw).content.endswith(scan)
    with Image.open(io.BytesIO(raw)) as before, Image.open(io.BytesIO(clean(raw).content)) as after:
        assert before.tobytes() == after.tobytes()


def test_a_turned_photograph_is_turned_upright() -> None:
    """The orientation is metadata too: it goes into the pixels."""
    with Image.open(io.BytesIO(clean(picture("JPEG", turned=True)).content)) as image:
        assert image.size == (40, 60)


def test_what_follows_the_end_of_a_photograph_goes() -> None:
    """Telephones append a film with sound."""
    assert CANARY not in strip_jpeg(picture("JPEG") + CANARY)


@pytest.mark.parametrize("raw", [b"PK\x03\x04zip", b"\x00\x01\x02", b"\x7fELF\x00"])
def test_other_kinds_are_named_as_not_cleanable(raw: bytes) -> None:
    """The reporter decides whether the original goes."""
    with pytest.raises(NotCleanable):
        clean(raw)


def test_text_has_no_metadata() -> None:
    """Plain text goes as it is, in any script."""
    assert clean("毎晩".encode()).content == "毎晩".encode()


def test_a_small_file_that_unpacks_to_gigabytes_is_refused() -> None:
    """Only the header is read before the size is judged."""
    raw = bytearray(picture("PNG"))
    raw[16:24] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(Refused):
        clean(bytes(raw))


@pytest.mark.parametrize(
    ("mode", "lossless"), [("RGB", False), ("RGB", True), ("RGBA", False)], ids=["VP8", "VP8L", "VP8X"]
)
def test_a_large_webp_is_refused_before_it_is_opened(
    mode: str, lossless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening it takes memory for all its pixels: over a gigabyte for a file of some hundred kilobytes."""
    out = io.BytesIO()
    Image.new(mode, (300, 200)).save(out, "WEBP", lossless=lossless)
    assert clean(out.getvalue()).media_type == "image/webp"
    monkeypatch.setattr(attachments, "MAX_PIXELS", 300 * 200)
    assert clean(out.getvalue()).media_type == "image/webp"
    monkeypatch.setattr(attachments, "MAX_PIXELS", 300 * 200 - 1)
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(Refused, match="megapixels"):
        clean(out.getvalue())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@given(cut=st.integers(12, 600), flip=st.integers(12, 600))
@settings(max_examples=40, deadline=None)
def test_a_damaged_picture_is_refused_or_cleaned(kind: str, cut: int, flip: int) -> None:
    """Damage never gets out as another exception, and never carries the metadata through."""
    raw = bytearray(picture(kind))
    raw[flip % len(raw)] ^= 0x5A
    for broken in (bytes(raw), bytes(raw[: cut % len(raw)])):
        try:
            cleaned = clean(broken)
        except Refused:
            continue
        if cleaned.media_type.startswith("image/"):
            assert CANARY not in cleaned.content


def test_the_kind_is_told_by_content() -> None:
    """A name can lie."""
    assert [media_type_of(picture(kind)) for kind in ("JPEG", "PNG", "WEBP", "GIF")] == [
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
    ]
