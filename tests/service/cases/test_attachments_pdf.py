"""Cleaning PDFs: pictures in them, names and identifiers in their objects, what earlier revisions left."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crypto.errors import Refused
from service.cases.attachments import clean
from service.cases.coded_pictures import strip_jpeg, strip_jpeg2000
from service.cases.media_types import NotCleanable
from tests.support.pictures import CANARY, picture


def test_a_pdf_loses_its_author() -> None:
    """Document information, XMP and the metadata of pictures inside."""
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.docinfo["/Author"] = CANARY.decode()
    with pdf.open_metadata() as metadata:
        metadata["dc:title"] = CANARY.decode()
    photo = pikepdf.Stream(pdf, picture("JPEG"))
    photo.Type, photo.Subtype, photo.Filter = pikepdf.Name.XObject, pikepdf.Name.Image, pikepdf.Name.DCTDecode
    photo.Width, photo.Height, photo.ColorSpace, photo.BitsPerComponent = 60, 40, pikepdf.Name.DeviceRGB, 8
    pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=pdf.make_indirect(photo)))
    out = io.BytesIO()
    pdf.save(out)
    assert CANARY in out.getvalue()
    cleaned = clean(out.getvalue())
    assert CANARY not in cleaned.content
    assert "author, title, dates and software" in cleaned.removed
    assert "metadata of pictures inside" in cleaned.removed
    with pikepdf.open(io.BytesIO(cleaned.content)) as opened:
        assert len(opened.pages) == 1


def written(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF as other programs write it: object 1 is the catalogue, 2 the pages; pikepdf would tidy it."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</XObject<</I 4 0 R>>>>/Annots[5 0 R]>>"
    start = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page)
    out, places = b"%PDF-1.4\n", []
    for number, each in enumerate((*start, *objects), 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    tail = b"trailer<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF" % (len(places) + 1, trailer, len(out))
    return out + head + table + tail


def photo(coded: bytes, filters: bytes, more: bytes = b"") -> bytes:
    """A picture in a PDF."""
    head = b"<</Type/XObject/Subtype/Image/Width 60/Height 40/ColorSpace/DeviceRGB/BitsPerComponent 8"
    return b"%b/Filter %b%b/Length %d>>stream\n%b\nendstream" % (head, filters, more, len(coded), coded)


def everything(content: bytes) -> bytes:
    """All that a PDF says: its objects and the streams, with the filters undone that are not a picture's."""

    def parts() -> Iterator[bytes]:
        yield content
        with pikepdf.open(io.BytesIO(content)) as pdf:
            yield repr(pdf.trailer).encode()
            for item in pdf.objects:
                yield repr(item).encode()
                if isinstance(item, pikepdf.Stream):
                    raw = bytes(item.read_raw_bytes())
                    yield raw
                    if "/FlateDecode" in str(item.get("/Filter")):
                        yield zlib.decompress(raw)

    return b"".join(parts())


JPEG = picture("JPEG")


WRAPPED = {
    "alone": (b"/DCTDecode", JPEG),
    "an array of one": (b"[/DCTDecode]", JPEG),
    "flate": (b"[/FlateDecode /DCTDecode]", zlib.compress(JPEG)),
    "flate twice": (b"[/FlateDecode /FlateDecode /DCTDecode]", zlib.compress(zlib.compress(JPEG))),
    "base 85": (b"[/ASCII85Decode /DCTDecode]", base64.a85encode(JPEG, wrapcol=72) + b"~>"),
    "hex": (b"[/ASCIIHexDecode /FlateDecode /DCTDecode]", zlib.compress(JPEG).hex(" ").encode() + b">"),
}


@pytest.mark.parametrize(("filters", "coded"), WRAPPED.values(), ids=WRAPPED.keys())
def test_a_picture_in_a_pdf_loses_its_metadata_however_it_is_wrapped(filters: bytes, coded: bytes) -> None:
    """Scanners write an array of one filter, other programs compress the JPEG once more."""
    cleaned = clean(written(photo(coded, filters), b"null"))
    assert "metadata of pictures inside" in cleaned.removed
    assert CANARY not in everything(cleaned.content)
    with pikepdf.open(io.BytesIO(cleaned.content)) as pdf:
        kept = bytes(pdf.pages[0].Resources.XObject.I.read_raw_bytes())
    assert kept == strip_jpeg(JPEG)


