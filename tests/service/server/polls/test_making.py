"""New polls: what the server refuses to make, and why."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest

from crypto.entropy import system
from crypto.errors import Refused
from crypto.signatures import SigningKey
from polls.encoding import hash_hex
from polls.manifest import Urgent
from service.server.polls_records import Matter
from service.server.records import decode, group_partition
from service.wire import poll_calls
from service.wire.calls import Call
from service.wire.failures import Declined
from service.wire.poll_shapes import CreatePoll
from service.wire.problems import Kind
from service.wire.signing import headers_for
from tests.support.communities import Community
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.server_polls import DAY, ServerPoll, refused


@pytest.fixture(scope="module")
def kept(finished: KeptPoll) -> KeptPoll:
    return finished


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
