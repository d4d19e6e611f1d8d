"""After the close: quorum, decryption, results, what is kept."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import msgspec
import pytest

from crypto.entropy import system
from crypto.errors import Refused
from crypto.group import ORDER
from polls import archive, closing
from polls.audit import audit
from polls.closing import BelowQuorum
from polls.encoding import MAX_MESSAGE, encode, hash_hex
from polls.evidence import (
    MAX_EVIDENCE,
    read_evidence,
    read_remains,
    what_remains,
    with_decryptions,
    write_evidence,
)
from polls.membership import CertificateWire
from polls.outcome import Outcome
from polls.proofs import ProofWire
from polls.results import (
    Decided,
    SignedOutcome,
    check_outcome,
    counts_statement,
    outcome_statement,
    read_outcome,
    sign_statement,
)
from polls.verify import check_closed, verify
from tests.support.poll_world import Finished, World, each_once, vote_all


@pytest.fixture(scope="module")
def closed_world() -> World:
    world = World(voters=6, seed=b"closing")
    vote_all(world)
    return world


def test_a_finished_poll_verifies_and_says_so_in_words(twenty: Finished) -> None:
    """Every step by name; the whole counts are there from 20 members on."""
    registry = [key.public() for key in twenty.world.keys]
    report = verify(
        twenty.world.group, twenty.archive, twenty.evidence, manifest=twenty.manifest, registry=registry
    )
    assert report.passed, report
    names = [check.name for check in report.checks]
    assert names == [
        "archive",
        "manifest and electorate",
        "registry",
        "board",
        "trustees and election",
        "certificates",
        "ballots",
        "tally",
        "decryption",
        "outcome",
        "counts",
    ]
    assert "All checks passed." in str(report)


def test_a_process_pool_gives_the_same_report(twelve: Finished) -> None:
    """The work can be shared: chunks are plain values."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        report = verify(twelve.world.group, twelve.archive, twelve.evidence, mapper=pool.map)
    assert report == verify(twelve.world.group, twelve.archive, twelve.evidence)


def test_a_key_that_is_not_registered_is_noticed(twelve: Finished) -> None:
    """A server can't add voters of its own."""
    registry = [key.public() for key in twelve.world.keys[1:]]
    report = verify(twelve.world.group, twelve.archive, twelve.evidence, registry=registry, mapper=each_once)
    assert report.failure == "registry: electorate: a key is not in the registry of members"


def test_trustees_refuse_to_decrypt_below_the_quorum() -> None:
    """The rule is the trustees', not the server's; the outcome is no action and is signed."""
    world = World(voters=12, quorum=11, seed=b"quorum")
    for voter in range(10):
        world.cast(voter, 2)
    closed = world.closed()
    assert not closed.quorum_met
    share = world.transcript.share(world.seeds[0], 1)
    with pytest.raises(BelowQuorum):
        closing.decrypt(closed, share, world.manifest.closes_at, system, {})
    archive_raw, evidence = world.finish()
    report = verify(world.group, archive_raw, evidence, manifest=encode(world.manifest), mapper=each_once)
    assert report.passed, report
    assert "nothing was opened" in str(report)
    signed = read_evidence(evidence).wire.outcome
    assert signed is not None
    assert (signed.statement.outcome, signed.statement.quorum_met) == (0, False)


def test_opening_below_the_quorum_is_refused_by_the_verifier() -> None:
    """Trustees who conspire to open it all the same leave a record that doesn't hold."""
    world = World(voters=12, quorum=11, seed=b"quorum")
    for voter in range(10):
        world.cast(voter, 2)
    closed = world.closed()
    partial = {}
    for index in (1, 2):
        share = world.transcript.share(world.seeds[index - 1], index)
        from polls.tally import decrypt_partially

        partial[index] = decrypt_partially(closed.election, share, closed.tally, system)
    opened = with_decryptions(world.trustees, world.close(), partial)
    report = verify(world.group, opened, world.evidence(), mapper=each_once)
    assert report.failure == "decryption: a ballot was opened below the quorum"


def test_a_poll_in_which_nobody_voted(tmp_path: object) -> None:
    """Below any quorum, nothing to count, and the record still verifies."""
    world = World(voters=5, seed=b"nobody")
    archive_raw, evidence = world.finish()
    report = verify(world.group, archive_raw, evidence, mapper=each_once)
    assert report.passed, report
    assert audit(world.group, archive_raw).counts is None


def test_nothing_is_decrypted_before_the_close_or_a_second_time_differently(closed_world: World) -> None:
    """Two tallies of one poll would tell a vote by their difference."""
    closed = closed_world.closed()
    share = closed_world.transcript.share(closed_world.seeds[0], 1)
    close = closed_world.manifest.closes_at
    with pytest.raises(Refused, match="not closed"):
        closing.decrypt(closed, share, close - 1, system, {})
    _, name = closing.decrypt(closed, share, close, system, {})
    closing.decrypt(closed, share, close, system, {closed.manifest.phi: name})
    with pytest.raises(Refused, match="another tally of this poll"):
        closing.decrypt(closed, share, close, system, {closed.manifest.phi: hash_hex(b"other")})


