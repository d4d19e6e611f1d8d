"""What a client believes of polls: nothing that isn't bound to what it asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast, get_args

import msgspec
import pytest

from crypto.errors import Refused
from polls.ballots import parse as parse_ballot
from polls.board import HeadWire
from polls.casting import read_receipt
from polls.encoding import encode
from polls.evidence import Remains, read_evidence, read_remains, what_remains
from polls.group import ED25519
from polls.results import CountsStatement, SignedCounts, SignedOutcome, sign_statement
from service.booth import receipts
from service.wire import poll_calls
from service.wire import poll_shapes as shapes
from service.wire.calls import BadAnswer
from service.wire.client import Client
from service.wire.poll_views import (
    quorum_told,
    state_told,
    waits_for,
)
from tests.support.boards import BOARD
from tests.support.poll_world import Finished, World, finished, vote_all

pytestmark = pytest.mark.xdist_group("poll views")


@pytest.fixture(scope="module")
def over() -> Finished:
    return finished(World(voters=12))


def head_of(wire: HeadWire) -> shapes.HeadShape:
    return shapes.HeadShape(wire.page, wire.head, bytes.fromhex(wire.signature))


def shown(over: Finished) -> shapes.PollShape:
    """A poll as an honest server shows it."""
    world = over.world
    _, heads = world.flushed()
    outcome = msgspec.json.decode(over.evidence)["outcome"]
    return shapes.PollShape(
        poll=world.manifest.phi.hex(),
        group=world.manifest.group_id,
        board=BOARD.hex(),
        state="decided",
        manifest=world.manifest.raw,
        trustees=world.trustees.raw,
        proofs_needed=3,
        proved=(1, 2, 3),
        agreed=(1, 2, 3),
        decrypted=(1, 3),
        signed=(1, 3),
        sent=(),
        last_head=head_of(heads[-1]),
        outcome=encode(msgspec.convert(outcome, SignedOutcome)),
        acknowledged=None,
        implemented=None,
        remains=None,
        now=1_800_700_000,
    )


def parsed(over: Finished, **changes: Any) -> Any:
    raw = msgspec.json.encode(msgspec.structs.replace(shown(over), **changes))
    return poll_calls.poll(over.world.manifest.phi).parse(raw)


def test_a_poll_is_shown_whole(over: Finished) -> None:
    """Manifest, trustees, head and outcome come out checked."""
    view = parsed(over)
    assert view.manifest == over.world.manifest
    assert view.trustees.hash == over.world.trustees.hash
    assert view.outcome is not None
    assert view.head is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "waiting", "proved": (2,)}, "2 more trustees: `sottovoce trustee prove`"),
        ({"state": "waiting"}, "its opening"),
        ({"state": "lapsed", "proved": (2,)}, "never opens"),
        ({"state": "open"}, "its close"),
        ({"state": "closed", "outcome": None}, "the trustees: `sottovoce trustee decrypt`"),
        ({"state": "decided"}, "send the council the result"),
        ({"state": "delivered"}, "`sottovoce desk acknowledge`"),
        ({"state": "acknowledged"}, "`sottovoce desk implemented`"),
    ],
)
def test_what_a_poll_waits_for_is_said(over: Finished, changes: dict[str, Any], said: str) -> None:
    """In each state, with the command that brings it on; when all is recorded it waits for nobody."""
    assert said in waits_for(parsed(over, **changes))
    assert waits_for(parsed(over, state="implemented")) == ""


def test_where_a_poll_stands_is_said_in_words(over: Finished) -> None:
    """Each state by the name that other sentences and --json have, with what it means."""
    states: tuple[shapes.PollState, ...] = get_args(shapes.PollState)
    for state in states:
        if state == "archived":
            continue  # which comes with other parts
        told = state_told(parsed(over, state=state))
        assert told.startswith(f"State: {state}, ")
        assert len(told) > len(f"State: {state}, .")


def lies(over: Finished) -> dict[str, dict[str, Any]]:
    """What a lying server could answer."""
    world, other = over.world, World(voters=12, seed=b"other")
    _, heads = world.flushed()
    _, theirs = other.flushed()
    good = shown(over)
    assert good.outcome is not None
    return {
        "another id": {"poll": "00" * 32},
        "another manifest": {"manifest": world.make_manifest(quorum=2).raw},
        "a manifest without abstaining": {"manifest": world.manifest.raw.replace(b"Abstain", b"Refrain")},
        "another group": {"group": "bb" * 16},
        "other trustees": {"trustees": other.trustees.raw},
        "another server's head": {"last_head": head_of(theirs[-1])},
        "a head moved": {"last_head": msgspec.structs.replace(head_of(heads[3]), page=4)},
        "another outcome": {"outcome": good.outcome.replace(b'"outcome":1', b'"outcome":2')},
        "an outcome of one trustee": {"outcome": one_signature(good.outcome)},
        "remains of nothing": {"remains": b"{}"},
    }


def one_signature(raw: bytes) -> bytes:
    signed = msgspec.json.decode(raw, type=SignedOutcome)
    return encode(SignedOutcome(signed.statement, signed.signatures[:1]))


def test_no_lie_about_a_poll_is_believed(over: Finished) -> None:
    """Each is refused; an unchanged answer isn't."""
    for what, changes in lies(over).items():
        if "outcome" in changes:
            assert changes["outcome"] != shown(over).outcome, what
        with pytest.raises(Refused):
            parsed(over, **changes)
    with pytest.raises(BadAnswer):
        poll_calls.poll(over.world.manifest.phi).parse(b'{"poll":1}')


