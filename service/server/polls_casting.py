"""Taking ballots in: checked off the event loop, admitted by one atomic change, receipted once durable.

Guarantees: a receipt is given only for what is stored; of a hundred casts of one voter at once one counts; the same
ballot again gives the same receipt; nothing of who sent it is kept, nor when, besides its page. How many wait to be
checked is bounded, and whoever comes beyond that is told to come again, so other requests never wait for ballots.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from crypto.errors import Refused
from polls.casting import Cast, NotOpen, Placed, Slot, TooLate, admit, give_receipt, page_at
from polls.encoding import encode as text_of
from service.server.deps import Deps
from service.server.polls import LAPSED, OPEN, Poll, Standing
from service.server.polls_records import Ballot, Voter
from service.server.records import MARK, decode, encode, u64
from service.storage.protocol import Absent, Change, Conflict, Insert, Replace
from service.wire.poll_views import ballot_hash
from service.wire.problems import Kind, ProblemError

MAX_BALLOTS: Final = 64
"""Ballots of one voter in one poll. A person changes their mind less often; each costs everybody who verifies."""
_ATTEMPTS: Final = 64


async def receipt_of(deps: Deps, poll: Poll, raw: bytes) -> bytes | None:
    """Give the receipt of a cast whose ballot was admitted before; None when it wasn't. Raises CAST_REFUSED."""
    try:
        name = ballot_hash(raw)
    except Refused:
        raise ProblemError(Kind.CAST_REFUSED) from None
    kept = await deps.store.read(poll.partition, b"ballot/" + bytes.fromhex(name))
    if kept is None:
        return None
    return give_receipt(deps.keys.receipts, poll.manifest, name, decode(kept, Ballot).page)


def ensure_open(standing: Standing) -> None:
    """Raise POLL_NOT_OPEN, POLL_LAPSED, POLL_CLOSED or POLL_ARCHIVED unless ballots are taken now."""
    progress = standing.progress
    if progress.opened == LAPSED:
        raise ProblemError(Kind.POLL_LAPSED)
    if progress.archived:
        raise ProblemError(Kind.POLL_ARCHIVED)
    try:
        page_at(standing.poll.manifest, standing.now_s)
    except NotOpen:
        raise ProblemError(Kind.POLL_NOT_OPEN) from None
    except TooLate:
        raise ProblemError(Kind.POLL_CLOSED) from None
    if progress.opened != OPEN:
        raise ProblemError(Kind.POLL_NOT_OPEN)


async def take(deps: Deps, standing: Standing, raw: bytes) -> bytes:
    """Check a cast, store its ballot and give the receipt. Repeating is harmless.

    Raises CAST_REFUSED, CAST_TOO_OFTEN, POLL_CLOSED, BUSY.
    """
    poll = standing.poll
    electorate = await deps.polls.electorate(poll)
    cast = await deps.checker.check(poll, electorate, raw)
    for _ in range(_ATTEMPTS):
        page = await _admit(deps, poll, cast)
        if page is not None:
            return give_receipt(deps.keys.receipts, poll.manifest, cast.ballot_hash, page)
        await asyncio.sleep(0)
    raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)


async def _admit(deps: Deps, poll: Poll, cast: Cast[Any, Any]) -> int | None:
    """Try once to store a checked cast; its page, or None when somebody came between."""
    credential, ballot = bytes.fromhex(cast.certified.credential), bytes.fromhex(cast.ballot_hash)
    voter_name, credential_name = b"voter/" + cast.tag, b"credential/" + credential
    raw, tag = await deps.store.read_many(poll.partition, [voter_name, credential_name])
    slot = None if raw is None else _slot(decode(raw, Voter))
    # The clock after the reads: a page that was sealed before them is then in the past.
    now_s = await deps.polls.now_s()
    try:
        admitted = admit(poll.manifest, cast, now_s, slot, tag)
    except TooLate:
        raise ProblemError(Kind.POLL_CLOSED) from None
    except Refused as refused:
        often = "too often" in refused.reason
        raise ProblemError(Kind.CAST_TOO_OFTEN if often else Kind.CAST_REFUSED) from None
    if not admitted.new:
        return admitted.page
    if len(admitted.slot.placed) > MAX_BALLOTS:
        raise ProblemError(Kind.CAST_TOO_OFTEN)
    kept = encode(_voter(admitted.slot))
    page = u64(admitted.page)
    changes: list[Change] = [
        # Compared, so that of two casts of one voter at once the second is decided anew.
        Insert(voter_name, kept) if raw is None else Replace(voter_name, raw, kept),
        Insert(b"ballot/" + ballot, encode(Ballot(admitted.page, cast.ballot.raw))),
        Insert(b"placed/" + page + ballot, MARK),
        # A page whose salt is drawn is complete: its head may be signed already.
        Absent(b"salt/" + page),
    ]
    if tag is None:
        changes += [
            Insert(credential_name, cast.tag),
            Insert(b"certificate/" + credential, text_of(cast.certified.wire)),
        ]
    outcome = await deps.store.commit(poll.partition, changes)
    return None if isinstance(outcome, Conflict) else admitted.page


def _slot(kept: Voter) -> Slot:
    return Slot(kept.credential, tuple(Placed(ballot, page) for ballot, page in kept.ballots))


def _voter(slot: Slot) -> Voter:
    return Voter(slot.credential, tuple((placed.ballot, placed.page) for placed in slot.placed))
