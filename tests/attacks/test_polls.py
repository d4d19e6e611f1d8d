"""Attacks on polls: races, replays, rollbacks, forged ballots, strangers, and what the files hold after the end.

Against the real application, on SQLite and on a real Redis, in this process with a clock that the test moves.
tests/polls/ has the attacks on the mathematics; here they arrive over HTTP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto.entropy import system
from crypto.members import MemberKey
from polls import ballots
from polls.ballots import BallotWire, SignatureWire
from polls.casting import CastWire, make_cast, read_receipt
from polls.credentials import secret_of
from polls.election import Question
from polls.electorate import Electorate
from polls.encoding import decode as read_text
from polls.encoding import encode, hash_base64
from polls.group import ED25519
from polls.manifest import election_of
from polls.membership import certify, private_credential
from polls.proofs import prove_knowledge
from service.server import polls_pages, polls_shown
from service.server.polls_records import Ballot, Voter
from service.server.records import decode
from service.storage import StoreUnavailable
from service.wire import calls, poll_calls
from service.wire.client import Declined
from service.wire.poll_views import ballot_hash
from service.wire.problems import Kind, ProblemError
from service.wire.puzzles import solve
from tests.support.inprocess import World, in_process
from tests.support.redis_server import redis_server
from tests.support.server_polls import DAY, Community, ServerPoll

ON_BOTH = pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)], indirect=True
)


@pytest.fixture(scope="module")
def community() -> Community:
    return Community.draw(8)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    """The address of a store in a folder of the test; None: SQLite's own."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield None
        return
    with redis_server(tmp_path / "redis") as server:
        yield server.url


@pytest.fixture
async def world(tmp_path: Path, url: str | None, community: Community) -> AsyncIterator[World]:
    async with in_process(tmp_path / "server", url=url) as opened:
        await opened.know(community)
        yield opened


@pytest.fixture
async def poll(world: World, community: Community) -> ServerPoll:
    """An open poll."""
    group = community.group()
    await world.found(group)
    made = await ServerPoll.ready(world.client, world.clock, group, community)
    world.clock.forward(61)
    return made


async def refused(kind: Kind, attempt: Awaitable[Any]) -> None:
    """The server declines with this problem."""
    with pytest.raises(Declined) as declined:
        await attempt
    assert declined.value.kind is kind


async def patiently(poll: ServerPoll, raw: bytes) -> bytes | Kind:
    """Cast, coming again while the server is busy; gives the receipt, or why not."""
    while True:
        try:
            return await poll.post(raw)
        except Declined as declined:
            if declined.kind is not None and declined.kind is not Kind.BUSY:
                return declined.kind
            await asyncio.sleep(0.02)


async def stored(world: World, poll: ServerPoll) -> tuple[list[Voter], dict[str, Ballot]]:
    """The voters and ballots that the store holds."""
    rows = await world.rows(poll.partition)
    voters = [decode(value, Voter) for name, value in rows.items() if name.startswith(b"voter/")]
    found = {
        name[-32:].hex(): decode(value, Ballot) for name, value in rows.items() if name.startswith(b"ballot/")
    }
    return voters, found


@ON_BOTH
async def test_a_hundred_casts_of_one_voter_leave_one_counted_ballot(
    tmp_path: Path, world: World, url: str | None, poll: ServerPoll, community: Community
) -> None:
    """A hundred different ballots of one member at once, through two servers of one service: one voter, one vote.

    Whatever got a receipt is on its page; the pages are the order of voting; the last one is what counts.
    """
    raws = [poll.make("github.com/m1", n % 4) for n in range(100)]
    async with in_process(
        tmp_path / "server", url=url or f"sqlite://{tmp_path / 'server' / 'store.db'}", clock=world.clock
    ) as second:
        other = ServerPoll(second.client, world.clock, poll.group, community)
        other.manifest, other.phi = poll.manifest, poll.phi
        outcomes = await asyncio.gather(
            *(patiently(poll if n % 2 else other, raw) for n, raw in enumerate(raws))
        )
    receipts = [read_receipt(poll.manifest, each) for each in outcomes if isinstance(each, bytes)]
    assert {each for each in outcomes if isinstance(each, Kind)} <= {Kind.CAST_TOO_OFTEN}
    assert len(receipts) >= 2
    voters, kept = await stored(world, poll)
    assert len(voters) == 1
    assert {receipt.ballot: receipt.page for receipt in receipts} == {
        name: ballot.page for name, ballot in kept.items()
    }
    assert {name for name, _ in voters[0].ballots} == set(kept)
    pages = [page for _, page in voters[0].ballots]
    assert pages == sorted(set(pages))
    world.clock.forward(DAY)
    closed = await poll.closed()
    assert closed.ballots == 1
    assert set(closed.evidence.board.order) == {receipt.ballot for receipt in receipts}


