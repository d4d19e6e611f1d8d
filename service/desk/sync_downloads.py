"""Fetching the reports that a server lists, several at a time and in their order.

Guarantees: what the server says of one report keeps no other from coming, and no more than AHEAD of them are held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from crypto.errors import Refused
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.signing import Signer

AHEAD = 8  # requests at a time: what a first sync over Tor needs, and at most 64 MiB in memory


@dataclass(frozen=True, slots=True)
class Sent:
    """An envelope, and the grant that opens it where it was forwarded."""

    raw: bytes
    grant: shapes.GrantShape | None


Kept = Sent | Refused | None
"""None where the server has it no more; Refused where its answer is not what was asked for."""
Fetched = Kept | Declined
"""Declined where the server says something else of it."""


def downloads(
    signer: Signer, client: Client, entries: Sequence[shapes.FeedEntry], aside: ThreadPoolExecutor
) -> Iterator[tuple[shapes.FeedEntry, Fetched]]:
    """Fetch envelopes in their order, up to AHEAD at a time and no further ahead: one may have 8 MiB.

    Raises Unreachable.
    """
    waiting: deque[tuple[shapes.FeedEntry, Future[Fetched]]] = deque()
    try:
        for entry in entries:
            waiting.append((entry, aside.submit(_download, signer, client, entry)))
            if len(waiting) == AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def _download(signer: Signer, client: Client, entry: shapes.FeedEntry) -> Fetched:
    group, report_id = bytes.fromhex(entry.group), bytes.fromhex(entry.report)
    try:
        raw = client.do(calls.fetch_report(signer, group, report_id))
        grant = client.do(calls.fetch_grant(signer, group, report_id)) if entry.granted else None
    except Declined as problem:
        return None if problem.status == 404 else problem
    except Refused as refused:
        return refused
    return Sent(raw, grant)
