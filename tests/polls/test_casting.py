"""Casting, the board and receipts: one voter one ballot, and a server that breaks its word is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
import pytest

from crypto import ring
from crypto.entropy import seeded, system
from crypto.errors import Refused
from crypto.members import MemberKey
from crypto.signatures import SigningKey
from polls import ballots, membership
from polls.board import (
    Board,
    Found,
    Page,
    Voted,
    check_head,
    check_receipt,
    credentials_on,
    genesis,
    next_head,
    sign_head,
)
from polls.casting import (
    Cast,
    NotOpen,
    TooLate,
    admit,
    check_cast,
    give_receipt,
    last_page,
    make_cast,
    page_due,
    read_receipt,
)
from polls.credentials import PrivateCredential, secret_of
from polls.encoding import base58, encode, hash_hex
from polls.evidence import assemble, write_evidence
from polls.manifest import election_of
from polls.membership import CertificateWire, certify, check_certificate, private_credential
from polls.proofs import prove_knowledge
from polls.verify import check_closed, verify
from tests.support.poll_world import DAY, OPENS, World


@pytest.fixture
def world() -> World:
    return World(voters=6, seed=b"casting")


W = TypeVar("W", bound=msgspec.Struct)


def cast_of(world: World, voter: int, option: int) -> Cast[Any, Any]:
    return check_cast(world.manifest, world.election, world.electorate, world.make(voter, option))


def test_one_voter_has_one_tag_and_one_credential_on_any_device(world: World) -> None:
    """Made twice, with other randomness: another ballot, the same credential and tag."""
    first, second = cast_of(world, 0, 1), cast_of(world, 0, 2)
    assert (first.tag, first.certified.credential) == (second.tag, second.certified.credential)
    assert first.ballot_hash != second.ballot_hash
    assert cast_of(world, 1, 1).tag != first.tag


def test_a_voter_can_not_be_linked_from_poll_to_poll(world: World) -> None:
    """Another manifest, another generator: tag and credential differ."""
    other = world.make_manifest(quorum=2)
    election = election_of(other, world.trustees)
    raw = make_cast(other, election, world.electorate, world.keys[0], 1, system)
    there = check_cast(other, election, world.electorate, raw)
    here = cast_of(world, 0, 1)
    assert here.tag != there.tag
    assert here.certified.credential != there.certified.credential


def test_a_cast_of_another_poll_is_refused(world: World) -> None:
    """Replay across polls."""
    other = world.make_manifest(quorum=2)
    raw = make_cast(other, election_of(other, world.trustees), world.electorate, world.keys[0], 1, system)
    with pytest.raises(Refused, match="made for another election"):
        check_cast(world.manifest, world.election, world.electorate, raw)


def test_who_is_not_in_the_electorate_can_not_vote(world: World) -> None:
    """The accused's own program refuses, and a ring signature for another ring does not verify."""
    stranger = MemberKey.draw(seeded(b"stranger"))
    with pytest.raises(Refused, match="may not vote in this poll"):
        make_cast(world.manifest, world.election, world.electorate, stranger, 1, system)
    other = World(voters=6, seed=b"others")
    phi = world.manifest.phi
    certificate = certify(world.election, other.electorate, other.keys[0], phi, system)
    with pytest.raises(Refused, match="does not verify"):
        check_certificate(world.group, world.electorate.rings, phi, certificate)


def test_nobody_certifies_another_s_credential_as_theirs(world: World) -> None:
    """A member who sees a credential signs it into their own ring signature: the binding is missing."""
    victim = cast_of(world, 0, 1)
    phi = world.manifest.phi
    credential = victim.certified.credential
    theft = ring.sign(
        world.electorate.rings[0], world.keys[1], phi, membership._message(phi, credential), system
    )
    stolen = replace_wire(victim.certified.wire, signature=theft.raw.hex())
    with pytest.raises(Refused, match="not bound to this tag"):
        check_certificate(world.group, world.electorate.rings, phi, stolen)


