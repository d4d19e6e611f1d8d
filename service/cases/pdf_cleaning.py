"""Removing from a PDF what can identify who made it or wrote on it: bytes in, bytes out, nothing written anywhere.

Removed, wherever it stands in the file:
- document information, XMP, thumbnails, what programs keep for themselves, the dates of pages and forms, the
  information of article threads, web capture and prepress, names in layers, and what TeX notes of the files it took in;
- who wrote a comment or other annotation, when, and its identifier (the name of a form's field stays: it names no one);
- the dates of embedded files;
- digital signatures, which name the signer and which any change of the file breaks;
- EXIF, XMP, comments and small pictures in JPEG and JPEG 2000 pictures, also behind another filter;
- the file's identifiers, and what earlier revisions left behind. Every PDF has an identifier, so it is not told.

Not removed: what the pages show and the comments say; the appearance of a signature; links, with the paths in them;
bookmarks; scripts; languages; colour profiles and fonts; pictures written inside the text of a page (inline images);
comments of JBIG2 pictures; sound, film and embedded files with their names; and what a form holds. Of forms and
embedded files the person is told.
"""

from __future__ import annotations

import base64
import io
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import pikepdf

from crypto.errors import Refused
from service.cases.coded_pictures import strip_jpeg, strip_jpeg2000
from service.cases.media_types import NotCleanable

MAX_UNWRAPPED: Final = 64 * 1_024 * 1_024  # bytes in one file; stops small files that unpack to gigabytes
_DOCUMENT = "author, title, dates and software"
_PRIVATE = "software's private data"
_DATES = "dates"
_COMMENTS = "names and dates of comments"
_SIGNATURES = "digital signatures (cleaning breaks them)"
_PICTURES = "metadata of pictures inside"
_KEPT = "(forms or embedded files are kept: look at them)"

_UNUSUAL = "a PDF with pictures in an unusual wrapping can't be cleaned"
_WHITE = b" \t\n\r\f\0"

_TRAILER = {
    "/Root",
    "/Size",
    "/Prev",
    "/XRefStm",
    "/Type",
    "/W",
    "/Index",
    "/Length",
    "/Filter",
    "/DecodeParms",
}
_STRIPPERS = {"/DCTDecode": strip_jpeg, "/DCT": strip_jpeg, "/JPXDecode": strip_jpeg2000}


