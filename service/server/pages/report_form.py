"""The report form without scripts: what was typed, what is wrong with it, and the answers it makes.

Pure but for the translated sentences: reads fields, changes nothing. A form with mistakes is shown again with all that
was typed, files excepted, which browsers don't let a page fill in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, cast, get_args

from crypto.secrets import Unshown
from service.cases.answers import Answers
from service.cases.reports import Kind, Person, Urgency
from service.cases.texts import LINE, LONG_TEXT, MAX_ITEMS, SHORT_TEXT
from service.server.pages import messages
from service.server.pages.forms import Posted
from service.server.pages.languages import BY_TAG, WORD_LISTS, Language
from service.server.pages.site import Wrong

KINDS: Final = get_args(Kind)
ROWS: Final = 3
"""Rows for people that an empty form has; one more than were filled is shown again."""

Say = Callable[..., str]
_TEXTS: Final = {
    "what": LONG_TEXT,
    "when": SHORT_TEXT,
    "where": SHORT_TEXT,
    "wants": SHORT_TEXT,
    "fears": SHORT_TEXT,
}
_LISTS: Final = {"links": SHORT_TEXT, "witnesses": LINE}
_FILLED: Final = re.compile(r"\S[^\n]*")


@dataclass(frozen=True, slots=True, repr=False)
class ReportForm(Unshown):
    """A form as typed, ready to be shown again."""

    kind: Kind
    language: str
    words: str
    ticket: str
    roster: str = ""
    """Digest (hex) of the roster that the page showed; of the other group's the next."""
    other_roster: str = ""
    leave_out: tuple[str, ...] = ()
    agreed: str = ""
    too_few: bool = False
    what: str = ""
    when: str = ""
    where: str = ""
    who: tuple[Person, ...] = (Person(platform="", handle=""),) * ROWS
    links: str = ""
    witnesses: str = ""
    wants: str = ""
    fears: str = ""
    urgency: str = "normal"
    original: bool = False

    def with_ticket(self, ticket: str) -> ReportForm:
        """Give the form with another ticket, and so as another form."""
        return replace(self, ticket=ticket)

    def answers(self) -> Answers:
        """Give what is sealed. Call it on a form in which `mistakes` finds nothing."""
        return Answers(
            what=self.what,
            kind=self.kind,
            when=self.when,
            where=self.where,
            who=tuple(person for person in self.who if person.handle or person.platform),
            links=_lines(self.links),
            witnesses=_lines(self.witnesses),
            urgency=cast("Urgency", self.urgency),
            language=self.language,
            wants=self.wants,
            fears=self.fears,
        )


def empty_form(kind: Kind, language: Language, ticket: str) -> ReportForm:
    """Give the form as it is first shown."""
    return ReportForm(kind, language.tag, language.words, ticket)


def read_report_form(kind: Kind, page: Language, posted: Posted) -> ReportForm:
    """Read what was sent. Choices that no page of ours offers fall back to the page's own."""
    language, words = posted.text("language"), posted.text("words")
    pairs = zip(posted.all("platform"), posted.all("handle"), strict=False)
    people = tuple(Person(platform=p, handle=h) for p, h in pairs if p or h)
    blank = (Person(platform="", handle=""),)
    return ReportForm(
        kind=kind,
        language=language if language in BY_TAG else page.tag,
        words=words if words in WORD_LISTS else page.words,
        ticket=posted.text("ticket"),
        roster=posted.text("roster"),
        other_roster=posted.text("other_roster"),
        leave_out=posted.all("leave_out"),
        agreed=posted.text("agreed"),
        what=posted.text("what"),
        when=posted.text("when"),
        where=posted.text("where"),
        who=people + blank * max(1, ROWS - len(people)),
        links=posted.text("links"),
        witnesses=posted.text("witnesses"),
        wants=posted.text("wants"),
        fears=posted.text("fears"),
        urgency=posted.text("urgency") or "normal",
        original=posted.text("original") == "1",
    )


def mistakes(form: ReportForm, recipients: Collection[str] | None, say: Say) -> list[Wrong]:
    """Find what has to be corrected before anything is sealed.

    recipients: ids of the group's handlers; None when the page showed others than are in force now.
    """
    found: list[Wrong] = []
    if recipients is None or not set(form.leave_out) <= set(recipients):
        found.append(Wrong("leave_out", say(messages.PEOPLE_CHANGED)))
    if not form.what:
        found.append(Wrong("what", say(messages.WHAT_EMPTY)))
    for field, limit in _TEXTS.items():
        if len(getattr(form, field)) > limit:
            found.append(Wrong(field, say(messages.TOO_LONG, limit=limit)))
    answers = form.answers()
    for field, limit in _LISTS.items():
        lines = getattr(answers, field)
        if len(lines) > MAX_ITEMS:
            found.append(Wrong(field, say(messages.TOO_MANY, limit=MAX_ITEMS)))
        if any(len(line) > limit for line in lines):
            found.append(Wrong(field, say(messages.TOO_LONG, limit=limit)))
    if len(answers.who) > MAX_ITEMS:
        found.append(Wrong("who", say(messages.TOO_MANY, limit=MAX_ITEMS)))
    if any(len(text) > LINE for person in form.who for text in (person.platform, person.handle)):
        found.append(Wrong("who", say(messages.TOO_LONG, limit=LINE)))
    if not found and (too_much := answers.to_shorten()) is not None:
        field, limit = too_much
        found.append(Wrong(field, say(messages.TOO_LONG, limit=limit)))
    if form.urgency not in get_args(Urgency):
        found.append(Wrong("urgency", say(messages.NOT_AN_ANSWER)))
    return found


def _lines(text: str) -> tuple[str, ...]:
    """Give the lines that are not blank; of more than MAX_ITEMS, which nobody may send, one more."""
    # Not all of them: half a million lines in a form of a stranger took 0.1 s.
    return tuple(found[0].rstrip() for found in islice(_FILLED.finditer(text), MAX_ITEMS + 1))
