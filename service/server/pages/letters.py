"""Opening a mailbox's letters for a reporter without scripts, in memory, with the code that they just typed.

The only place of the server that opens letters (crypto.letters, never crypto.opening).
"""

from __future__ import annotations

import asyncio

from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.errors import Refused
from crypto.letters import open_letter
from crypto.seal import DoesNotOpen
from service.cases.letters import Letter, read_letter
from service.server import mailboxes
from service.server.deps import Deps
from service.wire.shapes import LETTER_SIZE, LETTER_SLOTS, MAX_PAGE


async def letters_of(deps: Deps, code: ReplyCode) -> tuple[list[Letter], int]:
    """Open all letters of a code's mailbox, oldest first, and count the slots up to the last that opens.

    All pages are looked at, whatever is in them: what is no letter hides no letter behind it.
    """
    claim, letters, seen = claim_of(code), list[Letter](), 0
    # The last page first: what is filled while this goes on is then on a page still to come, or not counted.
    for page in range(MAX_PAGE, -1, -1):
        raw = await mailboxes.slots(deps, claim, page)
        found, taken = await asyncio.to_thread(_opened, code, raw)
        letters = found + letters
        seen = max(seen, page * LETTER_SLOTS + taken if taken else 0)
    return letters, seen


async def next_letters(deps: Deps, code: ReplyCode, seen: int) -> tuple[list[Letter], int]:
    """Look at the slot behind those seen, which is taken: the letters that came, and what is seen now."""
    page, first = divmod(seen, LETTER_SLOTS)
    raw = await mailboxes.slots(deps, claim_of(code), page)
    found, taken = await asyncio.to_thread(_opened, code, raw, first)
    return found, max(page * LETTER_SLOTS + taken, seen + 1)


def _opened(code: ReplyCode, raw: bytes, first: int = 0) -> tuple[list[Letter], int]:
    """Open what opens of eight slots from the `first` on, and count the slots up to the last that does.

    What isn't written as desks write is not shown as a letter.
    """
    key, address = mailbox_of(code), address_of(claim_of(code))
    found, taken = list[Letter](), 0
    for place in range(first, LETTER_SLOTS):
        try:
            slot = raw[place * LETTER_SIZE : (place + 1) * LETTER_SIZE]
            found.append(read_letter(open_letter(key, slot), address))
        except DoesNotOpen:
            continue
        except Refused:
            pass  # sealed to this mailbox, padded or written wrongly: counted, and it hides no other
        taken = place + 1
    return found, taken
