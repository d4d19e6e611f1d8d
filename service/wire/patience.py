"""Getting a request that needs admission through, however long it takes: a token, then patience.

Pressure delays and never refuses (design.md §7): a token in the draw is presented again, one that was not drawn is
replaced by another. Repeating is harmless, since the server counts each envelope once (design.md §5).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from service.wire.admitting import Admission
from service.wire.calls import Call
from service.wire.client import Client, Declined, Unreachable
from service.wire.problems import Kind

T = TypeVar("T")
TRIES: Final = 6
"""When the connection breaks, or the server can't store anything."""
LOST_S: Final = 2.0  # before sending again when the connection broke; doubled each time
SERVER_ERROR: Final = 500
"""From this HTTP status on, a server may have stored what it was sent."""
PATIENCE_S: Final = 3_600.0
LONGEST_WAIT_S: Final = 300.0
ANOTHER: Final = frozenset(
    {Kind.ADMISSION_MISSING, Kind.ADMISSION_REFUSED, Kind.ADMISSION_SPENT, Kind.ADMISSION_NOT_DRAWN}
)
"""Answers that ask for another token: too old, of before the server's restart, spent, not drawn."""


class Attempts(Generic[T]):
    """Makes a call as often as it is sent, and says at the end whether it may have arrived although an error came."""

    def __init__(self, make: Callable[[str], Call[T]]) -> None:
        self._make, self._sent = make, 0

    def __call__(self, token: str) -> Call[T]:
        """Make the call for a token, and count it as sent."""
        self._sent += 1
        return self._make(token)

    def may_have_arrived(self, error: BaseException) -> bool:
        """Whether the server may have stored it: it was sent, and not just once and declined."""
        declined = isinstance(error, Declined) and error.status < SERVER_ERROR
        return self._sent > 1 or (self._sent == 1 and not declined)


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
            lost = lost + 1 if problem.status >= SERVER_ERROR else 0
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
