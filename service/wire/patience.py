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
from service.wire.client import Client
from service.wire.failures import Declined, Unreachable
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
    """Sends a call as often as it takes, and says at the end whether it may have arrived although an error came."""

    def __init__(self, make: Callable[[str], Call[T]]) -> None:
        self._make, self._unsure = make, 0

    def send(self, client: Client, token: str) -> T:
        """Send the call for a token once. Raises as `Client.do`."""
        call = self._make(token)
        self._unsure += 1
        try:
            return client.do(call)
        except Declined as declined:
            if declined.status < SERVER_ERROR:
                self._unsure -= 1  # it was not taken: this try at least is sure
            raise

    @property
    def may_have_arrived(self) -> bool:
        """Whether the server may have stored it: a try was sent and not answered that it was declined."""
        return self._unsure > 0


def patiently(
    client: Client,
    admission: Admission,
    make: Callable[[str], Call[T]] | Attempts[T],
    *,
    waiting: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Send a call that needs admission, for up to an hour of pressure and six broken connections in a row.

    make: gives the call for a token; as Attempts, for who asks whether it may have arrived. waiting: called each time
    the server asks to wait or for another token.
    Raises Declined or Unreachable when it is still not through. The token counts as used afterwards.
    """
    attempts = make if isinstance(make, Attempts) else Attempts(make)
    until, lost = clock() + PATIENCE_S, 0
    while True:
        try:
            answer = attempts.send(client, admission.token())
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
