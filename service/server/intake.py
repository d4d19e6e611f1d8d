"""Takes envelopes in: checks what a server can check of something it can't read, and stores it in one atomic change.

Guarantees: what was acknowledged is durable; the same envelope is stored once and always gets the same receipt; for
whoever is no recipient nothing changes, not a row, a count or a gap; of the time only the day is kept, besides the
moment at which its batch is released. Who may send is service.server.gate's to say.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

import msgspec

from crypto.envelope import GROUP_ID_SIZE, Header, envelope_length, parse_header
from crypto.errors import Refused
from crypto.framing import Reader
from crypto.hashing import keyed
from crypto.labels import Label
from crypto.seal import KEY_ID_SIZE
from service.cases.receipts import Receipt, day_of, envelope_digest, issue
from service.cases.rosters import Roster
from service.server.deps import Deps
from service.server.paging import call_for
from service.server.records import (
    ENVELOPE_INSIDE,
    Feed,
    Report,
    decode,
    encode,
    envelope_name,
    group_partition,
    report_name,
    u64,
)
from service.storage.protocol import Change, Conflict, Insert, Present
from service.wire.problems import Kind, ProblemError

FollowUp = Literal[0, 1, 2]
NO_FOLLOW_UP: Final[FollowUp] = 0
FIRST_USE: Final[FollowUp] = 1
REPEATED_USE: Final[FollowUp] = 2

MARGIN_S: Final = 30
"""A batch is released at least this long after its last report was stamped, so that no commit comes in behind a
cursor that has passed it. Urgent reports have 5 seconds."""
URGENT_MARGIN_S: Final = 5
URGENT_BATCH_S: Final = 60
_FIXED_HEADER: Final = 1 + 1 + GROUP_ID_SIZE + 32 + 1


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """An envelope that may be stored."""

    raw: bytes
    digest: bytes
    group: bytes
    size_class: int
    recipients: tuple[bytes, ...]
    roster: Roster
    readers: tuple[bytes, ...]
    """Ids of the recipients who have not retired since."""


def release_ms(now_s: float, batch_seconds: int, *, urgent: bool) -> int:
    """Give the moment (ms since 1970) at which a report that comes now becomes visible. 0 seconds: at once."""
    if batch_seconds == 0:
        return int(now_s * 1_000)
    period, margin = batch_seconds, min(MARGIN_S, batch_seconds)
    if urgent:
        period, margin = min(URGENT_BATCH_S, batch_seconds), min(URGENT_MARGIN_S, batch_seconds)
    return (int(now_s + margin) // period + 1) * period * 1_000


async def check(deps: Deps, group: bytes, raw: bytes, *, follow_up: bool) -> Accepted:
    """Check an envelope against the group's chain. Raises the ProblemError that says what is wrong.

    A follow-up may have fewer recipients than the minimum: handlers may have left since the report.
    """
    header = _header(raw)
    if header.group_id != group:
        raise ProblemError(Kind.WRONG_GROUP)
    history = deps.groups.remembered(group)
    if history is None or history.at(header.roster_digest) is None:
        history = await deps.groups.history(group)
    if history is None:
        raise ProblemError(Kind.NOT_FOUND)
    roster = history.at(header.roster_digest)
    if roster is None:
        raise ProblemError(Kind.UNKNOWN_ROSTER)
    if not roster.recipient_keys.issuperset(header.recipients):
        raise ProblemError(Kind.WRONG_RECIPIENTS)
    if not follow_up and len(header.recipients) < roster.minimum:
        raise ProblemError(Kind.TOO_FEW_RECIPIENTS)
    readers = _readers(history.latest, header.recipients)
    if not readers:
        raise ProblemError(Kind.STALE_ROSTER)
    return Accepted(raw, envelope_digest(raw), group, header.size_class, header.recipients, roster, readers)


async def known(deps: Deps, group: bytes, digest: bytes) -> Receipt | None:
    """Give the receipt of an envelope that is stored already, durably: also where an earlier try of it was not."""
    partition, name = group_partition(group), report_name(report_id(deps, group, digest))
    raw = await deps.store.read(partition, name)
    if raw is None or not await lasts(deps, partition, name):
        return None
    return issue(deps.keys.receipts, digest, decode(raw, Report).day, group)


async def lasts(deps: Deps, partition: str, name: bytes) -> bool:
    """Wait until a record that was read is as durable as an acknowledgement promises; False if it is gone.

    A read of Redis shows what its master has. A commit that was refused because its replicas were silent stands there
    too, and would be lost with the master.
    """
    return not isinstance(await deps.store.commit(partition, [Present(name)]), Conflict)


def report_id(deps: Deps, group: bytes, digest: bytes) -> bytes:
    """Name a report: 16 bytes that look random, and are the same for the same envelope, so that it is stored once.

    Keyed: whoever has the envelope but not the server's key can't compute the id, and ids tell no order.
    """
    return keyed(deps.keys.filler.reveal(), Label.ENVELOPE, group, digest, size=16)


def _header(raw: bytes) -> Header:
    """Parse an envelope as strictly as crypto.envelope.parse_envelope, without copying what the server can't read."""
    # Reports to the same people begin with the same bytes: those are parsed once and remembered.
    end = _FIXED_HEADER + KEY_ID_SIZE * raw[_FIXED_HEADER - 1] if len(raw) >= _FIXED_HEADER else 0
    try:
        header, length = _parsed(raw[:end])
    except Refused:
        raise ProblemError(Kind.ENVELOPE) from None
    if len(raw) != length:
        raise ProblemError(Kind.ENVELOPE)
    return header


