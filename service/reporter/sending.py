"""Getting a sealed envelope to the server: a puzzle, then patience.

The same envelope may be sent again after a lost answer: the server stores it once (design.md §5). Pressure delays a
report and never refuses it, so a request to wait is waited out with a fresh puzzle.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from crypto.codes import Claim, ReplyCode, address_of, claim_of, mailbox_of
from crypto.errors import Refused
from crypto.letters import open_letter
from crypto.seal import DoesNotOpen
from service.cases.letters import Letter, read_letter
from service.wire import calls
from service.wire.calls import Call
from service.wire.client import Client, Declined, Unreachable
from service.wire.puzzles import solve
from service.wire.shapes import LETTER_SLOTS, MAX_PAGE

T = TypeVar("T")
TRIES = 6
LOST_S = 2.0  # before sending again when the connection broke; doubled each time
NO_GROUP = bytes(16)


def patiently(
    client: Client,
    group: bytes,
    make: Callable[[str], Call[T]],
    *,
    solved: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Send a call that needs admission, waiting when asked to and repeating when the connection breaks.

    make: gives the call for a token. solved: a token that was made already, for the first try.
    Raises Declined or Unreachable when it is still not through after six tries.
    """
    pause = LOST_S
    for attempt in range(TRIES):
        last = attempt == TRIES - 1
        try:
            token, solved = solved, None
            if token is None:
                token = solve(
                    client.do(calls.challenge(group, "mailbox" if group == NO_GROUP else "reports"))
                )
            return client.do(make(token))
        except Declined as problem:
            if last or problem.retry_after_s is None:
                raise
            sleep(problem.retry_after_s)
        except Unreachable:
            if last:
                raise
            sleep(pause)
            pause *= 2
    raise AssertionError("the loop returns or raises")


def read_mailbox(client: Client, code: ReplyCode) -> list[Letter]:
    """Fetch and open all letters of a code's mailbox, oldest first.

    Nothing there, a used code and a wrong one all give an empty list: nobody can tell them apart.
    """
    claim = claim_of(code)
    letters: list[Letter] = []
    for page in range(MAX_PAGE + 1):
        found = _read_page(client, code, claim, page)
        letters += found
        if len(found) < LETTER_SLOTS:
            break
    return letters


def _read_page(client: Client, code: ReplyCode, claim: Claim, page: int) -> list[Letter]:
    slots = patiently(client, NO_GROUP, lambda token: calls.open_mailbox(claim, page, admission=token))
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
