"""What the desk keeps locally: one record per opened envelope, and what waits to be sent.

These Structs live only inside the vault (service/desk/vault.py), on the handler's own machine.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from abuse.evidence import link_id
from crypto.secrets import Unshown
from service.cases.reports import Content, FollowUp, Person, Report
from service.wire import shapes


class Held(Unshown, Struct, frozen=True):
    """An opened envelope without its texts and files: what a list needs. Hex where the wire has bytes."""

    id: str
    group: str
    """Group under which the server keeps it (another group's, where it was forwarded)."""
    day: int
    """Days since 1970-01-01 UTC."""
    fetched_s: int
    size_class: int
    content_key: str
    recipients: tuple[str, ...]
    """Key ids in the envelope's header."""
    roster: str
    mailbox_address: str
    mailbox_key: str
    follows: str | None
    """Address of the mailbox that a follow-up burned; None for a first report."""
    first_use: bool
    """False where the server says that the code had been used before."""
    kind: str
    language: str
    urgency: str
    headline: str
    who: tuple[Person, ...]
    links: tuple[str, ...]
    witnesses: tuple[str, ...]
    has_voice: bool
    recorded: bool
    forwarded: bool
    warnings: tuple[str, ...] = ()
    speaks: bool = True
    """False for a follow-up without message or files: its reporter only read. True for all that an old version kept."""


class Body(Unshown, Struct, frozen=True):
    """The texts of an opened envelope."""

    content: Content


class Unreadable(Struct, frozen=True):
    """An envelope in the feed that didn't open; kept so that it is told once and not fetched again."""

    id: str
    group: str
    reason: str
    day: int | None = None
    """Days since 1970-01-01 UTC; None where an earlier version kept it."""
    grant: str = ""
    """Key id of the grant that didn't open it either. It is fetched again once it is granted to another key."""


class Unfetched(Struct, frozen=True):
    """A report that the feed listed and that the server could not give; kept until it was fetched."""

    entry: shapes.FeedEntry
    tried_s: int


class LogLine(Unshown, Struct, frozen=True):
    """One stored entry of a report's sealed log: its place and its signed plaintext."""

    report: str
    seq: int
    raw: bytes
    trusted: bool
    """True where the author is (or was) a handler, of that name, in a roster that this desk has verified."""


class Grown(Struct, frozen=True):
    """A report's log that has still to be brought in; kept until it was, so that an interrupted sync loses nothing."""

    group: str
    report: str
    tried_s: int = 0
    """When the server last failed with it; 0 where it didn't."""


class Waiting(Unshown, Struct, frozen=True):
    """One item of the outbox. `item` is the id by which the server makes a repeat harmless."""

    item: str
    made_s: int
    what: Literal["entry", "letter", "grant", "recusal"]
    group: str
    report: str
    address: str = ""
    key_id: str = ""
    to_group: str = ""
    payload: bytes = b""
    letter: str = ""
    """JSON of a letter: signed and sealed when it is sent, since the reporter may have a new mailbox by then."""
    signed: bytes = b""
    """Signed plaintext of a log entry, so that this desk shows it before it is sent."""
    place: int = 0
    """Counts acts of one second, so that they stay in the order in which they were done."""
    covered: bool = False
    """Whether entries that say nothing went along with it: where it goes again, so do those, and no others."""


class Cursors(Struct, frozen=True):
    """How far this desk has read of one group."""

    feed: str = ""
    activity: str = ""


def headline_of(content: Content) -> str:
    """First line of what was written, at most 72 characters, for lists."""
    text = content.what if isinstance(content, Report) else content.message
    line = " ".join(text.split("\n", 1)[0].split())
    return line if len(line) <= 72 else line[:71] + "…"


def held_of_content(content: Content) -> dict[str, object]:
    """Give the fields of `Held` that come from the content."""
    match content:
        case Report():
            return {
                "follows": None,
                "kind": content.kind,
                "urgency": content.urgency,
                "who": content.who,
                "links": content.links,
                "witnesses": content.witnesses,
                "has_voice": content.voice is not None,
                "recorded": content.recorded,
                "language": content.language,
                "headline": headline_of(content),
                "speaks": True,
            }
        case FollowUp():
            return {
                "follows": content.address().hex(),
                "kind": "followup",
                "urgency": "normal",
                "who": (),
                "links": (),
                "witnesses": (),
                "has_voice": False,
                "recorded": False,
                "language": content.language,
                "headline": headline_of(content),
                "speaks": bool(content.message or content.attachments),
            }


def link_named(held: Held, wanted: str) -> str | None:
    """Find a link among those that a report names, by its number in `show`, from 1, or by its address."""
    numbers = {str(number): link for number, link in enumerate(held.links, 1)}
    if wanted in numbers:
        return numbers[wanted]
    sought = link_id(wanted.removeprefix("link "))
    return next((link for link in held.links if link_id(link) == sought), None)