def signed_as(over: Finished, **changes: Any) -> SignedOutcome:
    """An outcome with these changes that trustees 1 and 3 did sign."""
    world = over.world
    statement = msgspec.structs.replace(kept(over).outcome.statement, **changes)
    signatures = [
        sign_statement(world.trustees, world.seeds[n - 1], n, statement, world.entropy) for n in (1, 3)
    ]
    return SignedOutcome(statement, signatures)


def kept(over: Finished) -> Remains:
    """What remains of the poll."""
    return read_remains(what_remains(over.archive, over.evidence, ["a report"]))


def test_what_remains_is_believed_with_the_trustees_signatures_only(over: Finished) -> None:
    """The ballots are destroyed, so nobody could notice: another outcome, an impossible one, one of one trustee."""
    good = kept(over)
    assert parsed(over, state="archived", remains=encode(good)).remains == good
    assert parsed(over, state="archived", remains=encode(good), outcome=None).remains == good
    said, signatures = good.outcome.statement, good.outcome.signatures
    for changes in (
        {"outcome": SignedOutcome(msgspec.structs.replace(said, outcome=2), signatures)},
        {"outcome": SignedOutcome(msgspec.structs.replace(said, outcome=99), [])},
        {"outcome": signed_as(over, outcome=99)},
        {"outcome": SignedOutcome(said, signatures[:1])},
        {"outcome": signed_as(over, poll="00" * 32)},
        {"manifest": over.world.make_manifest(quorum=2)},
        {"counts": SignedCounts(CountsStatement(said.poll, said.tally, [1, 6, 4, 0]), signatures)},
    ):
        raw = encode(msgspec.structs.replace(good, **changes))
        for outcome in (shown(over).outcome, None):
            with pytest.raises(Refused):
                parsed(over, state="archived", remains=raw, outcome=outcome)
    two = msgspec.structs.replace(good, outcome=signed_as(over, outcome=2))
    with pytest.raises(BadAnswer, match="two outcomes"):
        parsed(over, state="archived", remains=encode(two))


def test_a_receipt_is_for_the_ballot_that_was_cast(over: Finished) -> None:
    """A good receipt, but of somebody else's ballot, or of another poll: refused."""
    world = over.world
    mine = world.make(3, 1)
    receipt = world.post(mine, world.manifest.opens_at + 200_000)
    call = poll_calls.cast(world.manifest, mine, admission="x")
    assert call.parse(receipt) == receipt
    with pytest.raises(BadAnswer, match="another ballot"):
        call.parse(world.receipts[0])
    other = World(voters=12, seed=b"other")
    with pytest.raises(Refused):
        call.parse(other.cast(0, 1))


def test_the_opened_board_is_the_one_that_was_signed(over: Finished) -> None:
    """A ballot left out, a page left out, another head: none is taken."""
    world = over.world
    pages, heads = world.flushed()
    good = shapes.OpenedBoard(
        tuple(shapes.OpenedPage(page.salt, page.ballots) for page in pages), head_of(heads[-1])
    )
    call = poll_calls.opened_board(world.manifest)
    assert call.parse(msgspec.json.encode(good)).board.order == world.board().order
    fewer = msgspec.structs.replace(good.pages[0], ballots=good.pages[0].ballots[1:])
    for changes in (
        {"pages": (fewer, *good.pages[1:])},
        {"pages": good.pages[:-1]},
        {"pages": good.pages[::-1]},
        {"head": head_of(heads[-2])},
    ):
        with pytest.raises(Refused):
            call.parse(msgspec.json.encode(msgspec.structs.replace(good, **changes)))


