"""What a call to a server can end in, besides an answer. Apart from the client, whose HTTP library takes long to load.

Every command says these in a sentence, also those that ask no server.
"""

from __future__ import annotations

from typing import Final

from service.wire.problems import Kind

PROXY_ERRORS: Final = (502, 503, 504)
_AWAY: Final = "The server is away at the moment, says what stands in front of it. Try again in a while."
_UNKNOWN: Final = "The server refused, with a reason this version doesn't know."


class Unreachable(Exception):
    """The server could not be reached, or the connection broke. Repeating the call is harmless."""

    def __init__(self) -> None:
        super().__init__("The server can't be reached. Check the address and the connection, and try again.")


class Declined(Exception):
    """The server answered with a problem. `kind` is None when this version doesn't know it.

    words: for a person, where the call knows better than the table of problems.
    """

    def __init__(
        self, kind: Kind | None, status: int, retry_after_s: int | None = None, words: str = ""
    ) -> None:
        unknown = _AWAY if status in PROXY_ERRORS else _UNKNOWN
        super().__init__(words or (kind.title if kind else unknown))
        self.kind = kind
        self.status = status
        self.retry_after_s = retry_after_s
