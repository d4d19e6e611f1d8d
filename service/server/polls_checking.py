"""Checks ballots beside the event loop, one after the other, with a bounded queue: checking one is slow."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from crypto.errors import Refused
from polls.casting import Cast, check_cast
from polls.electorate import Electorate
from service.server.polls import Poll
from service.wire.problems import Kind, ProblemError

THREADS: Final = 1
"""Most of a check is libsodium, outside Python's lock; more threads would only crowd out the other requests."""
WAITING: Final = 64


class Checker:
    """Checks casts in a thread of its own, one after the other, with a bounded queue."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting = 0

    async def check(self, poll: Poll, electorate: Electorate, raw: bytes) -> Cast[Any, Any]:
        """Check a cast by itself. Raises CAST_REFUSED, or BUSY when too many wait."""
        if self._waiting >= WAITING:
            raise ProblemError(Kind.BUSY, retry_after_s=5)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="casts")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._pool, check_cast, poll.manifest, poll.election, electorate, raw
            )
        except Refused:
            raise ProblemError(Kind.CAST_REFUSED) from None
        finally:
            self._waiting -= 1