def replace_wire(wire: W, **changes: object) -> W:
    return msgspec.structs.replace(wire, **changes)


def test_a_ballot_under_another_s_certificate_is_refused(world: World) -> None:
    """Spliced: my ballot, your certificate."""
    mine, yours = json.loads(world.make(0, 1)), json.loads(world.make(1, 1))
    mine["certificate"] = yours["certificate"]
    raw = json.dumps(mine, separators=(",", ":")).encode()
    with pytest.raises(Refused, match="certificate is for another credential"):
        check_cast(world.manifest, world.election, world.electorate, raw)


def test_a_second_credential_under_one_tag_is_refused(world: World) -> None:
    """A member whose program draws credentials at random still has one tag, and the first holds."""
    first = cast_of(world, 0, 1)
    slot = admit(world.manifest, first, OPENS, None, None).slot
    other = replace(first, certified=replace(first.certified, credential="another"))
    with pytest.raises(Refused, match="has another credential"):
        admit(world.manifest, other, OPENS, slot, None)
    with pytest.raises(Refused, match="belongs to another voter"):
        admit(world.manifest, first, OPENS, None, b"another tag")


def test_revoting_replaces_and_an_earlier_ballot_can_not_come_back(world: World) -> None:
    """Say A, then B, then A again (a replay): B counts, and A's answer is the same receipt as before."""
    a, b = world.make(0, 1), world.make(0, 2)
    first = world.post(a, OPENS + 5)
    second = world.post(b, OPENS + 6)
    assert world.post(a, OPENS + 3 * DAY) == first
    assert json.loads(second)["page"] > json.loads(first)["page"]
    for voter in range(1, 5):
        world.cast(voter, 0)
    archive, evidence = world.finish()
    report = verify(world.group, archive, evidence)
    assert report.passed, report
    # 4 × no action, 1 × suspension; the warning of ballot A is gone.
    from polls.archive import read

    assert read(archive).result == b'{"result":[[4,0,1,0]]}'


def test_votes_count_from_opening_to_closing(world: World) -> None:
    """By the time that the caller gives; a retry of what was admitted is answered even after the close."""
    cast = cast_of(world, 0, 1)
    manifest = world.manifest
    with pytest.raises(NotOpen):
        admit(manifest, cast, manifest.opens_at - 1, None, None)
    with pytest.raises(TooLate):
        admit(manifest, cast, manifest.closes_at, None, None)
    admitted = admit(manifest, cast, manifest.closes_at - 1, None, None)
    again = admit(manifest, cast, manifest.closes_at + 99, admitted.slot, cast.tag)
    assert (again.page, again.new) == (admitted.page, False)


def test_voting_again_within_the_last_interval_has_pages_and_an_end(world: World) -> None:
    """The board's order is the order of voting, also at the end; nobody fills it alone."""
    slot, now, pages = None, world.manifest.closes_at - 1, []
    base = cast_of(world, 0, 1)
    for attempt in range(9):
        cast = replace(base, ballot=replace(base.ballot, raw=bytes([attempt])))
        admitted = admit(world.manifest, cast, now, slot, None)
        slot = admitted.slot
        pages.append(admitted.page)
    assert pages == sorted(set(pages))
    assert pages[-1] == last_page(world.manifest)
    with pytest.raises(Refused, match="too often"):
        admit(world.manifest, replace(base, ballot=replace(base.ballot, raw=b"x")), now, slot, None)
    assert page_due(world.manifest, 0) == OPENS + DAY
    assert page_due(world.manifest, last_page(world.manifest)) == world.manifest.closes_at


def test_heads_show_no_turnout(world: World) -> None:
    """An empty page's head can't be told from a full one's without its salt."""
    manifest = world.manifest
    empty = next_head(manifest, 0, genesis(manifest), Page(b"a" * 32, ()))
    assert empty != next_head(manifest, 0, genesis(manifest), Page(b"b" * 32, ()))
    wire = sign_head(world.server, manifest, 0, empty)
    assert check_head(manifest, wire) == empty
    assert len(wire.head) == 64


