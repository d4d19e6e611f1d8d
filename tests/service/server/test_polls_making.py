"""Boards and new polls: what the server refuses to take in, and why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from crypto.entropy import system
from crypto.errors import Refused
from crypto.signatures import SigningKey
from polls.encoding import hash_hex
from polls.group import ED25519
from polls.manifest import Urgent
from polls.transcript import Step, Transcript
from service.server.polls_records import Matter
from service.server.records import decode, group_partition
from service.wire import poll_calls
from service.wire.calls import Call
from service.wire.failures import Declined
from service.wire.poll_shapes import CreatePoll, DefineBoard
from service.wire.poll_views import sign_message, trustee_signer
from service.wire.problems import Kind
from service.wire.signing import headers_for
from tests.support.groups import Member
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.server_polls import DAY, Community, ServerPoll, refused


@pytest.fixture(scope="module")
def community() -> Community:
    return Community.draw(14)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, community: Community) -> KeptPoll:
    """A server with a finished board, and no poll yet."""

    async def made(world: World) -> ServerPoll:
        await world.know(community)
        group = community.group()
        group.add(Member.draw("Mia", "mediator"))
        await world.found(group)
        poll = ServerPoll(world.client, world.clock, group, community)
        await poll.hold_ceremony()
        return poll

    return KeptPoll.make(tmp_path_factory.mktemp("kept") / "server", made)


@pytest.fixture
async def world(tmp_path: Path, kept: KeptPoll) -> AsyncIterator[World]:
    async with kept.world(tmp_path / "server") as opened:
        yield opened


@pytest.fixture
def poll(world: World, kept: KeptPoll) -> ServerPoll:
    return kept.poll(world)


async def test_a_mediator_and_the_council_may_and_handlers_not(poll: ServerPoll) -> None:
    """Ada, who handles reports, can neither define a board nor create a poll; Mia the mediator can."""
    manifest = await poll.make_manifest()
    poll.desk = "Ada"
    await refused(Kind.ROLE, poll.create(manifest))
    await refused(Kind.ROLE, poll.client.do(poll_calls.define_board(poll.signer, poll.definition)))
    poll.desk = "Mia"
    assert await poll.create(manifest) == manifest.phi
    assert await poll.create(manifest) == manifest.phi


async def test_a_poll_needs_somebody_to_tell(world: World, poll: ServerPoll) -> None:
    """When the last council member has left, nobody could read the result: no poll."""
    manifest = await poll.make_manifest()
    poll.desk = "Mia"
    poll.group.retire("Zoe")
    await world.found(poll.group)
    await refused(Kind.NO_COUNCIL, poll.create(manifest))


def sent_raw(poll: ServerPoll, manifest: bytes) -> tuple[str, bytes]:
    """A request to create a poll with any bytes for a manifest."""
    body = msgspec.json.encode(
        CreatePoll(manifest, poll.board.hex(), poll.community.id.hex(), "spring", poll.left_out, poll.summary)
    )
    return f"/v1/groups/{poll.group.id.hex()}/polls", body


async def posted(world: World, poll: ServerPoll, manifest: bytes) -> httpx.Response:
    target, body = sent_raw(poll, manifest)
    signed = headers_for(poll.signer, "POST", target, body, now_s=int(world.clock()), nonce=system(16))
    headers = {"Content-Type": "application/json", **signed}
    return await world.http.post(target, content=body, headers=headers)


async def test_no_manifest_breaks_the_rules(world: World, poll: ServerPoll) -> None:
    """Without 'No action', without 'Abstain', with them swapped, with no basis: the server refuses each by itself."""
    raw = (await poll.make_manifest()).raw
    assert b'"No action"' in raw
    assert b'"Abstain"' in raw
    for before, after in (
        (b'"No action"', b'"Do nothing"'),
        (b'"Abstain"', b'"I do not know"'),
        (b'"quorum":3', b'"quorum":0'),
        (b'"disclosure":"outcome"', b'"disclosure":"counts"'),
        (b'["Personal attacks"]', b"[]"),
        (b'"version":1', b'"version":2'),
        (b'{"version"', b'{ "version"'),
        (b'"page_s":3600', b'"page_s":1'),
    ):
        assert before in raw
        answer = await posted(world, poll, raw.replace(before, after))
        assert answer.json()["type"] == Kind.MANIFEST_REFUSED.type, before
    # Option 0 and the last swapped.
    text = raw.replace(b'"No action"', b"@").replace(b'"Abstain"', b'"No action"').replace(b"@", b'"Abstain"')
    assert (await posted(world, poll, text)).json()["type"] == Kind.MANIFEST_REFUSED.type
    assert (await posted(world, poll, raw)).status_code == 200


async def test_the_manifest_must_be_for_here_and_now(world: World, poll: ServerPoll) -> None:
    """Another group, another server's key, other trustees, an opening that is over: refused."""
    good = await poll.make_manifest()
    other = ServerPoll(world.client, world.clock, poll.group, poll.community, trustees_n=4)
    await other.hold_ceremony()
    for changed in (
        msgspec.structs.replace(good, group_id="00" * 16),
        msgspec.structs.replace(good, server_key=SigningKey(system(32)).verify_key().raw.hex()),
        msgspec.structs.replace(good, trustees=other.trustees.hash),
        msgspec.structs.replace(good, opens_at=int(world.clock())),
    ):
        await refused(Kind.MANIFEST_ELSEWHERE, poll.client.do(create_call(poll, changed, poll.summary)))
    await refused(Kind.MANIFEST_ELSEWHERE, poll.create(good, board=other.board))
    await refused(Kind.NOT_FOUND, poll.create(good, board=bytes(16)))


