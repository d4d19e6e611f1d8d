"""Reports and lines of their logs as a desk stores them, whatever they say."""

from __future__ import annotations

import msgspec

from crypto.framing import part
from crypto.labels import Label
from crypto.signatures import SigningKey, sign
from service.cases.log import Act, Entry
from service.desk.records import Held, LogLine


def held(number: int, address: str, follows: str | None = None, **changes: object) -> Held:
    """A report that a desk has opened: its number is its id, and the order in which it was fetched."""
    values: dict[str, object] = {
        "id": f"{number:032x}",
        "group": "0" * 32,
        "day": 20000,
        "fetched_s": number,
        "size_class": 0,
        "content_key": "0" * 64,
        "recipients": (),
        "roster": "0" * 64,
        "mailbox_address": address,
        "mailbox_key": "",
        "follows": follows,
        "first_use": True,
        "kind": "conduct" if follows is None else "followup",
        "language": "en",
        "urgency": "normal",
        "headline": "",
        "who": (),
        "links": (),
        "witnesses": (),
        "has_voice": False,
        "recorded": False,
        "forwarded": False,
        **changes,
    }
    return Held(**values)  # type: ignore[arg-type]


KEY = SigningKey(bytes(32))
FIRST = held(1, "a")


def line(act: Act, seq: int = 0, at_s: int = 1, key: SigningKey = KEY, entry_id: int = 0) -> LogLine:
    """A line of the log of FIRST."""
    entry = Entry(
        id=f"{entry_id:032x}", author="Ada", author_key=key.verify_key().raw.hex(), at_s=at_s, act=act
    )
    body = msgspec.json.encode(entry)
    raw = part(body) + sign(key, Label.LOG_ENTRY, bytes.fromhex(FIRST.id), body)
    return LogLine(FIRST.id, seq, raw, trusted=True)
