"""Taking out of a coded picture what is not picture: JPEG and JPEG 2000, without decoding, bytes in and bytes out.

Guarantees: the coded picture stays bit for bit the same evidence, and what a decoder needs stays with it. Of a JPEG,
application segments and comments go, and what stands after its end; of a JPEG 2000, all boxes but those a decoder
needs (so EXIF, XMP and place in `uuid`, `xml ` and `asoc`), and the comments of its main header. What stays is named
here too: colour profiles of a JPEG 2000, and the comments that it may carry between its tiles.
"""

from __future__ import annotations

import re

from crypto.errors import Refused

_EOI, _SOS, _COM = 0xD9, 0xDA, 0xFE
_JFIF, _ADOBE = 14, 12  # bytes of the segments that decoders need
_JPEG2000_BOX = b"jP  "
_NEEDED_BOXES = {
    _JPEG2000_BOX,
    b"ftyp",
    b"rreq",
    b"jp2h",
    b"jpch",
    b"jplh",
    b"jp2c",
}  # ISO/IEC 15444-1 and -2
_SOC, _SIZ, _SOT, _COMMENT = b"\xff\x4f", b"\xff\x51", b"\xff\x90", b"\xff\x64"


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


def strip_jpeg2000(content: bytes) -> bytes:
    """Keep of a JPEG 2000 the boxes that a decoder needs, and of its codestream all but the main header's comments.

    content: a file of boxes, or a codestream alone, as PDFs hold both. Refused when it doesn't parse (ISO/IEC 15444-1
    annexes A and I).
    """
    if content.startswith(_SOC + _SIZ):
        return _bare_codestream(content)
    if content[4:8] != _JPEG2000_BOX:
        raise Refused("the picture is damaged")
    out = bytearray()
    at, pictures = 0, 0
    while at < len(content):
        kind, start, end = _box(content, at)
        if kind == b"jp2c":
            pictures += 1
            body = _bare_codestream(content[start:end])
            out += (8 + len(body)).to_bytes(4, "big") + kind + body
        elif kind in _NEEDED_BOXES:
            out += content[at:end]
        at = end
    if not pictures:
        raise Refused("the picture is damaged")
    return bytes(out)


def _box(content: bytes, at: int) -> tuple[bytes, int, int]:
    """Read the head of a box: its kind, where its content starts, where it ends."""
    size, kind, start = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8], at + 8
    if size == 1:
        size, start = int.from_bytes(content[start : start + 8], "big"), start + 8
    end = len(content) if size == 0 else at + size
    if len(kind) != 4 or not start <= end <= len(content):
        raise Refused("the picture is damaged")
    return kind, start, end


def _bare_codestream(content: bytes) -> bytes:
    out = bytearray(content[:2])
    at = 2
    while (marker := content[at : at + 2]) != _SOT:
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        end = at + 2 + length
        if content[:2] != _SOC or marker[:1] != b"\xff" or length < 2 or end > len(content):
            raise Refused("the picture is damaged")
        if marker != _COMMENT:
            out += content[at:end]
        at = end
    return bytes(out) + content[at:]
