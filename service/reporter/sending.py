"""Getting a sealed envelope to the server, and letters from it: a token, then patience.

The same envelope may be sent again after a lost answer: the server stores it once (design.md §5). Pressure delays a
report and never refuses it: a token in the draw is presented again, one that was not drawn is replaced by another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from crypto.codes import Claim, ReplyCode, address_of, claim_of, mailbox_of
from crypto.errors import Refused
from crypto.letters import open_letter
from crypto.seal import DoesNotOpen
from service.cases.letters import Letter, read_letter
from service.reporter.admitting import Admission
from service.wire import calls
from service.wire.calls import Call
from service.wire.client import Client, Declined, Unreachable
from service.wire.problems import Kind
from service.wire.shapes import LETTER_SLOTS, MAX_PAGE

T = TypeVar("T")
TRIES: Final = 6
"""When the connection breaks, or the server can't store anything."""
LOST_S: Final = 2.0  # before sending again when the connection broke; doubled each time
PATIENCE_S: Final = 3_600.0
LONGEST_WAIT_S: Final = 300.0
NO_GROUP: Final = bytes(16)
ANOTHER: Final = frozenset(
    {Kind.ADMISSION_MISSING, Kind.ADMISSION_REFUSED, Kind.ADMISSION_SPENT, Kind.ADMISSION_NOT_DRAWN}
)
"""Answers that ask for another token: too old, of before the server's restart, spent, not drawn."""


def patiently(
    client: Client,
    admission: Admission,
    make: Callable[[str], Call[T]],
    *,
    waiting: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Send a call that needs admission, for up to an hour of pressure and six broken connections in a row.

    make: gives the call for a token. waiting: called each time the server asks to wait or for another token.
    Raises Declined or Unreachable when it is still not through. The token counts as used afterwards.
    """
    until, lost = clock() + PATIENCE_S, 0
    while True:
        try:
            answer = client.do(make(admission.token()))
        except Declined as problem:
            lost = lost + 1 if problem.status >= 500 else 0
            if clock() > until or lost >= TRIES:
                raise
            wait_s = float(problem.retry_after_s or 0)
            if problem.kind in ANOTHER:
                admission.renew()
            elif lost:
                wait_s = max(wait_s, LOST_S * 2 ** (lost - 1))
            elif not wait_s:
                raise
            waiting()
            sleep(min(wait_s, LONGEST_WAIT_S))
        except Unreachable:
            lost += 1
            if lost >= TRIES:
                raise
            sleep(LOST_S * 2 ** (lost - 1))
        else:
            admission.renew()
            return answer


def read_mailbox(client: Client, code: ReplyCode, admission: Admission) -> list[Letter]:
    """Fetch and open all letters of a code's mailbox, oldest first. admission: for mailboxes.

    Nothing there, a used code and a wrong one all give an empty list: nobody can tell them apart.
    """
    claim = claim_of(code)
    letters: list[Letter] = []
    for page in range(MAX_PAGE + 1):
        found = _read_page(client, code, claim, page, admission)
        letters += found
        if len(found) < LETTER_SLOTS:
            break
    return letters


def _read_page(
    client: Client, code: ReplyCode, claim: Claim, page: int, admission: Admission
) -> list[Letter]:
    slots = patiently(client, admission, lambda token: calls.open_mailbox(claim, page, admission=token))
    found = []
    for slot in slots:
        try:
            plaintext = open_letter(mailbox_of(code), slot)
        except DoesNotOpen:
            continue
        try:
            found.append(read_letter(plaintext, address_of(claim)))
        except Refused:
            # It opened, so it was sealed to this mailbox, but not written as handlers' desks write: not shown as one.
            continue
    return found
