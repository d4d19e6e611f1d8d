"""Boards of trustees: what the server takes of their definition and ceremony, and from whom."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from crypto.entropy import system
from crypto.signatures import SigningKey
from polls.group import ED25519
from polls.transcript import Step, Transcript
from service.wire import poll_calls
from service.wire.poll_shapes import DefineBoard
from service.wire.poll_views import sign_message, trustee_signer
from service.wire.problems import Kind
from service.wire.signing import headers_for
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.server_polls import ServerPoll, refused


@pytest.fixture(scope="module")
def kept(finished: KeptPoll) -> KeptPoll:
    return finished


async def test_a_board_is_its_definition(poll: ServerPoll) -> None:
    """Defining it again gives the same board; shared keys or names, a threshold of all, too few: refused."""
    assert await poll.client.do(poll_calls.define_board(poll.signer, poll.definition)) == poll.board
    one, two, three = poll.definition.trustees
    for definition in (
        DefineBoard("B", 2, (one, two, msgspec.structs.replace(three, key=one.key))),
        DefineBoard("B", 2, (one, two, msgspec.structs.replace(three, name=one.name))),
        DefineBoard("B", 2, (one, two, msgspec.structs.replace(three, key=bytes(32)))),
        DefineBoard("B", 3, (one, two, three)),
    ):
        await refused(Kind.BOARD_REFUSED, poll.client.do(poll_calls.define_board(poll.signer, definition)))
    short = DefineBoard("B", 2, (one, two))
    await refused(Kind.MALFORMED_JSON, poll.client.do(poll_calls.define_board(poll.signer, short)))


@pytest.mark.parametrize("name", ["Ana: a word\n  2. Ben", "Ana\t", "Ana\x1b[2J", " Ana"])
async def test_a_trustees_name_is_one_line(poll: ServerPoll, name: str) -> None:
    """Who says who holds the key can't write lines that look like other trustees' words."""
    one, two, three = poll.definition.trustees
    forged = msgspec.json.decode(msgspec.json.encode(DefineBoard("B", 2, (one, two, three))), type=dict)
    forged["trustees"][0]["name"] = name
    call = poll_calls.define_board(poll.signer, poll.definition)
    await refused(Kind.MALFORMED_JSON, poll.client.do(replace(call, body=msgspec.json.encode(forged))))


async def test_a_ceremony_takes_what_is_due_and_nothing_else(world: World, poll: ServerPoll) -> None:
    """Each step from each trustee once: repeats change nothing, replacements and leaps are refused."""
    fresh = ServerPoll(world.client, world.clock, poll.group, poll.community)
    fresh.board = await world.client.do(poll_calls.define_board(fresh.signer, fresh.definition))
    view = await world.client.do(poll_calls.board(fresh.board))
    answer = view.transcript.answer(fresh.seeds[0], 1)
    assert answer is not None
    step, message = answer
    for wrong_step, wrong in (
        (Step.COMMITMENT, bytes(32)),
        (Step.POLYNOMIAL, message),
        (Step.CERTIFICATE, message[:-1]),
        (Step.CERTIFICATE, b"{}"),
    ):
        await refused(
            Kind.BOARD_REFUSED, world.client.do(poll_calls.say(fresh.trustee(1), wrong_step, wrong))
        )
    await refused(Kind.BOARD_REFUSED, world.client.do(poll_calls.say(fresh.trustee(2), step, message)))
    for _ in range(2):
        view = await world.client.do(poll_calls.say(fresh.trustee(1), step, message))
        assert len(view.shape.said) == 1
    empty = Transcript(ED25519, 3, 2)
    another = empty.answer(fresh.seeds[1], 1)  # a certificate of another seed, for the same place
    assert another is not None
    await refused(Kind.SAID_BEFORE, world.client.do(poll_calls.say(fresh.trustee(1), *another)))
    own = view.transcript.answer(fresh.seeds[1], 2)
    assert own is not None
    unsigned = replace(
        fresh.trustee(2), key=fresh.keys[0]
    )  # the request is trustee 2's, the message trustee 1's
    call = poll_calls.say(unsigned, *own)
    await refused(Kind.BOARD_REFUSED, world.client.do(replace(call, signer=fresh.trustee(2))))


async def test_all_trustees_at_once(world: World, poll: ServerPoll) -> None:
    """Messages that cross are all taken: the ceremony of five, each step said by all at the same moment."""
    fresh = ServerPoll(world.client, world.clock, poll.group, poll.community, trustees_n=5, threshold=3)
    fresh.board = await world.client.do(poll_calls.define_board(fresh.signer, fresh.definition))
    for _ in range(4):
        view = await world.client.do(poll_calls.board(fresh.board))
        said = [view.transcript.answer(seed, place) for place, seed in enumerate(fresh.seeds, 1)]
        await asyncio.gather(
            *(
                world.client.do(poll_calls.say(fresh.trustee(place), *answer))
                for place, answer in enumerate(said, 1)
                if answer is not None
            )
        )
    assert (await world.client.do(poll_calls.board(fresh.board))).shape.complete


async def test_only_its_trustees_speak_on_a_board(world: World, poll: ServerPoll) -> None:
    """Not a handler, not another board's trustee, not a key that isn't on it; and no request twice."""
    step, message = Step.CERTIFICATE, b"{}"
    target = f"/v1/boards/{poll.board.hex()}/messages"
    other = ServerPoll(world.client, world.clock, poll.group, poll.community)
    other.board = await world.client.do(poll_calls.define_board(other.signer, other.definition))
    signature = sign_message(poll.keys[0], poll.board, step, message)
    body = msgspec.json.encode({"step": step.value, "message": message, "signature": signature})
    for signer in (
        poll.signer,
        trustee_signer(poll.board, SigningKey(system(32))),
        other.trustee(1),
        trustee_signer(bytes(16), poll.keys[0]),
    ):
        headers = headers_for(signer, "POST", target, body, now_s=int(world.clock()), nonce=system(16))
        answer = await world.http.post(
            target, content=body, headers={"Content-Type": "application/json", **headers}
        )
        assert answer.json()["type"] == Kind.SIGNATURE.type
    headers = headers_for(poll.trustee(1), "POST", target, body, now_s=int(world.clock()), nonce=system(16))
    kinds = []
    for _ in range(2):
        answer = await world.http.post(
            target, content=body, headers={"Content-Type": "application/json", **headers}
        )
        kinds.append(answer.json()["type"])
    assert kinds == [Kind.SAID_BEFORE.type, Kind.REPLAYED.type]
    world.clock.forward(600)
    answer = await world.http.post(
        target, content=body, headers={"Content-Type": "application/json", **headers}
    )
    assert answer.json()["type"] == Kind.CLOCK.type
