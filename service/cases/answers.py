"""What somebody answers, in a file or to questions, before it becomes a report.

`report.toml` has the same fields as the questionnaire; everything but `what` may be left out.
Unknown fields are refused by name, so that a misspelt one is not silently lost.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from typing import Literal

import msgspec
from msgspec import Struct

from crypto.errors import Refused
from crypto.secrets import Unshown
from service.cases.reports import LANGUAGE_TAG, MAX_TYPED, File, Kind, Person, Report, Urgency
from service.cases.texts import decoded, tidy

EXAMPLE = """\
kind = "conduct"           # "conduct", "help" (I need help) or "record" (for the record)
what = '''
What happened, in any language, in your own words.
'''
when = "12 May, in the evening"
where = "the issue tracker, #1234"
who = [ { platform = "github", handle = "somebody" } ]
links = [ "the address of a page where it can be seen" ]
witnesses = [ "someone else who may know" ]
urgency = "normal"         # "normal", "soon" or "danger" (someone is in danger now)
language = "en"
wants = "what you would like to happen"
fears = "what you are afraid of"
voice = false              # true: refuse to file this without --voice, a member's voice
"""


class Answers(Unshown, Struct, frozen=True, forbid_unknown_fields=True):
    """The answers, as typed."""

    what: str
    kind: Kind = "conduct"
    when: str = ""
    where: str = ""
    who: tuple[Person, ...] = ()
    links: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    urgency: Urgency = "normal"
    language: str = ""
    """Empty: not said, so English."""
    wants: str = ""
    fears: str = ""
    voice: bool = False
    """Whether it may only be filed with a member's voice, which is given on the command line."""

    def to_report(self, files: tuple[File, ...], today: date, *, recorded: bool = False) -> Report:
        """Make the report. Raises Refused when a text is too long or the language is no language tag."""
        report = self._report(files, today, recorded=recorded)
        if re.fullmatch(LANGUAGE_TAG, report.language) is None:
            raise Refused("the language is not a language tag such as en or pt-BR")
        if not report.what:
            raise Refused("the report says nothing yet: fill in what happened")
        return report

    def to_shorten(self) -> tuple[Literal["what", "links"], int] | None:
        """Name the answer to shorten when all together are too much to seal, and how many characters of it fit.

        None when they fit, with whatever files and voice. Each may be at its limit, but not all in a script of four
        bytes a character; then what happened or the links make up a third at least.
        """
        report = self._report((), date.min, recorded=False)
        excess = len(msgspec.json.encode(report)) - MAX_TYPED
        if excess <= 0:
            return None
        what, links = report.what.encode(), "\n".join(report.links).encode()
        longest = max(what, links, key=len)
        fits = len(longest[:-excess].decode(errors="ignore"))
        return ("what" if longest is what else "links"), fits

    def _report(self, files: tuple[File, ...], today: date, *, recorded: bool) -> Report:
        return Report(
            kind=self.kind,
            what=tidy(self.what),
            when=tidy(self.when),
            where=tidy(self.where),
            who=tuple(Person(platform=tidy(p.platform), handle=tidy(p.handle)) for p in self.who),
            links=tuple(tidy(link) for link in self.links),
            witnesses=tuple(tidy(witness) for witness in self.witnesses),
            urgency=self.urgency,
            language=self.language or "en",
            wants=tidy(self.wants),
            fears=tidy(self.fears),
            recorded=recorded,
            filed_on=today.isoformat(),
            attachments=tuple(file.described() for file in files),
            voice=None,
        )


def parse_answers(raw: bytes) -> Answers:
    """Parse the bytes of a report.toml. Raises Refused, naming the field or the line, when they are not one."""
    try:
        return msgspec.convert(tomllib.loads(decoded(raw)), Answers)
    except UnicodeDecodeError:
        raise Refused("the file is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        place = str(error).rpartition("(at ")[2].rstrip(")")
        raise Refused(f"the file is not TOML: look at {place}") from None
    except msgspec.ValidationError as error:
        raise Refused(f"the file's answers don't fit: {_misfit(str(error))}") from None
    except (ValueError, RecursionError):  # a number of over 4,300 digits; brackets in brackets
        raise Refused("the file is not a report: it holds a huge number, or lists within lists") from None


def _misfit(told: str) -> str:
    """Keep of msgspec's message which field it is, and drop the value that it repeats for a choice."""
    what, _, place = told.partition(" - at ")
    if what.startswith("Invalid enum value"):
        what = "not one of the possible answers"
    return f"{what}, at {place}" if place else what
