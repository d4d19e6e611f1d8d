"""Making a Redis that has started ready for writes: first its append-only file is rewritten, then it gets our scripts.

A script's writes stand in the append-only file as MULTI … EXEC. A crash can tear that; when Redis loads the file it
does nothing of the torn step, but it may leave its whole commands in the file, without an EXEC (Redis 7 does; Valkey
until its pull request 4342). The next EXEC in the file, that of the first step after the start, then ends the torn
one too: half of a commit that nobody was promised would be there after the next start; and a single write without an
EXEC after it would not. Nobody but Redis sees its file, so it is rewritten from what is in memory, before anything is
written. A Redis that has started knows no scripts, so whoever knows ours has had that done. If it crashes again
in these seconds, it mends the file at the next start and refuses; the start after that works (seen with 7.0).
"""

from __future__ import annotations

import asyncio
import math
from typing import Final

from service.storage.protocol import StoreUnavailable
from service.storage.redis_files import NotRewritten, finished, rewrite_log_now
from service.storage.redis_node import Conversation, Node
from service.storage.redis_scripts import COMMITS, SCRIPTS

_PAUSE_S: Final = 10.0  # after a rewrite that failed: stops requests from beginning one after the other
_BUSY: Final = "Redis has just started, and its append-only file is being put in order. Try again."
_FAILED: Final = (
    "Redis has started, and could not rewrite its append-only file, the end of which a crash may have torn. Has it "
    "disk and memory left? Its log says more. Try again."
)


class Readiness:
    """Of one server. Whoever finds that it knows no scripts asks for them; there is one such work at a time."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._work: asyncio.Task[None] | None = None
        self._not_before = -math.inf

    async def reach(self, within_s: float | None = None) -> None:
        """Return when writes may begin. Raises StoreUnavailable, also after within_s seconds; the work then goes on.

        Raises NotSent and Lost as `Node.exchange`; StoreRefused, or ResponseError as the server answers, if it refuses.
        """
        if self._work is None or self._work.done():
            if asyncio.get_running_loop().time() < self._not_before:
                raise StoreUnavailable(_FAILED)
            self._work = asyncio.create_task(self._prepare())
            self._work.add_done_callback(_heard)
        work = self._work
        done, _ = await asyncio.wait((work,), timeout=within_s)
        if not done:
            raise StoreUnavailable(_BUSY)
        if work.cancelled():
            raise StoreUnavailable("The store is closed.")
        work.result()

    async def close(self) -> None:
        """Leave off; whoever waits hears that the store is closed."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait((self._work,))

    async def _prepare(self) -> None:
        try:
            await _prepare(self._node)
        except NotRewritten:
            self._not_before = asyncio.get_running_loop().time() + _PAUSE_S
            raise StoreUnavailable(_FAILED) from None


async def _prepare(node: Node) -> None:
    # On one connection, which ends with that Redis: if it starts again meanwhile, its next life gets no script unseen.
    async with node.conversation() as server:
        if not await _knows(server):
            await finished(server)  # perhaps another process does the same now
            if not await _knows(server):
                await rewrite_log_now(server)
        for script in SCRIPTS:
            await server.ask(b"SCRIPT", b"LOAD", script.text)


async def _knows(server: Conversation) -> bool:
    (known,) = await server.ask(b"SCRIPT", b"EXISTS", COMMITS.sha)
    return bool(known)


def _heard(work: asyncio.Task[None]) -> None:
    """Whoever waited was told; if nobody did, the next who asks begins anew."""
    if not work.cancelled():
        work.exception()
