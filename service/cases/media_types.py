"""What kind of file something is, and what comes of removing its metadata (`service.cases.attachments` does that).

Apart from what does the work, so that a program that only passes files on loads no reader of pictures or PDFs: the
server has such files read by a process beside it (`service.server.pages.cleaning`).
"""

from __future__ import annotations

from dataclasses import dataclass

from crypto.errors import Refused
from crypto.secrets import Unshown


class NotCleanable(Refused):
    """A kind of file whose metadata this project can't remove: send the original knowingly, or not at all."""


@dataclass(frozen=True, slots=True, repr=False)
class Cleaned(Unshown):
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
