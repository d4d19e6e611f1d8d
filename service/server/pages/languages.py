"""The pages' languages: tag, own name, writing direction, and the list of words its reply codes take by default.

A language is part of every address (`/de/...`), so no cookie remembers one. `negotiated` reads Accept-Language
(RFC 9110 §12.5.4) for whoever comes without.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the pages. `words`: one of crypto.words.LANGUAGES; English where BIP-39 has no list."""

    tag: str
    name: str
    words: str = "english"
    direction: Literal["ltr", "rtl"] = "ltr"


LANGUAGES: Final[tuple[Language, ...]] = (
    Language("en", "English"),
    Language("de", "Deutsch"),
    Language("fr", "Français", "french"),
    Language("es", "Español", "spanish"),
    Language("pt", "Português", "portuguese"),
    Language("it", "Italiano", "italian"),
    Language("pl", "Polski"),
    Language("ru", "Русский"),
    Language("uk", "Українська"),
    Language("tr", "Türkçe"),
    Language("ar", "العربية", direction="rtl"),
    Language("fa", "فارسی", direction="rtl"),
    Language("he", "עברית", direction="rtl"),
    Language("hi", "हिन्दी"),
    Language("bn", "বাংলা"),
    Language("id", "Bahasa Indonesia"),
    Language("vi", "Tiếng Việt"),
    Language("zh-Hans", "简体中文", "chinese_simplified"),
    Language("zh-Hant", "繁體中文", "chinese_traditional"),
    Language("ja", "日本語", "japanese"),
    Language("ko", "한국어", "korean"),
    Language("sw", "Kiswahili"),
)
BY_TAG: Final = {language.tag: language for language in LANGUAGES}
ENGLISH: Final = BY_TAG["en"]

WORD_LISTS: Final[dict[str, tuple[str, str]]] = {
    "english": ("English", "en"),
    "french": ("Français", "fr"),
    "spanish": ("Español", "es"),
    "portuguese": ("Português", "pt"),
    "italian": ("Italiano", "it"),
    "czech": ("Čeština", "cs"),
    "chinese_simplified": ("简体中文", "zh-Hans"),
    "chinese_traditional": ("繁體中文", "zh-Hant"),
    "japanese": ("日本語", "ja"),
    "korean": ("한국어", "ko"),
}
"""Each list of crypto.words: its own name and language tag."""

_MAX_HEADER: Final = 500  # characters of Accept-Language that are looked at
_RANGE: Final = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")
_TRADITIONAL: Final = {"zh-tw", "zh-hk", "zh-mo", "zh-hant"}


def negotiated(accept_language: str | None) -> Language:
    """Choose the language that a browser asks for most and the pages have; English when there is none."""
    wanted: list[tuple[float, int, Language]] = []
    for place, piece in enumerate((accept_language or "")[:_MAX_HEADER].split(",")):
        found = _RANGE.fullmatch(piece)
        if found is None:
            continue
        language = _named(found[1].lower())
        quality = 1.0 if found[2] is None else float(found[2])
        if language is not None and quality > 0:
            wanted.append((-quality, place, language))
    return min(wanted, key=lambda entry: entry[:2])[2] if wanted else ENGLISH


def _named(tag: str) -> Language | None:
    primary = tag.partition("-")[0]
    if primary == "zh":
        return BY_TAG["zh-Hant" if any(tag.startswith(t) for t in _TRADITIONAL) else "zh-Hans"]
    if primary in {"iw", "in"}:  # the old codes of Hebrew and Indonesian
        primary = {"iw": "he", "in": "id"}[primary]
    return BY_TAG.get(primary)
