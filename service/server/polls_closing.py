"""What trustees do with a poll: prove shares, agree on the board, exchange decryptions, sign and send the outcome.

Guarantees: each says one thing once, the same again is harmless, another thing is refused; nothing is taken before its
time; below the quorum neither agreement nor decryption is taken, nor a decryption from who has not agreed; partial
decryptions and counts pass through sealed, so that the server learns neither. That trustees agree on one board they
check among themselves (polls.agreement): a server that lies to them is what it is for. The outcome counts as soon as a
threshold of trustees signed the same one, and then never changes.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from crypto.errors import Refused
from polls.agreement import read_agreement
from polls.closing import check_share
from polls.encoding import decode as read_text
from polls.encoding import encode as text_of
from polls.results import (
    OutcomeStatement,
    SignedOutcome,
    TrusteeSignature,
    check_one_signature,
    check_outcome,
)
from service.server.deps import Deps
from service.server.polls import Poll, Standing, closed, unarchived
from service.server.polls_boards import Speaker
from service.server.polls_records import Progress, Sealed, Stated, VerdictCopies
from service.server.records import decode, encode
from service.storage.protocol import Change, Insert
from service.wire import poll_closing_shapes as closing_shapes
from service.wire import poll_shapes as shapes
from service.wire.problems import Kind, ProblemError

Taken = tuple[Progress, list[Change]]
COUNCIL: Final = "council"


async def prove(deps: Deps, speaker: Speaker, phi: bytes, proof: bytes) -> Standing:
    """Take a trustee's proof that they still have their share, before the poll opens."""
    poll = await _of_board(deps, speaker, phi)
    try:
        await asyncio.to_thread(check_share, poll.trustees, speaker.place, phi, proof)
    except Refused:
        raise ProblemError(Kind.TRUSTEE_REFUSED) from None

    def step(standing: Standing) -> Taken | None:
        unarchived(standing)
        if speaker.place in standing.progress.proved:
            return None  # any proof of it is as good as the first
        if standing.state != "waiting":
            raise ProblemError(Kind.POLL_OPEN)
        proved = _with(standing.progress.proved, speaker.place)
        progress = msgspec.structs.replace(standing.progress, proved=proved)
        return progress, [Insert(_at(b"share/", speaker.place), proof)]

    return await deps.polls.advance(phi, step)


async def take_agreement(
    deps: Deps, speaker: Speaker, phi: bytes, sent: closing_shapes.PostAgreement
) -> Standing:
    """Keep which board a trustee verified, also below the quorum. Raises TRUSTEE_REFUSED, SAID_BEFORE."""
    poll = await _of_board(deps, speaker, phi)
    closed(await deps.polls.standing(phi))
    try:
        await asyncio.to_thread(
            read_agreement, poll.trustees, speaker.place, phi.hex(), sent.statement, sent.signature
        )
    except Refused:
        raise ProblemError(Kind.TRUSTEE_REFUSED) from None
    name = _at(b"agreement/", speaker.place)

    def step(standing: Standing) -> Taken | None:
        closed(standing)
        if speaker.place in standing.progress.agreed:
            return None
        agreed = _with(standing.progress.agreed, speaker.place)
        kept = encode(Stated(sent.statement, sent.signature))
        return msgspec.structs.replace(standing.progress, agreed=agreed), [Insert(name, kept)]

    after = await deps.polls.advance(phi, step)
    kept = await deps.store.read(poll.partition, name)
    # A signature is drawn anew each time; what it is under may not change.
    if kept is not None and decode(kept, Stated).statement != sent.statement:
        raise ProblemError(Kind.SAID_BEFORE)
    return after


async def agreements_for(deps: Deps, speaker: Speaker, phi: bytes) -> closing_shapes.Agreements:
    """Give a trustee which board each of them said they verified, with the signatures."""
    poll = await _of_board(deps, speaker, phi)
    closed(await deps.polls.standing(phi))
    rows = await deps.store.scan(poll.partition, b"agreement/", b"", shapes.MAX_TRUSTEES)
    said = [(name[-1], decode(raw, Stated)) for name, raw in rows]
    return closing_shapes.Agreements(
        tuple(closing_shapes.TrusteesAgreement(at, each.statement, each.signature) for at, each in said)
    )


