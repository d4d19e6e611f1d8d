"""Reading what a person names on the command line: a report.toml, files to attach. For reporter and desk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crypto.errors import Refused
from service.cases.answers import Answers, parse_answers
from service.cases.media_types import media_type_of
from service.cases.reports import MAX_PLAINTEXT, File
from service.console import one_line, shown

MAX_ANSWERS = 2 * 1_024 * 1_024  # bytes of a report.toml: more than any report may say


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Put a file's name before what is wrong with it: somebody may have given twenty."""
    try:
        yield
    except Refused as error:
        raise Refused(f"{shown(one_line(path.name))}: {error.reason}") from None


def read_answers(path: Path) -> Answers:
    """Read a report.toml. Raises Refused, naming the file, and the field or the line, when it is not one."""
    with named(path):
        return parse_answers(_read(path, MAX_ANSWERS))


def read_file(path: Path, *, original: bool) -> tuple[File, tuple[str, ...]]:
    """Read a file to attach, cleaned unless `original`. Returns it and what was removed, in plain words.

    Raises Refused, naming the file, when it can't be read, cleaned or sent.
    """
    with named(path):
        raw = _read(path, 4 * MAX_PLAINTEXT)  # cleaning may make it small enough
        if original:
            return File(path.name, media_type_of(raw), raw, original=True), ()
        from service.cases.attachments import clean  # its readers of pictures and PDFs take a while to load

        cleaned = clean(raw)
        return File(path.name, cleaned.media_type, cleaned.content), cleaned.removed


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise Refused(f"it can't be read: {error.strerror}") from None
    if len(raw) > limit:
        raise Refused("it is too large to send")
    return raw
