"""A poll.toml: what a mediator fills in, read and refused by the name of its field, and an example to start from.

Leaves what is right for this group, such as its conduct issues and its members, to `service.desk.polls`.
"""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Struct

from crypto.errors import Refused
from service.cases.summaries import MAX_TEXT
from service.cases.texts import decoded
from service.chain_files import read_whole

EXAMPLE: Final = """\
# A poll. "No action" comes before your measures and "Abstain" after them by themselves.
question = "Which action, if any, should the council take?"
matter = "{matter}"   # names the matter; the same one again is a repeat
board = ""                      # id of the board of trustees: `sottovoce poll board`
snapshot = ""                   # of the members' registry, frozen
left_out = []                   # accounts of the accused and the recused, as "github.com/someone"
summary = "summary.txt"         # the mediator's summary, beside this file; only members who vote can read it
conduct = ["harassment"]        # the group's published conduct issues that apply
quorum = 10                     # ballots, abstentions included; below it none is opened; under 5 protects little
rule = "median"                 # or "plurality"
opens_at = 2026-03-01T12:00:00Z
closes_at = 2026-03-08T12:00:00Z
cooling_off_days = 30           # then ballots and summary are destroyed
page_minutes = 60               # how often the board's signed head grows

# Mildest first. After so many days a measure is looked at again.
[[measures]]
text = "Written warning"
review_after_days = 90

[[measures]]
text = "Three-month suspension"
review_after_days = 100

# Instead of `conduct`, for what could not wait:
# [urgent]
# measure = "Suspended from the chat until the vote"
# ends_at = 2026-03-15T12:00:00Z
"""


RuleName = Literal["median", "plurality"]
DisclosureName = Literal["outcome", "counts"]

_CHOICES: Final = {"rule": get_args(RuleName), "disclosure": get_args(DisclosureName)}
_KINDS: Final = {
    "int": "a whole number",
    "str": "a text in quotation marks",
    "datetime": "a time with its zone, as 2026-03-01T12:00:00Z",
    "array": "a list",
    "object": "a table",
}


class Measure(Struct, frozen=True, forbid_unknown_fields=True):
    """A measure, by severity."""

    text: str
    review_after_days: int


class UrgentPart(Struct, frozen=True, forbid_unknown_fields=True):
    """What holds meanwhile, and until when."""

    measure: str
    ends_at: datetime


class PollFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A poll.toml."""

    question: str
    matter: str
    board: str
    snapshot: str
    measures: list[Measure]
    quorum: int
    opens_at: datetime
    closes_at: datetime
    left_out: list[str] = []
    summary: str | None = None
    conduct: list[str] = []
    urgent: UrgentPart | None = None
    rule: RuleName = "median"
    disclosure: DisclosureName | None = None
    cooling_off_days: int = 30
    archive_at: datetime | None = None
    page_minutes: int = 60


def example(entropy_hex: str) -> str:
    """Give a poll.toml to start from. entropy_hex: a fresh matter, 64 hex digits."""
    return EXAMPLE.replace("{matter}", entropy_hex)


def read_poll_file(raw: bytes, beside: Path) -> tuple[PollFile, str]:
    """Read a poll.toml and the summary in its folder. Refused, naming the field, when it is none."""
    try:
        table: Any = tomllib.loads(decoded(raw))
    except UnicodeDecodeError:
        raise Refused("poll.toml is not UTF-8 text") from None
    except (ValueError, RecursionError):  # also a number of 4,301 digits, or 1,000 brackets
        raise Refused("poll.toml is not TOML: `sottovoce poll create --example` shows one") from None
    try:
        file = msgspec.convert(table, PollFile)
    except msgspec.ValidationError as error:
        raise Refused(f"poll.toml: {_misfit(str(error))}") from None
    if file.summary is None:
        return file, ""
    try:
        return file, decoded(read_whole(beside / file.summary, MAX_TEXT)).strip()
    except UnicodeDecodeError:
        raise Refused("the summary is not UTF-8 text") from None
    except Refused as refused:
        raise Refused(f"poll.toml: summary: {refused.reason}") from None


def _misfit(told: str) -> str:
    """Say in words what msgspec says of a field: which it is, and what may stand there. What stands there isn't said.

    told: as "Expected `int`, got `str` - at `$.measures[0].review_after_days`".
    """
    what, at, place = told.rpartition(" - at `$.")
    what, place = (what, place.rstrip("`")) if at else (told, "")
    part = Measure if place.startswith("measures[") else UrgentPart if place == "urgent" else PollFile
    where = f" of {place}" if place else ""
    if what.startswith("Object contains unknown field"):
        name = re.search(r"`([\w-]{1,40})`", what)
        named = "a name" if name is None else f"`{name[1]}`"
        return f"{named} is no field{where}; they are {', '.join(part.__struct_fields__)}"
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", what):
        return f"the field `{missing[1]}`{where} is missing; `sottovoce poll create --example` has it"
    if what.startswith("Invalid enum value"):
        return f"`{place}` has to be {' or '.join(map(repr, _CHOICES[place]))}"
    expected = re.match(r"Expected `(\w+)", what)
    return f"`{place}` has to be {_KINDS['datetime' if expected is None else expected[1]]}"
