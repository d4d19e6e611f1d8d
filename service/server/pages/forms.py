"""Reads what a form without scripts sends, in memory: nothing of it touches a disk, temporary files included.

Litestar's own form parser puts larger parts into temporary files, so the body is read whole under a cap and parsed
here with `multipart`. Guarantees: at most `MAX_FORM` bytes and `MAX_PARTS` parts; text is UTF-8; a file's name holds
no path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from service.cases.texts import LINE, LONG_TEXT, tidy
from service.server.http import AnyRequest, check_headers, header, no_query, read_body
from service.wire.problems import Kind, ProblemError

MAX_SMALL: Final = 16 * 1024
"""Bytes of a form without texts or files: a code, two words, a token."""
MAX_FORM: Final = 8 * 1024 * 1024 + 768 * 1024
"""Bytes: files of 8 MiB, texts at their limits in a script of three bytes a character, and the parts' headers."""
MAX_PARTS: Final = 400
_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Upload:
    """A chosen file: its bare name and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Posted:
    """What was sent. Texts are as typed, with newlines unified and control characters gone."""

    fields: Mapping[str, Sequence[str]]
    uploads: tuple[Upload, ...] = ()

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

    def lines(self, name: str) -> tuple[str, ...]:
        """Give the lines of a field that hold something."""
        return tuple(line.strip() for line in self.text(name).split("\n") if line.strip())


async def read_form(request: AnyRequest, cap: int) -> Posted:
    """Read a form of at most `cap` bytes. Raises ProblemError for what no page of ours sends."""
    check_headers(request)
    no_query(request)
    if header(request, b"sec-fetch-site") == "cross-site":  # another site's page may not send ours
        raise ProblemError(Kind.BAD_REQUEST)
    kind, options = parse_options_header(header(request, b"content-type") or "")
    if kind == _URLENCODED:
        return _urlencoded(await read_body(request, min(cap, MAX_SMALL)))
    if kind == _MULTIPART and options.get("boundary"):
        return _multipart(await read_body(request, cap), options["boundary"])
    raise ProblemError(Kind.MEDIA_TYPE)


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


def _multipart(raw: bytes, boundary: str) -> Posted:
    fields: dict[str, list[str]] = {}
    uploads: list[Upload] = []
    part: MultipartSegment | None = None
    held: list[bytes] = []
    try:
        with PushMultipartParser(
            boundary, content_length=len(raw), max_segment_count=MAX_PARTS, strict=True
        ) as parser:
            for found in parser.parse(raw):
                if isinstance(found, MultipartSegment):
                    part, held = found, []
                elif found:
                    held.append(bytes(found))
                elif part is not None:
                    _keep(part, b"".join(held), fields, uploads)
                    part = None
    except (MultipartError, ValueError):
        raise ProblemError(Kind.BAD_REQUEST) from None
    return Posted(fields, tuple(uploads))


def _keep(
    part: MultipartSegment, content: bytes, fields: dict[str, list[str]], uploads: list[Upload]
) -> None:
    if part.filename is None:
        text = content.decode()  # UnicodeDecodeError is a ValueError
        if len(text) > 2 * LONG_TEXT:
            raise ProblemError(Kind.TOO_LARGE)
        fields.setdefault(part.name, []).append(tidy(text))
    elif part.filename or content:  # a file field without a file comes with an empty name
        uploads.append(Upload(bare_name(part.filename), content))


def bare_name(name: str) -> str:
    """Take path and controls off a file's name; at most LINE characters, the end kept, never empty."""
    bare = tidy(re.split(r"[/\\]", name)[-1]).replace("\n", " ").replace("\t", " ").strip()
    return bare[-LINE:] or "file"
