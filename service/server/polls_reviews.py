"""What becomes of a poll's measure, as the council says it: looked at again, and when next, or ended. For good.

Guarantees: only active members of the council of the poll's own group, once they said what they did, also of an
archived poll, since measures outlast the cooling-off; words are numbered without a gap, none is replaced, none follows
one that the measure has ended. A poll's state stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from crypto.errors import Refused
from polls.encoding import decode as read_text
from polls.results import SignedOutcome
from service.cases import decisions
from service.cases.receipts import day_of
from service.server.deps import Deps
from service.server.polls import Poll, Standing
from service.server.polls_closing import Taken
from service.server.polls_council import of_council
from service.server.polls_records import Implementation, Progress, Review
from service.server.records import decode, encode, u64
from service.server.signed import Caller
from service.storage.protocol import Insert
from service.wire import poll_council_shapes as council_shapes
from service.wire.problems import Kind, ProblemError

REVIEWED: Final = b"reviewed/"


def names(progress: Progress) -> list[bytes]:
    """Give the names of the words that there are, in their order."""
    return [_name(number) for number in range(1, progress.reviewed + 1)]


def shown(rows: Iterable[bytes | None]) -> tuple[council_shapes.Reviewed, ...]:
    """Give words as everybody sees them. rows: the records of `names`. Raises records.Damaged."""
    numbered = enumerate(rows, 1)
    kept = [(number, decode(raw, Review)) for number, raw in numbered if raw is not None]
    return tuple(
        council_shapes.Reviewed(number, one.handler.hex(), one.day, one.again, one.text, one.signature)
        for number, one in kept
    )


async def review(deps: Deps, caller: Caller, phi: bytes, sent: council_shapes.Review) -> Standing:
    """Keep the council's next word on a measure. The same again, as after a lost answer, changes nothing.

    Raises SAID_BEFORE for another one under a number that is taken, NOT_IMPLEMENTED, REVIEW_NOT_DUE, MEASURE_ENDED,
    TRUSTEE_REFUSED for a signature that doesn't hold, and TOO_MANY where only an end has room.
    """
    poll = await of_council(deps, caller, phi)
    done, words = await _said_before(deps, poll, sent.number)

    def step(standing: Standing) -> Taken | None:
        progress = standing.progress
        if sent.number <= progress.reviewed:
            return None
        if not progress.implemented or progress.outcome is None or done is None:
            raise ProblemError(Kind.NOT_IMPLEMENTED)
        if progress.ended:
            raise ProblemError(Kind.MEASURE_ENDED)
        if sent.number != progress.reviewed + 1:
            raise ProblemError(Kind.REVIEW_NOT_DUE)
        if sent.number == council_shapes.MAX_REVIEWS and sent.again is not None:
            raise ProblemError(Kind.TOO_MANY)
        outcome = read_text(progress.outcome, SignedOutcome, "signed outcome").statement
        try:
            before = decisions.said(outcome, done.text, done.ends_on, words)
            decisions.check_review(
                caller.handler.verify_key, outcome, sent.number, before, sent.again, sent.text, sent.signature
            )
        except Refused:
            raise ProblemError(Kind.TRUSTEE_REFUSED) from None
        kept = Review(caller.handler.id, day_of(standing.now_s), sent.again, sent.text, sent.signature)
        further = msgspec.structs.replace(progress, reviewed=sent.number, ended=sent.again is None)
        return further, [Insert(_name(sent.number), encode(kept))]

    standing = await deps.polls.advance(phi, step)
    raw = await deps.store.read(poll.partition, _name(sent.number))
    said = None if raw is None else decode(raw, Review)
    if said is None or (said.again, said.text) != (sent.again, sent.text):
        raise ProblemError(Kind.SAID_BEFORE)
    return standing


async def _said_before(
    deps: Deps, poll: Poll, number: int
) -> tuple[Implementation | None, list[tuple[int | None, str]]]:
    """Read what the council did, and its words on that before the one of this number; they never change."""
    wanted = [b"implemented", *(_name(each) for each in range(1, number))]
    done, *rows = await deps.store.read_many(poll.partition, wanted)
    words = [decode(raw, Review) for raw in rows if raw is not None]
    return None if done is None else decode(done, Implementation), [(one.again, one.text) for one in words]


def _name(number: int) -> bytes:
    return REVIEWED + u64(number)