@ON_BOTH
async def test_a_hundred_times_the_same_cast_is_one_ballot(world: World, poll: ServerPoll) -> None:
    """Retries that cross, each with a token of its own: one ballot, one and the same receipt."""
    raw = poll.make("github.com/m1", 2)
    outcomes = await asyncio.gather(*(patiently(poll, raw) for _ in range(100)))
    assert len(set(outcomes)) == 1
    assert isinstance(outcomes[0], bytes)
    voters, kept = await stored(world, poll)
    assert (len(voters), len(kept)) == (1, 1)


async def test_everybody_at_once(world: World, poll: ServerPoll) -> None:
    """Seven voters, three ballots each, all at the same moment: seven votes, every receipt kept."""
    raws = [(f"github.com/m{n}", option) for n in range(1, 8) for option in (0, 1, 2)]
    outcomes = await asyncio.gather(*(patiently(poll, poll.make(*each)) for each in raws))
    assert all(isinstance(each, bytes) for each in outcomes)
    world.clock.forward(DAY)
    closed = await poll.closed()
    assert closed.ballots == 7
    assert len(closed.evidence.board.order) == 21


@ON_BOTH
async def test_a_page_that_ends_while_ballots_come_loses_none(world: World, poll: ServerPoll) -> None:
    """The clock jumps over page after page while votes are cast and boards flushed: receipts and heads both hold."""
    heads: dict[int, bytes] = {}
    receipts: list[bytes] = []

    async def cast(account: str, option: int) -> None:
        receipt = await patiently(poll, poll.make(account, option))
        assert isinstance(receipt, bytes)
        receipts.append(receipt)

    async def flush() -> None:
        world.clock.forward(1_800)
        for head in await world.client.do(poll_calls.heads(poll.manifest)):
            heads[head.page] = bytes.fromhex(head.head)

    work: list[Awaitable[None]] = []
    for n in range(1, 8):
        work += [cast(f"github.com/m{n}", 1), flush(), cast(f"github.com/m{n}", 2)]
    await asyncio.gather(*work)
    world.clock.forward(DAY)
    opened = await world.client.do(poll_calls.opened_board(poll.manifest))
    opened.board.check_seen(heads)
    assert len(heads) >= 2
    for raw in receipts:
        receipt = read_receipt(poll.manifest, raw)
        assert receipt.ballot in opened.board.pages[receipt.page].ballots


