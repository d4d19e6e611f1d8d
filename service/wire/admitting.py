"""Admission tokens for a person at work: the puzzle is solved while they write, and again when it has become too old.

Guarantees: asking for a token blocks only while there is none; a token is given out again until it is `renew`ed, since
a token that waits in the server's draw must be presented again as it is (abuse/SPEC.md "Decision"); no work goes on
after `close`. Leaves to patience.py what to do with the server's answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Literal, Self

from crypto.errors import Refused
from service.wire import calls
from service.wire.client import Client
from service.wire.failures import Declined, Unreachable
from service.wire.puzzles import solve

PARTS: Final = 16
MARGIN_S: Final = 60.0
"""A token that ends sooner than this is not worth presenting."""
_LOOK_S: Final = 0.1


class _Stopped(Exception):
    """Ends the work in the background."""


class Admission:
    """Tokens for one group and route. Use it as a context manager; `begin` starts the first puzzle in the background.

    progress: called with the number of solved parts, 0 to PARTS, whenever somebody has to wait for them.
    clock: seconds that only go forward.
    """

    def __init__(
        self,
        client: Client,
        group: bytes,
        route: Literal["reports", "mailbox", "casts"] = "reports",
        *,
        progress: Callable[[int], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.group = group
        self._client, self._route, self._progress, self._clock = client, route, progress, clock
        self._token = ""
        self._good_until = 0.0
        self._parts = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Fetch a challenge and solve it in the background. What goes wrong there shows when a token is asked for."""
        self._thread = threading.Thread(target=self._in_background, name="puzzle", daemon=True)
        self._thread.start()

    def token(self) -> str:
        """Give the token; solve a puzzle for it when there is none that is still good.

        Raises Unreachable, Declined, or Refused for a puzzle that no honest server sends.
        """
        if self._thread is not None:
            while self._thread.is_alive():
                self._show()
                self._thread.join(_LOOK_S)
            self._thread = None
            if self._token:
                self._show()
        if not self._token or self._clock() > self._good_until:
            self._solve(self._progress)
        return self._token

    def renew(self) -> None:
        """The token is used, refused or was not drawn: the next one asked for is another."""
        self._token = ""

    def close(self) -> None:
        """Stop what still runs in the background."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _in_background(self) -> None:
        try:
            self._solve(self._note)
        except (_Stopped, Unreachable, Declined, Refused):
            return

    def _note(self, parts: int) -> None:
        self._parts = parts
        if self._stop.is_set():
            raise _Stopped

    def _show(self) -> None:
        if self._progress is not None:
            self._progress(self._parts)

    def _solve(self, progress: Callable[[int], None] | None) -> None:
        since = self._clock()
        challenge = self._client.do(calls.challenge(self.group, self._route))
        token = solve(challenge, progress)
        self._good_until = since + max(challenge.puzzle_expires_in_s - MARGIN_S, 1.0)
        self._token = token
