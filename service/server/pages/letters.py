"""Opening a mailbox's letters for a reporter without scripts, in memory, with the code that they just typed.

The only place of the server that opens letters (crypto.letters, never crypto.opening).
"""

from __future__ import annotations

import asyncio
from typing import Final

from crypto.codes import Claim, ReplyCode, address_of, claim_of, mailbox_of
from crypto.errors import Refused
from crypto.filler import filler
from crypto.letters import open_letter
from crypto.seal import DoesNotOpen
from service.cases.letters import Letter, read_letter
from service.server import mailboxes
from service.server.deps import Deps
from service.wire.shapes import LETTER_SLOTS, MAX_PAGE

_NO_LETTER: Final = filler(bytes(32))


async def letters_of(deps: Deps, code: ReplyCode) -> tuple[list[Letter], int]:
    """Open all letters of a code's mailbox, oldest first, and count the slots up to the last that opens.

    All pages are looked at, whatever is in them: what is no letter hides no letter behind it.
    """
    claim, letters, seen = claim_of(code), list[Letter](), 0
    # The last page first: what is filled while this goes on is then on a page still to come, or not counted.
    for page in range(MAX_PAGE, -1, -1):
        slots = await _slots(deps, claim, page)
        found, taken = await asyncio.to_thread(_opened, code, slots)
        letters = found + letters
        seen = max(seen, page * LETTER_SLOTS + taken if taken else 0)
    return letters, seen


async def next_letters(deps: Deps, code: ReplyCode, seen: int) -> tuple[list[Letter], int]:
    """Look at the slot behind those seen, which is taken: the letters that came, and what is seen now."""
    page, first = divmod(seen, LETTER_SLOTS)
    slots = await _slots(deps, claim_of(code), page)
    found, taken = await asyncio.to_thread(_opened, code, slots, first)
    return found, max(page * LETTER_SLOTS + taken, seen + 1)


async def _slots(deps: Deps, claim: Claim, page: int) -> list[bytes]:
    """Give eight slots. What fills them is nobody's letter, and opening it takes as long as opening one."""
    # Nobody sees it, so it is always the same: noise for all 64 slots took 40 ms, and a page can be asked for again.
    letters = await mailboxes.letters_on(deps, claim, page)
    return letters + [_NO_LETTER] * (LETTER_SLOTS - len(letters))


def _opened(code: ReplyCode, slots: list[bytes], first: int = 0) -> tuple[list[Letter], int]:
    """Open what opens of eight slots from the `first` on, and count the slots up to the last that does.

    What isn't written as desks write is not shown as a letter.
    """
    key, address = mailbox_of(code), address_of(claim_of(code))
    found, taken = list[Letter](), 0
    for place in range(first, LETTER_SLOTS):
        try:
            found.append(read_letter(open_letter(key, slots[place]), address))
        except DoesNotOpen:
            continue
        except Refused:
            pass  # sealed to this mailbox, padded or written wrongly: counted, and it hides no other
        taken = place + 1
    return found, taken
