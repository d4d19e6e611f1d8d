"""Reply codes: 128 bits as 12 words, and all that a mailbox derives from them. SPEC.md §3.

The code's 16 bytes are the secret; words in any of ten languages are ways to write it down. What handlers are shown
(`Proof`) tells nothing of the mailbox's key; what the server is shown to open a mailbox (`Claim`) tells nothing of the
proof, and what it stores (`address_of`) nothing of the claim. Reading words leniently and finding typos is
`crypto.words`' business.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.seal import PrivateKey
from crypto.secrets import Secret
from crypto.words import (
    LANGUAGES,
    WordList,
    tokens,
    word_list,
)

CODE_WORDS: Final = 12
FINGERPRINT_WORDS: Final = 8
"""8 × 11 = 88 bits: who wants another key with the same words tries 2⁸⁸ of them."""
_BITS: Final = 11
_CHECK_BITS: Final = 4
_ALL_KNOWN: Final = "all words are on the list, but they don't belong together"


class CodeTypo(Refused):
    """Not a reply code as typed. `positions`: the words to look at again, counted from 1; empty when unknown."""

    def __init__(self, reason: str, positions: tuple[int, ...] = ()) -> None:
        super().__init__(reason)
        self.positions = positions


class UnclearLanguage(Refused):
    """The words are a valid code in more than one language: `languages`. Ask which."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        super().__init__("reply code: these words are a code in more than one language; choose the language")
        self.languages = languages


class ReplyCode(Secret):
    """The 16 random bytes that open one mailbox, once."""

    SIZE = 16
    __slots__ = ()


class Proof(Secret):
    """The 32 bytes that prove ownership of a mailbox to handlers. They travel sealed: the server never sees them."""

    SIZE = 32
    __slots__ = ()


class Claim(Secret):
    """The 32 bytes that prove ownership of a mailbox to the server, and to nobody else."""

    SIZE = 32
    __slots__ = ()


class MailboxKey(PrivateKey):
    """The key that opens a mailbox's letters, and nothing else."""

    SIZE = 32
    __slots__ = ()


def prove(code: ReplyCode) -> Proof:
    """Derive what proves ownership of a mailbox to handlers: 32 bytes; same code, same proof. SPEC §3.2."""
    return Proof(digest(Label.PROOF, code.reveal()))


def claim_from(proof: Proof) -> Claim:
    """Derive what proves ownership of a mailbox to the server: 32 bytes. SPEC §3.2."""
    return Claim(digest(Label.CLAIM, proof.reveal()))


def claim_of(code: ReplyCode) -> Claim:
    """Derive a code's claim, by its proof."""
    return claim_from(prove(code))


def address_of(claim: Claim) -> bytes:
    """Derive a mailbox's public address: 32 bytes. SPEC §3.2."""
    return digest(Label.ADDRESS, claim.reveal())


def mailbox_of(code: ReplyCode) -> MailboxKey:
    """Derive the key pair that letters are sealed to. SPEC §3.2."""
    return MailboxKey(digest(Label.MAILBOX_SEED, code.reveal()))


def to_words(code: ReplyCode, language: str = "english") -> tuple[str, ...]:
    """Write a code as 12 words of BIP-39, in composed form (NFC). Refused for a language that has no list."""
    words = word_list(language)
    return tuple(words.shown[index] for index in _indices(code))


def from_words(text: str, language: str | None = None) -> ReplyCode:
    """Read a code as a person types it: any of the ten languages, four letters of each word, any case, accents or not.

    language: what to prefer where more than one would do. Raises CodeTypo, which names positions and never
    words; UnclearLanguage where the words are a code in several languages and none is preferred.
    """
    preferred = word_list(language) if language is not None else None
    try:
        typed = tokens(text)
    except Refused:
        raise CodeTypo(f"a reply code is {CODE_WORDS} words; these are far too long") from None
    if len(typed) != CODE_WORDS:
        raise CodeTypo(f"a reply code is {CODE_WORDS} words; these are {len(typed)}")
    lists = [word_list(name) for name in LANGUAGES]
    if preferred is not None:
        lists.sort(key=lambda words: words is not preferred)  # stable: the rest stay in order
    readings = {words.language: [words.find(word) for word in typed] for words in lists}
    whole = {
        name: [i for i in found if i is not None] for name, found in readings.items() if None not in found
    }
    if not whole:
        raise _unknown_words(min(readings.values(), key=lambda found: found.count(None)))
    valid = {name: code for name, found in whole.items() if (code := _checked(found)) is not None}
    if not valid:
        name = next(iter(whole))
        raise _wrong_checksum(word_list(name), typed, whole[name])
    if language in valid:
        return valid[language]
    first, *others = valid.values()
    if any(other != first for other in others):
        raise UnclearLanguage(tuple(valid))
    return first


