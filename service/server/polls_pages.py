"""The board of an open poll: pages sealed when their interval ends, chained, signed; opened after the close.

Guarantees: a ballot with a receipt for a page is on that page, because the page's salt is drawn first and no cast
commits to a page that has one (service.server.polls_casting); a page's content is fixed by what was committed before;
every page has one head, whichever worker makes it; once the board's destruction has begun nothing is sealed or signed
any more; while the poll is open nothing but heads is shown, and these say nothing of how many ballots a page has.
"""

from __future__ import annotations

from typing import Final

import msgspec

from polls.board import SALT_SIZE, Page, genesis, next_head, sign_head
from polls.casting import last_page
from polls.manifest import Manifest
from service.server.deps import Deps
from service.server.polls import OPEN, PROGRESS, Poll, Standing, closed
from service.server.polls_records import Ballot, Chain, PageHead, Progress
from service.server.records import decode, encode, u64
from service.storage.protocol import Change, Conflict, Insert, Replace
from service.wire import poll_shapes as shapes
from service.wire.problems import Kind, ProblemError

_CHUNK: Final = 200
_CHAIN: Final = b"chain"
_ATTEMPTS: Final = 16
_HASH: Final = 32


def pages_due(manifest: Manifest, now_s: int) -> int:
    """How many pages are complete at `now_s`: `polls.casting.page_due` for all of them at once."""
    if now_s >= manifest.closes_at:
        return last_page(manifest) + 1
    return max(0, now_s - manifest.opens_at) // manifest.page_s


async def flush(deps: Deps, standing: Standing) -> Chain:
    """Seal and sign every page that is due. Repeating, also by others at the same time, is harmless.

    Raises POLL_ARCHIVED when the poll's destruction began after `standing` was read.
    """
    poll = standing.poll
    raw = await deps.store.read(poll.partition, _CHAIN)
    chain = _chain(poll, raw)
    if standing.progress.opened != OPEN or standing.progress.archived:
        return chain
    due, failed = pages_due(poll.manifest, standing.now_s), 0
    while chain.pages < due:
        end = min(due, chain.pages + _CHUNK)
        salts = await _seal(deps, poll, chain.pages, end)
        grown, heads = await _heads(deps, poll, chain, salts)
        advance = Insert(_CHAIN, encode(grown)) if raw is None else Replace(_CHAIN, raw, encode(grown))
        if not await _commit(deps, poll, [advance, *heads]):
            failed += 1
            if failed > _ATTEMPTS:
                raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)
        raw = await deps.store.read(poll.partition, _CHAIN)
        chain = _chain(poll, raw)
    return chain


async def _seal(deps: Deps, poll: Poll, start: int, end: int) -> list[bytes]:
    """Draw the salts of these pages, unless drawn before: from then on no ballot comes onto them."""
    names = [b"salt/" + u64(page) for page in range(start, end)]
    for _ in range(_ATTEMPTS):
        kept = await deps.store.read_many(poll.partition, names)
        missing: list[Change] = [
            Insert(name, deps.entropy(SALT_SIZE))
            for name, salt in zip(names, kept, strict=True)
            if salt is None
        ]
        if not missing:
            return [salt for salt in kept if salt is not None]
        await _commit(deps, poll, missing)
    raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)


async def _commit(deps: Deps, poll: Poll, changes: list[Change]) -> bool:
    """Change a board whose destruction has not begun; False when somebody came between. Raises POLL_ARCHIVED.

    A request may go on after the chain and the salts it looks for were destroyed. It would begin a new board, and heads
    of its empty pages, signed by this server, would prove to everybody that ballots with receipts were dropped.
    """
    raw = await deps.store.read(poll.partition, PROGRESS)
    if raw is None or decode(raw, Progress).archived:
        raise ProblemError(Kind.POLL_ARCHIVED)
    # Compared and written back as it was: nothing is destroyed before this record says so (polls_archive.destroy).
    unmoved = Replace(PROGRESS, raw, raw)
    return not isinstance(await deps.store.commit(poll.partition, [unmoved, *changes]), Conflict)


async def _heads(deps: Deps, poll: Poll, chain: Chain, salts: list[bytes]) -> tuple[Chain, list[Change]]:
    end = chain.pages + len(salts)
    ballots = await _placed(deps, poll, chain.pages, end)
    parent, changes = chain.head, list[Change]()
    for number, salt in enumerate(salts, chain.pages):
        parent = next_head(poll.manifest, number, parent, Page(salt, tuple(ballots.get(number, ()))))
        signed = sign_head(deps.keys.receipts, poll.manifest, number, parent)
        changes.append(
            Insert(b"page/" + u64(number), encode(PageHead(parent, bytes.fromhex(signed.signature))))
        )
    return Chain(end, parent), changes


