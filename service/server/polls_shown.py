"""Polls as everybody may see them: where one stands, the list of a group's, the electorate, the summary.

Guarantees: no turnout while a poll is open, not even to handlers; the summary is given until the close and not after;
verifiers' reports, of whatever text, never make what remains of a poll longer than its readers take.
"""

from __future__ import annotations

from typing import Final

import msgspec

from crypto.hashing import digest
from crypto.labels import Label
from service.server import polls_pages, polls_reviews
from service.server.deps import Deps
from service.server.polls import PROGRESS, Standing, closed, unarchived
from service.server.polls_records import Acknowledgement, Implementation
from service.server.records import decode, group_partition
from service.storage.protocol import Conflict, Delete, Insert, Replace
from service.wire import poll_council_shapes as council_shapes
from service.wire import poll_shapes as shapes
from service.wire.problems import Kind, ProblemError

_REPORTS: Final = b"verification/"
_ATTEMPTS: Final = 32


async def shown(deps: Deps, standing: Standing) -> shapes.PollShape:
    """Give where a poll stands."""
    try:
        return await _shown(deps, standing)
    except ProblemError as problem:
        if problem.kind is not Kind.POLL_ARCHIVED:
            raise
        # Its destruction began after `standing` was read: show what is so now.
        return await _shown(deps, await deps.polls.standing(standing.poll.phi))


async def _shown(deps: Deps, standing: Standing) -> shapes.PollShape:
    poll, progress = standing.poll, standing.progress
    said, done, remains, trustees, *reviews = await deps.store.read_many(
        poll.partition,
        [b"acknowledged", b"implemented", b"remains", b"trustees", *polls_reviews.names(progress)],
    )
    return shapes.PollShape(
        poll=poll.phi.hex(),
        group=poll.record.group.hex(),
        board=poll.record.board.hex(),
        state=standing.state,
        manifest=poll.manifest.raw,
        trustees=trustees or b"",
        proofs_needed=poll.proofs_needed,
        proved=progress.proved,
        agreed=progress.agreed,
        decrypted=progress.decrypted,
        signed=progress.signed,
        sent=progress.sent,
        last_head=await polls_pages.last_head(deps, standing),
        outcome=progress.outcome,
        acknowledged=None if said is None else _acknowledged(decode(said, Acknowledgement)),
        implemented=None if done is None else _implemented(decode(done, Implementation)),
        remains=remains,
        now=standing.now_s,
        reviewed=polls_reviews.shown(reviews),
    )


async def listed(deps: Deps, group: bytes, after: bytes) -> shapes.PollList:
    """List a group's polls in the order of their ids, beyond `after`."""
    prefix = b"polled/"
    rows = await deps.store.scan(
        group_partition(group), prefix, prefix + after if after else b"", shapes.POLLS_PAGE
    )
    found = []
    for name, _ in rows:
        try:
            standing = await deps.polls.standing(name[len(prefix) :])
        except ProblemError as problem:
            if problem.kind is not Kind.NOT_FOUND:
                raise
            continue  # listed a moment before it is made
        manifest = standing.poll.manifest
        found.append(
            shapes.PollEntry(
                manifest.phi.hex(),
                standing.state,
                manifest.question,
                manifest.opens_at,
                manifest.closes_at,
                standing.progress.reviewed,
            )
        )
    return shapes.PollList(tuple(found), more=len(rows) == shapes.POLLS_PAGE)


async def electorate(deps: Deps, standing: Standing) -> shapes.ElectorateShape:
    """Give who may vote, and from which registry's snapshot. Raises POLL_ARCHIVED, POLL_LAPSED.

    Who was left out is for those to find who compare: the server keeps no list of the accused.
    """
    unarchived(standing)
    found = await deps.polls.electorate(standing.poll)
    record = standing.poll.record
    return shapes.ElectorateShape(
        registry=record.registry.hex(),
        snapshot=record.snapshot,
        rings=tuple(tuple(member.raw for member in ring.members) for ring in found.rings),
    )


async def summary(deps: Deps, standing: Standing) -> bytes:
    """Give the sealed summary. Raises POLL_CLOSED after the close, NOT_FOUND when an urgent poll has none."""
    unarchived(standing)
    if standing.state not in {"waiting", "open"}:
        raise ProblemError(Kind.POLL_CLOSED)
    raw = await deps.store.read(standing.poll.partition, b"summary")
    if not raw:
        raise ProblemError(Kind.NOT_FOUND)
    return raw


async def file_report(deps: Deps, standing: Standing, text: str) -> council_shapes.Reports:
    """Keep a verifier's report, filed by a mediator or the council. The same text again changes nothing.

    The text carries the verifier's own signature, which is not checked here. It is taken after the close and until the
    destruction of the ballots begins: from then on `remains` holds every report, for good, and nobody could verify what
    another one says. Raises TOO_LARGE, POLL_NOT_CLOSED, POLL_LAPSED, POLL_ARCHIVED, and TOO_MANY beyond 32.
    """
    raw = text.encode()
    if (
        len(raw) > council_shapes.MAX_REPORT_TEXT
        or len(msgspec.json.encode(text)) > council_shapes.MAX_REPORT_JSON
    ):
        raise ProblemError(Kind.TOO_LARGE)
    name = _REPORTS + digest(Label.EVIDENCE, b"report", raw, size=16)
    for _ in range(_ATTEMPTS):
        filed = await reports(deps, standing)
        if text in filed.reports:
            return filed
        closed(standing)
        if len(filed.reports) >= council_shapes.MAX_REPORTS:
            raise ProblemError(Kind.TOO_MANY)
        # Compared and written back as it was: none is filed once the destruction has begun (polls_archive.destroy).
        unmoved = Replace(PROGRESS, standing.raw, standing.raw)
        outcome = await deps.store.commit(standing.poll.partition, [unmoved, Insert(name, raw)])
        if not isinstance(outcome, Conflict):
            return await _counted(deps, standing, name)
        standing = await deps.polls.standing(standing.poll.phi)
    raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)


async def _counted(deps: Deps, standing: Standing, name: bytes) -> council_shapes.Reports:
    """Take a report back that came in beside others and is one too many; of several at once all may have to go."""
    rows = await deps.store.scan(standing.poll.partition, _REPORTS, b"", council_shapes.MAX_REPORTS + 1)
    if len(rows) > council_shapes.MAX_REPORTS:
        await deps.store.commit(standing.poll.partition, [Delete(name)])
        raise ProblemError(Kind.TOO_MANY)
    return await reports(deps, standing)


async def reports(deps: Deps, standing: Standing) -> council_shapes.Reports:
    """Give the reports that were filed, by their names: 32 at most, also while more are being filed at once."""
    rows = await deps.store.scan(standing.poll.partition, _REPORTS, b"", council_shapes.MAX_REPORTS)
    return council_shapes.Reports(tuple(value.decode() for _, value in rows))


def _acknowledged(kept: Acknowledgement) -> council_shapes.Acknowledged:
    return council_shapes.Acknowledged(kept.handler.hex(), kept.day, kept.signature)


def _implemented(kept: Implementation) -> council_shapes.Implemented:
    return council_shapes.Implemented(kept.handler.hex(), kept.day, kept.text, kept.ends_on, kept.signature)
