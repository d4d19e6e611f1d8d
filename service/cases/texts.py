"""The limits every text of a report, a letter or a note keeps, and what they stop.

A text is Unicode without control characters other than newline and tab, so that nothing a reporter writes can
move a handler's cursor or colour their terminal. Lengths are in characters (code points).
"""

from __future__ import annotations

import re

from crypto.errors import Refused

LONG_TEXT = 100_000  # what happened: about 40 printed pages; stops a report that nobody could read
SHORT_TEXT = 2_000  # one answer of the form
LINE = 300  # a name, a handle, a link's title
MAX_ITEMS = 50  # people, links, witnesses, attachments: stops lists made to bury a handler

# Controls other than newline and tab: of one byte in UTF-8, and the others. With these go bidirectional overrides and
# isolates, which can make a text read as something else ("Trojan source"), and halves of surrogate pairs.
_CONTROLS = bytes({*range(0x20), 0x7F} - {ord("\n"), ord("\t")})
_MARKS = tuple(map(chr, (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_BARRED = re.compile(f"[{re.escape(_CONTROLS.decode())}{''.join(_MARKS)}\ud800-\udfff]")


def checked_text(text: str, limit: int, what: str) -> str:
    """Give back the text when it is within `limit` characters and free of controls; else Refused, naming `what`."""
    if len(text) > limit:
        raise Refused(f"{what} is longer than {limit} characters")
    if _BARRED.search(text) is not None:
        raise Refused(f"{what} holds a control character")
    return text


def decoded(raw: bytes) -> str:
    """Decode a text file, without the byte order mark that some editors put first. Raises UnicodeDecodeError."""
    return raw.decode("utf-8-sig")


def tidy(text: str) -> str:
    """Make a person's typing acceptable: newlines unified, controls and direction overrides dropped, ends trimmed.

    Faces call it on input; `checked_text` refuses at the border what a face failed to tidy.
    """
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    # No step for each character: anybody may send a server's form a megabyte, which took it 0.1 to 0.3 s.
    kept = unified.encode("utf-8", "ignore").translate(None, _CONTROLS).decode()
    if not kept.isascii() and _BARRED.search(kept) is not None:
        for mark in _MARKS:
            kept = kept.replace(mark, "")
    return kept.strip()


def counted(number: int, one: str, many: str) -> str:
    """Say how many in a sentence: `counted(1, "trustee", "trustees")` is "1 trustee"."""
    return f"{number} {one if number == 1 else many}"
