"""Removing from a file what can identify who made it: bytes in, bytes out, nothing written anywhere.

Images (JPEG, PNG, WebP, GIF) and PDFs are cleaned; other kinds are named as not cleanable and the reporter decides.
JPEG is cleaned without decoding where its orientation allows, so the picture stays bit for bit the same evidence.
What is removed is told in plain words before anything is sent. What is not: what the picture itself shows; and of a
PDF, what `service.cases.pdf_cleaning` says stays.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from crypto.errors import Refused
from service.cases.coded_pictures import strip_jpeg
from service.cases.media_types import Cleaned, NotCleanable, media_type_of
from service.cases.pdf_cleaning import clean_pdf

MAX_PIXELS = 64_000_000  # 64 megapixels; stops small files that unpack to gigabytes
_ORIENTATION, _GPS, _MAKE, _MODEL, _DATE, _SOFTWARE, _ARTIST, _EXIF_IFD = (
    0x0112, 0x8825, 0x010F, 0x0110, 0x0132, 0x0131, 0x013B, 0x8769,
)  # fmt: skip


def clean(content: bytes) -> Cleaned:
    """Remove the metadata of an image or a PDF; plain text has none.

    Raises NotCleanable for other kinds and for PDFs that hide something, Refused for a file that is damaged and for a
    picture that unpacks to more than 64 megapixels.
    """
    media_type = media_type_of(content)
    match media_type:
        case "image/jpeg" | "image/png" | "image/gif" | "image/webp":
            return _clean_image(content, media_type)
        case "application/pdf":
            bare, removed = clean_pdf(content)
            return Cleaned(bare, media_type, removed)
        case "text/plain":
            return Cleaned(content, media_type, ())
        case _:
            raise NotCleanable("this kind of file can't be cleaned")


def _clean_image(content: bytes, media_type: str) -> Cleaned:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if media_type == "image/webp" and _webp_pixels(content) > MAX_PIXELS:
                raise Refused("the picture has more than 64 megapixels")
            image: Image.Image = Image.open(io.BytesIO(content))
            if image.width * image.height * getattr(image, "n_frames", 1) > MAX_PIXELS:
                raise Refused("the picture has more than 64 megapixels")
            removed = _told(image)
            orientation = image.getexif().get(_ORIENTATION, 1)
            if media_type == "image/jpeg" and orientation in {0, 1}:
                stripped = strip_jpeg(content)
                if len(stripped) < len(content) and not removed:
                    removed = ("application data",)
                return Cleaned(stripped, media_type, removed)
            return Cleaned(_encode_again(image, media_type), media_type, removed)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError):
        raise Refused("the picture is damaged") from None


def _webp_pixels(content: bytes) -> int:
    """Give width times height as a WebP's head says them (RFC 9649 §2.5 to 2.7; RFC 6386 §9.1).

    For opening one takes 8 bytes for each pixel, before its size can be asked for.
    """
    match content[12:16]:
        case b"VP8X":
            width, height = 1 + _le(content[24:27]), 1 + _le(content[27:30])
        case b"VP8L":
            width, height = 1 + (_le(content[21:25]) & 0x3FFF), 1 + (_le(content[21:25]) >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = _le(content[26:28]) & 0x3FFF, _le(content[28:30]) & 0x3FFF
        case _:
            raise Refused("the picture is damaged")
    return width * height


def _le(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _told(image: Image.Image) -> tuple[str, ...]:
    """Say in plain words what kinds of metadata the picture carries."""
    exif = image.getexif()
    found = []
    if exif.get_ifd(_GPS):
        found.append("place (GPS)")
    if exif.get(_MAKE) or exif.get(_MODEL):
        found.append("camera")
    if exif.get(_DATE) or exif.get_ifd(_EXIF_IFD):
        found.append("date and settings")
    if exif.get(_SOFTWARE):
        found.append("software")
    if exif.get(_ARTIST):
        found.append("author")
    info = image.info
    if any(key in info for key in ("xmp", "XML:com.adobe.xmp")):
        found.append("editing history (XMP)")
    if "icc_profile" in info:
        found.append("colour profile")
    if any(
        key in info
        for key in ("comment", "Comment", "Description", "Author", "Title", "Creation Time", "photoshop")
    ):
        found.append("comments")
    return tuple(found)


def _encode_again(image: Image.Image, media_type: str) -> bytes:
    """Write the pixels alone, turned the way the camera was held; animations keep their frames."""
    out = io.BytesIO()
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and media_type in {"image/gif", "image/webp", "image/png"}:
        image.info = {
            key: image.info[key] for key in ("duration", "loop", "transparency") if key in image.info
        }
        image.save(out, image.format, save_all=True)
        return out.getvalue()
    upright = ImageOps.exif_transpose(image)
    bare = Image.frombytes(upright.mode, upright.size, upright.tobytes())
    if upright.mode == "P":
        palette = upright.getpalette()
        if palette is not None:
            bare.putpalette(palette)
    options: dict[str, object] = {}
    if "transparency" in upright.info:
        options["transparency"] = upright.info["transparency"]
    match media_type:
        case "image/jpeg":
            bare.save(out, "JPEG", quality=95, subsampling=0)
        case "image/webp":
            bare.save(out, "WEBP", quality=95)
        case "image/gif":
            bare.save(out, "GIF", **options)
        case _:
            bare.save(out, "PNG", **options)
    return out.getvalue()