def receipts_of(world: World) -> tuple[Any, Any]:
    first = read_receipt(world.manifest, world.cast(0, 1, OPENS + 5))
    second = read_receipt(world.manifest, world.cast(0, 2, OPENS + DAY + 5))
    return first, second


def found_of(world: World, receipt: Any, *own: Any) -> Found:
    """What became of a ballot on the board as it is."""
    board = world.board()
    return check_receipt(receipt, credentials_on(board, world.stored), [each.ballot for each in own])


def test_a_receipt_says_counted_replaced_or_dropped(world: World) -> None:
    """What became of a ballot; one whose later ballot was dropped counts again."""
    first, second = receipts_of(world)
    world.cast(1, 1, OPENS + 2 * DAY)
    assert found_of(world, second) is Found.COUNTED
    assert found_of(world, first, first, second) is Found.REPLACED
    world.pages[second.page].discard(second.ballot)
    assert found_of(world, second, first) is Found.DROPPED
    assert found_of(world, first, first, second) is Found.COUNTED


def test_a_ballot_that_was_replaced_from_another_machine_is_not_counted(world: World) -> None:
    """The later ballot has the same credential, and no receipt of it is here; also when both are on one page."""
    first, second = receipts_of(world)
    assert found_of(world, first, first) is Found.REPLACED_ELSEWHERE
    ballots = sorted([first.ballot, second.ballot])
    world.pages = {first.page: set(ballots)}
    of = {each.ballot: msgspec.structs.replace(each, page=first.page) for each in (first, second)}
    assert found_of(world, of[ballots[0]]) is Found.REPLACED_ELSEWHERE
    assert found_of(world, of[ballots[1]]) is Found.COUNTED


def test_no_ballot_on_the_board_can_be_withheld_from_who_looks_for_a_later_one(world: World) -> None:
    """Without its text nobody sees that it replaces another; another text isn't taken for it."""
    _, second = receipts_of(world)
    board, texts = world.board(), dict(world.stored)
    other = texts.pop(second.ballot)
    for wrong in (texts, {**texts, second.ballot: other + b" "}):
        with pytest.raises(Refused, match="the text of a ballot on it is missing"):
            credentials_on(board, wrong)


def test_a_rolled_back_revote_is_found_by_its_receipt(world: World) -> None:
    """The server puts the earlier ballot after the later one: neither is where it was promised."""
    first, second = receipts_of(world)
    world.pages = {first.page: {second.ballot}, second.page: {first.ballot}}
    assert found_of(world, first, second) is Found.DROPPED
    assert found_of(world, second) is Found.DROPPED


def test_a_server_with_two_histories_is_found(world: World) -> None:
    """A head that somebody kept is not in the board that is opened later."""
    world.cast(0, 1)
    _, heads = world.flushed()
    seen = {head.page: check_head(world.manifest, head) for head in heads[:3]}
    world.board().check_seen(seen)
    world.cast(1, 1)
    with pytest.raises(Refused, match="page 0 is not the one whose head was published"):
        world.board().check_seen(seen)


def test_receipts_and_heads_of_others_are_refused(world: World) -> None:
    """Forged, of another poll, of another page, malformed."""
    raw = world.cast(0, 1)
    forger = SigningKey(bytes(32))
    good = read_receipt(world.manifest, raw)
    with pytest.raises(Refused):
        read_receipt(world.manifest, give_receipt(forger, world.manifest, good.ballot, 0))
    with pytest.raises(Refused, match="another poll"):
        read_receipt(world.make_manifest(quorum=2), raw)
    for field, value in (("page", 1), ("ballot", "0" * 64), ("signature", "zz"), ("page", 10**6)):
        message = json.loads(raw) | {field: value}
        with pytest.raises(Refused):
            read_receipt(world.manifest, json.dumps(message, separators=(",", ":")).encode())
    beyond = give_receipt(world.server, world.manifest, good.ballot, last_page(world.manifest) + 1)
    nowhere = json.dumps(json.loads(raw) | {"page": -1}, separators=(",", ":")).encode()
    for promised in (beyond, nowhere):
        with pytest.raises(Refused, match="receipt: no such page"):
            read_receipt(world.manifest, promised)
    pages, heads = world.flushed()
    with pytest.raises(Refused):
        Board.check(world.manifest, pages, sign_head(forger, world.manifest, heads[-1].page, b"x" * 32))
    with pytest.raises(Refused, match="one page for every interval"):
        Board.check(world.manifest, pages[:-1], heads[-2])


