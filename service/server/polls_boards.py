"""Boards of trustees: who they are, and their key ceremony as far as it has come.

Guarantees: a message is kept only if it holds and is due (polls.transcript); the same again changes nothing, another
one in its place is refused; a board's id is its definition's digest. The whole ceremony is one record, replaced by
compare-and-set, so that two messages at once are each checked against what really came before.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from crypto.errors import Refused
from crypto.signatures import VerifyKey
from polls.group import ED25519
from polls.transcript import MESSAGES, Replaced, Step, Transcript
from service.server.bodies import read_body
from service.server.deps import Deps
from service.server.http import AnyRequest
from service.server.polls_records import Board, Message, Said
from service.server.records import MARK, board_partition, decode, encode, group_partition
from service.server.signed import kept_until_s, target_of
from service.storage.protocol import Change, Conflict, Insert, Put, Replace
from service.wire.poll_shapes import BoardShape, DefineBoard, SaidMessage, SayMessage
from service.wire.poll_views import board_id, check_message, trustee_key_id
from service.wire.problems import Kind, ProblemError
from service.wire.signing import WINDOW_S, check_signature, parse_claimed

_DEFINITION: Final = b"definition"
_SAID: Final = b"said"
_ATTEMPTS: Final = 16
MAX_BOARDS: Final = 100


@dataclass(frozen=True, slots=True)
class Speaker:
    """A trustee whose request was verified."""

    board: bytes
    place: int


async def define(deps: Deps, group: bytes, definition: DefineBoard) -> bytes:
    """Keep a board's definition and give its id. Repeating is harmless.

    Raises BOARD_REFUSED for keys that are none or that two trustees share, TOO_MANY beyond 100 boards of a group.
    """
    try:
        keys = {VerifyKey(trustee.key).raw for trustee in definition.trustees}
    except Refused:
        raise ProblemError(Kind.BOARD_REFUSED) from None
    names = {trustee.name for trustee in definition.trustees}
    if len(keys) != len(definition.trustees) or len(names) != len(definition.trustees):
        raise ProblemError(Kind.BOARD_REFUSED)
    if definition.threshold >= len(definition.trustees):
        raise ProblemError(Kind.BOARD_REFUSED)
    board = board_id(group, definition)
    listed = await deps.store.scan(group_partition(group), b"board/", b"", MAX_BOARDS)
    if len(listed) >= MAX_BOARDS and b"board/" + board not in dict(listed):
        raise ProblemError(Kind.TOO_MANY)
    record = encode(Board(group, msgspec.json.encode(definition)))
    await deps.store.commit(board_partition(board), [Put(_DEFINITION, record)])
    await deps.store.commit(group_partition(group), [Put(b"board/" + board, MARK)])
    return board


async def listed(deps: Deps, group: bytes) -> tuple[bytes, ...]:
    """Give the ids of a group's boards."""
    rows = await deps.store.scan(group_partition(group), b"board/", b"", MAX_BOARDS)
    return tuple(name[len(b"board/") :] for name, _ in rows)


async def verified_trustee(deps: Deps, request: AnyRequest, cap: int = 0) -> tuple[Speaker, bytes]:
    """Give the trustee who signed a request and the body. Raises SIGNATURE, CLOCK, REPLAYED or TOO_LARGE.

    As `service.server.signed.verified` for handlers; the board stands where a handler's group does.
    """
    try:
        claimed = parse_claimed(request.headers)
    except Refused:
        raise ProblemError(Kind.SIGNATURE) from None
    if abs(claimed.time_s - deps.now_s()) > WINDOW_S:
        raise ProblemError(Kind.CLOCK)
    partition = board_partition(claimed.group)
    raw = await deps.store.read(partition, _DEFINITION)
    if raw is None:
        raise ProblemError(Kind.SIGNATURE)
    keys = [VerifyKey(trustee.key) for trustee in definition_of(decode(raw, Board)).trustees]
    place = next((at for at, key in enumerate(keys, 1) if trustee_key_id(key) == claimed.key_id), None)
    if place is None:
        raise ProblemError(Kind.SIGNATURE)
    body = await read_body(request, cap)
    try:
        check_signature(claimed, keys[place - 1], request.method, target_of(request), body)
    except Refused:
        raise ProblemError(Kind.SIGNATURE) from None
    name = b"trustee-nonce/" + claimed.key_id + claimed.nonce
    nonce = Insert(name, MARK, expires_s=kept_until_s(claimed.time_s))
    if isinstance(await deps.store.commit(partition, [nonce]), Conflict):
        raise ProblemError(Kind.REPLAYED)
    return Speaker(claimed.group, place), body