def test_heads_come_in_order(over: Finished) -> None:
    """From the one after the last seen on, without a gap."""
    _, heads = over.world.flushed()
    shape: Callable[[list[HeadWire]], bytes] = lambda found: msgspec.json.encode(  # noqa: E731
        shapes.HeadsPage(tuple(map(head_of, found)), more=False)
    )
    assert len(poll_calls.heads(over.world.manifest).parse(shape(heads))) == len(heads)
    assert len(poll_calls.heads(over.world.manifest, 1).parse(shape(heads[2:4]))) == 2
    for wrong in (heads[1:], [heads[0], heads[2]], [heads[1], heads[0]], [heads[0], heads[0]]):
        with pytest.raises(BadAnswer):
            poll_calls.heads(over.world.manifest).parse(shape(wrong))


def test_the_electorate_is_the_manifests(over: Finished) -> None:
    """One voter fewer, or another one, is another electorate."""
    world = over.world
    ring = tuple(member.raw for member in world.electorate.rings[0].members)
    call = poll_calls.electorate(world.manifest)
    good = shapes.ElectorateShape("00" * 32, "spring", (ring,))
    assert call.parse(msgspec.json.encode(good)).electorate.digest == world.electorate.digest
    other = World(voters=12, seed=b"other")
    theirs = tuple(sorted((*ring[1:], other.electorate.rings[0].members[0].raw)))
    for rings in ((ring[1:],), (theirs,), (ring, ring), ()):
        with pytest.raises(Refused):
            call.parse(msgspec.json.encode(msgspec.structs.replace(good, rings=rings)))


def test_a_receipt_is_checked_on_the_board_that_the_trustees_signed() -> None:
    """A server shows voters a board with their ballots, and trustees one without: the signed outcome says so."""
    shown, signed = World(voters=8), World(voters=8)  # equal: of one seed
    for world in (shown, signed):
        vote_all(world)
    receipt = shown.receipts[2]
    lost = read_receipt(shown.manifest, receipt).ballot
    for page in signed.pages.values():
        page.discard(lost)
    del signed.certificates[parse_ballot(ED25519, signed.stored[lost]).credential_text]
    _, evidence = signed.finish()
    outcome = read_evidence(evidence).wire.outcome
    pages, heads = shown.flushed()
    last = shapes.HeadShape(heads[-1].page, heads[-1].head, bytes.fromhex(heads[-1].signature))
    opened = shapes.OpenedBoard(tuple(shapes.OpenedPage(each.salt, each.ballots) for each in pages), last)
    phi = shown.manifest.phi

    class Server:
        outcome: bytes | None = None

        def now_s(self) -> int:
            return shown.manifest.closes_at + 60

        def do(self, call: Any) -> Any:
            poll = shapes.PollShape(
                poll=phi.hex(),
                group=shown.manifest.group_id,
                board="00" * 16,
                state="closed" if self.outcome is None else "decided",
                manifest=shown.manifest.raw,
                trustees=shown.trustees.raw,
                proofs_needed=3,
                proved=(),
                agreed=(),
                decrypted=(),
                signed=(),
                sent=(),
                last_head=last,
                outcome=self.outcome,
                acknowledged=None,
                implemented=None,
                remains=None,
                now=1,
            )
            if "/ballots?" in call.target:
                texts = (
                    ()
                    if call.target[-1] != "="
                    else tuple(shown.stored[name] for name in sorted(shown.stored))
                )
                return call.parse(msgspec.json.encode(shapes.BallotsPage(texts, more=False)))
            return call.parse(msgspec.json.encode(opened if call.target.endswith("/board") else poll))

    server, kept = Server(), receipts.Kept(shown.manifest.raw, (receipt,))
    ((found,), _) = receipts.check_receipts(cast(Client, server), shown.manifest, kept)
    assert found.words == "on the board; the trustees have not signed its outcome yet"
    server.outcome = encode(outcome)
    with pytest.raises(Refused, match="another board than the one whose outcome the trustees signed"):
        receipts.check_receipts(cast(Client, server), shown.manifest, kept)


@pytest.mark.parametrize(
    ("quorum", "said"),
    [
        (1, "Quorum: 1. Even a single ballot is opened"),
        (2, "Quorum: 2. So few ballots"),
        (4, "Quorum: 4. So few ballots"),
        (5, "Quorum: 5."),
        (12, "Quorum: 12."),
    ],
)
def test_a_small_quorum_is_told_with_what_it_means(over: Finished, quorum: int, said: str) -> None:
    """SPEC.md §6: below five it protects little."""
    manifest = msgspec.structs.replace(over.world.manifest, quorum=quorum)
    told = quorum_told(manifest)
    assert told.startswith(said)
    assert ("whoever knows who" in told) == (quorum < 5)