def clean_pdf(content: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Give a PDF without the metadata named above, and in plain words what was removed.

    Raises NotCleanable when it is encrypted or holds a JPEG that can't be reached, Refused when it is damaged.
    """
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            if pdf.is_encrypted:
                raise NotCleanable("an encrypted PDF can't be cleaned")
            removed = [*_clean_trailer(pdf), *_clean_catalogue(pdf.Root)]
            unwrapping = _Unwrapping()
            kept = "/AcroForm" in pdf.Root or "/Names" in pdf.Root
            for item in _dictionaries(pdf):
                removed += _clean_dictionary(item)
                if isinstance(item, pikepdf.Stream):
                    removed += _clean_stream(item, unwrapping)
                kept = kept or "/EF" in item
            if kept:
                # Forms and embedded files can hold anything: they stay, and the reporter is told.
                removed.append(_KEPT)
            out = io.BytesIO()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what pikepdf advises those who write PDFs of their own
                pdf.save(out, deterministic_id=True, fix_metadata_version=False)
            return out.getvalue(), tuple(dict.fromkeys(removed))
    except pikepdf.PasswordError:
        raise NotCleanable("an encrypted PDF can't be cleaned") from None
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError):
        raise Refused("the PDF is damaged") from None


def _dictionaries(pdf: pikepdf.Pdf) -> Iterator[pikepdf.Object]:
    """Go through all dictionaries and streams, also those written inside another object."""
    for top in list(pdf.objects):
        waiting = [top]
        while waiting:
            item = waiting.pop()
            if isinstance(item, (pikepdf.Dictionary, pikepdf.Stream)):
                yield item
                inside: Iterable[pikepdf.Object] = [value for _, value in item.items()]
            elif isinstance(item, pikepdf.Array):
                inside = list(item)
            else:
                continue
            waiting += [
                one
                for one in inside
                if isinstance(one, (pikepdf.Dictionary, pikepdf.Array)) and not one.is_indirect
            ]


def _drop(item: pikepdf.Object | None, names: Iterable[str], what: str) -> Iterator[str]:
    """Take these entries out of a dictionary, if it is one, and say so."""
    if isinstance(item, (pikepdf.Dictionary, pikepdf.Stream)):
        for name in names:
            if name in item:
                del item[name]
                yield what


def _clean_trailer(pdf: pikepdf.Pdf) -> Iterator[str]:
    yield from _drop(pdf.trailer, ("/Info",), _DOCUMENT)
    # The first half of the identifier outlives every change, so that it would link this file to the original.
    list(_drop(pdf.trailer, ("/ID",), ""))
    others = [name for name in list(pdf.trailer.keys()) if name not in _TRAILER]
    yield from _drop(pdf.trailer, others, _PRIVATE)


def _clean_catalogue(root: pikepdf.Object) -> Iterator[str]:
    yield from _drop(root, ("/SpiderInfo",), _PRIVATE)
    yield from _drop(
        root.get("/Names"), ("/IDS", "/URLS"), _PRIVATE
    )  # from where and when web pages were taken
    yield from _drop(root, ("/Perms", "/DSS"), _SIGNATURES)
    yield from _drop(root.get("/AcroForm"), ("/SigFlags",), _SIGNATURES)
    threads = root.get("/Threads")
    if isinstance(threads, pikepdf.Array):
        for thread in list(threads):
            yield from _drop(thread, ("/I",), _DOCUMENT)


def _clean_dictionary(item: pikepdf.Object) -> Iterator[str]:
    yield from _drop(item, ("/Metadata",), "editing history (XMP)")
    yield from _drop(item, ("/PieceInfo",), _PRIVATE)
    yield from _drop(item, ("/Thumb",), "thumbnails")
    yield from _drop(item, ("/LastModified",), _DATES)
    # TeX's notes of a file it took in: its path, and all of its document information.
    yield from _drop(item, [name for name in list(item.keys()) if name.startswith("/PTEX.")], _DOCUMENT)
    if "/Subtype" in item and "/Rect" in item:
        yield from _drop(item, ("/M", "/CreationDate", "/NM"), _COMMENTS)
        if item.get("/Subtype") != pikepdf.Name("/Widget") and "/FT" not in item:
            yield from _drop(item, ("/T",), _COMMENTS)
    value = item.get("/V")
    if isinstance(value, pikepdf.Dictionary) and "/ByteRange" in value:
        yield from _drop(item, ("/V",), _SIGNATURES)
    if item.get("/Type") == pikepdf.Name("/OCG"):
        yield from _drop(item.get("/Usage"), ("/CreatorInfo", "/User"), _PRIVATE)


def _clean_stream(item: pikepdf.Stream, unwrapping: _Unwrapping) -> Iterator[str]:
    yield from _drop(item, ("/OPI",), _PRIVATE)  # the path of the picture this one stands for
    yield from _drop(item.get("/Params"), ("/CreationDate", "/ModDate", "/Mac"), _DATES)
    filters = [str(name) for name in _listed(item.get("/Filter"))]
    if not _STRIPPERS.keys() & filters:
        return
    if filters[-1] not in _STRIPPERS or _STRIPPERS.keys() & filters[:-1]:
        raise NotCleanable(_UNUSUAL)
    notes = _listed(item.get("/DecodeParms")) or [None] * len(filters)
    if len(notes) != len(filters):
        raise NotCleanable(_UNUSUAL)
    raw = bytes(item.read_raw_bytes())
    if len(filters) > 1:
        raw = unwrapping.undo(raw, filters[:-1], notes[:-1])
    stripped = _STRIPPERS[filters[-1]](raw)
    if len(stripped) < len(raw):
        last = notes[-1]  # how a JPEG's colours are coded
        note = last if isinstance(last, pikepdf.Dictionary) else None
        item.write(stripped, filter=pikepdf.Name(filters[-1]), decode_parms=note)
        yield _PICTURES


def _listed(value: pikepdf.Object | None) -> list[pikepdf.Object | None]:
    """Give what may be written as one thing, as an array, or not at all, as a list."""
    if isinstance(value, pikepdf.Array):
        return list(value)
    return [] if value is None else [value]


class _Unwrapping:
    """Undoes the filters that stand before a picture's own, within one budget for the whole file."""

    def __init__(self) -> None:
        self._left = MAX_UNWRAPPED

    def undo(self, raw: bytes, filters: Sequence[str], notes: Sequence[pikepdf.Object | None]) -> bytes:
        """Give what `filters` wrap. Raises NotCleanable for one unknown, damaged, or over the budget."""
        for name, note in zip(filters, notes, strict=True):
            if isinstance(note, pikepdf.Dictionary) and note.get("/Predictor", 1) != 1:
                raise NotCleanable(_UNUSUAL)
            try:
                raw = self._undo_one(raw, name)
            except (ValueError, zlib.error):
                raise NotCleanable(_UNUSUAL) from None
            self._left -= len(raw)
            if self._left < 0:
                raise NotCleanable(_UNUSUAL)
        return raw

    def _undo_one(self, raw: bytes, name: str) -> bytes:
        match name:
            case "/FlateDecode" | "/Fl":
                return zlib.decompressobj().decompress(raw, self._left + 1)
            case "/ASCII85Decode" | "/A85":
                return base64.a85decode(raw.partition(b"~")[0], ignorechars=_WHITE)
            case "/ASCIIHexDecode" | "/AHx":
                digits = raw.partition(b">")[0].translate(None, _WHITE)
                return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
            case _:
                raise NotCleanable(_UNUSUAL)
