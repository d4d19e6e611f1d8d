"""The letters by which a decision is carried out: texts with named fields, in files, ours or a community's own.

Guarantees: every letter is there and names no field but these, before any of them is filled in; a value is put in as it
is and never read as a template. What no machine may know, people's names first, stands in a letter as `<…>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from crypto.errors import Refused
from service.cases.texts import decoded, tidy
from service.chain_files import read_whole
from service.console import one_line, shown

OURS: Final = Path(__file__).parent / "letters"
_MAX_FILE: Final = 16 * 1_024

LETTERS: Final = {
    "reporter": "To the reporter, by a handler",
    "concerned": "To whom it concerns",
    "meanwhile": "To whom a temporary measure concerns",
    "systems": "To those who run a system",
    "goes-on": "When it was looked at again and goes on",
    "reporter-end": "To the reporter, by a handler, before it ends",
    "back": "When it ends: an invitation back",
    "systems-open": "To those who run a system, when it ends",
}
"""Each letter's name, which is its file's without `.txt`, and to whom or when it goes."""

FIELDS: Final = {
    "group": "the community",
    "poll": "the poll",
    "measure": "the measure",
    "temporary": "what held until then",
    "issues": "the published issues that apply",
    "decided": "day of the decision",
    "ends": "day on which it ends",
    "review": "day on which it is looked at again",
    "hear_by": "day",
    "way_back": "the step's way back, from your policy",
}
"""What a letter may name as `{field}`, and what stands there as `<…>` where it isn't known."""

_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_BLANK: Final = re.compile(r"<[^<>\n]+>")


def load(folder: Path = OURS) -> dict[str, str]:
    """Read all letters of a folder by their names. Refused, naming the file, where one is missing or wrong."""
    return {name: _read(folder / f"{name}.txt") for name in LETTERS}


def fill(letter: str, values: Mapping[str, str | None]) -> str:
    """Fill in a letter. values: of every field; None leaves out the lines that name it, as there is nothing to say."""
    lines = (
        line for line in letter.split("\n") if all(values[name] is not None for name in _FIELD.findall(line))
    )
    return "\n".join(
        _FIELD.sub(lambda found: shown(one_line(values[found[1]] or "")), line) for line in lines
    )


def blank(field: str) -> str:
    """Give what stands for a field that isn't known, for a person to fill in."""
    return f"<{FIELDS[field]}>"


def blanks(text: str) -> list[str]:
    """Name what a person has to fill in, in order."""
    return _BLANK.findall(text)


def _read(path: Path) -> str:
    try:
        text = tidy(decoded(read_whole(path, _MAX_FILE)))
    except Refused as refused:
        raise Refused(f"{path.name}: {refused.reason}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path.name}: it is not UTF-8 text") from None
    if not text:
        raise Refused(f"{path.name}: it is empty")
    for number, line in enumerate(text.split("\n"), 1):
        for name in _FIELD.findall(line):
            if name not in FIELDS:
                raise Refused(
                    f"{path.name}, line {number}: there is no field {{{name}}}, only {', '.join(FIELDS)}"
                )
        if set("{}") & set(_FIELD.sub("", line)):
            raise Refused(
                f"{path.name}, line {number}: a brace without its other half; a field is {{like_this}}"
            )
    return text
