"""BIP-39's ten word lists, and how to find in them what a person typed. SPEC.md §3.3.

The lists come from the package `mnemonic`. Typed text is folded, so that case, accents, composed or
decomposed letters, full-width forms, katakana, numbering and punctuation make no difference.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final

from mnemonic import Mnemonic

from crypto.errors import Refused

LANGUAGES: Final = (
    "english",
    "spanish",
    "french",
    "italian",
    "portuguese",
    "czech",
    "japanese",
    "korean",
    "chinese_simplified",
    "chinese_traditional",
)
WORDS: Final = 2048
PREFIX: Final = 4
MAX_TEXT: Final = 2000
_KATAKANA: Final = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


class WordList:
    """One language's 2048 words: `shown` as people read them, found by what they type."""

    __slots__ = ("_beginnings", "_index", "_letters", "_whole", "folded", "language", "prefixes", "shown")

    def __init__(self, language: str) -> None:
        """Raises Refused when there is no such list."""
        if language not in LANGUAGES:
            raise Refused("there is no word list in this language")
        self.language = language
        self.shown = tuple(unicodedata.normalize("NFC", word) for word in Mnemonic(language).wordlist)
        self.folded = tuple(fold(word) for word in self.shown)
        self._whole = {word: at for at, word in enumerate(self.folded)}
        self._letters = "".join(sorted(set("".join(self.folded))))
        self._index = dict(self._whole)
        # Where four letters tell all words apart, four or more of them will do. A whole word goes first.
        self.prefixes = len({word[:PREFIX] for word in self.folded}) == len(self.folded) == WORDS
        if self.prefixes:
            for at, word in enumerate(self.folded):
                for size in range(PREFIX, len(word)):
                    self._index.setdefault(word[:size], at)
        self._beginnings = {word[:PREFIX]: at for at, word in enumerate(self.folded)}

    def find(self, word: str) -> int | None:
        """Give the index of a folded word or of a sufficient beginning, or None."""
        return self._index.get(word)

    def near(self, word: str) -> Iterator[int]:
        """Give the indices of the words into which one slip of the finger turns a folded word; some perhaps twice.

        A slip puts in, leaves out or replaces one letter, or swaps two neighbours. Of a four-letter beginning that is
        no word, it makes other such beginnings. Looks up what slips make instead of comparing 2048 words: where scripts
        are off a server reads codes, and anybody may send it wrong ones.
        """
        short = self.prefixes and len(word) == PREFIX and word not in self._whole
        known = self._beginnings if short else self._whole
        for slip in _slips(word, self._letters):
            if (index := known.get(slip)) is not None:
                yield index


@cache
def word_list(language: str) -> WordList:
    """Give a language's list, read once. Refused when there is none."""
    return WordList(language)


def fold(text: str) -> str:
    """Bring text to the form in which words are compared.

    NFKD and case folding; accents (U+0300 to U+036F) and invisible marks dropped, but not the voicing marks
    that tell か from が; katakana to hiragana.
    """
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = (c for c in text if not "̀" <= c <= "ͯ" and unicodedata.category(c) != "Cf")
    return "".join(kept).translate(_KATAKANA)


def tokens(text: str) -> list[str]:
    """Cut what was typed into folded words. Chinese needs no spaces. Refused over 2000 characters.

    They are counted decomposed too: there is one that becomes eighteen.
    """
    # Decomposed only once: of marks out of their order that takes the square of their number.
    decomposed = unicodedata.normalize("NFKD", text) if len(text) <= MAX_TEXT else text
    if len(decomposed) > MAX_TEXT:
        raise Refused("reply code: far too long")
    found = "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in fold(decomposed)).split()
    return [piece for word in found for piece in (word if _is_ideographs(word) else (word,))]


def _is_ideographs(word: str) -> bool:
    return all("㐀" <= c <= "鿿" for c in word)


def _slips(word: str, letters: str) -> Iterator[str]:
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in letters:
            yield before + letter + after[1:]
            yield before + letter + after