async def test_the_board_must_be_finished(world: World, poll: ServerPoll) -> None:
    """A ceremony that lacks one message makes no poll."""
    unfinished = ServerPoll(world.client, world.clock, poll.group, poll.community)
    board = await world.client.do(poll_calls.define_board(poll.signer, unfinished.definition))
    await refused(Kind.BOARD_INCOMPLETE, poll.create(await poll.make_manifest(), board=board))


async def test_the_electorate_is_not_for_the_council_to_choose(world: World, poll: ServerPoll) -> None:
    """Other accounts left out than the manifest's electorate says, an unknown snapshot, a registry of one's own."""
    manifest = await poll.make_manifest()
    await refused(Kind.ELECTORATE, poll.create(manifest, left_out=()))
    await refused(Kind.ELECTORATE, poll.create(manifest, left_out=("github.com/m0", "github.com/m1")))
    await refused(Kind.ELECTORATE, poll.create(manifest, left_out=("github.com/stranger",)))
    await refused(Kind.ELECTORATE, poll.create(manifest, snapshot="autumn"))
    own = Community.draw(6)
    await world.know(own)
    mine = replace_community(poll, own)
    await refused(Kind.REGISTRY, mine.create(await mine.make_manifest()))


def replace_community(poll: ServerPoll, community: Community) -> ServerPoll:
    """The same poll among other people."""
    mine = replace(poll, community=community)
    mine.seeds, mine.keys, mine.board = poll.seeds, poll.keys, poll.board
    mine.trustees = poll.trustees
    return mine


async def test_a_small_electorate_gets_no_poll(world: World, poll: ServerPoll) -> None:
    """Ten of fourteen left out: four remain, and there is no secret poll among four."""
    everybody = sorted(poll.community.keys)
    with pytest.raises(Refused, match="below 5"):
        poll.community.electorate(everybody[:10])
    manifest = await poll.make_manifest()
    await refused(Kind.ELECTORATE, poll.create(manifest, left_out=tuple(everybody[:10])))


async def test_the_summary_is_sealed_to_exactly_the_electorate(poll: ServerPoll) -> None:
    """Not to one more (the accused), not to one fewer, not missing, not another one than the manifest names."""
    electorate = set(poll.community.keys) - set(poll.left_out)
    accused_too = electorate | set(poll.left_out)
    for summary in (
        poll.sealed_summary(to=sorted(accused_too)),
        poll.sealed_summary(to=sorted(electorate)[1:]),
        b"",
        b"sv1s" + bytes(2_000),
    ):
        manifest = await poll.make_manifest(summary=hash_hex(summary))
        await refused(Kind.SUMMARY, poll.create(manifest, summary=summary))
    manifest = await poll.make_manifest()
    with pytest.raises(Refused, match="another summary"):
        await poll.create(manifest, summary=poll.sealed_summary())


async def test_an_urgent_poll_may_do_without_a_summary(world: World, poll: ServerPoll) -> None:
    """It has its temporary measure and its end instead; there is nothing to fetch then."""
    urgent = Urgent("Moderated comments", int(world.clock()) + 7 * DAY)
    manifest = await poll.make_manifest(basis=urgent, summary=hash_hex(b""))
    assert await poll.create(manifest, summary=b"") == manifest.phi
    await refused(Kind.NOT_FOUND, world.client.do(poll_calls.summary(manifest)))


async def test_no_second_poll_among_nearly_the_same(world: World, poll: ServerPoll) -> None:
    """On one matter within the cooling-off only when 5 came or went; not after one that lapsed."""
    first = await poll.make_manifest()
    await poll.create(first)
    again = await poll.make_manifest(question="Once more?")
    await refused(Kind.POLL_REPEATED, poll.create(again))
    matter = bytes.fromhex("dd" * 32)
    elsewhere = replace_community(poll, poll.community)
    elsewhere.matter = matter
    await elsewhere.create(await elsewhere.make_manifest())
    # Five more left out: then the two counts can't be told apart by one vote.
    fewer = replace(poll, left_out=tuple(sorted(poll.community.keys)[:6]))
    fewer.seeds, fewer.keys, fewer.board, fewer.trustees = poll.seeds, poll.keys, poll.board, poll.trustees
    await fewer.create(await fewer.make_manifest(quorum=2))
    world.clock.forward(61)  # both polls on the matter lapse: no trustee showed a share
    again = await poll.make_manifest(question="Once more?")
    assert await poll.create(again) == again.phi


async def test_of_two_polls_on_one_matter_at_once_one_is_made(world: World, poll: ServerPoll) -> None:
    """Ten proposals of the same matter at the same moment: one wins, the others are repeats."""
    proposals = [await poll.make_manifest(question=f"Proposal {n}?") for n in range(10)]
    summary = poll.summary
    proposals = [msgspec.structs.replace(each, summary=hash_hex(summary)) for each in proposals]
    outcomes = await asyncio.gather(
        *(poll.client.do(create_call(poll, each, summary)) for each in proposals), return_exceptions=True
    )
    made = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
    kinds = {outcome.kind for outcome in outcomes if isinstance(outcome, Declined)}
    assert len(made) == 1
    assert kinds == {Kind.POLL_REPEATED}
    listed = await poll.client.do(poll_calls.polls(poll.group.id))
    assert [entry.poll for entry in listed.polls] == [made[0].hex()]
    kept = (await world.rows(group_partition(poll.group.id)))[b"matter/" + poll.matter]
    assert [each.phi for each in decode(kept, Matter).polls] == made


def create_call(poll: ServerPoll, manifest: Any, summary: bytes) -> Call[bytes]:
    return poll_calls.create_poll(
        poll.signer,
        manifest,
        board=poll.board,
        registry=poll.community.id,
        snapshot="spring",
        left_out=poll.left_out,
        summary=summary,
    )


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
