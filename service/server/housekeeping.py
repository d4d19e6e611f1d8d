"""What the server does by itself: finish what a crash left half done, and collect what has expired.

It runs once before the server takes requests and then every minute. Nothing here decides anything: relays are
idempotent, expiry is in the records.
"""

from __future__ import annotations

import asyncio
from typing import Final

from service.server import activity, caseload, events, mailboxes, polls_archive
from service.server.deps import Deps
from service.storage.protocol import StoreRefused, StoreUnavailable

EVERY_S: Final = 60.0


async def once(deps: Deps) -> None:
    """Do it all once. Raises StoreUnavailable."""
    await mailboxes.relay_all(deps)
    for group, _ in await deps.groups.listed():
        await caseload.hand_over_all(deps, group)
        await activity.nudge_all(deps, group)
    await polls_archive.keep_house(deps)
    await deps.store.sweep(deps.now_s())


async def forever(deps: Deps) -> None:
    """Do it every minute until cancelled; a store that is away is tried again the next time."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await once(deps)
        except (StoreUnavailable, StoreRefused) as error:
            events.failure("housekeeping", error)
