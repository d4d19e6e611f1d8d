"""The end of a poll: after the cooling-off its ballots, tags, certificates, rings and summary are destroyed.

Guarantees: what remains is the manifest, the trustees, the signed outcome, the council's words, verifiers' reports and
the digests of the record; what the council says of a measure later is taken and stays too; `Store.purge` has returned
before a poll counts as destroyed, so that no file of the store holds the rest; a crash in between is finished by the
next housekeeping. A poll that lapsed is destroyed at once.
Every report that was filed is in `remains`: from the first step of the destruction on none is taken.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from crypto.errors import Refused
from polls.board import Board, HeadWire, Page
from polls.electorate import Electorate
from polls.encoding import decode as read_text
from polls.encoding import encode as text_of
from polls.evidence import assemble, read_remains, what_remains, write_evidence
from polls.membership import CertificateWire
from polls.results import SignedOutcome
from service.server import events, polls_pages, polls_shown
from service.server.deps import Deps
from service.server.polls import DESTROYED, DESTROYING, LAPSED, PROGRESS, Poll, Standing
from service.server.polls_records import Ballot, Progress
from service.server.polls_reviews import REVIEWED
from service.server.records import SERVER, decode
from service.storage.protocol import Change, Delete, Put
from service.wire.poll_shapes import OpenedBoard
from service.wire.problems import Kind, ProblemError

KEPT: Final = frozenset(
    {b"poll", b"manifest", b"trustees", PROGRESS, b"acknowledged", b"implemented", b"remains"}
)
KEPT_UNDER: Final = (b"verification/", REVIEWED)
_BATCH: Final = 500


async def keep_house(deps: Deps) -> None:
    """Flush the boards of all polls that aren't destroyed yet, and destroy those whose time has come."""
    after = b""
    while page := await deps.store.scan(SERVER, b"poll/", after, 200):
        for name, _ in page:
            with events.one_of_many("poll-housekeeping"):
                await _keep(deps, name[len(b"poll/") :])
        after = page[-1][0]


async def _keep(deps: Deps, phi: bytes) -> None:
    try:
        standing = await deps.polls.standing(phi)
    except ProblemError as problem:
        if problem.kind is Kind.NOT_FOUND:  # listed, and not made (yet): service.server.polls_making
            return
        raise
    await polls_pages.flush(deps, standing)
    if is_due(standing):
        await destroy(deps, standing)


def is_due(standing: Standing) -> bool:
    """Whether a poll's ballots are to be destroyed now, or are half destroyed."""
    if standing.progress.archived == DESTROYED:
        return False
    late = standing.now_s >= standing.poll.manifest.archive_at
    return late or standing.progress.opened == LAPSED or standing.progress.archived == DESTROYING


async def destroy(deps: Deps, standing: Standing) -> None:
    """Destroy all that has to go, for good. Repeating is harmless."""
    poll = standing.poll
    if not standing.progress.archived:
        remains = await _remains(deps, standing)
        kept: list[Change] = [] if remains is None else [Put(b"remains", remains)]

        def step(now: Standing) -> tuple[Progress, list[Change]] | None:
            if now.progress.archived:
                return None
            return msgspec.structs.replace(now.progress, archived=DESTROYING), kept

        await deps.polls.advance(poll.phi, step)
    await _add_reports(deps, standing)
    while names := await _doomed(deps, poll):
        await deps.store.commit(poll.partition, [Delete(name) for name in names])
    # Rewrites the store's files: whatever was deleted above, in this run or in one that crashed, is gone from them.
    await deps.store.purge(poll.partition, [b"summary", b"rings"])
    await deps.polls.advance(poll.phi, _destroyed)
    deps.polls.forget(poll.phi)
    await deps.store.commit(SERVER, [Delete(b"poll/" + poll.phi)])


def _destroyed(now: Standing) -> tuple[Progress, list[Change]] | None:
    if now.progress.archived == DESTROYED:
        return None
    return msgspec.structs.replace(now.progress, archived=DESTROYED), []


async def _doomed(deps: Deps, poll: Poll) -> list[bytes]:
    """Give up to some hundred names of what has to go."""
    after = b""
    while rows := await deps.store.scan(poll.partition, b"", after, _BATCH):
        names = [name for name, _ in rows if name not in KEPT and not name.startswith(KEPT_UNDER)]
        if names:
            return names
        after = rows[-1][0]
    return []


async def _remains(deps: Deps, standing: Standing) -> bytes | None:
    """Write what remains of a decided poll: digests of the record that anybody could export until now."""
    if standing.progress.outcome is None or standing.progress.opened == LAPSED:
        return None
    poll = standing.poll
    opened = await polls_pages.opened(deps, standing)
    ballots = {
        name.hex(): decode(raw, Ballot).text for name, raw in (await _all(deps, poll, b"ballot/")).items()
    }
    certificates = list((await _all(deps, poll, b"certificate/")).values())
    reports = list((await polls_shown.reports(deps, standing)).reports)
    electorate = await deps.polls.electorate(poll)
    try:
        return await asyncio.to_thread(
            _digested, poll, electorate, opened, ballots, certificates, standing.progress.outcome, reports
        )
    except Refused as refused:
        # The ballots go all the same: that was promised to the voters.
        events.failure("poll-record", refused)
        return None


async def _add_reports(deps: Deps, standing: Standing) -> None:
    """Add to `remains` the reports that were filed while it was written. From now on none is filed."""
    raw = await deps.store.read(standing.poll.partition, b"remains")
    if raw is None:
        return
    remains = read_remains(raw)
    reports = list((await polls_shown.reports(deps, standing)).reports)
    if reports != remains.reports:
        complete = text_of(msgspec.structs.replace(remains, reports=reports))
        await deps.store.commit(standing.poll.partition, [Put(b"remains", complete)])


def _digested(
    poll: Poll,
    electorate: Electorate,
    opened: OpenedBoard,
    ballots: dict[str, bytes],
    certificates: list[bytes],
    outcome: bytes,
    reports: list[str],
) -> bytes:
    pages = [Page(page.salt, page.ballots) for page in opened.pages]
    head = HeadWire(page=opened.head.page, head=opened.head.head, signature=opened.head.signature.hex())
    wires = [read_text(raw, CertificateWire, "certificate") for raw in certificates]
    board = Board.check(poll.manifest, pages, head)
    archive = assemble(poll.trustees, board, ballots, wires)
    signed = read_text(outcome, SignedOutcome, "signed outcome")
    evidence = write_evidence(poll.manifest, electorate, pages, head, wires, signed)
    return what_remains(archive, evidence, reports)


async def _all(deps: Deps, poll: Poll, prefix: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    after = b""
    while rows := await deps.store.scan(poll.partition, prefix, after, _BATCH):
        found.update((name[len(prefix) :], value) for name, value in rows)
        after = rows[-1][0]
    return found
