"""How much wording two texts share: MinHash-128 over shingles of three words. SPEC.md "Corroboration: likeness".

Guarantees: pure and deterministic; the same text gives the same signature on every machine; letter case, look-alike
letters, punctuation and invisible characters make no difference; languages written without spaces are compared by
runs of characters. Leaves to `abuse.corroboration` what likeness means for independence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from abuse.confusables import fold_known, seen
from crypto.hashing import digest
from crypto.labels import Label
from crypto.secrets import Unshown

PERMUTATIONS: Final = 128
# A shingle is the shortest run of pieces that weighs this much: 3 words, 5 Han/kana characters, 9 of Thai & co.
_ENOUGH: Final = 45
_WORD, _CJK, _SEA = 15, 9, 5
_CHUNK: Final = 4096
# Of a longer text the wording of so many shingles is kept, those of the least hashes: the same ones in every text.
_KEPT: Final = 2048
# Unicode's Stream-Safe Text Format (UAX #15): no language stacks more, and putting 100,000 in order takes minutes.
_MARKS: Final = 30
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")

Signature = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, repr=False)
class Wording(Unshown):
    """What is compared of a text: its signature (128 × uint32) and its shingles, hash → as written (case-folded).

    shingles: of a long text a sample, so that a thousand of them fit into memory. identity: equal for texts with the
    same set of shingles: copies, whatever their case, spacing or punctuation; empty for a text without any.
    """

    signature: Signature
    shingles: dict[int, str]
    identity: bytes


def _weight(character: str) -> int:
    """How much of a shingle one character is, if its script writes no spaces; 0 if it is part of a word."""
    at = ord(character)
    if at < 0x0E00:
        return 0
    if at <= 0x0EFF or 0x1000 <= at <= 0x109F or 0x1780 <= at <= 0x17FF:  # Thai, Lao, Myanmar, Khmer
        return _SEA
    if (
        0x3040 <= at <= 0x30FF  # kana
        or 0x31F0 <= at <= 0x31FF
        or 0x3400 <= at <= 0x4DBF  # Han
        or 0x4E00 <= at <= 0x9FFF
        or 0xF900 <= at <= 0xFAFF
        or 0x20000 <= at <= 0x3FFFF
    ):
        return _CJK
    return 0


def pieces(text: str) -> list[tuple[str, int]]:
    """Cut a text into words and, in scripts without spaces, characters; each with its weight in a shingle.

    Without what can't be seen, NFKC and case folding first. Punctuation, symbols and spaces separate; an apostrophe
    inside a word does too.
    """
    folded = unicodedata.normalize("NFKC", _few_marks(seen(text))).casefold()
    if folded.isascii():  # The same rule, ten times as fast.
        return [(word, _WORD) for word in _ASCII_WORD.findall(folded)]
    found: list[tuple[str, int]] = []
    word: list[str] = []
    for character in folded:
        kind = unicodedata.category(character)
        weight = _weight(character) if kind[0] in "LMN" else 0
        if kind[0] in "LMN" and not weight:
            word.append(character)
            continue
        if word:
            found.append(("".join(word), _WORD))
            word = []
        if weight:
            found.append((character, weight))
    if word:
        found.append(("".join(word), _WORD))
    return found


def _few_marks(text: str) -> str:
    """Cut each run of marks on a letter to `_MARKS`: to order longer ones takes time that grows with their square."""
    if text.isascii():
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if _is_mark(character) else 0
        if run <= _MARKS:
            kept.append(character)
    return "".join(kept)


@cache
def _is_mark(character: str) -> bool:
    """Whether NFKC orders it among the marks of the letter before it, also where it only stands for one (U+FF9E)."""
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) != 0


def shingles(text: str) -> dict[int, str]:
    """Hash (64 bits) → wording of every shingle. A text too short for one is one shingle; an empty text has none."""
    cut = pieces(text)
    found: dict[int, str] = {}
    if not cut:
        return found
    # Look-alike letters are folded in what is hashed, not in what is shown.
    folded = [fold_known(piece) for piece, _ in cut]
    end, total = 0, 0
    for start in range(len(cut)):
        while end < len(cut) and total < _ENOUGH:
            total += cut[end][1]
            end += 1
        if total < _ENOUGH and start > 0:
            break
        # A piece holds no space, so no two runs join alike.
        raw = digest(Label.LIKENESS, " ".join(folded[start:end]).encode("utf-8", "replace"), size=8)
        found.setdefault(int.from_bytes(raw, "big"), _shown(cut[start:end]))
        total -= cut[start][1]
    return found


def _shown(run: Sequence[tuple[str, int]]) -> str:
    shown = ""
    for at, (piece, weight) in enumerate(run):
        spaced = at and (weight == _WORD or run[at - 1][1] == _WORD)
        shown += f" {piece}" if spaced else piece
    return shown


@cache
def _permutations() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The 128 fixed maps x ↦ ((a·x + b) mod 2⁶⁴) ≫ 32, a odd; a, b are hashes of their number. SPEC names them."""
    raw = [digest(Label.LIKENESS, b"permutation", bytes([at]), size=16) for at in range(PERMUTATIONS)]
    a = np.array([int.from_bytes(r[:8], "big") | 1 for r in raw], dtype=np.uint64)
    b = np.array([int.from_bytes(r[8:], "big") for r in raw], dtype=np.uint64)
    return a, b


