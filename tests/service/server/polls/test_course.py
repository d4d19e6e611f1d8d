"""Polls over the API: from the trustees' ceremony to what remains, and every step that comes too early or too late."""

from __future__ import annotations

from pathlib import Path

import msgspec

from polls.encoding import hash_hex
from polls.results import OutcomeStatement, sign_statement
from polls.verify import verify
from service.server import records
from service.wire import poll_calls, poll_closing_calls
from service.wire.problems import Kind
from tests.support.communities import Community
from tests.support.groups import Group
from tests.support.inprocess import World, in_process
from tests.support.server_polls import DAY, ServerPoll, refused


async def vote(poll: ServerPoll, voters: int = 8) -> list[bytes]:
    """Let members 1 to `voters` vote, some for each option."""
    return [await poll.cast(f"github.com/m{n}", (1, 2, 3)[n % 3]) for n in range(1, voters + 1)]


async def test_a_poll_from_ceremony_to_remains(world: World, poll: ServerPoll) -> None:
    """States follow each other; the council reads the outcome; after the cooling-off the ballots are gone."""
    assert (await poll.view()).state == "waiting"
    world.clock.forward(61)
    assert (await poll.view()).state == "open"
    await vote(poll)
    await poll.cast("github.com/m1", 0)
    world.clock.forward(DAY)
    assert (await poll.view()).state == "closed"
    await poll.decide((1, 3))
    assert (await poll.view()).state == "decided"
    await poll.deliver((1, 3))
    assert (await poll.view()).state == "delivered"
    result = await poll.result()
    assert result.outcome.statement.ballots == 8
    assert result.counts is None
    assert not result.partial
    archive, evidence = await poll.record()
    assert (await poll.acknowledge()).state == "acknowledged"
    assert (await poll.implement("A written warning was given.", 22_000)).state == "implemented"
    world.clock.forward(40 * DAY)
    await world.keep_house()
    after = await poll.view()
    assert after.state == "archived"
    assert after.remains is not None
    assert after.remains.outcome == after.outcome
    assert after.outcome is not None
    assert after.outcome.statement == result.outcome.statement
    assert (after.remains.archive, after.remains.evidence) == (hash_hex(archive), hash_hex(evidence))
    assert after.shape.implemented is not None
    assert after.shape.implemented.ends_on == 22_000


async def test_counts_go_to_the_council_from_twenty_on_and_nowhere_else(
    tmp_path: Path,
) -> None:
    """Of 21 voters the council learns the counts and can complete the archive; the server never holds them."""
    community = Community.draw(22)
    async with in_process(tmp_path) as world:
        await world.know(community)
        group = community.group()
        await world.found(group)
        poll = await ServerPoll.ready(world.client, world.clock, group, community)
        world.clock.forward(61)
        await vote(poll, 9)
        world.clock.forward(DAY)
        await poll.decide((2, 3))
        await poll.deliver((2, 3))
        result = await poll.result()
        assert result.counts is not None
        assert result.counts.statement.counts == [0, 3, 3, 3]
        report = verify(poll.trustees.group, *await poll.complete(result))
        assert report.passed
        rows = await world.rows(poll.partition)
        assert not [name for name, value in rows.items() if b'"counts":[' in value]


async def test_a_poll_below_its_quorum_is_never_opened(world: World, poll: ServerPoll) -> None:
    """Two of twelve voted where three are needed: no decryption is taken, the outcome is no action."""
    world.clock.forward(61)
    await vote(poll, 2)
    world.clock.forward(DAY)
    await refused(
        Kind.BELOW_QUORUM,
        poll.client.do(poll_closing_calls.post_decryptions(poll.trustee(1), poll.phi, [b"x", b"x", b"x"])),
    )
    await poll.decide((1, 2))
    await poll.deliver((1, 2))
    statement = (await poll.result()).outcome.statement
    assert (statement.quorum_met, statement.outcome, statement.ballots) == (False, 0, 2)


async def test_without_trustees_it_lapses(world: World, community: Community, group: Group) -> None:
    """As many as must agree after the close show their shares before the opening; later ones don't help, nor votes."""
    poll = ServerPoll(world.client, world.clock, group, community, trustees_n=5, threshold=2)
    await poll.hold_ceremony()
    await poll.create(await poll.make_manifest())
    await poll.prove((1, 4, 5))
    assert (await poll.view()).shape.proofs_needed == 4
    world.clock.forward(60)
    assert (await poll.view()).state == "lapsed"
    await refused(Kind.POLL_LAPSED, poll.prove((2,)))
    await refused(Kind.POLL_LAPSED, poll.cast("github.com/m1", 1))
    world.clock.forward(DAY)
    await refused(Kind.POLL_LAPSED, poll.client.do(poll_calls.opened_board(poll.manifest)))
    await world.keep_house()
    assert (await poll.view()).state == "lapsed"
    rows = await world.rows(poll.partition)
    assert set(rows) == {b"poll", b"manifest", b"trustees", b"progress"}


