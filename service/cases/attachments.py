"""Removing from a file what can identify who made it: bytes in, bytes out, nothing written anywhere.

Images (JPEG, PNG, WebP, GIF) and PDFs are cleaned; other kinds are named as not cleanable and the reporter decides.
JPEG is cleaned without decoding where its orientation allows, so the picture stays bit for bit the same evidence.
What is removed is told in plain words before anything is sent. What is not: what the picture itself shows.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass

import pikepdf
from PIL import Image, ImageOps, UnidentifiedImageError

from crypto.errors import Refused

MAX_PIXELS = 64_000_000  # 64 megapixels; stops small files that unpack to gigabytes
_EOI, _SOS, _COM = 0xD9, 0xDA, 0xFE
_JFIF, _ADOBE = 14, 12  # bytes of the segments that decoders need
_ORIENTATION, _GPS, _MAKE, _MODEL, _DATE, _SOFTWARE, _ARTIST, _EXIF_IFD = (
    0x0112, 0x8825, 0x010F, 0x0110, 0x0132, 0x0131, 0x013B, 0x8769,
)  # fmt: skip


class NotCleanable(Refused):
    """A kind of file whose metadata this project can't remove: send the original knowingly, or not at all."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A file without its metadata, and in plain words what was removed (empty: there was nothing)."""

    content: bytes
    media_type: str
    removed: tuple[str, ...]


def media_type_of(content: bytes) -> str:
    """Tell a file's kind by its first bytes, never by its name."""
    signatures = (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
    )
    for start, media_type in signatures:
        if content.startswith(start):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/octet-stream" if b"\x00" in content else "text/plain"


def clean(content: bytes) -> Cleaned:
    """Remove the metadata of an image or a PDF; plain text has none.

    Raises NotCleanable for other kinds, Refused for a file that is damaged or unpacks to more than 64 megapixels.
    """
    media_type = media_type_of(content)
    match media_type:
        case "image/jpeg" | "image/png" | "image/gif" | "image/webp":
            return _clean_image(content, media_type)
        case "application/pdf":
            return _clean_pdf(content)
        case "text/plain":
            return Cleaned(content, media_type, ())
        case _:
            raise NotCleanable("this kind of file can't be cleaned")


def _clean_image(content: bytes, media_type: str) -> Cleaned:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
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


def strip_jpeg(content: bytes) -> bytes:
    """Drop application segments, comments, and whatever stands after the end. Of JFIF's and Adobe's the note stays.

    The coded picture is untouched. Refused when the segments don't parse (ITU T.81 annex B).
    """
    if content[:2] != b"\xff\xd8":
        raise Refused("the picture is damaged")
    out = bytearray(b"\xff\xd8")
    at = 2
    while True:
        if at + 2 > len(content) or content[at] != 0xFF:
            raise Refused("the picture is damaged")
        marker = content[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == _EOI:
            out += b"\xff\xd9"
            return bytes(out)
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(content):
            raise Refused("the picture is damaged")
        if 0xE0 <= marker <= 0xEF:
            out += _bare_note(marker, content[at + 4 : end])
        elif marker != _COM:
            out += content[at:end]
        at = end
        if marker == _SOS:
            found = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL).search(content, at)
            if found is None:
                raise Refused("the picture is damaged")
            out += content[at : found.start()]
            at = found.start()


def _bare_note(marker: int, segment: bytes) -> bytes:
    """Give what a decoder needs of an application segment: JFIF's without its small picture, Adobe's colour note."""
    match marker:
        case 0xE0 if segment[:5] == b"JFIF\0" and len(segment) >= _JFIF:
            kept = segment[: _JFIF - 2] + b"\0\0"  # the small picture can show what was cut off later
        case 0xEE if segment[:5] == b"Adobe" and len(segment) >= _ADOBE:
            kept = segment[:_ADOBE]
        case _:
            return b""
    return bytes((0xFF, marker)) + (len(kept) + 2).to_bytes(2, "big") + kept


def _clean_pdf(content: bytes) -> Cleaned:
    """Remove a PDF's document information, XMP, thumbnails, private application data and its pictures' metadata."""
    removed: list[str] = []

    def note(what: str) -> None:
        if what not in removed:
            removed.append(what)

    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            if pdf.is_encrypted:
                raise NotCleanable("an encrypted PDF can't be cleaned")
            if "/Info" in pdf.trailer:
                note("author, title, dates and software")
                del pdf.trailer["/Info"]
            for item in pdf.objects:
                if not isinstance(item, (pikepdf.Dictionary, pikepdf.Stream)):
                    continue
                for name, what in (
                    ("/Metadata", "editing history (XMP)"),
                    ("/PieceInfo", "software's private data"),
                    ("/Thumb", "thumbnails"),
                    ("/LastModified", "dates"),
                ):
                    if name in item:
                        note(what)
                        del item[name]
                if isinstance(item, pikepdf.Stream) and item.get("/Filter") == pikepdf.Name("/DCTDecode"):
                    raw = bytes(item.read_raw_bytes())
                    stripped = strip_jpeg(raw)
                    if len(stripped) < len(raw):
                        note("metadata of pictures inside")
                        item.write(stripped, filter=pikepdf.Name("/DCTDecode"))
            if "/AcroForm" in pdf.Root or "/Names" in pdf.Root:
                # Forms and embedded files can hold anything: they stay, and the reporter is told.
                note("(forms or embedded files are kept: look at them)")
            out = io.BytesIO()
            pdf.save(out, deterministic_id=True, fix_metadata_version=False)
            return Cleaned(out.getvalue(), "application/pdf", tuple(removed))
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError):
        raise Refused("the PDF is damaged") from None