def test_trustees_check_everything_before_they_decrypt(closed_world: World) -> None:
    """A server that drops a ballot from the archive gets no decryption."""
    raw = closed_world.close()
    contents = archive.read(raw)
    forged = archive.write(replace(contents, ballots=contents.ballots[:-1]))
    with pytest.raises(Refused, match="not those of the board"):
        check_closed(
            closed_world.group, forged, closed_world.evidence(), manifest=encode(closed_world.manifest)
        )
    other = encode(closed_world.make_manifest(quorum=2))
    with pytest.raises(Refused, match="not the one that was published"):
        check_closed(closed_world.group, raw, closed_world.evidence(), manifest=other)


def test_a_bad_partial_decryption_is_named(closed_world: World) -> None:
    """Trustee 2 decrypts with another share: left out by name, and the others suffice."""
    closed = closed_world.closed()
    partial = {}
    for index in (1, 2, 3):
        share = closed_world.transcript.share(closed_world.seeds[index - 1], index)
        if index == 2:
            share = closed_world.group.plus(share, closed_world.group.secret(1))
        partial[index], _ = closing.decrypt(closed, share, closed_world.manifest.closes_at, system, {})
    assert closing.decide_and_name(closed, partial)[1] == (2,)
    full = archive.read(with_decryptions(closed_world.trustees, closed_world.close(), partial))
    assert [place for place, _ in full.partial] == [1, 3]
    with pytest.raises(Refused, match="fewer partial decryptions than the threshold"):
        with_decryptions(closed_world.trustees, closed_world.close(), {1: partial[1]})
    good = with_decryptions(closed_world.trustees, closed_world.close(), {1: partial[1], 3: partial[3]})
    # In an archive it is left out, as Belenios does from 3.3 on, if a threshold of others is there.
    contents = archive.read(good)
    contents.partial.insert(1, (2, partial[2]))
    audited = audit(closed_world.group, archive.write(contents), mapper=each_once)
    assert (audited.valid_partial, audited.invalid_partial) == ((1, 3), (2,))
    assert verify(
        closed_world.group, archive.write(contents), closed_world.evidence(), mapper=each_once
    ).failure == ("decryption: partial decryption: that of trustee 2 does not hold")


def test_a_trustee_proves_the_share_before_each_poll(closed_world: World) -> None:
    """Bound to poll, board and place."""
    share = closed_world.transcript.share(closed_world.seeds[0], 1)
    phi = closed_world.manifest.phi
    proof = closing.prove_share(closed_world.trustees, share, 1, phi, system)
    closing.check_share(closed_world.trustees, 1, phi, proof)
    for index, poll in ((2, phi), (1, bytes(32))):
        with pytest.raises(Refused, match="proof of share"):
            closing.check_share(closed_world.trustees, index, poll, proof)
    with pytest.raises(Refused, match="no such place"):
        closing.check_share(closed_world.trustees, 0, phi, proof)


def test_below_twenty_the_counts_are_not_stated(twelve: Finished) -> None:
    """The outcome only, by type: there is no counts statement to sign."""
    decided = Decided.of_counts(twelve.world.manifest, ((3, 5, 2, 1),))
    with pytest.raises(Refused, match="only the outcome is told"):
        counts_statement(twelve.world.manifest, b"tally", decided)
    evidence = read_evidence(twelve.evidence)
    assert evidence.wire.counts is None
    assert "counts" not in json.loads(encode(evidence.wire.outcome))["statement"]


def test_an_outcome_without_the_decryption_rests_on_signatures(twelve: Finished) -> None:
    """What an electorate below 20 gets: everything but the decryption, and the verifier says so."""
    contents = archive.read(twelve.archive)
    public = archive.write(replace(contents, partial=[], result=None))
    report = verify(twelve.world.group, public, twelve.evidence, manifest=twelve.manifest, mapper=each_once)
    assert report.passed, report
    assert "rests on the trustees' signatures" in str(report)


def test_decryptions_without_a_result_are_refused(twelve: Finished) -> None:
    """An archive that shows what opens the ballots shows what they say: else whoever has it knows alone."""
    contents = archive.read(twelve.archive)
    hidden = archive.write(replace(contents, result=None))
    report = verify(twelve.world.group, hidden, twelve.evidence, manifest=twelve.manifest, mapper=each_once)
    assert report.failure == "decryption: partial decryptions without a result"


@pytest.mark.parametrize("later", [-1, 1])
def test_an_archive_is_of_the_time_of_the_close(twelve: Finished, later: int) -> None:
    """Whole and well chained, of another second: not the one archive that the board gives."""
    contents = archive.read(twelve.archive)
    moved = archive.write(replace(contents, timestamp=contents.timestamp + later))
    report = verify(twelve.world.group, moved, twelve.evidence, manifest=twelve.manifest, mapper=each_once)
    assert report.failure == "trustees and election: archive: its time is not the poll's close"


