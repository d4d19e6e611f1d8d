"""The catalogues: whole, in step with the pages, with every placeholder."""

from __future__ import annotations

import io
import re
from collections import Counter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from service.server.pages.catalogues import FOLDER, translations
from service.server.pages.extract import sentences, template, updated
from service.server.pages.languages import ENGLISH, LANGUAGES, Language

OTHERS = [language for language in LANGUAGES if language != ENGLISH]
PLACEHOLDER = re.compile(r"%\(\w+\)s|%")
SCRIPTS = {
    "ru": "\u0400-\u04ff", "uk": "\u0400-\u04ff", "ar": "\u0600-\u06ff", "fa": "\u0600-\u06ff", "he": "\u0590-\u05ff",
    "hi": "\u0900-\u097f", "bn": "\u0980-\u09ff", "zh-Hans": "\u4e00-\u9fff", "zh-Hant": "\u4e00-\u9fff",
    "ja": "\u3040-\u30ff\u4e00-\u9fff", "ko": "\uac00-\ud7af",
}  # fmt: skip


@pytest.fixture(scope="module")
def said() -> Catalog:
    """What the pages say; reading it out of them takes a quarter of a second."""
    return template()


def catalogue(tag: str) -> Catalog:
    return read_po(io.BytesIO((FOLDER / f"{tag}.po").read_bytes()), abort_invalid=True)


def test_the_template_says_what_the_pages_say() -> None:
    """`python -m service.server.pages.extract` was run after the last change."""
    kept = read_po(io.BytesIO((FOLDER / "pages.pot").read_bytes()))
    assert {m.id for m in kept if m.id} == {sentence for sentence, _ in sentences()}


@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.tag)
def test_nothing_is_left_untranslated(language: Language, said: Catalog) -> None:
    """Every sentence, none fuzzy, none the English one again (but for names), placeholders kept, file in step."""
    tag = language.tag
    found = catalogue(tag)
    wanted = {m.id for m in said if m.id}
    entries = {m.id: m for m in found if m.id}
    assert set(entries) == wanted
    missing = [m.id for m in entries.values() if not str(m.string).strip() or m.fuzzy]
    assert missing == []
    for message in entries.values():
        assert Counter(PLACEHOLDER.findall(str(message.id))) == Counter(
            PLACEHOLDER.findall(str(message.string))
        ), message.id
    same = [m.id for m in entries.values() if m.string == m.id and " " in m.id]
    assert same == []
    assert updated(tag, said) == (FOLDER / f"{tag}.po").read_bytes()


@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.tag)
def test_a_translation_is_in_its_own_script(language: Language) -> None:
    """No Latin sentence in an Arabic page; no control that turns a text around; no markup."""
    tag = language.tag
    own = SCRIPTS.get(tag)
    for message in catalogue(tag):
        if not message.id:
            continue
        text = str(message.string)
        assert not re.search(r"[<>\u202a-\u202e\u2066-\u2069]", text), message.id
        if own is not None:
            assert re.search(f"[{own}]", text), message.id
    assert translations(language).gettext("Done") != "Done"
