"""What is added up at the close: all ballots of the board, each good, and no member's under two credentials."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from crypto import ring
from crypto.entropy import system
from crypto.errors import Refused
from polls import ballots, membership
from polls.credentials import PrivateCredential, secret_of
from polls.encoding import base58, encode, hash_hex
from polls.evidence import assemble, write_evidence
from polls.membership import CertificateWire, certify
from polls.proofs import prove_knowledge
from polls.verify import check_closed, verify
from tests.support.poll_world import World


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
