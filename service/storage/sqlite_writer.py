"""The writer of a SQLite store as a thread: it commits whatever is waiting as one transaction.

While one group is being synced to the disk the next one gathers; nothing waits for company on purpose. Other processes
may write to the same file; SQLite's write lock, taken at the beginning of each group, keeps them apart.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import deque
from pathlib import Path

from service.storage.protocol import StoreUnavailable
from service.storage.sqlite_work import FAILED, Outcome, Work, Writing, take_group

log = logging.getLogger(__name__)


class ThreadWriter:
    """See `Writer`. Belongs to one event loop."""

    def __init__(self, path: Path) -> None:
        self._writing = Writing(path)
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[tuple[Work, asyncio.Future[Outcome]] | None] = queue.SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sottovoce-sqlite-writer", daemon=True)
        self._thread.start()

    async def ask(self, work: Work) -> Outcome:
        """See Writer."""
        if self._closing:
            raise StoreUnavailable("The store is closed.")
        done: asyncio.Future[Outcome] = self._loop.create_future()
        self._jobs.put((work, done))
        return await done

    async def close(self) -> None:
        """See Writer."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        waiting: deque[tuple[int, Work]] = deque()
        futures: dict[int, asyncio.Future[Outcome]] = {}
        number, closing = 0, False
        while waiting or not closing:
            while not closing and (not waiting or not self._jobs.empty()):
                job = self._jobs.get()
                if job is None:
                    closing = True  # nothing comes after the end
                else:
                    number += 1
                    futures[number] = job[1]
                    waiting.append((number, job[0]))
            if waiting:
                group = take_group(waiting)
                outcomes = self._writing.transact([work for _, work in group])
                self._report([futures.pop(place) for place, _ in group], outcomes)
        self._writing.close()

    def _report(self, futures: list[asyncio.Future[Outcome]], outcomes: list[Outcome] | str) -> None:
        try:
            self._loop.call_soon_threadsafe(settle, futures, outcomes)
        except RuntimeError:  # the event loop is gone, and with it whoever was waiting
            log.warning("the event loop ended before the store was closed")


def settle(futures: list[asyncio.Future[Outcome]], outcomes: list[Outcome] | str) -> None:
    """Tell those who wait what became of a group, except who has been cancelled meanwhile."""
    if isinstance(outcomes, str):
        log.error("the database did not take a group of writes: %s", outcomes)
    for at, future in enumerate(futures):
        if future.done():
            continue
        if isinstance(outcomes, str):
            future.set_exception(StoreUnavailable(FAILED))
        else:
            future.set_result(outcomes[at])
