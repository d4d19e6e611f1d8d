"""Admission for pages without scripts: the server waits for the reporter, as a script would.

A page carries a ticket that ripens while its reader writes. One that is too old, or of a server that has started anew,
is replaced without a word; who isn't drawn in time presses "send again", with everything still there. What is stored
goes through the rooms for its own size, as over the API, whatever the form was made of.
"""

from __future__ import annotations

from dataclasses import dataclass

from abuse.admission import Why
from abuse.routes import Route
from crypto.envelope import envelope_length
from crypto.padding import MAX_PLAINTEXT, class_for
from service.cases.filing import Recipients
from service.server.admission import BULK_FROM, Admission, Admitted, Again

_RENEWED = frozenset({Why.MISSING, Why.UNUSABLE, Why.STALE, Why.EXPIRED})
MAX_TICKET = 512  # characters
_AROUND = (
    2_048  # bytes of a report around its texts and files: the mailbox's key, and the names of the fields
)


@dataclass(frozen=True, slots=True)
class NotYet:
    """Not admitted. ticket: for the page that is shown again. spent: the form was sent before."""

    ticket: str
    spent: bool = False


async def admitted(
    admission: Admission, group: bytes, route: Route, ticket: str, *, size: int = 0
) -> NotYet | None:
    """Spend a page's ticket, waiting up to 50 seconds; None when it is through. Raises LimiterUnavailable."""
    decision = await admission.admit_patiently(group, route, _bounded(ticket), size=size)
    if isinstance(decision, Again) and decision.why in _RENEWED:
        decision = await admission.admit_patiently(group, route, decision.challenge.ticket, size=size)
    match decision:
        case Admitted():
            return None
        case Again(why, _, challenge):
            return NotYet(challenge.ticket, why is Why.SPENT)
        case _:
            return NotYet(ticket)  # still in the draw: the same ticket goes on


def sealed_size(content: int, to: Recipients) -> int:
    """Tell how long the envelope of a form becomes. content: bytes of its texts and files."""
    return envelope_length(len(to.keys), class_for(min(content + _AROUND, MAX_PLAINTEXT)))


async def admitted_as_stored(
    admission: Admission, to: Recipients, route: Route, envelope: bytes, *, admitted_for: int
) -> NotYet | None:
    """Go through the rooms for bulk too when what was sealed became larger than the form let expect.

    Quotes that JSON doubles and pictures that were written anew can do that. admitted_for: the size that was said
    before. None at once when it was right.
    """
    if len(envelope) < BULK_FROM or admitted_for >= BULK_FROM:
        return None
    return await admitted(admission, to.group_id, route, "", size=len(envelope))


def _bounded(ticket: str) -> str | None:
    return ticket if 0 < len(ticket) <= MAX_TICKET else None