@pytest.mark.parametrize(
    "parms", [b"/DecodeParms<</ColorTransform 0>>", b"/DecodeParms[<</ColorTransform 0>>]"]
)
def test_how_the_colours_of_a_picture_are_coded_stays(parms: bytes) -> None:
    """Without it the evidence would have other colours."""
    cleaned = clean(written(photo(JPEG, b"[/DCTDecode]", parms), b"null"))
    with pikepdf.open(io.BytesIO(cleaned.content)) as pdf:
        assert pdf.pages[0].Resources.XObject.I.DecodeParms.ColorTransform == 0


PREDICTED = b"/DecodeParms[<</Predictor 12/Columns 4>> null]"


UNREACHED = {
    "an unknown filter": (b"[/LZWDecode /DCTDecode]", JPEG, b""),
    "a filter behind the picture": (b"[/DCTDecode /FlateDecode]", JPEG, b""),
    "a picture in a picture": (b"[/DCTDecode /DCTDecode]", JPEG, b""),
    "a predictor": (b"[/FlateDecode /DCTDecode]", zlib.compress(JPEG), PREDICTED),
    "too few notes on filters": (b"[/FlateDecode /DCTDecode]", zlib.compress(JPEG), b"/DecodeParms[null]"),
    "damaged flate": (b"[/FlateDecode /DCTDecode]", b"\x78\x9c" + JPEG, b""),
    "damaged hex": (b"[/ASCIIHexDecode /DCTDecode]", b"xy>", b""),
    "gigabytes": (b"[/FlateDecode /DCTDecode]", zlib.compress(JPEG[:-2] + bytes(70 << 20)), b""),
}


@pytest.mark.parametrize(("filters", "coded", "more"), UNREACHED.values(), ids=UNREACHED.keys())
def test_a_picture_in_a_pdf_that_cannot_be_reached_is_told(filters: bytes, coded: bytes, more: bytes) -> None:
    """Never passed on as clean: the person decides about the original."""
    with pytest.raises(NotCleanable):
        clean(written(photo(coded, filters, more), b"null"))


NOTHING = b"<</Length 0>>stream\n\nendstream"


SECRET = b"(" + CANARY + b")"


