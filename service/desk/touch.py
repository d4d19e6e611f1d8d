"""Staying in touch: how long a reporter has had no word, when a letter is due, and in which order cases are listed.

Pure: the same case on the same day gives the same answer at every desk, whenever each of them synced. A time is a whole
day, in UTC: of a report or follow-up the server's, which all desks are told alike; of a letter its author's, which is
signed with it. Any handler's letter counts, once it is in the log, wherever it waits to be sent.
Leaves to casebook.py which case a message belongs to, and to sync.py to say that letters are due.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from service.cases.log import Entry, LetterSent
from service.cases.receipts import day_of
from service.desk.casebook import Case
from service.desk.records import Held

WEEK: Final = 7
"""Days. The page that follows a report promises a letter at least once a week while it takes long."""
AHEAD: Final = 1
"""Days by which a clock may be ahead of this desk's and still be believed: what is dated later would silence the
prompt for as long as its author, or the server, likes."""


def days_without_letter(case: Case, today: int) -> int:
    """Count the days since the last letter with words in it or, before there is one, since the report came.

    today: days since 1970-01-01 UTC, as in all of this module. Never below 0. A mere change of state is no such letter.
    """
    return max(0, today - _last_letter(case, today))


def letter_due(case: Case, today: int) -> bool:
    """Say whether nobody has written to the reporter for a week although somebody should have.

    That is so for every case that is not closed; for a closed one that was taken up again, from that day. An answer is
    due, but no weekly word, where it is for the record only; where a handler recorded it for somebody who has not used
    the code, and perhaps never got it; and to a lone message, whose report others have. No letter is due to a lone
    message that says nothing, or whose code had been used before: that may have been someone who found it.
    There is no report without a mailbox.
    """
    words = [held for held in (case.first, *case.follow_ups) if held.speaks]
    if case.state.state == "closed" or not words or (case.stray and not case.first.first_use):
        return False
    since = _last_letter(case, today)
    if not _weekly(case):
        if not case.waiting_for_answer:
            return False
        since = max(since, came_on(words[-1]))
    if case.state.taken_up is not None:
        since = max(since, _believed(case.state.taken_up, today))
    return today - since >= WEEK


def by_urgency(cases: Iterable[Case], today: int) -> list[Case]:
    """Order for a person with little time: danger first, then priority, then whom a letter should go to.

    Those are the reporters who wait for an answer and those to whom a letter is due; of them the more urgent first,
    then who came first.
    """
    urgency = {"danger": 0, "soon": 1, "normal": 2}

    def place(case: Case) -> tuple[object, ...]:
        return (
            case.state.state == "closed",
            case.first.urgency != "danger",
            case.state.priority or "P3",
            not (case.waiting_for_answer or letter_due(case, today)),
            urgency.get(case.first.urgency, 2),
            case.first.day,
            case.first.id,
        )

    return sorted(cases, key=place)


def _weekly(case: Case) -> bool:
    unread = case.first.recorded and not case.follow_ups
    return not (case.stray or case.first.kind == "record" or unread)


def _last_letter(case: Case, today: int) -> int:
    """Give the day of the last letter with words, or of the report where that is later, as by a clock set back."""
    letters = (one for one in case.state.letters if isinstance(one.act, LetterSent) and one.act.text)
    return max([came_on(case.first), *(_believed(letter, today) for letter in letters)])


def came_on(held: Held) -> int:
    """Give the day on which an envelope came, by the server's word: not after this desk had it, in any case."""
    return min(held.day, day_of(held.fetched_s) + AHEAD)


def _believed(entry: Entry, today: int) -> int:
    """Give the day on which an entry was written; the first of all days where it would be written in the future."""
    day = day_of(entry.at_s)
    return day if day <= today + AHEAD else 0