def test_a_signed_outcome_needs_a_threshold_and_the_truth(twelve: Finished) -> None:
    """Too few signatures, one twice, one forged, numbers that can't be."""
    world = twelve.world
    signed = read_evidence(twelve.evidence).wire.outcome
    assert signed is not None
    assert read_outcome(world.manifest, world.trustees, encode(signed)) == signed
    one, two = signed.signatures

    def refused(changed: SignedOutcome, reason: str) -> None:
        with pytest.raises(Refused, match=reason):
            check_outcome(world.manifest, world.trustees, changed)

    refused(SignedOutcome(signed.statement, [one]), "fewer signatures")
    refused(SignedOutcome(signed.statement, [one, one]), "each once")
    refused(SignedOutcome(signed.statement, [two, one]), "ascending")
    for changes, reason in (
        ({"outcome": 2}, "does not verify"),
        ({"outcome": 3}, "out of range"),
        ({"ballots": 13}, "out of range"),
        ({"quorum_met": False}, "quorum"),
        ({"poll": "00" * 32}, "another poll"),
    ):
        refused(SignedOutcome(msgspec.structs.replace(signed.statement, **changes), [one, two]), reason)


def test_trustees_who_sign_another_outcome_than_the_counts_are_found(twelve: Finished) -> None:
    """Even t trustees can't sign a lie next to the decryption."""
    world = twelve.world
    held = read_evidence(twelve.evidence)
    contents = archive.read(twelve.archive)
    lie = outcome_statement(
        world.manifest,
        held.wire.head.head,
        contents.tally or b"",
        Decided(Outcome(2, quorum_met=True), 11, None),
    )
    signatures = [sign_statement(world.trustees, world.seeds[i - 1], i, lie, system) for i in (1, 3)]
    evidence = encode(msgspec.structs.replace(held.wire, outcome=SignedOutcome(lie, signatures)))
    report = verify(world.group, twelve.archive, evidence, mapper=each_once)
    assert report.failure == "outcome: signed outcome: not what the counts give"
    with pytest.raises(Refused, match="not of this place"):
        sign_statement(world.trustees, world.seeds[0], 2, lie, system)


def test_an_outcome_is_of_one_board(twelve: Finished) -> None:
    """Signatures on the outcome of another board with the same tally don't hold for this one."""
    world, held = twelve.world, read_evidence(twelve.evidence)
    assert held.wire.outcome is not None
    other = msgspec.structs.replace(held.wire.outcome.statement, head="00" * 32)
    signatures = [sign_statement(world.trustees, world.seeds[i - 1], i, other, system) for i in (1, 3)]
    evidence = encode(msgspec.structs.replace(held.wire, outcome=SignedOutcome(other, signatures)))
    assert (
        verify(world.group, twelve.archive, evidence, mapper=each_once).failure
        == "outcome: signed outcome: of another board"
    )


def test_what_remains_has_no_ballot_tag_or_key(twenty: Finished) -> None:
    """After the cooling-off: manifest, signed result, digests, reports; searched for everything else."""
    raw = what_remains(twenty.archive, twenty.evidence, ["a verifier's report"])
    remains = read_remains(raw)
    assert remains.archive == hash_hex(twenty.archive)
    assert remains.evidence == hash_hex(twenty.evidence)
    assert remains.reports == ["a verifier's report"]
    text = raw.decode()
    message = json.loads(twenty.evidence)
    gone = [each["credential"] for each in message["certificates"]]
    gone += [each["signature"][:64] for each in message["certificates"]]
    gone += [key for ring in message["rings"] for key in ring]
    gone += [ballot for page in message["pages"] for ballot in page["ballots"]]
    gone += [page["salt"] for page in message["pages"]]
    assert len(gone) > 70
    assert not [each for each in gone if each in text]


def test_a_poll_without_result_can_not_be_archived(closed_world: World) -> None:
    """Nothing is destroyed before the outcome is signed."""
    with pytest.raises(Refused, match="no signed outcome"):
        what_remains(closed_world.close(), closed_world.evidence(), [])


def test_evidence_of_as_many_voters_as_a_poll_may_have_can_be_read() -> None:
    """Certificates grow with their rings: those of 2,000 voters are four times what any other message may be."""
    world = World(voters=2_000, seed=b"many")
    pages, heads = world.flushed()
    size = 2 * (64 + 32 * max(len(ring) for ring in world.electorate.rings))
    most = ProofWire(str(ORDER - 1), str(ORDER - 1))
    certificates = [CertificateWire(f"{n:064x}", 0, "b" * size, most) for n in range(2_000)]
    raw = write_evidence(world.manifest, world.electorate, pages, heads[-1], certificates)
    assert len(read_evidence(raw).wire.certificates) == 2_000
    assert MAX_MESSAGE < len(raw) < MAX_EVIDENCE / 2
    with pytest.raises(Refused, match="evidence: too long"):
        read_evidence(raw + b" " * MAX_EVIDENCE)