def confirmation_positions(code: ReplyCode) -> tuple[int, int]:
    """Name two words, counted from 1 and ascending, to be typed back. Same code, same two. SPEC §3.5."""
    drawn = digest(Label.CONFIRM, code.reveal(), size=16)
    first = int.from_bytes(drawn[:8], "big") % CODE_WORDS
    second = (first + 1 + int.from_bytes(drawn[8:], "big") % (CODE_WORDS - 1)) % CODE_WORDS
    return min(first, second) + 1, max(first, second) + 1


def confirm(code: ReplyCode, typed: Mapping[int, str], language: str | None = None) -> bool:
    """Say whether the two words typed back are right. `typed` maps both positions to what was typed.

    language: in which the code was shown; None tries all.
    """
    if set(typed) != set(confirmation_positions(code)):
        return False
    indices = _indices(code)
    try:
        found = [(tokens(text), indices[position - 1]) for position, text in typed.items()]
    except Refused:
        return False  # far too long to be a word
    lists = [word_list(name) for name in ((language,) if language is not None else LANGUAGES)]
    return any(
        all(len(word) == 1 and words.find(word[0]) == index for word, index in found) for words in lists
    )


def fingerprint_words(digest32: bytes, language: str = "english") -> tuple[str, ...]:
    """Write the first 88 bits of a 32-byte digest as 8 words, to compare by eye or on the phone. SPEC §3.6."""
    if len(digest32) != 32:
        raise Refused("a fingerprint is made of a 32-byte digest")
    number = int.from_bytes(digest32[: FINGERPRINT_WORDS * _BITS // 8], "big")
    words = word_list(language)
    return tuple(words.shown[index] for index in _split(number, FINGERPRINT_WORDS))


def _split(number: int, count: int) -> list[int]:
    return [number >> _BITS * place & (1 << _BITS) - 1 for place in reversed(range(count))]


def _indices(code: ReplyCode) -> list[int]:
    """BIP-39: 128 bits, then the first 4 of SHA-256 of them, cut into twelve times 11."""
    raw = code.reveal()
    check = sha256(raw).digest()[0] >> 8 - _CHECK_BITS
    return _split(int.from_bytes(raw, "big") << _CHECK_BITS | check, CODE_WORDS)


def _checked(indices: list[int]) -> ReplyCode | None:
    number = 0
    for index in indices:
        number = number << _BITS | index
    raw = (number >> _CHECK_BITS).to_bytes(ReplyCode.SIZE, "big")
    check = sha256(raw).digest()[0] >> 8 - _CHECK_BITS
    fits = hmac.compare_digest(bytes((number & (1 << _CHECK_BITS) - 1,)), bytes((check,)))
    return ReplyCode(raw) if fits else None


def _unknown_words(found: list[int | None]) -> CodeTypo:
    positions = tuple(at for at, index in enumerate(found, 1) if index is None)
    if len(positions) == CODE_WORDS:
        return CodeTypo("reply code: none of these words is on a list", positions)
    return CodeTypo(f"reply code: not on the list: {_counted(positions)}", positions)


def _wrong_checksum(words: WordList, typed: list[str], indices: list[int]) -> CodeTypo:
    """Look for the words that one slip of the finger turns into another which makes the checksum right."""
    positions = tuple(
        at + 1
        for at, word in enumerate(typed)
        if any(
            other != indices[at] and _checked([*indices[:at], other, *indices[at + 1 :]]) is not None
            for other in words.near(word)
        )
    )
    if not positions:
        return CodeTypo(f"reply code: {_ALL_KNOWN}: one is wrong, or two are swapped")
    return CodeTypo(f"reply code: {_ALL_KNOWN}: look again at {_counted(positions)}", positions)


def _counted(positions: tuple[int, ...]) -> str:
    return ("word " if len(positions) == 1 else "words ") + ", ".join(map(str, positions))
