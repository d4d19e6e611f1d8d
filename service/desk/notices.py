"""Measures in force across projects, at the desk of a council member: what was told, by whom, and what holds today.

Guarantees: nothing is kept but what an active council member of the group that tells has signed, by a roster that this
desk has verified; an older notice never takes a newer one's place.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from abuse.subjects import Subject, read_subject
from crypto.errors import Refused
from service.cases.notices import Notice, open_notice, seal_notice, sign_notice
from service.cases.receipts import day_number, day_of, day_told
from service.cases.roster_history import Handler, Roster
from service.cases.texts import decoded
from service.chain_files import read_whole
from service.console import one_line
from service.desk.rosters import check_in_force
from service.desk.session import Session
from service.desk.sync_measures import NOT_COUNCIL, of_council

_MAX_FILE: Final = 64 * 1_024
_AHEAD_S: Final = 86_400  # by which an author's clock may be ahead

EXAMPLE: Final = """\
# A measure, as another council is told of it. The same name again takes the place of what was told before.
name = "spring-1"                       # yours; it says nothing of whom it is about
about = ["github:someone"]              # all accounts, written as in a report
measure = "Temporary ban"
where = "All places and events of Aurora"
since = 2026-03-09
until = 2026-06-09                      # leave out where no end is set
review = 2026-06-01                     # likewise
# lifted = true                         # later, when it holds no more: tell the same councils again
"""


Taken = Literal["new", "known", "older"]


def example_of(name: str, measure: str, until: str | None, review: str | None) -> str:
    """Give a measure.toml of what was decided; what isn't known stands as <…>, and is refused until it is filled in.

    until, review: the value as the file has it; None leaves the line out.
    """
    text = json.dumps(measure, ensure_ascii=False)  # a string of JSON is one of TOML too
    days = {"since": "<day>", "until": until, "review": review}
    return "\n".join(
        [
            f'name = "{name}"',
            'about = [<every account, as "github:someone">]',
            f"measure = {text}",
            'where = <places and events, as "All events of Aurora">',
            *(f"{key} = {day}" for key, day in days.items() if day is not None),
        ]
    )


class NoticeFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A measure.toml."""

    name: str
    about: list[str]
    measure: str
    where: str = ""
    since: date
    until: date | None = None
    review: date | None = None
    lifted: bool = False


def notice_of(session: Session, path: Path, to: bytes, now_s: int) -> Notice:
    """Make the notice of a measure.toml for a group, as a council member. Refused when it can't be."""
    me = _member(session)
    try:
        file = msgspec.convert(tomllib.loads(decoded(read_whole(path, _MAX_FILE))), NoticeFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"measure.toml: {error}") from None
    except ValueError:  # a number of over 4,300 digits
        raise Refused("measure.toml: it holds a huge number") from None
    for account in file.about:
        read_subject(account)
    if file.until is not None and file.until < file.since:
        raise Refused("measure.toml: it ends before it begins")
    if file.until is not None and day_number(file.until) < day_of(now_s) and not file.lifted:
        raise Refused("measure.toml: it has ended: nobody need be told, unless with `lifted = true`")
    since, until, review = (
        None if day is None else day_number(day) for day in (file.since, file.until, file.review)
    )
    notice = Notice(
        group=session.group.hex(),
        to=to.hex(),
        name=file.name,
        author=me.pseudonym,
        author_key=session.in_force.signing.verify_key().raw.hex(),
        said_s=now_s,
        about=tuple(file.about),
        measure=file.measure,
        where=file.where,
        since=max(0, since or 0),
        until=until,
        review=review,
        lifted=file.lifted,
    )
    try:
        return msgspec.convert(
            msgspec.to_builtins(notice), Notice
        )  # Structs check their limits when converted
    except msgspec.ValidationError as error:
        raise Refused(f"measure.toml: {error}") from None


def sealed_for(session: Session, notice: Notice, roster: Roster) -> bytes:
    """Sign a notice and seal it to the council of a group: the file for them. Refused when it has none."""
    council = [one.seal_key for one in roster.active if one.role == "council"]
    if not council:
        raise Refused(f"{roster.name} has no council that could be told")
    raw = sign_notice(notice, session.in_force.signing)
    return seal_notice(raw, session.group, roster.group, council)


def opened_notice(session: Session, raw: bytes) -> Notice:
    """Open a file that is for this desk's council; not yet believed. Refused when it isn't."""
    _member(session)
    notice = open_notice(raw, [pair.sealing for pair in session.key.pairs])
    if notice.to != session.group.hex():
        raise Refused("this notice is for the council of another group")
    return notice


def take(session: Session, notice: Notice, roster: Roster, now_s: int) -> Taken:
    """Keep an opened notice, unless it or something newer of that name is known. roster: of the group that tells.

    Refused unless its author is on that group's council, under that name and with that key, and wrote it before now.
    """
    author = roster.by_verify_key(bytes.fromhex(notice.author_key))
    if author is None or not author.active or (author.role, author.pseudonym) != ("council", notice.author):
        raise Refused(f"its author is not on the council of {roster.name}, as its list has it now")
    check_in_force(author, notice.author_key)
    if notice.said_s > now_s + _AHEAD_S:
        raise Refused("it was made in the future, by its author's clock or by this one's")
    name = bytes.fromhex(notice.group) + notice.name.encode()
    known = session.vault.get("notice", name, Notice)
    if known == notice:
        return "known"
    if known is not None and (known.said_s, known.lifted) > (notice.said_s, notice.lifted):
        return "older"
    session.vault.put("notice", name, notice)
    return "new"


def in_force(session: Session, today: int, named: Subject | None = None) -> list[Notice]:
    """Give what holds on a day as far as this desk was told, what ends first at the top. named: about this account."""
    _member(session)
    found = [
        notice
        for notice in session.vault.every("notice", Notice)
        if notice.holds(today) and (named is None or named in _subjects(notice))
    ]
    return sorted(found, key=lambda one: (one.until is None, one.until or 0, one.group, one.name))


def notice_lines(notice: Notice, group: str) -> list[str]:
    """Write one for a terminal, each text on one line: it is another's. group: the name of who tells."""
    until = "no end is set" if notice.until is None else f"until {day_told(notice.until)}"
    again = "" if notice.review is None else f", looked at again on {day_told(notice.review)}"
    return [
        one_line(f"{', '.join(notice.about)}: {notice.measure}"),
        f"  {one_line(group)}, {notice.name}: from {day_told(notice.since)}, {until}{again}",
        *([f"  {one_line(notice.where)}"] if notice.where else []),
        f"  told by {one_line(notice.author)} on {day_told(day_of(notice.said_s))}",
    ]


def notice_view(notice: Notice, group: str) -> dict[str, Any]:
    """Give one for --json."""
    days = {"since": notice.since, "until": notice.until, "review": notice.review}
    return {
        "group": notice.group,
        "group_name": group,
        "name": notice.name,
        "about": list(notice.about),
        "measure": notice.measure,
        "where": notice.where,
        **{name: None if day is None else day_told(day) for name, day in days.items()},
        "told_by": notice.author,
        "told_on": day_told(day_of(notice.said_s)),
    }


def _subjects(notice: Notice) -> Iterator[Subject]:
    for account in notice.about:
        try:
            yield read_subject(account)
        except Refused:  # another council's program may read accounts otherwise: it is shown as it was told
            continue


def _member(session: Session) -> Handler:
    roster = session.own_roster
    me = None if roster is None else roster.by_key(session.in_force.key_id)
    if me is None or not of_council(session):
        raise Refused(NOT_COUNCIL)
    return me
