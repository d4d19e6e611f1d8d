"""Reading a reporter's mailbox: every page of it, each with a token of its own."""

from __future__ import annotations

from typing import Final

from crypto.codes import Claim, ReplyCode, address_of, claim_of, mailbox_of
from crypto.errors import Refused
from crypto.letters import open_letter
from crypto.seal import DoesNotOpen
from service.cases.letters import Letter, read_letter
from service.wire import calls
from service.wire.admitting import Admission
from service.wire.client import Client
from service.wire.patience import patiently
from service.wire.shapes import MAX_PAGE

NO_GROUP: Final = bytes(16)


def read_mailbox(client: Client, code: ReplyCode, admission: Admission) -> tuple[list[Letter], int]:
    """Fetch and open all letters of a code's mailbox, oldest first, and count what opened. admission: for mailboxes.

    Nothing there, a used code and a wrong one all give an empty list: nobody can tell them apart. Goes on until a page
    in which nothing opens: what somebody put there that is no letter hides no letter behind it.
    """
    claim = claim_of(code)
    letters: list[Letter] = []
    seen = 0
    for page in range(MAX_PAGE + 1):
        found, opened = _read_page(client, code, claim, page, admission)
        letters += found
        seen += opened
        if opened == 0:
            break
    return letters, seen


def _read_page(
    client: Client, code: ReplyCode, claim: Claim, page: int, admission: Admission
) -> tuple[list[Letter], int]:
    slots = patiently(client, admission, lambda token: calls.open_mailbox(claim, page, admission=token))
    found, opened = [], 0
    for slot in slots:
        try:
            found.append(read_letter(open_letter(mailbox_of(code), slot), address_of(claim)))
        except DoesNotOpen:
            continue
        except Refused:
            # It opened, so it was sealed to this mailbox, but not padded or written as handlers' desks do: not shown
            # as a letter, counted, and it hides no other.
            pass
        opened += 1
    return found, opened
