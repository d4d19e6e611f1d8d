"""Reads what a form without scripts sends, in memory: nothing of it touches a disk, temporary files included.

Litestar's own form parser puts larger parts into temporary files, so the body is read under a cap and parsed here with
`multipart`. Guarantees: at most `MAX_FORM` bytes are held, `MAX_TEXTS` of them of texts, and `MAX_PARTS` parts; text is
UTF-8; a file's name holds no path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from crypto.secrets import Unshown
from service.cases.texts import LINE, tidy
from service.server.bodies import declared_length, read_body, skim_body
from service.server.http import AnyRequest, check_headers, header, no_query
from service.wire.problems import Kind, ProblemError

MAX_SMALL: Final = 16 * 1024
"""Bytes of a form without texts or files: a code, two words, a token."""
MAX_FORM: Final = 8 * 1024 * 1024 + 768 * 1024
"""Bytes: files of 8 MiB, texts at their limits in a script of three bytes a character, and the parts' headers."""
MAX_TEXTS: Final = 1024 * 1024
"""Bytes of a form's texts: they are shown again, escaped, where something is wrong."""
MAX_SKIMMED: Final = 256 * 1024 * 1024
"""Bytes of a form whose files are dropped as they come: beyond, what was typed is lost too."""
MAX_PARTS: Final = 400
_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True, repr=False)
class Upload(Unshown):
    """A chosen file: its bare name and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, repr=False)
class Posted(Unshown):
    """What was sent. Texts are as typed, with newlines unified and control characters gone."""

    fields: Mapping[str, Sequence[str]]
    uploads: tuple[Upload, ...] = ()
    dropped: bool = False
    """Whether files were sent that are not here, because everything together was over the cap."""

    def text(self, name: str) -> str:
        """Give the first value of a field, empty when there is none."""
        found = self.fields.get(name)
        return found[0] if found else ""

    def all(self, name: str) -> tuple[str, ...]:
        """Give all values of a field, in order."""
        return tuple(self.fields.get(name, ()))

    @property
    def size(self) -> int:
        """Bytes of all texts and files."""
        texts = (value for values in self.fields.values() for value in values)
        return sum(len(text.encode()) for text in texts) + sum(len(upload.content) for upload in self.uploads)


async def read_form(request: AnyRequest, cap: int) -> Posted:
    """Read a form of at most `cap` bytes. Raises ProblemError for what no page of ours sends.

    One with files and up to MAX_SKIMMED bytes comes without its files: what was typed is not to be lost over a picture.
    """
    check_headers(request)
    no_query(request)
    if header(request, b"sec-fetch-site") == "cross-site":  # another site's page may not send ours
        raise ProblemError(Kind.BAD_REQUEST)
    kind, options = parse_options_header(header(request, b"content-type") or "")
    if kind == _URLENCODED:
        return _urlencoded(await read_body(request, min(cap, MAX_SMALL)))
    if kind != _MULTIPART or not options.get("boundary"):
        raise ProblemError(Kind.MEDIA_TYPE)
    try:
        return await _multipart(request, cap, options["boundary"])
    except (MultipartError, ValueError):
        raise ProblemError(Kind.BAD_REQUEST) from None


def _urlencoded(raw: bytes) -> Posted:
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARTS
        )
    except (ValueError, UnicodeDecodeError):
        raise ProblemError(Kind.BAD_REQUEST) from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(tidy(value))
    return Posted(fields)


async def _multipart(request: AnyRequest, cap: int, boundary: str) -> Posted:
    over = (declared_length(request) or 0) > cap
    with PushMultipartParser(boundary, max_segment_count=MAX_PARTS, strict=True) as parser:
        parts = _Parts(parser, cap, with_files=not over)
        if over:
            await skim_body(request, MAX_SKIMMED, parts.take)
        else:
            parts.take(await read_body(request, cap))
    return Posted(parts.fields, tuple(parts.uploads), parts.dropped)


class _Parts:
    """The parts of a multipart form, as its bytes come in."""

    def __init__(self, parser: PushMultipartParser, cap: int, *, with_files: bool) -> None:
        self.fields: dict[str, list[str]] = {}
        self.uploads: list[Upload] = []
        self.dropped = False
        self._parser, self._with_files = parser, with_files
        self._room = {True: cap, False: min(cap, MAX_TEXTS)}  # of files, of texts
        self._part: MultipartSegment | None = None
        self._held: list[bytes] = []

    def take(self, raw: bytes) -> None:
        for found in self._parser.parse(raw):
            if isinstance(found, MultipartSegment):
                self._part, self._held = found, []
            elif found:
                self._hold(bytes(found))
            elif self._part is not None:
                self._keep(self._part, b"".join(self._held))
                self._part = None

    def _hold(self, content: bytes) -> None:
        of_file = self._part is not None and self._part.filename is not None
        if of_file and not self._with_files:
            return
        self._room[of_file] -= len(content)
        if self._room[of_file] < 0:
            raise ProblemError(Kind.TOO_LARGE)
        self._held.append(content)

    def _keep(self, part: MultipartSegment, content: bytes) -> None:
        if part.filename is None:
            text = content.decode()  # UnicodeDecodeError is a ValueError
            self.fields.setdefault(part.name, []).append(tidy(text))
        elif part.filename and not self._with_files:
            self.dropped = True
        elif part.filename or content:  # a file field without a file comes with an empty name
            self.uploads.append(Upload(bare_name(part.filename), content))


def bare_name(name: str) -> str:
    """Take path and controls off a file's name; at most LINE characters, the end kept, never empty."""
    bare = tidy(re.split(r"[/\\]", name)[-1]).replace("\n", " ").replace("\t", " ").strip()
    return bare[-LINE:] or "file"