async def shown(deps: Deps, board: bytes) -> BoardShape:
    """Give a board and all that was said. Raises NOT_FOUND.

    Nothing has to be held back: no polynomial is accepted before everybody's commitment is in.
    """
    record, said, _ = await _read(deps, board)
    return _shape(board, record, said, transcript_of(record, said))


async def say(deps: Deps, speaker: Speaker, sent: SayMessage) -> BoardShape:
    """Take a trustee's message. Raises BOARD_REFUSED if it doesn't hold or isn't due, SAID_BEFORE for a second one."""
    for _ in range(_ATTEMPTS):
        record, said, raw = await _read(deps, speaker.board)
        before = transcript_of(record, said)
        card = VerifyKey(definition_of(record).trustees[speaker.place - 1].key)
        try:
            check_message(card, speaker.board, Step(sent.step), sent.message, sent.signature)
            # Checking a polynomial takes tens of milliseconds: not on the event loop.
            after = await asyncio.to_thread(before.with_message, Step(sent.step), speaker.place, sent.message)
        except Replaced:
            raise ProblemError(Kind.SAID_BEFORE) from None
        except Refused:
            raise ProblemError(Kind.BOARD_REFUSED) from None
        if after is before:
            return _shape(speaker.board, record, said, before)
        grown = Said((*said.messages, Message(sent.step, speaker.place, sent.message, sent.signature)))
        change: Change = Insert(_SAID, encode(grown)) if raw is None else Replace(_SAID, raw, encode(grown))
        outcome = await deps.store.commit(board_partition(speaker.board), [change])
        if not isinstance(outcome, Conflict):
            return _shape(speaker.board, record, grown, after)
    raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)


async def finished(deps: Deps, group: bytes, board: bytes) -> Transcript[Any, Any]:
    """Give a finished ceremony of a board of this group. Raises NOT_FOUND or BOARD_INCOMPLETE."""
    record, said, _ = await _read(deps, board)
    if record.group != group:
        raise ProblemError(Kind.NOT_FOUND)
    transcript = transcript_of(record, said)
    if not transcript.complete(Step.OUTPUT):
        raise ProblemError(Kind.BOARD_INCOMPLETE)
    return transcript


def definition_of(record: Board) -> DefineBoard:
    """Read a board's definition."""
    return msgspec.json.decode(record.definition, type=DefineBoard)


def transcript_of(record: Board, said: Said) -> Transcript[Any, Any]:
    """Give the ceremony as stored; every message of it was checked when it came."""
    definition = definition_of(record)
    by_step: dict[Step, dict[int, bytes]] = {step: {} for step in MESSAGES}
    for each in said.messages:
        by_step[Step(each.step)][each.place] = each.message
    frozen = MappingProxyType({step: MappingProxyType(places) for step, places in by_step.items()})
    return Transcript(ED25519, len(definition.trustees), definition.threshold, frozen)


async def _read(deps: Deps, board: bytes) -> tuple[Board, Said, bytes | None]:
    record, said = await deps.store.read_many(board_partition(board), [_DEFINITION, _SAID])
    if record is None:
        raise ProblemError(Kind.NOT_FOUND)
    return decode(record, Board), Said(()) if said is None else decode(said, Said), said


def _shape(board: bytes, record: Board, said: Said, transcript: Transcript[Any, Any]) -> BoardShape:
    order = [step.value for step in MESSAGES]
    # By step and place, so that whoever replays them finds each one due.
    ordered = sorted(said.messages, key=lambda each: (order.index(each.step), each.place))
    return BoardShape(
        board=board.hex(),
        group=record.group.hex(),
        definition=definition_of(record),
        said=tuple(
            SaidMessage(each.step, each.place, each.message, each.signature)  # type: ignore[arg-type]
            for each in ordered
        ),
        complete=transcript.complete(Step.OUTPUT),
    )