async def test_four_of_five_proofs_open_it(world: World, community: Community, group: Group) -> None:
    """One trustee can't keep a poll from opening."""
    poll = ServerPoll(world.client, world.clock, group, community, trustees_n=5, threshold=2)
    await poll.hold_ceremony()
    await poll.create(await poll.make_manifest())
    await poll.prove((5, 1, 2, 3))
    await poll.prove((5,))
    world.clock.forward(60)
    assert (await poll.view()).state == "open"


async def test_steps_out_of_time_are_refused_by_name(world: World, poll: ServerPoll) -> None:
    """Trustees and council can't go ahead of the poll, and nobody goes back."""
    statement = OutcomeStatement(poll.phi.hex(), "00" * 32, "00" * 32, 12, 3, True, 1)
    signed = sign_statement(poll.trustees, poll.seeds[0], 1, statement, poll.entropy)
    copies = [(poll.group.member(name).key_id, bytes(17_520)) for name in ("Zoe", "Yan")]
    early = {
        "decrypt": poll_closing_calls.post_decryptions(poll.trustee(1), poll.phi, [b"x"] * 3),
        "state": poll_closing_calls.post_statement(poll.trustee(1), poll.phi, statement, signed),
        "deliver": poll_closing_calls.post_verdicts(poll.trustee(1), poll.phi, copies),
    }
    for _ in ("waiting", "open"):
        for call in early.values():
            await refused(Kind.POLL_NOT_CLOSED, poll.client.do(call))
        await refused(
            Kind.POLL_NOT_CLOSED, poll.client.do(poll_calls.verdicts(poll.group.signer("Zoe"), poll.phi))
        )
        await refused(
            Kind.POLL_NOT_DECIDED,
            poll.client.do(poll_calls.acknowledge(poll.group.signer("Zoe"), poll.phi, bytes(64))),
        )
        world.clock.forward(61)
    await vote(poll, 3)
    world.clock.forward(DAY)
    await refused(Kind.POLL_NOT_DECIDED, poll.client.do(early["deliver"]))
    await poll.decrypt((1, 2))
    await poll.sign((1,))
    assert (await poll.view()).state == "closed"
    await poll.sign((2,))
    await poll.deliver((2,))
    assert (await poll.view()).state == "decided"
    await refused(
        Kind.POLL_NOT_DECIDED,
        poll.client.do(poll_calls.acknowledge(poll.group.signer("Zoe"), poll.phi, bytes(64))),
    )
    await poll.deliver((1,))
    implement = poll_calls.implement(poll.group.signer("Zoe"), poll.phi, "Done.", None, bytes(64))
    await refused(Kind.POLL_NOT_DECIDED, poll.client.do(implement))
    await poll.acknowledge()
    await refused(Kind.TRUSTEE_REFUSED, poll.client.do(implement))
    await poll.implement("Done.", None)
    await refused(Kind.SAID_BEFORE, poll.implement("Something else.", None))
    world.clock.forward(40 * DAY)
    await world.keep_house()
    for call in early.values():
        await refused(Kind.POLL_ARCHIVED, poll.client.do(call))
    await refused(Kind.POLL_ARCHIVED, poll.cast("github.com/m1", 1))


async def test_what_trustees_say_is_checked(world: World, poll: ServerPoll) -> None:
    """False proofs and signatures, somebody else's, and second statements are refused; the first ones stay."""
    proof = poll_closing_calls.prove_share(poll.trustee(2), poll.phi, b'{"challenge":"1","response":"1"}')
    await refused(Kind.TRUSTEE_REFUSED, poll.client.do(proof))
    world.clock.forward(61)
    await vote(poll, 4)
    world.clock.forward(DAY)
    closed = await poll.closed()
    await poll.decrypt((1, 2))
    await poll.sign((1,))
    mine = (await poll.verdict(closed, 1)).outcome
    other = msgspec.structs.replace(mine, outcome=0 if mine.outcome else 1)
    for place, statement, signature, kind in (
        (1, other, sign_statement(poll.trustees, poll.seeds[0], 1, other, poll.entropy), Kind.SAID_BEFORE),
        (2, mine, sign_statement(poll.trustees, poll.seeds[0], 1, mine, poll.entropy), Kind.TRUSTEE_REFUSED),
        (2, other, sign_statement(poll.trustees, poll.seeds[1], 2, mine, poll.entropy), Kind.TRUSTEE_REFUSED),
    ):
        call = poll_closing_calls.post_statement(poll.trustee(place), poll.phi, statement, signature)
        await refused(kind, poll.client.do(call))
    await refused(
        Kind.SAID_BEFORE,
        poll.client.do(poll_closing_calls.post_decryptions(poll.trustee(1), poll.phi, [b"y"] * 3)),
    )
    # One trustee who says another outcome doesn't make it the outcome; two who agree do.
    signature = sign_statement(poll.trustees, poll.seeds[2], 3, other, poll.entropy)
    await poll.client.do(poll_closing_calls.post_statement(poll.trustee(3), poll.phi, other, signature))
    assert (await poll.view()).state == "closed"
    await poll.sign((2,))
    outcome = (await poll.view()).outcome
    assert outcome is not None
    assert outcome.statement == mine
    assert [each.owner for each in outcome.signatures] == [1, 2]