@ON_BOTH
async def test_a_ballot_that_comes_in_behind_its_page_goes_on_the_next(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decision on a page and the commit the page ends and its head is signed: the ballot moves on.

    At the close there is no next page: then nothing is stored and no receipt given.
    """
    commit, heads = world.deps.store.commit, list[Any]()

    async def late(partition: str, changes: Any) -> Any:
        if any(getattr(change, "name", b"").startswith(b"placed/") for change in changes):
            monkeypatch.setattr(world.deps.store, "commit", commit, raising=False)
            world.clock.forward(leap)
            heads.extend(await world.client.do(poll_calls.heads(poll.manifest)))
        return await commit(partition, changes)

    leap = 3_600
    monkeypatch.setattr(world.deps.store, "commit", late, raising=False)
    receipt = read_receipt(poll.manifest, await poll.cast("github.com/m1", 1))
    assert [head.page for head in heads] == [0]
    assert receipt.page == 1
    leap = 2 * DAY
    monkeypatch.setattr(world.deps.store, "commit", late, raising=False)
    await refused(Kind.POLL_CLOSED, poll.cast("github.com/m2", 1))
    opened = await world.client.do(poll_calls.opened_board(poll.manifest))
    assert opened.board.order == (receipt.ballot,)
    assert receipt.ballot in opened.board.pages[1].ballots
    assert set((await stored(world, poll))[1]) == {receipt.ballot}


@ON_BOTH
@pytest.mark.parametrize("before", [0, 1], ids=["first ballot", "later ballot"])
async def test_two_casts_that_cross_are_told_apart(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """The voter's second ballot comes between the first one's decision and its commit: both are kept, in order."""
    for _ in range(before):
        await poll.cast("github.com/m1", 0)
    commit, between = world.deps.store.commit, list[bytes]()
    second = poll.make("github.com/m1", 2)

    async def crossed(partition: str, changes: Any) -> Any:
        if any(getattr(change, "name", b"").startswith(b"placed/") for change in changes):
            monkeypatch.setattr(world.deps.store, "commit", commit, raising=False)
            between.append(await poll.post(second))
        return await commit(partition, changes)

    monkeypatch.setattr(world.deps.store, "commit", crossed, raising=False)
    first = read_receipt(poll.manifest, await poll.cast("github.com/m1", 1))
    other = read_receipt(poll.manifest, between[0])
    assert (other.page, first.page) == (before, before + 1)
    (voter,), kept = await stored(world, poll)
    assert [page for _, page in voter.ballots] == list(range(before + 2))
    assert {name for name, _ in voter.ballots} == set(kept)


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


def files_with(folder: Path, wanted: bytes) -> list[str]:
    """Names of files that hold these bytes."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_socket() and wanted in path.read_bytes()
    ]


@ON_BOTH
async def test_after_the_end_no_file_holds_a_ballot(tmp_path: Path, world: World, poll: ServerPoll) -> None:
    """Ballots, tags, credentials, certificates, rings, salts, summary, agreements, decryptions: in the files, then not.

    The result, its signatures, the manifest and the digests are still there.
    """
    for n in range(1, 7):
        await poll.cast(f"github.com/m{n}", n % 4)
    await poll.cast("github.com/m1", 3)
    world.clock.forward(DAY)
    await poll.decide((1, 2))
    await poll.deliver((1, 2))
    await poll.acknowledge()
    await world.client.do(poll_calls.file_report(poll.group.signer("Zoe"), poll.phi, "all of it held"))
    wanted: dict[str, list[bytes]] = {}
    for name, value in (await world.rows(poll.partition)).items():
        kind = name.split(b"/")[0].decode("latin-1")
        if kind in {"poll", "manifest", "trustees", "progress", "acknowledged", "verification"}:
            continue
        # Pieces of values, and the names that are tags, credentials and hashes.
        pieces = [value[at : at + 40] for at in range(0, len(value) - 40, 700)]
        if len(name) >= 40:
            pieces.append(name[-32:])
        wanted.setdefault(kind, []).extend(piece for piece in pieces if len(piece) >= 32)
    present = {kind for kind, pieces in wanted.items() if any(files_with(tmp_path, p) for p in pieces)}
    assert present >= {
        "ballot",
        "voter",
        "credential",
        "certificate",
        "summary",
        "rings",
        "agreement",
        "decryption",
        "verdict",
    }
    keeps = [poll.manifest.raw[200:240], b"all of it held"]
    world.clock.forward(40 * DAY)
    await world.keep_house()
    view = await poll.view()
    assert view.state == "archived"
    for kind, pieces in wanted.items():
        for piece in pieces:
            assert not files_with(tmp_path, piece), kind
    for kept in keeps:
        assert files_with(tmp_path, kept)
    assert view.remains is not None
    assert view.remains.reports == ["all of it held"]
    await refused(Kind.POLL_ARCHIVED, world.client.do(poll_calls.electorate(poll.manifest)))
    left = {name.split(b"/")[0] for name in await world.rows(poll.partition)}
    assert left == {
        b"poll",
        b"manifest",
        b"trustees",
        b"progress",
        b"acknowledged",
        b"verification",
        b"remains",
    }