TELLING = {
    "a comment's author": (b"<</Subtype/Text/Rect[0 0 9 9]/T%b/NM%b>>" % (SECRET, SECRET), "comments"),
    "a comment's dates": (b"<</Subtype/Ink/Rect[0 0 9 9]/M%b/CreationDate%b>>" % (SECRET, SECRET), "comments"),
    "a comment in an array": (b"[<</Subtype/Text/Rect[0 0 9 9]/T%b>>]" % SECRET, "comments"),
    "private data in an inner dictionary": (b"<</A<</PieceInfo<</B%b>>>>>>" % SECRET, "private data"),
    "what TeX took in": (b"<</PTEX.FileName%b/PTEX.InfoDict<</Author%b>>>>" % (SECRET, SECRET), "author"),
    "an embedded file's dates": (
        b"<</Type/EmbeddedFile/Params<</ModDate%b/CreationDate%b>>/Length 0>>stream\n\nendstream" % (SECRET, SECRET),
        "dates",
    ),
    "a layer's maker": (b"<</Type/OCG/Name(x)/Usage<</CreatorInfo<</Creator%b>>>>>>" % SECRET, "private data"),
    "a picture's path": (b"<</OPI<</2.0<</F%b>>>>/Length 0>>stream\n\nendstream" % SECRET, "private data"),
    "a signature": (
        b"<</FT/Sig/T(Signature1)/V<</Type/Sig/ByteRange[0 1 2 3]/Name%b/Contents<00>>>>>" % SECRET,
        "signatures",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("item", "told"), TELLING.values(), ids=TELLING.keys())
def test_a_pdf_loses_what_tells_of_a_person_in_its_objects(item: bytes, told: str) -> None:
    """Who commented and signed, when, with which program, on which disk; each is told."""
    raw = written(NOTHING, item)
    assert CANARY in everything(raw)
    cleaned = clean(raw)
    assert CANARY not in everything(cleaned.content)
    assert any(told in each for each in cleaned.removed), cleaned.removed
    assert clean(cleaned.content).removed == ()


def test_a_form_keeps_the_names_of_its_fields_and_a_comment_its_words() -> None:
    """A field's name tells programs what it is; what was said in a comment is evidence."""
    field = b"<</Subtype/Widget/FT/Tx/Rect[0 0 9 9]/T(your.name)/M%b>>" % SECRET
    told = clean(written(NOTHING, field))
    assert b"your.name" in everything(told.content)
    assert CANARY not in everything(told.content)
    assert b"see here" in everything(
        clean(written(NOTHING, b"<</Subtype/Text/Rect[0 0 9 9]/Contents(see here)>>")).content
    )


def test_a_cleaned_pdf_cannot_be_matched_with_the_original_by_its_identifiers() -> None:
    """The first half of /ID outlives every change; LibreOffice adds a checksum of the original."""
    cleaned = clean(written(NOTHING, b"null", trailer=b"/ID[%b%b]/DocChecksum/%b" % (SECRET, SECRET, CANARY)))
    assert CANARY not in everything(cleaned.content)
    assert CANARY.hex().encode() not in cleaned.content
    assert cleaned.removed == ("software's private data",)


def test_what_an_earlier_revision_of_a_pdf_left_behind_goes() -> None:
    """Objects that nothing refers to any more are not written."""
    raw = written(NOTHING, b"null", SECRET)
    assert CANARY in raw
    assert CANARY not in everything(clean(raw).content)


def test_an_encrypted_pdf_is_named_as_not_cleanable() -> None:
    """With and without a passphrase to open it."""
    for user in ("", "passphrase"):
        pdf = pikepdf.new()
        pdf.add_blank_page()
        out = io.BytesIO()
        pdf.save(out, encryption=pikepdf.Encryption(owner="owner", user=user))
        with pytest.raises(NotCleanable):
            clean(out.getvalue())


@given(
    flips=st.lists(st.tuples(st.integers(9, 2_000), st.integers(1, 255)), max_size=4),
    cut=st.integers(9, 4_000),
)
@settings(max_examples=100, deadline=None)
def test_a_damaged_pdf_is_refused_or_cleaned(flips: list[tuple[int, int]], cut: int) -> None:
    """Damage never gets out as another exception."""
    raw = bytearray(written(photo(JPEG, b"[/DCTDecode]"), next(iter(TELLING.values()))[0]))
    for place, to in flips:
        raw[place % len(raw)] ^= to
    for broken in (bytes(raw), bytes(raw[:cut])):
        try:
            clean(broken)
        except Refused:
            continue


def jpeg2000() -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize((60, 40)).convert("RGB").save(out, "JPEG2000", comment=CANARY)
    return out.getvalue()


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


@pytest.mark.parametrize("filters", [b"/JPXDecode", b"[/JPXDecode]"])
def test_a_jpeg_2000_in_a_pdf_loses_its_metadata(filters: bytes) -> None:
    """XMP, EXIF and place are in boxes of their own; the comment is in the codestream. The pixels stay."""
    raw = jpeg2000() + box(b"uuid", bytes(16) + CANARY) + box(b"xml ", CANARY)
    assert raw.count(CANARY) == 3
    cleaned = clean(written(photo(raw, filters), b"null"))
    assert "metadata of pictures inside" in cleaned.removed
    with pikepdf.open(io.BytesIO(cleaned.content)) as pdf:
        bare = bytes(pdf.pages[0].Resources.XObject.I.read_raw_bytes())
    assert CANARY not in bare
    with Image.open(io.BytesIO(raw)) as before, Image.open(io.BytesIO(bare)) as after:
        assert before.tobytes() == after.tobytes()
    assert clean(cleaned.content).removed == ()


def test_a_codestream_without_boxes_loses_its_comments() -> None:
    """PDFs hold either form."""
    raw = jpeg2000()
    alone = raw[raw.index(b"\xff\x4f\xff\x51") :]
    assert CANARY in alone
    assert CANARY not in strip_jpeg2000(alone)


@pytest.mark.parametrize("cut", [4, 11, 30, 90, 120])
def test_a_damaged_jpeg_2000_is_refused(cut: int) -> None:
    """What doesn't parse is not passed on."""
    with pytest.raises(Refused):
        strip_jpeg2000(jpeg2000()[:cut])