async def test_only_the_council_gets_the_result(world: World, poll: ServerPoll) -> None:
    """Not handlers, not another group's council; verdicts must be sealed to the council, all of it, and nobody else."""
    stranger = Group.draw("Elsewhere", council=["Max"])
    await world.found(stranger)
    world.clock.forward(61)
    await vote(poll, 4)
    world.clock.forward(DAY)
    await poll.decide((1, 2))
    ada, zoe, yan = (poll.group.member(name).key_id for name in ("Ada", "Zoe", "Yan"))
    for keys in ([zoe], [zoe, yan, ada], [ada], [zoe, zoe], [zoe, yan, yan]):
        copies = [(key, bytes(17_520)) for key in keys]
        await refused(
            Kind.COUNCIL_KEYS,
            poll.client.do(poll_closing_calls.post_verdicts(poll.trustee(1), poll.phi, copies)),
        )
    await poll.deliver((1, 2))
    await refused(Kind.ROLE, poll.client.do(poll_calls.verdicts(poll.group.signer("Ada"), poll.phi)))
    await refused(Kind.NOT_FOUND, poll.client.do(poll_calls.verdicts(stranger.signer("Max"), poll.phi)))
    for name in ("Zoe", "Yan"):
        assert (await poll.result(name)).outcome.statement.ballots == 4
    await refused(
        Kind.TRUSTEE_REFUSED,
        poll.client.do(poll_calls.acknowledge(poll.group.signer("Zoe"), poll.phi, bytes(64))),
    )


async def test_polls_are_listed_and_reports_filed(world: World, poll: ServerPoll) -> None:
    """A group's list names its polls with their states; verifiers' reports are kept, each once."""
    world.clock.forward(61)
    listed = await poll.client.do(poll_calls.polls(poll.group.id))
    assert [(entry.poll, entry.state) for entry in listed.polls] == [(poll.phi.hex(), "open")]
    assert (await poll.client.do(poll_calls.polls(poll.group.id, poll.phi))).polls == ()
    boards = await poll.client.do(poll_calls.boards(poll.group.id))
    assert boards.boards == (poll.board.hex(),)
    zoe = poll.group.signer("Zoe")
    await refused(Kind.POLL_NOT_CLOSED, poll.client.do(poll_calls.file_report(zoe, poll.phi, "held")))
    world.clock.forward(DAY)
    for _ in range(2):
        filed = await poll.client.do(poll_calls.file_report(zoe, poll.phi, "held"))
        assert filed.reports == ("held",)
    ada = poll.group.signer("Ada")
    await refused(Kind.ROLE, poll.client.do(poll_calls.file_report(ada, poll.phi, "held")))
    assert (await poll.client.do(poll_calls.reports(poll.phi))).reports == ("held",)


async def test_nothing_unregistered_is_stored(world: World, poll: ServerPoll) -> None:
    """Every row of a poll, its board and its group has a registered name and its shape, at every stage."""
    world.clock.forward(61)
    await vote(poll, 4)
    await poll.cast("github.com/m1", 0)
    world.clock.forward(DAY)
    await poll.decide((1, 2))
    await poll.deliver((1, 2))
    await poll.acknowledge()
    await poll.implement("Done.", 22_000)
    await poll.review(1, 22_000)
    await poll.client.do(poll_calls.file_report(poll.group.signer("Zoe"), poll.phi, "held"))
    seen = set[str]()
    partitions = {
        poll.partition: "poll",
        records.board_partition(poll.board): "board",
        records.group_partition(poll.group.id): "group",
    }
    for partition, kind in partitions.items():
        for name, value in (await world.rows(partition)).items():
            found = [k for k in records.REGISTRY if k.partition == kind and name.startswith(k.prefix)]
            assert len(found) == 1, name
            seen.add(found[0].name)
            if found[0].shape is not None:
                records.decode(value, found[0].shape)
    expected = {k.name for k in records.REGISTRY if k.partition in {"poll", "board"}} - {"remains"}
    assert seen >= expected
