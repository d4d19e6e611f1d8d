"""The limits every text of a report, a letter or a note keeps, and what they stop.

A text is Unicode without control characters other than newline and tab, so that nothing a reporter writes can
move a handler's cursor or colour their terminal. Lengths are in characters (code points).
"""

from __future__ import annotations

import unicodedata

from crypto.errors import Refused

LONG_TEXT = 100_000  # what happened: about 40 printed pages; stops a report that nobody could read
SHORT_TEXT = 2_000  # one answer of the form
LINE = 300  # a name, a handle, a link's title
MAX_ITEMS = 50  # people, links, witnesses, attachments: stops lists made to bury a handler

_ALLOWED_CONTROLS = {"\n", "\t"}
# Bidirectional overrides and isolates can make a text read as something else ("Trojan source").
_BIDI = {chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def checked_text(text: str, limit: int, what: str) -> str:
    """Give back the text when it is within `limit` characters and free of controls; else Refused, naming `what`."""
    if len(text) > limit:
        raise Refused(f"{what} is longer than {limit} characters")
    for character in text:
        if character in _ALLOWED_CONTROLS:
            continue
        if unicodedata.category(character) in {"Cc", "Cs"} or character in _BIDI:
            raise Refused(f"{what} holds a control character")
    return text


def tidy(text: str) -> str:
    """Make a person's typing acceptable: newlines unified, controls and direction overrides dropped, ends trimmed.

    Faces call it on input; `checked_text` refuses at the border what a face failed to tidy.
    """
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = [
        c
        for c in unified
        if c in _ALLOWED_CONTROLS or (unicodedata.category(c) not in {"Cc", "Cs"} and c not in _BIDI)
    ]
    return "".join(kept).strip()