@lru_cache(maxsize=256)
def _parsed(beginning: bytes) -> tuple[Header, int]:
    """Parse a header that is all of `beginning`; also gives the one length that its envelope may have."""
    reader = Reader(beginning, "envelope")
    header = parse_header(reader)
    reader.finish()
    return header, envelope_length(len(header.recipients), header.size_class)


async def store(
    deps: Deps,
    accepted: Accepted,
    *,
    urgent: bool = False,
    follow_up: FollowUp = NO_FOLLOW_UP,
    day: int | None = None,
) -> Receipt:
    """Store an envelope and give its receipt. Repeating is harmless.

    day: the day that a receipt was already given for; None: today.
    """
    now_s = deps.clock()
    report = report_id(deps, accepted.group, accepted.digest)
    stamped = day_of(now_s) if day is None else day
    inside = len(accepted.raw) <= ENVELOPE_INSIDE
    record = Report(
        stamped,
        accepted.size_class,
        accepted.roster.seq,
        accepted.recipients,
        urgent,
        follow_up,
        accepted.raw if inside else b"",
    )
    released = release_ms(now_s, deps.settings.batch_seconds, urgent=urgent)
    batch = u64(released)
    listed = encode(Feed(accepted.group, stamped, accepted.size_class, urgent, False, follow_up))
    changes: list[Change] = [
        Insert(report_name(report), encode(record)),
        # Ordered by batch and, inside one, by the random id: the order says nothing about who came first.
        *(Insert(b"feed/" + reader + batch + report, listed) for reader in accepted.readers),
    ]
    if not inside:
        changes.append(Insert(envelope_name(report), accepted.raw))
    calls = urgent and deps.settings.paging is not None
    if calls:
        changes.append(call_for(report, accepted.readers, released))
    # Signed before it is stored, and given only after: so that nothing is left to do for the reports of a commit while
    # the next one waits for it. With Redis that is 6% more reports a second.
    receipt = issue(deps.keys.receipts, accepted.digest, stamped, accepted.group)
    outcome = await deps.store.commit(group_partition(accepted.group), changes)
    if isinstance(outcome, Conflict):
        earlier = await known(deps, accepted.group, accepted.digest)
        if earlier is None:  # can't be: the report's own name is the first that could conflict
            raise ProblemError(Kind.UNAVAILABLE)
        return earlier
    if calls:
        deps.to_call.add(accepted.group)
    return receipt


def _readers(latest: Roster, recipients: tuple[bytes, ...]) -> tuple[bytes, ...]:
    handlers = (latest.by_key(key_id) for key_id in recipients)
    return tuple(handler.id for handler in handlers if handler is not None and handler.active)
