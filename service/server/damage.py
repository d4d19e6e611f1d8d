"""What a list does with a record of its own that can't be read: it says so to the operator, and goes on to the others.

One record in a hundred thousand must not keep somebody from the next one, which may be urgent. Whose list it was stands
in no log.
"""

from __future__ import annotations

from service.server import events
from service.server.records import Damaged, R, decode


def readable(name: str, raw: bytes, shape: type[R]) -> R | None:
    """Decode a record of a list; None where it is damaged, which is logged. name: a fixed word for the log."""
    try:
        return decode(raw, shape)
    except Damaged as error:
        events.failure(name, error)
        return None
