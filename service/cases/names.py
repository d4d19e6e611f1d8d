"""The names of groups and handlers: what a new one may be, what an old one may have been, and when two are the same.

A reporter leaves people out by name, so two names that look the same have to be the same. Guarantees: `folded` gives
one text for all spellings that differ in case, width, composition, white space or in what can't be seen. Leaves letters
of another alphabet that look alike (Latin a, Cyrillic а) to the eyes of who holds the root key, and says so in SPEC.md.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from abuse.confusables import seen
from crypto.errors import Refused
from service.cases.texts import checked_text

MAX_NAME: Final = 120

# Needed to write Persian and some names of India; two names never differ by them.
_JOINERS: Final = {"\u200c", "\u200d"}
_REFUSED: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def folded(name: str) -> str:
    """Give the text that is the same for all spellings of a name. Compared only, never shown.

    What can't be seen is dropped, then Unicode's compatibility caseless matching (D146): NFKC and full case folding,
    each until nothing changes; white space is one space, and none at the ends. SPEC.md §4.
    """
    text = unicodedata.normalize("NFD", seen(name)).casefold()
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(text.split())


def checked_name(name: str) -> str:
    """Give back a name that is to be signed or accepted; else Refused.

    One line, without spaces around it, with something to see in it; no control or format character but the joiners.
    """
    readable_name(name)
    for character in name:
        if unicodedata.category(character) in _REFUSED and character not in _JOINERS:
            raise Refused("a name can't hold characters that are not seen: type it anew")
    if not folded(name):
        raise Refused("a name needs something that can be seen")
    return name


def readable_name(name: str) -> str:
    """Give back a name that a chain may hold since before `checked_name` was strict; else Refused.

    A signed statement can't be unsaid: refusing it now would lock its whole group out, reports and all.
    """
    checked_text(name, MAX_NAME, "a name")
    if not name.strip() or name != name.strip() or re.search(r"[\n\t]", name):
        raise Refused("a name has to be one line of text without spaces around it")
    return name


def under_words(words: str, name: str) -> str:
    """Write the words of a key, and on a line under them the name that its card gives itself.

    The words come first, and nothing but them begins a line so: a name that holds another's words passes for neither.
    Runs of spaces are one, so that no name reaches the next line of a screen and looks like a line of ours there.
    """
    return f"{words}\n     named {' '.join(name.split())}"
