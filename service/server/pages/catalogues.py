"""The pages' sentences in every language: gettext catalogues under service/server/locales, read when first needed.

A catalogue is `<language tag>.po`; its keys are the English sentences of templates, messages and the universal
baseline. Guarantees: a sentence that has no translation is shown in English, never as nothing. That none is missing,
and that placeholders survive, tests/service/server/test_catalogues.py holds.
"""

from __future__ import annotations

import gettext
import io
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from service.server.pages.languages import ENGLISH, Language

FOLDER: Final = Path(__file__).parent.parent / "locales"


@cache
def translations(language: Language) -> gettext.NullTranslations:
    """Give the catalogue of a language; English is its own. Raises FileNotFoundError for a missing one."""
    if language == ENGLISH:
        return gettext.NullTranslations()
    with (FOLDER / f"{language.tag}.po").open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
