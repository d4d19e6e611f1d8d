"""What the server does by itself: finish what a crash left half done, and collect what has expired.

It runs once before the server takes requests and then every minute. Nothing here decides anything: relays are
idempotent, expiry is in the records. A record that can't be read is logged, and keeps neither the others nor the server
waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from service.server import activity, caseload, events, mailboxes, paging, polls_archive
from service.server.deps import Deps

EVERY_S: Final = 60.0


async def once(deps: Deps) -> None:
    """Do it all once. Raises StoreUnavailable."""
    await mailboxes.relay_all(deps)
    with events.one_of_many("housekeeping"):
        for group, _ in await deps.groups.listed():
            await caseload.hand_over_all(deps, group)
            await activity.nudge_all(deps, group)
            await paging.find(deps, group)
    await polls_archive.keep_house(deps)
    await deps.store.sweep(deps.now_s())


async def repeat(deps: Deps, once: Callable[[Deps], Awaitable[None]], every_s: float, name: str) -> None:
    """Do something now and then until cancelled. What goes wrong is logged, and it is tried again the next time.

    name: a fixed word for the log.
    """
    while True:
        await asyncio.sleep(every_s)
        try:
            await once(deps)
        except Exception as error:  # noqa: BLE001 - the edge: one damaged record must not end all that comes after it
            events.failure(name, error)
