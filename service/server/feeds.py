"""A handler's feed: what was released for them, in the order of its release.

Guarantees: nobody's feed shows another's, and it lists a report whose entry is damaged, as long as the report itself
can be read. What can't be listed at all is counted, so that the desk can say so.
"""

from __future__ import annotations

from typing import Final

from service.server import events
from service.server.caseload import access
from service.server.damage import readable
from service.server.deps import Deps
from service.server.records import Feed, group_partition
from service.server.signed import Caller
from service.wire import shapes

FOLLOW_UPS: Final = ("none", "first", "repeat")
_BATCH: Final = 8  # bytes of the batch in a feed entry's name


async def feed(deps: Deps, caller: Caller, cursor: bytes) -> shapes.FeedPage:
    """List what was released for the caller after `cursor` (empty, or the end of the last entry's name)."""
    prefix = b"feed/" + caller.handler.id
    rows = await deps.store.scan(
        group_partition(caller.group), prefix, prefix + cursor if cursor else b"", shapes.FEED_PAGE + 1
    )
    now_ms = int(deps.clock() * 1_000)
    released = [
        (name[len(prefix) :], value)
        for name, value in rows
        if int.from_bytes(name[len(prefix) : len(prefix) + _BATCH], "big") <= now_ms
    ]
    shown = released[: shapes.FEED_PAGE]
    entries = []
    for name, value in shown:
        report = name[_BATCH:]
        entry = readable("feed", value, Feed) or await _made_again(deps, caller, report)
        if entry is not None:
            entries.append(_shown(report, entry))
    last = shown[-1][0] if shown else cursor
    more = len(released) > len(shown)
    return shapes.FeedPage(tuple(entries), last.hex(), more, damaged=len(shown) - len(entries))


async def _made_again(deps: Deps, caller: Caller, report: bytes) -> Feed | None:
    """Make a damaged entry again from its report's record, in whichever group that is; None if it can't be read.

    A group's handler gets there only what they may fetch, so nothing is listed that would not be given.
    """
    with events.one_of_many("feed-report"):
        elsewhere = (group for group, _ in await deps.groups.listed() if group != caller.group)
        for group in (caller.group, *elsewhere):
            record = await access(deps, caller, group, report)
            if record is not None:
                grant = b"grant/" + report + caller.mark
                granted = await deps.store.read(group_partition(group), grant) is not None
                return Feed(group, record.day, record.size_class, record.urgent, granted, record.follow_up)
    return None


def _shown(report: bytes, entry: Feed) -> shapes.FeedEntry:
    return shapes.FeedEntry(
        report=report.hex(),
        group=entry.group.hex(),
        day=entry.day,
        size_class=entry.size_class,
        urgent=entry.urgent,
        granted=entry.granted,
        follow_up=FOLLOW_UPS[entry.follow_up],
    )