def wording(text: str) -> Wording:
    """Give a text's signature and shingles. O(words × 128); an empty text has a signature of all ones."""
    found = shingles(text)
    least = np.full(PERMUTATIONS, 0xFFFFFFFF, dtype=np.uint32)
    hashes = np.fromiter(found, dtype=np.uint64, count=len(found))
    a, b = _permutations()
    for start in range(0, len(hashes), _CHUNK):
        mapped = hashes[start : start + _CHUNK, None] * a[None, :] + b[None, :]  # wraps at 2⁶⁴, as meant
        least = np.minimum(least, (mapped >> np.uint64(32)).astype(np.uint32).min(axis=0))
    ordered = np.sort(hashes)
    kept = found if len(found) <= _KEPT else {key: found[key] for key in ordered[:_KEPT].tolist()}
    identity = digest(Label.LIKENESS, b"identity", ordered.tobytes()) if found else b""
    return Wording(signature=least, shingles=kept, identity=identity)


def likeness(one: Wording, other: Wording) -> float:
    """Estimate the Jaccard likeness J of two texts, 0 to 1, as the share of 128 equal minima (sd ≤ 0.045)."""
    return float(np.count_nonzero(one.signature == other.signature)) / PERMUTATIONS


def likeness_matrix(wordings: Sequence[Wording]) -> npt.NDArray[np.float64]:
    """Give J for every pair: n × n, symmetric, ones on the diagonal."""
    n = len(wordings)
    if not n:
        return np.zeros((0, 0))
    # Column by column: n × n comparisons on contiguous memory, 128 times.
    columns = np.ascontiguousarray(np.stack([w.signature for w in wordings]).T)
    equal = np.zeros((n, n), dtype=np.uint8)
    for column in columns:
        equal += column[:, None] == column[None, :]
    result: npt.NDArray[np.float64] = equal / PERMUTATIONS
    return result


def shared_shingles(wordings: Sequence[Wording], *, most: int = 5) -> tuple[tuple[str, int], ...]:
    """Give the wording that at least two texts have in common, and in how many: commonest first, then longest."""
    count: dict[int, int] = {}
    shown: dict[int, str] = {}
    for each in wordings:
        for key, text in each.shingles.items():
            count[key] = count.get(key, 0) + 1
            shown.setdefault(key, text)
    common = [(shown[key], times) for key, times in count.items() if times >= 2]
    return tuple(sorted(common, key=lambda c: (-c[1], -len(c[0]), c[0]))[:most])
