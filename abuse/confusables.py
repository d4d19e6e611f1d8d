"""Fold letters that look alike, and drop what can't be seen, so that a look-alike name is the name.

SPEC.md "Corroboration: subjects". Guarantees: the fold is idempotent, never maps one ASCII text to another (but for
case), and gives the same answer under every Unicode version that knows all of the text's characters; text with a
character unknown to this Python's Unicode is Refused, so that two machines never disagree in silence.
Leaves alone: accents ("josé" is not "jose"), and ASCII look-alikes (`l`, `1`, `I`): those are different accounts.

The table is a subset of the published data of Unicode UTS #39 (confusables.txt), restricted to characters that
look like one lower- or upper-case ASCII letter, and made case-consistent: where the two cases of a letter
resemble different ASCII letters, the closer resemblance decides for both.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from crypto.errors import Refused

_ROWS: Final = (
    # Cyrillic
    ("авсԁеһіјкӏмноԥрԛѕтуүхԝѵ", "abcdehijklmhopp" + "qstyyxwv"),
    # Greek (after case folding; final sigma folds to sigma and looks like nothing in ASCII)
    ("αβεζηικμνορτυχωϲϳγ", "abezhikmvoptuxwcjy"),
    # Armenian
    ("օսոհցզյ", "ounhgqj"),
    # Latin letters outside ASCII, and small capitals
    ("ıȷɑɡɩʋᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "ijagivabcdeghijklmnoprstuvwyz"),
    # Cherokee (its case folding is to capitals)
    ("ᎠᎡᎢᎥᎪᎫᎬᎳᎷᎻᏀᏃᏚᏞᏟᏢᏦᏙᏴ", "drtiajewmhgzslcpkvb"),
)
_TABLE: Final = {ord(seen): meant for row in _ROWS for seen, meant in zip(row[0], row[1], strict=True)}
# What can't be seen, and what only formats: Default_Ignorable_Code_Point and category Cf of Unicode 15.1. Written out,
# here and in service/server/client/src/names.ts, so that no version of Unicode makes two programs disagree.
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def seen(text: str) -> str:
    """Give a text without the characters that nobody can see: joiners, fillers, direction marks, selectors, tags."""
    return text if text.isascii() else _UNSEEN.sub("", text)


def _visible(text: str) -> str:
    kept: list[str] = []
    for character in seen(text):
        category = unicodedata.category(character)
        if category in {"Cn", "Cs", "Co"}:
            raise Refused("the text holds a character that has no agreed meaning")
        # U+2800 is a pattern of Braille without a dot: a space to whoever looks.
        kept.append(" " if category == "Cc" or character == "\u2800" else character)
    return "".join(kept)


def casefolded(text: str) -> str:
    """Drop invisible characters, then NFKC and case folding until neither changes anything.

    Refused: unassigned, surrogate or private-use code points, but those that are never seen.
    """
    if text.isascii() and text.isprintable():
        return text.casefold()  # what the rest comes to
    folded = _visible(text)
    for _ in range(4):
        again = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
        if again == folded:
            break
        folded = again
    return _visible(folded)


def fold(text: str) -> str:
    """Give the one text that stands for all that look like `text`. Idempotent. Refused as `casefolded`."""
    # Decomposed first, so that an accented look-alike folds like its bare letter and keeps the accent.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", casefolded(text)).translate(_TABLE))


def fold_known(word: str) -> str:
    """Like `fold`, for a word of running text, already NFKC and case-folded: never refuses."""
    if word.isascii():
        return word
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", word).translate(_TABLE))