async def take_decryption(
    deps: Deps, speaker: Speaker, phi: bytes, sent: closing_shapes.PostDecryptions
) -> Standing:
    """Keep a trustee's partial decryption, sealed to every place. Raises BELOW_QUORUM, NOT_AGREED, SAID_BEFORE."""
    poll = await _of_board(deps, speaker, phi)
    if [each.place for each in sent.sealed] != list(range(1, len(poll.trustees.keys) + 1)):
        raise ProblemError(Kind.TRUSTEE_REFUSED)
    name, value = (
        _at(b"decryption/", speaker.place),
        encode(Sealed(tuple(each.sealed for each in sent.sealed))),
    )
    closed(await deps.polls.standing(phi))
    await _quorum_met(deps, poll)
    if not await _new(deps, poll, name, value):
        return await deps.polls.standing(phi)

    def step(standing: Standing) -> Taken | None:
        closed(standing)
        if speaker.place not in standing.progress.agreed:
            raise ProblemError(Kind.NOT_AGREED)
        if speaker.place in standing.progress.decrypted:
            raise ProblemError(Kind.SAID_BEFORE)
        decrypted = _with(standing.progress.decrypted, speaker.place)
        return msgspec.structs.replace(standing.progress, decrypted=decrypted), [Insert(name, value)]

    return await deps.polls.advance(phi, step)


async def decryptions_for(deps: Deps, speaker: Speaker, phi: bytes) -> closing_shapes.Decryptions:
    """Give what was sealed to a trustee, by the place it came from."""
    poll = await _of_board(deps, speaker, phi)
    closed(await deps.polls.standing(phi))
    rows = await deps.store.scan(poll.partition, b"decryption/", b"", shapes.MAX_TRUSTEES)
    return closing_shapes.Decryptions(
        tuple(
            closing_shapes.SealedDecryption(name[-1], decode(raw, Sealed).sealed[speaker.place - 1])
            for name, raw in rows
        )
    )


async def state_outcome(
    deps: Deps, speaker: Speaker, phi: bytes, sent: closing_shapes.PostStatement
) -> Standing:
    """Keep a trustee's signed outcome statement; when a threshold says the same, that is the outcome."""
    poll = await _of_board(deps, speaker, phi)
    closed(await deps.polls.standing(phi))
    await asyncio.to_thread(_check_statement, poll, speaker.place, sent)
    name = _at(b"statement/", speaker.place)
    earlier = await deps.store.read(poll.partition, name)
    if earlier is not None:
        # A signature is drawn anew each time; what it is under may not change.
        if decode(earlier, Stated).statement != sent.statement:
            raise ProblemError(Kind.SAID_BEFORE)
        return await deps.polls.standing(phi)
    while True:
        before = await deps.polls.standing(phi)
        outcome = before.progress.outcome or await _agreed(deps, poll, speaker.place, sent)

        def step(
            standing: Standing, raw: bytes = before.raw, outcome: bytes | None = outcome
        ) -> Taken | None:
            closed(standing)
            if standing.raw != raw:
                return None  # somebody signed meanwhile: count again
            if speaker.place in standing.progress.signed:
                return None
            progress = msgspec.structs.replace(
                standing.progress, signed=_with(standing.progress.signed, speaker.place), outcome=outcome
            )
            return progress, [Insert(name, encode(Stated(sent.statement, sent.signature)))]

        after = await deps.polls.advance(phi, step)
        if speaker.place in after.progress.signed:
            kept = await deps.store.read(poll.partition, name)
            if kept is not None and decode(kept, Stated).statement != sent.statement:
                raise ProblemError(Kind.SAID_BEFORE)
            return after


