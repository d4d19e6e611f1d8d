"""The browser's cleaning of pictures, held against Pillow, another program's reader, and against the command line's."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from crypto.errors import Refused
from service.cases import attachments
from service.cases.coded_pictures import strip_jpeg
from service.cases.media_types import media_type_of
from tests.support.typescript import Browser, BrowserRefused

pytestmark = pytest.mark.xdist_group("typescript")
CANARY = b"CANARY-OWNER"
KINDS = ("JPEG", "PNG", "WEBP", "GIF")


def cleaned(browser: Browser, content: bytes) -> tuple[bytes, str, list[str]]:
    answer = browser.call("clean", content=content)
    return bytes.fromhex(answer["content"]), answer["media_type"], answer["removed"]


def drawn() -> Image.Image:
    """A picture that is different in every corner."""
    across, down = Image.linear_gradient("L").resize((60, 40)), Image.radial_gradient("L").resize((60, 40))
    return Image.merge("RGB", (across, down, across.transpose(Image.Transpose.ROTATE_180)))


def picture(kind: str, orientation: int = 1, *, frames: int = 1) -> bytes:
    """A picture with place, camera, date, author and a comment in it."""
    image, exif, out = drawn(), Image.Exif(), io.BytesIO()
    exif[0x010F], exif[0x0132], exif[0x013B] = "Maker", "2026:11:21 00:00:00", CANARY.decode()
    if orientation != 1:
        exif[0x0112] = orientation
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (48.0, 12.0, 33.0)
    more = [image.rotate(90 * n) for n in range(1, frames)]
    options: dict[str, object] = {"exif": exif}
    if kind in {"JPEG", "GIF"}:
        options["comment"] = CANARY
    if kind in {"JPEG", "WEBP"}:
        options["xmp"] = b"<x:xmpmeta>" + CANARY + b"</x:xmpmeta>"
    if kind == "WEBP":
        options["lossless"] = True
    if more:
        options.update(save_all=True, append_images=more, loop=3, duration=70)
    image.save(out, kind, **options)
    return out.getvalue()


def pixels(content: bytes) -> list[bytes]:
    """All frames, as they are shown: turned the way the camera was held."""
    with Image.open(io.BytesIO(content)) as image:
        shown = []
        for frame in range(getattr(image, "n_frames", 1)):
            image.seek(frame)
            shown.append(ImageOps.exif_transpose(image).convert("RGBA").tobytes())
        return shown


@pytest.mark.parametrize("kind", KINDS)
def test_what_tells_of_its_maker_goes_and_the_picture_stays(browser: Browser, kind: str) -> None:
    """The pixels are bit for bit the same, no byte of the metadata is left, and the page is told of what went."""
    raw = picture(kind)
    assert CANARY in raw
    content, media_type, removed = cleaned(browser, raw)
    assert CANARY not in content
    assert media_type == f"image/{kind.lower()}" == media_type_of(content)
    assert pixels(content) == pixels(raw)
    with Image.open(io.BytesIO(content)) as image:
        assert not image.getexif()
        assert not {"xmp", "comment", "icc_profile", "XML:com.adobe.xmp"} & set(image.info)
    expected = {"comments"} if kind == "GIF" else {"place", "camera", "date", "author"}
    assert expected <= set(removed)


@pytest.mark.parametrize("kind", KINDS)
def test_cleaning_again_finds_nothing(browser: Browser, kind: str) -> None:
    """Neither here nor at the command line."""
    content, _, _ = cleaned(browser, picture(kind))
    again, _, removed = cleaned(browser, content)
    assert again == content
    assert removed == []
    assert attachments.clean(content).removed == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_stays_turned(browser: Browser, orientation: int) -> None:
    """Of all that a camera writes, only how it was held stays, since nobody is known by that."""
    raw = picture("JPEG", orientation)
    content, _, _ = cleaned(browser, raw)
    assert CANARY not in content
    assert pixels(content) == pixels(raw)
    with Image.open(io.BytesIO(content)) as image:
        assert dict(image.getexif()) == ({} if orientation == 1 else {0x0112: orientation})


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_keeps_its_frames_and_how_often_it_repeats(browser: Browser, kind: str) -> None:
    raw = picture(kind, frames=3)
    content, _, _ = cleaned(browser, raw)
    assert CANARY not in content
    assert len(pixels(raw)) == 3
    assert pixels(content) == pixels(raw)
    with Image.open(io.BytesIO(raw)) as before, Image.open(io.BytesIO(content)) as after:
        assert before.info.get("loop") == after.info.get("loop")


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_the_end_goes(browser: Browser, kind: str) -> None:
    """Telephones append a film with sound."""
    content, _, removed = cleaned(browser, picture(kind) + CANARY)
    assert CANARY not in content
    assert "other" in removed


def test_the_small_picture_of_a_photograph_goes(browser: Browser) -> None:
    """JFIF may carry one, from before something was cut off. Both ways of cleaning drop it."""
    raw = picture("JPEG")
    small = bytes((8, 8)) + CANARY.ljust(192, b"\0")
    at = raw.index(b"JFIF\0")
    jfif = raw[at : at + 12] + small
    extension = b"JFXX\0\x13" + small
    head = b"".join(b"\xff\xe0" + struct.pack(">H", len(it) + 2) + it for it in (jfif, extension))
    raw = raw[:2] + head + raw[at + 14 :]
    clean, _, removed = cleaned(browser, raw)
    assert "other" in removed
    for content in (clean, strip_jpeg(raw)):
        assert CANARY not in content
        assert content[2:20] == b"\xff\xe0\x00\x10" + jfif[:12] + b"\0\0"
        with Image.open(io.BytesIO(content)) as image:
            assert image.size == (60, 40)


def test_adobes_colour_note_stays(browser: Browser) -> None:
    """Without it a photograph in CMYK has wrong colours."""
    out = io.BytesIO()
    drawn().convert("CMYK").save(out, "JPEG")
    raw = out.getvalue()
    assert b"Adobe" in raw
    content, _, _ = cleaned(browser, raw)
    assert pixels(content) == pixels(raw)
    assert content == strip_jpeg(raw)


def test_an_unknown_chunk_of_a_png_goes(browser: Browser) -> None:
    raw = picture("PNG")
    chunk = b"prVt" + CANARY
    raw = raw[:33] + struct.pack(">I", len(CANARY)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + raw[33:]
    content, _, removed = cleaned(browser, raw)
    assert CANARY not in content
    assert "other" in removed
    assert pixels(content) == pixels(raw)


@pytest.mark.parametrize("raw", [b"%PDF-1.7\n", b"PK\x03\x04zip", b"\x7fELF\x00", b"text\x00"])
def test_other_kinds_are_refused_not_sent(browser: Browser, raw: bytes) -> None:
    with pytest.raises(BrowserRefused, match="can't be cleaned"):
        browser.call("clean", content=raw)


def test_kinds_are_named_as_the_command_line_names_them(browser: Browser) -> None:
    for raw in [*map(picture, KINDS), "Grüße".encode()]:
        assert cleaned(browser, raw)[1] == media_type_of(raw)


@pytest.mark.parametrize("kind", KINDS)
@given(cut=st.integers(12, 900), flip=st.integers(12, 900), to=st.integers(1, 255))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_picture_is_refused_or_cleaned(
    browser: Browser, kind: str, cut: int, flip: int, to: int
) -> None:
    """Damage is told as damage, never ends the script, and what comes out can be cleaned again to itself."""
    raw = bytearray(picture(kind))
    raw[flip % len(raw)] ^= to
    for broken in (bytes(raw), bytes(raw[: cut % len(raw)])):
        try:
            content, media_type, _ = cleaned(browser, broken)
        except BrowserRefused:
            continue
        if media_type.startswith("image/"):
            again, _, removed = cleaned(browser, content)
            assert again == content
            assert removed == []


@given(raw=st.binary(max_size=400), kind=st.sampled_from(["jpeg", "png", "gif", "webp", "text"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_after_a_signature_is_refused_or_cleaned(browser: Browser, raw: bytes, kind: str) -> None:
    """Whatever follows a signature, the answer is a cleaned file or a refusal."""
    start = {
        "jpeg": b"\xff\xd8\xff",
        "png": b"\x89PNG\r\n\x1a\n",
        "gif": b"GIF89a",
        "webp": b"RIFF" + len(raw).to_bytes(4, "little") + b"WEBP",
        "text": b"",
    }[kind]
    for clean in (lambda it: cleaned(browser, it), attachments.clean):
        try:
            clean(start + raw)
        except (BrowserRefused, Refused):
            continue
