"""What handlers do with reports: fetch, log, grant, step out. What is listed to them is feeds.py's and activity.py's.

Guarantees: whoever is no recipient, was not granted access, or stepped out gets the same answer as for a report that
doesn't exist, also where the report is damaged; every act is idempotent by the id its author chose; a log only grows.
Nobody can hand a report to one whom its reporter left out, in that group or in another.
"""

from __future__ import annotations

from service.cases.choosing import without
from service.server import activity, events, mailboxes
from service.server.damage import readable
from service.server.deps import Deps
from service.server.intake import release_ms
from service.server.records import (
    MARK,
    Damaged,
    Feed,
    Granted,
    Handover,
    Logged,
    Report,
    decode,
    encode,
    envelope_name,
    group_partition,
    report_name,
    u64,
)
from service.server.signed import Caller
from service.storage.protocol import (
    Append,
    Change,
    Committed,
    Delete,
    Insert,
    Put,
    Replace,
    entry_name,
    sequence_of,
)
from service.wire import shapes


async def envelope(deps: Deps, caller: Caller, group: bytes, report: bytes) -> bytes | None:
    """Give a report's envelope, or None when it is not for the caller."""
    record = await access(deps, caller, group, report)
    if record is None:
        return None
    return record.envelope or await deps.store.read(group_partition(group), envelope_name(report))


async def granted(deps: Deps, caller: Caller, group: bytes, report: bytes) -> Granted | None:
    """Give the content key as sealed to the caller, if the report was handed to them."""
    if await access(deps, caller, group, report) is None:
        return None
    raw = await deps.store.read(group_partition(group), b"grant/" + report + caller.mark)
    return None if raw is None else decode(raw, Granted)


async def read_log(
    deps: Deps, caller: Caller, group: bytes, report: bytes, after: int
) -> shapes.LogPage | None:
    """Give log entries numbered above `after`, or None when the report is not for the caller."""
    if await access(deps, caller, group, report) is None:
        return None
    log = b"log/" + report
    rows = await deps.store.scan(
        group_partition(group), log + b"/", entry_name(log, after), shapes.LOG_PAGE + 1
    )
    entries, damaged = [], []
    for name, value in rows[: shapes.LOG_PAGE]:
        logged = readable("log", value, Logged)
        if logged is None:
            damaged.append(sequence_of(name))
        else:
            entries.append(shapes.LogItem(sequence_of(name), logged.item.hex(), logged.entry))
    return shapes.LogPage(tuple(entries), more=len(rows) > shapes.LOG_PAGE, damaged=tuple(damaged))


async def access(deps: Deps, caller: Caller, group: bytes, report: bytes) -> Report | None:
    """Give the report's record if the caller may see it. The same three reads whatever the answer.

    Raises Damaged, to those only who knew of the report before: what can't be read names no recipients.
    """
    raw, stepped_out, grant = await deps.store.read_many(
        group_partition(group),
        [report_name(report), b"recused/" + report + caller.mark, b"grant/" + report + caller.mark],
    )
    if raw is None or stepped_out is not None:
        return None
    try:
        record = decode(raw, Report)
    except Damaged:
        if grant is None and not await _places(deps, caller, report):
            return None
        raise
    recipient = group == caller.group and not set(caller.handler.key_ids).isdisjoint(record.recipients)
    return record if recipient or grant is not None else None


async def act(deps: Deps, caller: Caller, action: shapes.Action) -> shapes.Outcome:
    """Do one action of a batch, atomically and once."""
    match action:
        case shapes.AppendLog():
            return await _append(deps, caller, action)
        case shapes.PostLetter():
            address, item = bytes.fromhex(action.address), bytes.fromhex(action.item)
            return await mailboxes.post(deps, address, item, action.letter)
        case shapes.Grant():
            return await _grant(deps, caller, action)
        case shapes.Recuse():
            return await _recuse(deps, caller, bytes.fromhex(action.group), bytes.fromhex(action.report))


async def _append(deps: Deps, caller: Caller, action: shapes.AppendLog) -> shapes.Outcome:
    group, report, item = (bytes.fromhex(text) for text in (action.group, action.report, action.item))
    record = await access(deps, caller, group, report)
    if record is None or len(action.entry) not in shapes.SEALED_ENTRY_SIZES:
        return "gone"
    told, elsewhere = await activity.changes_for(deps, group, report, record)
    changes: list[Change] = [
        Insert(b"logged/" + report + item, MARK),
        Append(b"log/" + report, encode(Logged(item, action.entry))),
        *told,
    ]
    # A conflict means that this item was appended before.
    if isinstance(await deps.store.commit(group_partition(group), changes), Committed):
        for mark in elsewhere:
            await activity.nudge(deps, group, mark)
    return "done"