@pytest.mark.parametrize(
    ("salt", "ballots"),
    [(b"s", ()), (b"s" * 32, ("b" * 64, "a" * 64)), (b"s" * 32, ("a" * 64, "a" * 64)), (b"s" * 32, ("a",))],
)
def test_pages_have_one_form(salt: bytes, ballots: tuple[str, ...]) -> None:
    """Sorted, each once, a full salt: no hidden order of arrival."""
    with pytest.raises(Refused, match="board: "):
        Page(salt, ballots)


def test_a_ballot_left_out_of_the_archive_or_a_certificate_too_many_is_refused(world: World) -> None:
    """The archive has all ballots of the board and the credentials of exactly these."""
    for voter in range(5):
        world.cast(voter, 1)
    missing = dict(world.stored)
    missing.popitem()
    certificates = list(world.certificates.values())
    with pytest.raises(Refused, match="a ballot of the board is missing"):
        assemble(world.trustees, world.board(), missing, certificates)
    extra = certify(world.election, world.electorate, world.keys[5], world.manifest.phi, system)
    pages, heads = world.flushed()
    evidence = write_evidence(world.manifest, world.electorate, pages, heads[-1], [*certificates, extra])
    archive = assemble(world.trustees, world.board(), world.stored, [*certificates, extra])
    report = verify(world.group, archive, evidence)
    assert report.failure == "ballots: certificates: one is of a credential without a ballot"


def test_what_is_added_up_unchecked_is_the_same_and_is_verified_after(world: World) -> None:
    """Who verifies anyway looks at each ballot's proofs once: the bytes are those of the checked archive."""
    for voter in range(5):
        world.cast(voter, voter % 4)
    assert world.close(to_verify=True) == world.close()
    certificates = list(world.certificates.values())

    def assembled(*, to_verify: bool, change: Callable[[dict[str, Any]], None]) -> bytes:
        """With the first ballot changed by a server, which lists the result on its board."""
        forged = json.loads(world.stored[world.board().order[0]])
        change(forged)
        raw = encode(forged)
        stored = {**world.stored, world.board().order[0]: raw}
        return assemble(world.trustees, world.board(), stored, certificates, to_verify=to_verify)

    def other_proof(ballot: dict[str, Any]) -> None:
        ballot["signature"]["proof"]["response"] = "1"

    def fewer_choices(ballot: dict[str, Any]) -> None:
        ballot["answers"][0]["choices"].pop()

    def no_answer(ballot: dict[str, Any]) -> None:
        ballot["answers"] = []

    def no_point(ballot: dict[str, Any]) -> None:
        ballot["answers"][0]["choices"][0]["alpha"] = "0" * 64

    with pytest.raises(Refused, match="ballot 1: ballot: signature does not verify"):
        assembled(to_verify=False, change=other_proof)
    archive = assembled(to_verify=True, change=other_proof)
    assert not verify(world.group, archive, world.evidence()).passed
    for change, reason in (
        (fewer_choices, "another number of answers"),
        (no_answer, "another number of answers"),
        (no_point, "point: "),
    ):
        with pytest.raises(Refused, match=reason):
            assembled(to_verify=True, change=change)


