"""Casting: one voter, one tag, one ballot that counts; what is spliced, replayed or a stranger's is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from crypto import ring
from crypto.entropy import seeded, system
from crypto.errors import Refused
from crypto.members import MemberKey
from polls import membership
from polls.casting import NotOpen, TooLate, admit, check_cast, last_page, make_cast, page_due
from polls.manifest import election_of
from polls.membership import certify, check_certificate, private_credential
from polls.verify import verify
from tests.support.poll_world import DAY, OPENS, World, cast_of, replace_wire


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
