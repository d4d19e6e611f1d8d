"""What the council does with a poll: fetch its verdicts, say that it has them, record what it did and when that ends.

Guarantees: only active members of the council of the poll's own group; nothing before a threshold of trustees has
delivered; each is said once, with a signature that anybody can hold the council to. What becomes of a measure after
that is `service.server.polls_reviews`'.
"""

from __future__ import annotations

import msgspec

from crypto.errors import Refused
from polls.encoding import decode as read_text
from polls.results import OutcomeStatement, SignedOutcome
from service.cases import decisions
from service.cases.receipts import day_of
from service.server.deps import Deps
from service.server.polls import Poll, Standing, closed, unarchived
from service.server.polls_closing import COUNCIL, Taken
from service.server.polls_records import Acknowledgement, Implementation, VerdictCopies
from service.server.records import decode, encode
from service.server.signed import Caller
from service.storage.protocol import Insert
from service.wire import poll_closing_shapes as closing_shapes
from service.wire import poll_council_shapes as council_shapes
from service.wire import poll_shapes as shapes
from service.wire.problems import Kind, ProblemError


async def verdicts_for(deps: Deps, caller: Caller, phi: bytes) -> closing_shapes.Verdicts:
    """Give the verdicts sealed to a council member."""
    poll = await of_council(deps, caller, phi)
    closed(await deps.polls.standing(phi))
    rows = await deps.store.scan(poll.partition, b"verdict/", b"", shapes.MAX_TRUSTEES)
    return closing_shapes.Verdicts(
        tuple(
            closing_shapes.TrusteesVerdict(name[-1], sealed)
            for name, raw in rows
            for key, sealed in decode(raw, VerdictCopies).copies
            if key in caller.handler.key_ids
        )
    )


async def acknowledge(deps: Deps, caller: Caller, phi: bytes, signature: bytes) -> Standing:
    """Keep the council's word that it has the result. The first one counts; more change nothing."""
    await of_council(deps, caller, phi)

    def step(standing: Standing) -> Taken | None:
        outcome = _delivered(standing)
        if standing.progress.acknowledged:
            return None
        try:
            decisions.check_acknowledgement(caller.handler.verify_key, outcome, signature)
        except Refused:
            raise ProblemError(Kind.TRUSTEE_REFUSED) from None
        kept = Acknowledgement(caller.handler.id, day_of(standing.now_s), signature)
        progress = msgspec.structs.replace(standing.progress, acknowledged=True)
        return progress, [Insert(b"acknowledged", encode(kept))]

    return await deps.polls.advance(phi, step)


async def implement(deps: Deps, caller: Caller, phi: bytes, sent: council_shapes.Implement) -> Standing:
    """Keep what the council did and when it ends. Raises SAID_BEFORE for a second one that differs."""
    poll = await of_council(deps, caller, phi)
    earlier = await deps.store.read(poll.partition, b"implemented")
    if earlier is not None:
        said = decode(earlier, Implementation)
        if (said.text, said.ends_on) != (sent.text, sent.ends_on):
            raise ProblemError(Kind.SAID_BEFORE)
        return await deps.polls.standing(phi)

    def step(standing: Standing) -> Taken | None:
        outcome = _delivered(standing)
        if not standing.progress.acknowledged:
            raise ProblemError(Kind.POLL_NOT_DECIDED)
        if standing.progress.implemented:
            raise ProblemError(Kind.SAID_BEFORE)
        try:
            decisions.check_implementation(
                caller.handler.verify_key, outcome, sent.text, sent.ends_on, sent.signature
            )
        except Refused:
            raise ProblemError(Kind.TRUSTEE_REFUSED) from None
        day = day_of(standing.now_s)
        kept = Implementation(caller.handler.id, day, sent.text, sent.ends_on, sent.signature)
        progress = msgspec.structs.replace(standing.progress, implemented=True)
        return progress, [Insert(b"implemented", encode(kept))]

    return await deps.polls.advance(phi, step)


def _delivered(standing: Standing) -> OutcomeStatement:
    unarchived(standing)
    if standing.state not in {"delivered", "acknowledged", "implemented"}:
        raise ProblemError(Kind.POLL_NOT_DECIDED)
    if standing.progress.outcome is None:
        raise ProblemError(Kind.POLL_NOT_DECIDED)
    return read_text(standing.progress.outcome, SignedOutcome, "signed outcome").statement


async def of_council(deps: Deps, caller: Caller, phi: bytes) -> Poll:
    """Give the poll, of whose group's council the caller is. Raises NOT_FOUND, ROLE."""
    poll = await deps.polls.poll(phi)
    if poll.record.group != caller.group:
        raise ProblemError(Kind.NOT_FOUND)
    if caller.handler.role != COUNCIL:
        raise ProblemError(Kind.ROLE)
    return poll
