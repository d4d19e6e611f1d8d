"""Admission for pages without scripts: the server waits for the reporter, as a script would.

A page carries a ticket that ripens while its reader writes. One that is too old, or of a server that has started anew,
is replaced without a word; who isn't drawn in time presses "send again", with everything still there.
"""

from __future__ import annotations

from dataclasses import dataclass

from abuse.admission import Why
from abuse.routes import Route
from service.server.admission import Admission, Admitted, Again

_RENEWED = frozenset({Why.MISSING, Why.UNUSABLE, Why.STALE, Why.EXPIRED})
MAX_TICKET = 512  # characters


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


def _bounded(ticket: str) -> str | None:
    return ticket if 0 < len(ticket) <= MAX_TICKET else None