async def _placed(deps: Deps, poll: Poll, start: int, end: int) -> dict[int, list[str]]:
    """Give the ballots' hashes, ascending, of the pages from `start` up to `end`."""
    found: dict[int, list[str]] = {}
    prefix = b"placed/"
    # Names are longer than this one, so nothing of page `start` sorts before it.
    after = prefix + u64(start)
    while rows := await deps.store.scan(poll.partition, prefix, after, 1_000):
        for name, _ in rows:
            number = int.from_bytes(name[len(prefix) : len(prefix) + 8], "big")
            if number >= end:
                return found
            found.setdefault(number, []).append(name[-_HASH:].hex())
        after = rows[-1][0]
    return found


def _chain(poll: Poll, raw: bytes | None) -> Chain:
    return Chain(0, genesis(poll.manifest)) if raw is None else decode(raw, Chain)


def head_shape(number: int, kept: PageHead) -> shapes.HeadShape:
    """Put a head on the wire."""
    return shapes.HeadShape(number, kept.head.hex(), kept.signature)


async def last_head(deps: Deps, standing: Standing) -> shapes.HeadShape | None:
    """Give the newest signed head; None when no page is complete, or the board is destroyed. Raises POLL_ARCHIVED."""
    chain = await flush(deps, standing)
    if chain.pages == 0 or standing.progress.archived:
        return None
    raw = await deps.store.read(standing.poll.partition, b"page/" + u64(chain.pages - 1))
    return None if raw is None else head_shape(chain.pages - 1, decode(raw, PageHead))


async def heads(deps: Deps, standing: Standing, start: int) -> shapes.HeadsPage:
    """Give signed heads from page `start` on. Raises POLL_ARCHIVED."""
    if standing.progress.archived:
        raise ProblemError(Kind.POLL_ARCHIVED)
    chain = await flush(deps, standing)
    end = max(start, min(chain.pages, start + shapes.HEADS_PAGE))
    names = [b"page/" + u64(number) for number in range(start, end)]
    rows = await deps.store.read_many(standing.poll.partition, names)
    if None in rows:  # destroyed since the chain was read
        raise ProblemError(Kind.POLL_ARCHIVED)
    found = [
        head_shape(number, decode(raw, PageHead)) for number, raw in enumerate(rows, start) if raw is not None
    ]
    return shapes.HeadsPage(tuple(found), more=end < chain.pages)


async def opened(deps: Deps, standing: Standing) -> shapes.OpenedBoard:
    """Give all pages of a closed poll. Raises POLL_NOT_CLOSED or POLL_ARCHIVED."""
    closed(standing)
    poll, chain = standing.poll, await flush(deps, standing)
    ballots = await _placed(deps, poll, 0, chain.pages)
    pages: list[shapes.OpenedPage] = []
    for start in range(0, chain.pages, 1_000):
        names = [b"salt/" + u64(page) for page in range(start, min(chain.pages, start + 1_000))]
        salts = await deps.store.read_many(poll.partition, names)
        if any(salt is None for salt in salts):
            raise ProblemError(Kind.POLL_ARCHIVED)
        pages += [
            shapes.OpenedPage(salt, tuple(ballots.get(number, ())))
            for number, salt in enumerate(salts, start)
            if salt is not None
        ]
    last = await last_head(deps, standing)
    if last is None:
        raise ProblemError(Kind.POLL_ARCHIVED)
    return shapes.OpenedBoard(tuple(pages), last)


async def opened_json(deps: Deps, standing: Standing) -> bytes:
    """Give the same in JSON, made once a minute at most: anybody may ask, and ten thousand pages take 0.1 s.

    From the close until its destruction nothing of it changes.
    """
    closed(standing)
    phi = standing.poll.phi
    raw = deps.polls.board(phi)
    if raw is None:
        raw = msgspec.json.encode(await opened(deps, standing))
        if not (await deps.polls.standing(phi)).progress.archived:
            deps.polls.remember_board(phi, raw)
    return raw


async def ballots(deps: Deps, standing: Standing, after: bytes) -> shapes.BallotsPage:
    """Give ballots of a closed poll by ascending hash, beyond `after`."""
    closed(standing)
    rows = await _beyond(deps, standing.poll, b"ballot/", after, shapes.BALLOTS_PAGE)
    return shapes.BallotsPage(tuple(decode(raw, Ballot).text for raw in rows), more=bool(rows))


async def certificates(deps: Deps, standing: Standing, after: bytes) -> shapes.CertificatesPage:
    """Give certificates of a closed poll by ascending credential, beyond `after`."""
    closed(standing)
    rows = await _beyond(deps, standing.poll, b"certificate/", after, shapes.CERTIFICATES_PAGE)
    return shapes.CertificatesPage(tuple(rows), more=bool(rows))


async def _beyond(deps: Deps, poll: Poll, prefix: bytes, after: bytes, limit: int) -> list[bytes]:
    rows = await deps.store.scan(poll.partition, prefix, prefix + after if after else b"", limit)
    return [value for _, value in rows]
