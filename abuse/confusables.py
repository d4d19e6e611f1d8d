"""Fold letters that look alike, so that a look-alike name is the name. SPEC.md "Corroboration: subjects".

Guarantees: the fold is idempotent, never maps one ASCII text to another (but for case), and gives the same answer
under every Unicode version that knows all of the text's characters; text with a character unknown to this
Python's Unicode is Refused, so that two machines never disagree in silence.
Leaves alone: accents ("josé" is not "jose"), and ASCII look-alikes (`l`, `1`, `I`): those are different accounts.

The table is a subset of the published data of Unicode UTS #39 (confusables.txt), restricted to characters that
look like one lower- or upper-case ASCII letter, and made case-consistent: where the two cases of a letter
resemble different ASCII letters, the closer resemblance decides for both.
"""

from __future__ import annotations

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


def _visible(text: str) -> str:
    kept: list[str] = []
    for character in text:
        category = unicodedata.category(character)
        if category in {"Cn", "Cs", "Co"}:
            raise Refused("the text holds a character that has no agreed meaning")
        # Cf holds zero-width joiners and direction marks: invisible, so never part of who is meant.
        if category == "Cf" or "\ufe00" <= character <= "\ufe0f":
            continue
        kept.append(" " if category == "Cc" else character)
    return "".join(kept)


def casefolded(text: str) -> str:
    """Drop invisible characters, then NFKC and case folding until neither changes anything.

    Refused: unassigned, surrogate or private-use code points.
    """
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
