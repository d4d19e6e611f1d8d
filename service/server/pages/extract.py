"""Collects every sentence of the pages into the catalogues: `python -m service.server.pages.extract`.

Writes service/server/locales/pages.pot and brings each `<tag>.po` up to date: new sentences come in untranslated, those
that no page says any more go. Sentences come from the templates, from service.server.pages.messages and from the
universal baseline of policies.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from service.cases.policies import baseline
from service.server.pages.catalogues import FOLDER
from service.server.pages.languages import ENGLISH, LANGUAGES

_HERE: Final = Path(__file__).parent
_KEYWORDS: Final = {"_": None, "N_": None}
_HEADER: Final = "# The sentences of Sottovoce's pages. License: Apache-2.0."


def sentences() -> Iterator[tuple[str, str]]:
    """Give each sentence with the place that says it, in a fixed order."""
    for path in sorted((_HERE / "templates").glob("*.html")):
        with path.open("rb") as file:
            for found in extract("jinja2.ext:babel_extract", file, _KEYWORDS, options={"extensions": ""}):
                yield _text(found[1]), f"templates/{path.name}"
    with (_HERE / "messages.py").open("rb") as file:
        for found in extract("python", file, _KEYWORDS):
            yield _text(found[1]), "messages.py"
    policy = baseline()
    for item in (*policy.issues, *policy.criteria):
        yield item.title, "baseline"
        yield item.text, "baseline"
    for step in policy.ladder:
        yield from ((text, "baseline") for text in (step.title, step.text, step.way_back))


def template() -> Catalog:
    """Make the catalogue that all languages start from. Holds no date, so that the same pages give the same file."""
    catalogue = Catalog(header_comment=_HEADER, charset="utf-8", fuzzy=False, domain="pages")
    for sentence, place in sentences():
        catalogue.add(sentence, locations=[(place, 0)])
    return catalogue


def updated(tag: str, catalogue: Catalog) -> bytes:
    """Give a language's catalogue with just the template's sentences, translated as far as the present one does."""
    path = FOLDER / f"{tag}.po"
    present = read_po(io.BytesIO(path.read_bytes())) if path.exists() else Catalog()
    fresh = Catalog(locale=tag.replace("-", "_"), header_comment=_HEADER, charset="utf-8", fuzzy=False)
    for message in catalogue:
        if message.id:
            known = present.get(message.id)
            fresh.add(message.id, known.string if known else "", locations=message.locations)
    return _written(fresh)


def main() -> None:
    """Write all catalogues."""
    catalogue = template()
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "pages.pot").write_bytes(_written(catalogue))
    for language in LANGUAGES:
        if language != ENGLISH:
            (FOLDER / f"{language.tag}.po").write_bytes(updated(language.tag, catalogue))


def _written(catalogue: Catalog) -> bytes:
    out = io.BytesIO()
    write_po(out, catalogue, width=110, omit_header=False, include_lineno=False, sort_output=False)
    changing = (
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Generated-By",
        "Last-Translator",
        "Language-Team",
        "Project-Id-Version",
        "Report-Msgid-Bugs-To",
    )
    lines = out.getvalue().decode().split("\n")
    return "\n".join(
        line for line in lines if not line.startswith(tuple(f'"{name}' for name in changing))
    ).encode()


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError("a sentence for the catalogues has to be one plain string")
    return found


if __name__ == "__main__":
    main()
