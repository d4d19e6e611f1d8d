"""Tells handlers which of their reports' logs have grown: a log of its own per handler, so that none shows another's.

A desk with 10,000 reports asks once instead of 10,000 times. Numbers count the handler's own entries only.
"""

from __future__ import annotations

from service.server import events
from service.server.damage import readable
from service.server.deps import Deps
from service.server.records import MARK, Grew, Report, encode, group_partition
from service.server.signed import Caller
from service.storage.protocol import Append, Change, Delete, Put, entry_name, sequence_of
from service.wire import shapes

ID = 16


async def activity_page(deps: Deps, caller: Caller, after: int) -> shapes.ActivityPage:
    """List reports whose logs grew since the caller's entry number `after`, each once in a page."""
    log = b"activity/" + caller.handler.id
    rows = await deps.store.scan(
        group_partition(caller.group), log + b"/", entry_name(log, after), shapes.FEED_PAGE + 1
    )
    shown = rows[: shapes.FEED_PAGE]
    read = [readable("activity", value, Grew) for _, value in shown]
    grown = dict.fromkeys(one for one in read if one is not None)
    entries = tuple(shapes.Grown(entry.report.hex(), entry.group.hex()) for entry in grown)
    last = sequence_of(shown[-1][0]) if shown else after
    cursor = f"{last:016x}" if last else ""
    return shapes.ActivityPage(entries, cursor, more=len(rows) > len(shown), damaged=read.count(None))


async def readers(deps: Deps, group: bytes, report: bytes, record: Report) -> list[tuple[bytes, bytes]]:
    """Name all who may read a report now, as (group, handler id)."""
    partition = group_partition(group)
    history = await deps.groups.history(group)
    found: dict[bytes, None] = {}
    if history is not None:
        for handler in history.latest.active:
            if not set(handler.key_ids).isdisjoint(record.recipients):
                found[group + handler.id] = None
    for prefix, add in ((b"grant/" + report, True), (b"recused/" + report, False)):
        after = b""
        while page := await deps.store.scan(partition, prefix, after, 100):
            for name, _ in page:
                mark = name[len(prefix) :]
                if add:
                    found[mark] = None
                else:
                    found.pop(mark, None)
            after = page[-1][0]
    return [(mark[:ID], mark[ID:]) for mark in found]


async def changes_for(
    deps: Deps, group: bytes, report: bytes, record: Report
) -> tuple[list[Change], list[bytes]]:
    """Give the changes that tell all readers, for the commit that lets the log grow.

    Readers of other groups are in other partitions: for them a `nudge/` is left, whose marks are returned for
    `nudge`.
    """
    changes: list[Change] = []
    elsewhere: list[bytes] = []
    told = encode(Grew(report, group))
    for theirs, handler in await readers(deps, group, report, record):
        if theirs == group:
            changes.append(Append(b"activity/" + handler, told))
        else:
            changes.append(Put(b"nudge/" + report + theirs + handler, MARK))
            elsewhere.append(report + theirs + handler)
    return changes, elsewhere


async def nudge(deps: Deps, group: bytes, mark: bytes) -> None:
    """Tell one reader of another group. mark: report ‖ their group ‖ handler. Repeating tells them twice: harmless."""
    report, theirs, handler = mark[:ID], mark[ID : 2 * ID], mark[2 * ID :]
    told = encode(Grew(report, group))
    await deps.store.commit(group_partition(theirs), [Append(b"activity/" + handler, told)])
    await deps.store.commit(group_partition(group), [Delete(b"nudge/" + mark)])


async def nudge_all(deps: Deps, group: bytes) -> int:
    """Tell those whom a crash kept from being told. Returns how many there were."""
    done, after = 0, b""
    while page := await deps.store.scan(group_partition(group), b"nudge/", after, 100):
        for name, _ in page:
            with events.one_of_many("nudge"):
                await nudge(deps, group, name[len(b"nudge/") :])
                done += 1
        after = page[-1][0]
    return done
