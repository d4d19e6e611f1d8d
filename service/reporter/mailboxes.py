"""Reading a reporter's mailbox: every page of it, each with a token of its own, and what to say was seen of it.

Nobody but the server can tell its noise from junk that somebody put there. What can be known: letters lie one behind
the other, so every slot before one that opens is taken. And an answer "unread" says that one slot more is taken than
was said to be seen; that slot is looked at, and counted only then. So a mailbox is burned with exactly as many letters
as it holds, each of which was looked at when it was there already: no honest letter is burned unread, whatever lies
around it and however long admission took. Each piece of junk behind the last letter costs one more request; a mailbox
holds 64 letters, so a rogue recipient can slow a reporter down and not lock them out.
"""

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
from service.wire.shapes import LETTER_SLOTS, MAX_PAGE

NO_GROUP: Final = bytes(16)


def read_mailbox(client: Client, code: ReplyCode, admission: Admission) -> tuple[list[Letter], int]:
    """Fetch and open all letters of a code's mailbox, oldest first. admission: for mailboxes.

    Gives them, and how many slots are known to be taken: all up to the last one that opens. Nothing there, a used code
    and a wrong one all give no letter: nobody can tell them apart. All pages are asked for, whatever is in them: what
    is no letter hides no letter behind it, and the server sees the same requests for every mailbox.
    """
    claim = claim_of(code)
    letters: list[Letter] = []
    seen = 0
    # The last page first: what is filled while this goes on is then on a page still to come, or not counted as seen.
    for page in range(MAX_PAGE, -1, -1):
        found, taken = _read_page(client, code, claim, page, 0, admission)
        letters = found + letters
        seen = max(seen, taken)
    return letters, seen


def read_next(client: Client, code: ReplyCode, seen: int, admission: Admission) -> tuple[list[Letter], int]:
    """Look at the slot behind those seen, once the server said "unread", which means that it is taken.

    Gives the letters that came since, and how many slots are seen now: one more at least.
    """
    page = seen // LETTER_SLOTS
    found, taken = _read_page(client, code, claim_of(code), page, seen % LETTER_SLOTS, admission)
    return found, max(taken, seen + 1)


def _read_page(
    client: Client, code: ReplyCode, claim: Claim, page: int, first: int, admission: Admission
) -> tuple[list[Letter], int]:
    """Open what opens of a page's slots from the `first` on; give it, and the count of slots up to the last of it."""
    slots = patiently(client, admission, lambda token: calls.open_mailbox(claim, page, admission=token))
    key, address = mailbox_of(code), address_of(claim)
    found, taken = list[Letter](), 0
    for place in range(first, LETTER_SLOTS):
        try:
            found.append(read_letter(open_letter(key, slots[place]), address))
        except DoesNotOpen:
            continue
        except Refused:
            # It opened, so it was sealed to this mailbox, but not padded or written as handlers' desks do: not shown
            # as a letter, counted, and it hides no other.
            pass
        taken = page * LETTER_SLOTS + place + 1
    return found, taken
