"""Files sent without scripts: cleaned in memory, unless the reporter wants the originals kept as evidence."""

from __future__ import annotations

from collections.abc import Sequence

from crypto.errors import Refused
from service.cases.attachments import NotCleanable, clean, media_type_of
from service.cases.reports import MAX_PLAINTEXT, File
from service.cases.texts import MAX_ITEMS
from service.server.pages import messages
from service.server.pages.forms import Upload


class FilesRefused(Refused):
    """The files can't be sent as they are. `sentence`: of service.server.pages.messages."""

    def __init__(self, sentence: str) -> None:
        super().__init__("the files can't be sent as they are")
        self.sentence = sentence


def attached(uploads: Sequence[Upload], *, original: bool) -> tuple[tuple[File, ...], tuple[str, ...]]:
    """Make attachments. Gives them and the sentences for what was removed. Slow for large pictures: call in a thread.

    Raises FilesRefused.
    """
    if len(uploads) > MAX_ITEMS:
        raise FilesRefused(messages.FILES_TOO_LARGE)
    files: list[File] = []
    removed: set[str] = set()
    for upload in uploads:
        if original:
            files.append(File(upload.name, media_type_of(upload.content), upload.content, original=True))
            continue
        try:
            cleaned = clean(upload.content)
        except NotCleanable:
            raise FilesRefused(messages.FILE_NOT_CLEANED) from None
        except Refused:
            raise FilesRefused(messages.FILE_DAMAGED) from None
        files.append(File(upload.name, cleaned.media_type, cleaned.content))
        removed.update(messages.REMOVED.get(what, messages.REMOVED_OTHER) for what in cleaned.removed)
    if sum(len(file.content) for file in files) > MAX_PLAINTEXT - 16 * 1024:
        raise FilesRefused(messages.FILES_TOO_LARGE)
    return tuple(files), tuple(sorted(removed))
