"""Knowing again an answer that burned a mailbox, so that sending it twice says "done" and another answer doesn't.

The mark is written in one step with the burn. Its name is a keyed hash of the answer and of the new code, which only
the reporter has: it leads to no mailbox, neither the old one nor the new, and tells nothing of what was typed. It goes
at the end of the day after which the form is too old anyway.
"""

from __future__ import annotations

import dataclasses

from crypto.hashing import keyed
from crypto.labels import Label
from service.server import intake
from service.server.deps import Deps
from service.server.pages.forms import Posted
from service.server.pages.tokens import Shown, form_digest
from service.server.records import MAIL, MARK
from service.storage.protocol import Insert

_DAY_S = 86_400
_ANSWER = ("message", "original")
"""The fields that are the answer: a page that was shown again has another ticket and token and is the same answer."""


def answered_mark(deps: Deps, shown: Shown, posted: Posted) -> Insert:
    """Make the record that says that this answer was stored."""
    # The end of a day: the record doesn't tell the second.
    expires_s = -(-shown.expires_s // _DAY_S) * _DAY_S
    return Insert(_name(deps, shown, posted), MARK, expires_s=expires_s, scattered=True)


async def was_answered(deps: Deps, shown: Shown, posted: Posted) -> bool:
    """Whether this very answer, with this very new code and all its files, was stored."""
    if posted.dropped:
        return False
    name = _name(deps, shown, posted)
    return await deps.store.read(MAIL, name) is not None and await intake.lasts(deps, MAIL, name)


def _name(deps: Deps, shown: Shown, posted: Posted) -> bytes:
    fields = {name: posted.fields[name] for name in _ANSWER if name in posted.fields}
    answer = form_digest(dataclasses.replace(posted, fields=fields))
    key = keyed(deps.keys.cookie.reveal(), Label.COOKIE, b"answered")
    return b"answered/" + keyed(key, Label.COOKIE, shown.new, answer)
