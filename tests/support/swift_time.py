"""An event loop on which waiting takes no time: for what is about seconds, on machines that stand still for some.

Its clock stands while anything is done, and when nothing is left to do it jumps to the next timer. So timers end in
their order, however long this process is kept waiting. `@pytest.mark.swift_time` has a test, and its fixtures, use it.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Final

LISTENS_S: Final = 0.02
"""Real seconds in which threads, processes and sockets may say something before the clock jumps."""


class SwiftLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Give the seconds that timers have waited for."""
        return self.now_s


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: SwiftLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(LISTENS_S)
        if not events:
            self._loop.now_s += timeout
        return events