async def deliver(deps: Deps, speaker: Speaker, phi: bytes, sent: closing_shapes.PostVerdicts) -> Standing:
    """Keep a trustee's verdict, sealed to every active council member, each once. Raises COUNCIL_KEYS, SAID_BEFORE."""
    poll = await _of_board(deps, speaker, phi)
    copies = tuple(sorted((bytes.fromhex(each.key), each.sealed) for each in sent.verdicts))
    history = await deps.groups.history(poll.record.group)
    council = set()
    if history is not None:
        council = {handler.key_id for handler in history.latest.active if handler.role == COUNCIL}
    keys = [key for key, _ in copies]
    if set(keys) != council or len(keys) != len(council):
        raise ProblemError(Kind.COUNCIL_KEYS)

    def step(standing: Standing) -> Taken | None:
        closed(standing)
        if speaker.place in standing.progress.sent:
            return None  # sealing is random, so a repeat can't be told from another; the first one stays
        if speaker.place not in standing.progress.signed:
            raise ProblemError(Kind.POLL_NOT_DECIDED)
        progress = msgspec.structs.replace(
            standing.progress, sent=_with(standing.progress.sent, speaker.place)
        )
        return progress, [Insert(_at(b"verdict/", speaker.place), encode(VerdictCopies(copies)))]

    return await deps.polls.advance(phi, step)


async def _of_board(deps: Deps, speaker: Speaker, phi: bytes) -> Poll:
    poll = await deps.polls.poll(phi)
    if poll.record.board != speaker.board:
        raise ProblemError(Kind.NOT_FOUND)
    return poll


async def _new(deps: Deps, poll: Poll, name: bytes, value: bytes) -> bool:
    """Whether nothing was said under this name. Raises SAID_BEFORE when something else was."""
    earlier = await deps.store.read(poll.partition, name)
    if earlier is not None and earlier != value:
        raise ProblemError(Kind.SAID_BEFORE)
    return earlier is None


async def _quorum_met(deps: Deps, poll: Poll) -> None:
    """Count voters as far as needed. Raises BELOW_QUORUM."""
    found, after = 0, b""
    while found < poll.manifest.quorum:
        rows = await deps.store.scan(poll.partition, b"credential/", after, 1_000)
        if not rows:
            raise ProblemError(Kind.BELOW_QUORUM)
        found, after = found + len(rows), rows[-1][0]


def _check_statement(poll: Poll, place: int, sent: closing_shapes.PostStatement) -> None:
    try:
        statement = read_text(sent.statement, OutcomeStatement, "outcome")
        signature = read_text(sent.signature, TrusteeSignature, "signature")
        if signature.owner != place or statement.poll != poll.phi.hex():
            raise ProblemError(Kind.TRUSTEE_REFUSED)
        check_one_signature(poll.trustees, statement, signature)
    except Refused:
        raise ProblemError(Kind.TRUSTEE_REFUSED) from None


async def _agreed(deps: Deps, poll: Poll, place: int, sent: closing_shapes.PostStatement) -> bytes | None:
    """Give the signed outcome when this statement makes a threshold of the same; else None."""
    rows = await deps.store.scan(poll.partition, b"statement/", b"", shapes.MAX_TRUSTEES)
    said: dict[int, Any] = {name[-1]: decode(raw, Stated) for name, raw in rows}
    said[place] = Stated(sent.statement, sent.signature)
    same = [at for at, stated in sorted(said.items()) if stated.statement == sent.statement]
    if len(same) < poll.trustees.threshold:
        return None
    signatures = [read_text(said[at].signature, TrusteeSignature, "signature") for at in same]
    signed = SignedOutcome(read_text(sent.statement, OutcomeStatement, "outcome"), signatures)
    try:
        await asyncio.to_thread(check_outcome, poll.manifest, poll.trustees, signed)
    except Refused:
        raise ProblemError(Kind.TRUSTEE_REFUSED) from None
    return text_of(signed)


def _at(prefix: bytes, place: int) -> bytes:
    return prefix + bytes((place,))


def _with(places: tuple[int, ...], place: int) -> tuple[int, ...]:
    return tuple(sorted({*places, place}))