def test_a_false_ballot_that_is_on_the_board_is_refused_by_who_verifies(world: World) -> None:
    """Its hash is the board's, so that its proofs alone give it away."""
    for voter in range(5):
        world.cast(voter, 1)
    name = world.board().order[0]
    forged = json.loads(world.stored.pop(name))
    forged["signature"]["proof"]["response"] = "1"
    raw = encode(forged)
    world.stored[hash_hex(raw)] = raw
    for page in world.pages.values():
        if name in page:
            page.remove(name)
            page.add(hash_hex(raw))
    with pytest.raises(Refused, match=r"ballot \d: ballot: signature does not verify"):
        world.closed()


def vote_again_as_another(world: World, voter: int) -> None:
    """Vote under a second credential of one member's, and let a server that works with them put it on the board."""
    key, phi, group = world.keys[voter], world.manifest.phi, world.group
    private = PrivateCredential.of_characters(base58(world.entropy(40), 22))
    secret = secret_of(group, world.election.uuid, private)
    credential = group.text(group.base(secret))
    place = world.electorate.place_of(key.public())
    ring_ = world.electorate.rings[place]
    signature = ring.sign(ring_, key, phi, membership._message(phi, credential), system)
    prefix = membership._binding_prefix(phi, credential, signature.tag.raw)
    binding = prove_knowledge(group, secret, prefix, system).wire
    certificate = CertificateWire(
        credential=credential, ring=place, signature=signature.raw.hex(), binding=binding
    )
    raw = ballots.make(world.election, private, [[0, 1, 0, 0]], system)
    world.stored[hash_hex(raw)] = raw
    world.certificates[credential] = certificate
    world.pages[0].add(hash_hex(raw))


def test_a_member_who_voted_under_two_credentials_is_found(world: World) -> None:
    """Each is well certified, and only the tag, which is one, gives them away; the server had let both through."""
    for voter in range(5):
        world.cast(voter, 0)
    manifest = encode(world.manifest)
    assert check_closed(world.group, world.close(), world.evidence(), manifest=manifest).ballots == 5
    vote_again_as_another(world, 0)
    with pytest.raises(Refused, match=r"certificate [1-6]: a member has two credentials"):
        check_closed(world.group, world.close(), world.evidence(), manifest=manifest)


@pytest.mark.parametrize("spell", [str.upper, lambda text: text[:64] + " " + text[64:]])
def test_a_certificate_has_one_spelling(world: World, spell: Callable[[str], str]) -> None:
    """Capitals and spaces read as the same bytes: nobody makes a second text of a voter's certificate."""
    wire = cast_of(world, 0, 1).certified.wire
    assert bytes.fromhex(spell(wire.signature)) == bytes.fromhex(wire.signature)
    spelt = replace_wire(wire, signature=spell(wire.signature))
    with pytest.raises(Refused, match="not in canonical form"):
        check_certificate(world.group, world.electorate.rings, world.manifest.phi, spelt)


def test_the_private_credential_hides(world: World) -> None:
    """Nothing of it in a repr; another per poll."""
    credential = private_credential(world.keys[0], world.manifest.phi)
    assert credential.reveal().decode() not in repr(credential)
    assert credential != private_credential(world.keys[0], bytes(32))


def test_a_receipt_costs_no_step_for_each_ballot_of_the_board(world: World) -> None:
    """A file of receipts may hold 40,000: on a board of 20,000 ballots each took 2 ms."""
    receipt, _ = receipts_of(world)

    def looked_at(ballots: int) -> int:
        names = [hash_hex(b"%d" % n) for n in range(ballots)]
        looked = Looked({receipt.ballot: "mine", **dict.fromkeys(names, "theirs")})
        pages = {receipt.ballot: receipt.page, **dict.fromkeys(names, 1)}
        voted = Voted(looked, pages, {"mine": receipt.ballot})
        assert check_receipt(receipt, voted) is Found.COUNTED
        return looked.steps

    assert looked_at(1_000) == looked_at(10) == 1


class Looked(dict[str, str]):
    """Counts how often a credential is looked up."""

    steps = 0

    def __getitem__(self, name: str) -> str:
        self.steps += 1
        return super().__getitem__(name)