async def _grant(deps: Deps, caller: Caller, action: shapes.Grant) -> shapes.Outcome:
    group, report = bytes.fromhex(action.group), bytes.fromhex(action.report)
    to_group, to_key = bytes.fromhex(action.to_group), bytes.fromhex(action.to_key)
    record = await access(deps, caller, group, report)
    ours, theirs = await deps.groups.history(group), await deps.groups.history(to_group)
    if record is None or ours is None or theirs is None:
        return "gone"
    grantee = theirs.latest.by_key(to_key)
    if grantee is None or not grantee.active or grantee.key_id != to_key:
        return "gone"
    partition, mark = group_partition(group), to_group + grantee.id
    name = b"grant/" + report + mark
    stepped_out, before = await deps.store.read_many(partition, [b"recused/" + report + mark, name])
    if stepped_out is not None:
        return "gone"
    if to_group == group and to_key in record.recipients:
        return "done"  # they have it; whoever lost the key that it is sealed to has it no more
    if not without([grantee], ours.left_out(ours.rosters[record.roster], record.recipients)):
        return "left-out"
    last = None if before is None else decode(before, Granted)
    if last is None or last.key_id != to_key:  # the key of the last grant may be lost
        # What was granted before stays: it may open what a false grant to the new key doesn't.
        kept = () if last is None else (last.sealed, *last.earlier)[: shapes.EARLIER_GRANTS]
        new = encode(Granted(to_key, action.sealed, kept))
        changes: list[Change] = [
            Insert(name, new) if before is None else Replace(name, before, new),
            Put(b"handover/" + report + mark, encode(Handover(report, to_group, grantee.id))),
        ]
        # A conflict means that another granted it meanwhile.
        await deps.store.commit(partition, changes)
    # Also where it was granted before: the handover may still be under way.
    await hand_over(deps, group, report, mark)
    return "done"


async def hand_over(deps: Deps, group: bytes, report: bytes, mark: bytes) -> None:
    """Put a granted report into the grantee's feed, which may be in another partition. Repeating is harmless."""
    partition = group_partition(group)
    names = [b"handover/" + report + mark, report_name(report), b"grant/" + report + mark]
    raw, kept, granted = await deps.store.read_many(partition, names)
    if raw is None or kept is None or granted is None:
        return
    handover, record = decode(raw, Handover), decode(kept, Report)
    theirs = group_partition(handover.to_group)
    prefix = b"feed/" + handover.to_handler
    batch = u64(release_ms(deps.clock(), deps.settings.batch_seconds, urgent=True))
    listed = Feed(group, record.day, record.size_class, record.urgent, True, record.follow_up)
    # `listed/` keeps a repeat after a crash from listing it twice under another batch. What is granted to another key
    # is listed again: their desk could not open it.
    await deps.store.commit(
        theirs,
        [
            Insert(b"listed/" + handover.to_handler + report + decode(granted, Granted).key_id, MARK),
            Insert(prefix + batch + report, encode(listed)),
        ],
    )
    await deps.store.commit(partition, [Delete(b"handover/" + report + mark)])


async def hand_over_all(deps: Deps, group: bytes) -> int:
    """Finish the handovers of a group that a crash left half done. Returns how many there were."""
    done, after = 0, b""
    while page := await deps.store.scan(group_partition(group), b"handover/", after, 100):
        for _, value in page:
            with events.one_of_many("handover"):
                handover = decode(value, Handover)
                await hand_over(deps, group, handover.report, handover.to_group + handover.to_handler)
                done += 1
        after = page[-1][0]
    return done


async def _recuse(deps: Deps, caller: Caller, group: bytes, report: bytes) -> shapes.Outcome:
    partition = group_partition(group)
    mark = b"recused/" + report + caller.mark
    stepped_out = await deps.store.read(partition, mark) is not None
    if not stepped_out and await access(deps, caller, group, report) is None:
        return "gone"
    if not stepped_out:
        await deps.store.commit(partition, [Insert(mark, MARK)])
    await _unlist(deps, caller, report)
    return "done"


async def _unlist(deps: Deps, caller: Caller, report: bytes) -> None:
    """Take a report out of the caller's feed, so that a new device doesn't list it again."""
    doomed: list[Change] = [Delete(name) for name in await _places(deps, caller, report)]
    await deps.store.commit(group_partition(caller.group), doomed)


async def _places(deps: Deps, caller: Caller, report: bytes) -> list[bytes]:
    """Find a report in the caller's feed: the names of its entries."""
    found, after = list[bytes](), b""
    while page := await deps.store.scan(
        group_partition(caller.group), b"feed/" + caller.handler.id, after, 500
    ):
        found += (name for name, _ in page if name.endswith(report))
        after = page[-1][0]
    return found
