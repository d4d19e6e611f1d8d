"""Replayed, forged and strangers' casts: each is refused by its own name, and nothing of it is kept.

Against the real application, on SQLite and on a real Redis, in this process with a clock that the test moves.
tests/polls/ has the attacks on the mathematics; here they arrive over HTTP.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from crypto.entropy import system
from crypto.members import MemberKey
from polls import ballots
from polls.ballots import BallotWire, SignatureWire
from polls.casting import CastWire, make_cast
from polls.credentials import secret_of
from polls.election import Question
from polls.electorate import Electorate
from polls.encoding import decode as read_text
from polls.encoding import encode, hash_base64
from polls.group import ED25519
from polls.manifest import election_of
from polls.membership import certify, private_credential
from polls.proofs import prove_knowledge
from service.wire import calls
from service.wire.poll_views import ballot_hash
from service.wire.problems import Kind
from service.wire.puzzles import solve
from tests.support.attacked_polls import stored
from tests.support.communities import Community
from tests.support.inprocess import World
from tests.support.server_polls import DAY, ServerPoll, refused


async def test_a_cast_is_for_one_poll(world: World, poll: ServerPoll, community: Community) -> None:
    """Replayed to another poll of the same people and trustees, a cast is refused and nothing is kept."""
    raw = poll.make("github.com/m1", 1)
    await poll.post(raw)
    other = ServerPoll(world.client, world.clock, poll.group, community, matter=bytes.fromhex("cc" * 32))
    other.board, other.seeds, other.keys = poll.board, poll.seeds, poll.keys
    other.trustees, other.transcript = poll.trustees, poll.transcript
    await other.create(await other.make_manifest())
    await other.prove((1, 2, 3))
    world.clock.forward(61)
    await refused(Kind.CAST_REFUSED, other.post(raw))
    assert await stored(world, other) == ([], {})
    tags = [
        {name for name in await world.rows(each.partition) if name.startswith(b"voter/")}
        for each in (poll, other)
    ]
    await other.post(other.make("github.com/m1", 1))
    again = {name for name in await world.rows(other.partition) if name.startswith(b"voter/")}
    assert len(again) == 1
    assert not again & tags[0]  # the same member, and nothing that says so


async def test_a_changed_vote_is_not_brought_back(world: World, poll: ServerPoll) -> None:
    """Whoever recorded the first cast sends it again after the second: the second still counts."""
    first, second = poll.make("github.com/m1", 2), poll.make("github.com/m1", 0)
    receipt = await poll.post(first)
    await poll.post(second)
    world.clock.forward(3 * 3_600)
    assert await poll.post(first) == receipt
    (voter,), _ = await stored(world, poll)
    assert [name for name, _ in voter.ballots] == [ballot_hash(raw) for raw in (first, second)]
    world.clock.forward(DAY)
    order = (await poll.closed()).evidence.board.order
    assert order == tuple(name for name, _ in voter.ballots)


async def test_options_in_another_order_are_another_poll(world: World, poll: ServerPoll) -> None:
    """A page that shows the measures swapped makes ballots for another φ: refused here, and by who verifies."""
    options = poll.manifest.options
    swapped = msgspec.structs.replace(poll.manifest, options=(options[0], options[2], options[1], options[3]))
    election = election_of(swapped, poll.trustees)
    key = poll.community.keys["github.com/m1"][0]
    raw = make_cast(swapped, election, poll.electorate, key, 1, system)
    await refused(Kind.CAST_REFUSED, poll.post(raw))
    assert await stored(world, poll) == ([], {})


def forged(poll: ServerPoll, account: str, chosen: list[int], least: int, most: int) -> bytes:
    """A cast whose ballot chooses other than one option, as well made as can be."""
    election, key = poll.election, poll.community.keys[account][0]
    credential = private_credential(key, poll.phi)
    honest = read_text(poll.make(account, 0), CastWire, "cast")
    question = election.questions[0]
    loose = Question(question.text, question.answers, least, most)
    secret = secret_of(ED25519, election.uuid, credential)
    public = ED25519.text(ED25519.base(secret))
    context = f"{election.fingerprint}|{public}"
    answer = ballots._answer(election, loose, chosen, context, system)
    fields: dict[str, Any] = {
        "election_uuid": election.uuid,
        "election_hash": election.fingerprint,
        "credential": public,
        "answers": [answer],
    }
    body_hash = hash_base64(encode(BallotWire(**fields)))
    proof = prove_knowledge(ED25519, secret, f"sig|{body_hash}|", system)
    ballot = encode(BallotWire(**fields, signature=SignatureWire(hash=body_hash, proof=proof.wire)))
    return encode(CastWire(ballot=ballot.decode(), certificate=honest.certificate))


async def test_a_ballot_is_one_vote(world: World, poll: ServerPoll) -> None:
    """Two options at once, none at all: refused, however well the rest is made."""
    for chosen, least, most in (([1, 1, 0, 0], 1, 2), ([0, 0, 0, 0], 0, 1), ([1, 1, 1, 1], 1, 4)):
        await refused(Kind.CAST_REFUSED, poll.post(forged(poll, "github.com/m1", chosen, least, most)))
    assert await stored(world, poll) == ([], {})


async def test_only_the_electorate_votes(world: World, poll: ServerPoll) -> None:
    """The accused, in the full ring of the registry, and a stranger in a ring of their own: refused."""
    accused, stranger = poll.community.keys["github.com/m0"][0], MemberKey.draw(system)
    everybody = poll.community.electorate(())
    own = Electorate.freeze(
        [stranger.public(), *(poll.community.keys[f"github.com/m{n}"][0].public() for n in range(2, 8))],
        left_out=(),
    )
    for key, electorate in ((accused, everybody), (stranger, own)):
        raw = make_cast(poll.manifest, poll.election, electorate, key, 1, system)
        await refused(Kind.CAST_REFUSED, poll.post(raw))
    # And a member's good ballot under a stranger's certificate.
    mine = json.loads(poll.make("github.com/m1", 1))
    theirs = certify(poll.election, own, stranger, poll.phi, system)
    mine["certificate"] = json.loads(encode(theirs))
    await refused(Kind.CAST_REFUSED, poll.post(json.dumps(mine, separators=(",", ":")).encode()))
    assert await stored(world, poll) == ([], {})


async def test_garbage_is_refused_before_it_costs_anything(world: World, poll: ServerPoll) -> None:
    """No token, another route's token, no JSON, too long: each by its own name."""
    raw = poll.make("github.com/m1", 1)
    target = f"/v1/polls/{poll.phi.hex()}/casts"
    headers = {"Content-Type": "application/octet-stream"}
    answer = await world.http.post(target, content=raw, headers=headers)
    assert answer.json()["type"] == Kind.ADMISSION_MISSING.type
    other = solve(await world.client.do(calls.challenge(poll.group.id, "reports")))
    await refused(Kind.ADMISSION_REFUSED, poll.post(raw, other))
    spent = await poll.token()
    await poll.post(raw, spent)
    await refused(Kind.ADMISSION_SPENT, poll.post(poll.make("github.com/m1", 2), spent))
    headers["Sottovoce-Admission"] = await poll.token()
    for body, kind in (
        (b"", Kind.CAST_REFUSED),
        (b"{}", Kind.CAST_REFUSED),
        (b'{"ballot":"{}"}', Kind.CAST_REFUSED),
        (b"[" * 60_000, Kind.CAST_REFUSED),
        (bytes(128 * 1_024 + 1), Kind.TOO_LARGE),
    ):
        headers["Sottovoce-Admission"] = await poll.token()
        answer = await world.http.post(target, content=body, headers=headers)
        assert answer.json()["type"] == kind.type