async def test_a_crash_while_destroying_is_finished(world: World, poll: ServerPoll) -> None:
    """The store fails in the middle: the poll doesn't count as archived in silence, and the next round finishes."""
    for n in range(1, 5):
        await poll.cast(f"github.com/m{n}", n % 4)
    world.clock.forward(41 * DAY)
    purge, failures = world.deps.store.purge, 0

    async def failing(partition: str, names: Any) -> None:
        nonlocal failures
        failures += 1
        raise StoreUnavailable("The store is away.")

    world.deps.store.purge = failing  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await world.keep_house()
    listed = await world.rows("server")
    assert b"poll/" + poll.phi in listed
    world.deps.store.purge = purge  # type: ignore[method-assign]
    await world.keep_house()
    assert failures == 1
    assert b"poll/" + poll.phi not in await world.rows("server")
    assert (await poll.view()).state == "archived"


ARCHIVED = {b"poll", b"manifest", b"trustees", b"progress"}


async def rows_left(world: World, poll: ServerPoll) -> set[bytes]:
    """What kinds of records a poll has."""
    return {name.split(b"/")[0] for name in await world.rows(poll.partition)}


@ON_BOTH
async def test_whoever_asked_before_the_destruction_gets_no_second_board_after_it(
    world: World, poll: ServerPoll
) -> None:
    """A request that read where the poll stood, and goes on when its ballots are destroyed: nothing is sealed anew.

    Heads of a second, empty board would prove against an honest server that it dropped ballots with receipts.
    """
    receipt = read_receipt(poll.manifest, await poll.cast("github.com/m1", 1))
    world.clock.forward(DAY)
    board = (await world.client.do(poll_calls.opened_board(poll.manifest))).board
    assert receipt.ballot in board.pages[receipt.page].ballots
    world.clock.forward(38 * DAY)
    stale = await world.deps.polls.standing(poll.phi)
    assert stale.state == "closed"
    world.clock.forward(2 * DAY)
    await world.keep_house()
    with pytest.raises(ProblemError, match="poll-archived"):
        await polls_pages.opened(world.deps, stale)
    with pytest.raises(ProblemError, match="poll-archived"):
        await polls_pages.heads(world.deps, stale, 0)
    shown = await polls_shown.shown(world.deps, stale)
    assert (shown.state, shown.last_head) == ("archived", None)
    assert await rows_left(world, poll) == ARCHIVED


@ON_BOTH
@pytest.mark.parametrize("between", [b"salt/", b"chain"], ids=["salts are drawn", "heads are signed"])
@pytest.mark.parametrize("what", ["board", "heads", "", "house"])
async def test_nothing_is_sealed_once_the_destruction_has_begun(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch, between: bytes, what: str
) -> None:
    """The ballots are destroyed just before the commit that draws the salts, or the one that signs the heads.

    The one who asked is told that the poll is archived, and no record of a second board stays.
    """
    await poll.cast("github.com/m1", 1)
    world.clock.forward(39 * DAY)  # nobody asked since, so no page is sealed
    commit, destroyed = world.deps.store.commit, list[str]()

    async def late(partition: str, changes: Any) -> Any:
        if any(getattr(change, "name", b"").startswith(between) for change in changes):
            monkeypatch.setattr(world.deps.store, "commit", commit, raising=False)
            world.clock.forward(2 * DAY)
            await world.keep_house()
            destroyed.append((await poll.view()).state)
        return await commit(partition, changes)

    monkeypatch.setattr(world.deps.store, "commit", late, raising=False)
    if what == "house":
        await world.keep_house()
    else:
        answer = await world.http.get(f"/v1/polls/{poll.phi.hex()}/{what}".rstrip("/"))
        if what:
            assert answer.json()["type"] == Kind.POLL_ARCHIVED.type
        else:
            assert (answer.json()["state"], answer.json()["last_head"]) == ("archived", None)
    assert destroyed == ["archived"]
    assert await rows_left(world, poll) == ARCHIVED
