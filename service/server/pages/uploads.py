"""Files sent without scripts: cleaned in memory, unless the reporter wants the originals kept as evidence.

Guarantees: one form's files at a time, of all pages together, and pictures and PDFs in a process beside the server
(`cleaning`). A picture of a few kilobytes may unpack to a gigabyte; several at once would take all the memory there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from crypto.errors import Refused
from service.cases.media_types import Cleaned, NotCleanable, media_type_of
from service.cases.reports import MAX_PLAINTEXT, File
from service.cases.texts import MAX_ITEMS
from service.server.pages import messages
from service.server.pages.cleaning import Apart
from service.server.pages.forms import Upload

_READ_APART: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf"})


class FilesRefused(Refused):
    """The files can't be sent as they are.

    sentence: of service.server.pages.messages; limit: what it may leave open.
    """

    def __init__(self, sentence: str, limit: int = 0) -> None:
        super().__init__("the files can't be sent as they are")
        self.sentence = sentence
        self.limit = limit


class Cleaner:
    """Cleans files for all pages of a site, one form after the other."""

    def __init__(self) -> None:
        self._alone = asyncio.Semaphore(1)

    async def attached(
        self, uploads: Sequence[Upload], *, original: bool
    ) -> tuple[tuple[File, ...], tuple[str, ...]]:
        """Make attachments, in a thread. Gives them and the sentences for what was removed. Raises FilesRefused.

        Forms with nothing to clean don't wait for those with something.
        """
        if original or not uploads:
            return attached(uploads, original=original)
        await self._alone.acquire()
        cleaning = asyncio.ensure_future(asyncio.to_thread(attached, uploads, original=False))
        # A thread can't be stopped: the place is free when it is done, even if nobody waits for it any more.
        cleaning.add_done_callback(lambda _: self._alone.release())
        return await asyncio.shield(cleaning)


def attached(uploads: Sequence[Upload], *, original: bool) -> tuple[tuple[File, ...], tuple[str, ...]]:
    """Make attachments. Gives them and the sentences for what was removed. Slow for large pictures: call in a thread.

    Raises FilesRefused.
    """
    if len(uploads) > MAX_ITEMS:
        raise FilesRefused(messages.TOO_MANY, limit=MAX_ITEMS)
    files: list[File] = []
    removed: set[str] = set()
    with Apart() as apart:
        for upload in uploads:
            media_type = media_type_of(upload.content)
            if original:
                files.append(File(upload.name, media_type, upload.content, original=True))
                continue
            try:
                cleaned = _cleaned(upload.content, media_type, apart)
            except NotCleanable:
                raise FilesRefused(messages.FILE_NOT_CLEANED) from None
            except Refused:
                raise FilesRefused(messages.FILE_DAMAGED) from None
            files.append(File(upload.name, cleaned.media_type, cleaned.content))
            removed.update(messages.REMOVED.get(what, messages.REMOVED_OTHER) for what in cleaned.removed)
    if sum(len(file.content) for file in files) > MAX_PLAINTEXT - 16 * 1024:
        raise FilesRefused(messages.FILES_TOO_LARGE)
    return tuple(files), tuple(sorted(removed))


def _cleaned(content: bytes, media_type: str, apart: Apart) -> Cleaned:
    """Clean as `service.cases.attachments.clean` does; what is only passed on or refused needs no other process."""
    if media_type in _READ_APART:
        return apart.clean(content)
    if media_type == "text/plain":
        return Cleaned(content, media_type, ())
    raise NotCleanable("this kind of file can't be cleaned")
