"""Verify a whole poll offline and say in plain words what was checked. SPEC.md §3.9.

`verify` goes through a poll's two files step by step and stops at the first that fails, naming it: what comes
after would rest on it. It needs nothing but the files; with the manifest, the registry or the board's heads
that somebody kept, it holds the files against these too. `check_closed` is the same up to the tally: what a trustee
must have seen pass before `polls.closing` lets them decrypt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic

from crypto.errors import Refused
from crypto.group import Point
from crypto.ring import Ring
from polls.archive import Contents, read
from polls.audit import Mapper, check_ballots, check_partials
from polls.credentials import read_public
from polls.election import Election
from polls.electorate import Disclosure
from polls.encoding import encode, hash_hex
from polls.evidence import Evidence, read_evidence
from polls.group import E, Group, S
from polls.manifest import Manifest, election_of
from polls.membership import CertificateWire, check_certificate
from polls.report import Report, Run
from polls.results import Decided, check_counts, check_outcome, outcome_statement
from polls.tally import Counts, Tally, combine, counts_of, read_result, write_tally
from polls.trustees import Trustees

CHUNK: Final = 4


@dataclass(frozen=True)
class Closed(Generic[E, S]):
    """A closed poll of which everything up to the encrypted tally was verified. Only `check_closed` makes it."""

    manifest: Manifest
    trustees: Trustees[E, S]
    election: Election[E, S]
    evidence: Evidence
    tally: Tally[E]
    ballots: int

    @property
    def quorum_met(self) -> bool:
        """Whether enough voted for ballots to be opened."""
        return self.ballots >= self.manifest.quorum

    @property
    def tally_raw(self) -> bytes:
        """The encrypted tally's text."""
        return write_tally(self.election.group, self.tally)


def verify(
    group: Group[E, S],
    archive: bytes,
    evidence: bytes,
    *,
    manifest: bytes | None = None,
    registry: Collection[Point] | None = None,
    seen: Mapping[int, bytes] | None = None,
    mapper: Mapper = map,
) -> Report:
    """Verify a poll's record. Never raises for a bad record: the report names what failed.

    manifest: the manifest as it was published; registry: the members' keys; seen: heads of the board by page.
    """
    run = Run()
    try:
        contents, closed = _until_tally(run, group, archive, evidence, manifest, registry, seen, mapper)
        _decryption(run, contents, closed)
    except Refused as refused:
        run.failed(refused)
    return Report(tuple(run.checks))


def check_closed(
    group: Group[E, S],
    archive: bytes,
    evidence: bytes,
    *,
    manifest: bytes,
    registry: Collection[Point] | None = None,
    seen: Mapping[int, bytes] | None = None,
    mapper: Mapper = map,
) -> Closed[E, S]:
    """Verify everything up to the encrypted tally; raises Refused for the first thing that fails."""
    return _until_tally(Run(), group, archive, evidence, manifest, registry, seen, mapper)[1]


def _until_tally(
    run: Run,
    group: Group[E, S],
    archive: bytes,
    evidence: bytes,
    expected: bytes | None,
    registry: Collection[Point] | None,
    seen: Mapping[int, bytes] | None,
    mapper: Mapper,
) -> tuple[Contents, Closed[E, S]]:
    run.begin("archive")
    contents = read(archive)
    run.held("every file is named by its hash, and the chain of events is whole")

    run.begin("manifest and electorate")
    held = read_evidence(evidence)
    poll = held.manifest
    if expected is not None and expected != encode(poll):
        raise Refused("manifest: not the one that was published")
    against = "as published" if expected is not None else "as found in the record"
    run.held(f"{poll.electorate_size} members may vote; 'No action' and 'Abstain' are offered; {against}")

    if registry is not None:
        run.begin("registry")
        if not held.electorate.members <= frozenset(registry):
            raise Refused("electorate: a key is not in the registry of members")
        run.held(
            f"every voter's key is registered; {len(set(registry)) - poll.electorate_size} members left out"
        )

    run.begin("board")
    held.board.check_seen(seen or {})
    run.held(
        f"{len(held.board.pages)} pages chained under the server's signature; {len(seen or {})} kept heads agree"
    )

    run.begin("trustees and election")
    trustees = Trustees.parse(group, contents.trustees)
    election = election_of(poll, trustees)
    if election.raw != contents.election:
        raise Refused("election: not the one of this manifest and board of trustees")
    if contents.timestamp != poll.closes_at:
        raise Refused("archive: its time is not the poll's close")
    run.held(
        f"{trustees.threshold} of {len(trustees.keys)} trustees hold the key; the election is the manifest's"
    )

    run.begin("certificates")
    _certificates(group, held, mapper)
    if read_public(group, contents.credentials) != {each.credential for each in held.wire.certificates}:
        raise Refused("certificates: not those of the archive's credentials")
    run.held(f"{len(held.wire.certificates)} credentials, each certified by one member, no member twice")

    run.begin("ballots")
    if [hash_hex(ballot) for ballot in contents.ballots] != list(held.board.order):
        raise Refused("ballots: not those of the board, in its order")
    if not contents.ended:
        raise Refused("ballots: the archive was not closed")
    credentials = frozenset(each.credential for each in held.wire.certificates)
    tally, counted = check_ballots(election, credentials, contents.ballots, mapper)
    if len(counted) != len(credentials):
        raise Refused("certificates: one is of a credential without a ballot")
    replaced = len(contents.ballots) - len(counted)
    run.held(f"{len(contents.ballots)} ballots are valid; {len(counted)} count, {replaced} replaced")

    run.begin("tally")
    if counted:
        if contents.tally != write_tally(group, tally) or contents.tallied != len(counted):
            raise Refused("encrypted tally: not the sum of the ballots that count")
    elif contents.tally is not None:
        raise Refused("encrypted tally: of no ballots")
    run.held("the encrypted tally is the sum of the ballots that count")
    return contents, Closed(poll, trustees, election, held, tally, len(counted))


def _decryption(run: Run, contents: Contents, closed: Closed[E, S]) -> None:
    group, manifest, wire = closed.election.group, closed.manifest, closed.evidence.wire
    run.begin("decryption")
    decided = None
    if not closed.quorum_met:
        if contents.partial or contents.result is not None:
            raise Refused("decryption: a ballot was opened below the quorum")
        decided = Decided.unopened(manifest, closed.ballots)
        run.held(f"{closed.ballots} voted, the quorum is {manifest.quorum}: nothing was opened")
    elif contents.result is None:
        if contents.partial:
            raise Refused("decryption: partial decryptions without a result")
        run.held("not shown in this record: the outcome rests on the trustees' signatures")
    else:
        counts: Counts = _counts(group, contents, closed)
        decided = Decided.of_counts(manifest, counts)
        run.held("the trustees' proofs hold, and the counts are what they decrypted")

    run.begin("outcome")
    signed = wire.outcome
    if signed is None:
        if wire.counts is not None:
            raise Refused("outcome: counts are signed but the outcome is not")
        run.held("not signed yet")
        return
    statement = signed.statement
    if (statement.tally, statement.ballots) != (hash_hex(closed.tally_raw), closed.ballots):
        raise Refused("signed outcome: of other ballots")
    if statement.head != wire.head.head:
        raise Refused("signed outcome: of another board")
    if decided is not None and statement != outcome_statement(
        manifest, wire.head.head, closed.tally_raw, decided
    ):
        raise Refused("signed outcome: not what the counts give")
    check_outcome(manifest, closed.trustees, signed)
    chosen = manifest.texts[statement.outcome]
    run.held(f"'{chosen}', signed by {len(signed.signatures)} trustees")

    if wire.counts is not None:
        run.begin("counts")
        check_counts(manifest, closed.trustees, statement, wire.counts)
        if decided is not None and tuple(wire.counts.statement.counts) != decided.counts:
            raise Refused("signed counts: not what was decrypted")
        run.held(f"signed by {len(wire.counts.signatures)} trustees, and they give the outcome")
    elif manifest.disclosure is Disclosure.OUTCOME:
        run.begin("counts")
        run.held("of an electorate this small only the outcome is told")


def _counts(group: Group[E, S], contents: Contents, closed: Closed[E, S]) -> Counts:
    valid, invalid = check_partials(closed.election, closed.trustees, closed.tally, contents.partial)
    if invalid:
        raise Refused(f"partial decryption: that of trustee {invalid[0]} does not hold")
    counts = counts_of(group, closed.tally, combine(group, closed.trustees, valid), closed.ballots)
    if contents.result is None or read_result(contents.result) != counts:
        raise Refused("result: not what the trustees decrypted")
    if sum(counts[0]) != closed.ballots:
        raise Refused("result: counts don't add up to the ballots")
    return counts


@dataclass(frozen=True)
class _Job:
    group: Group[Any, Any]
    rings: tuple[bytes, ...]
    phi: bytes
    wires: tuple[CertificateWire, ...]


@lru_cache(maxsize=16)
def _ring(raw: bytes) -> Ring:
    return Ring.parse(raw)


def _check_certificates(job: _Job) -> list[bytes | str]:
    """Give each certificate's tag, or what fails."""
    rings = tuple(_ring(raw) for raw in job.rings)
    results: list[bytes | str] = []
    for wire in job.wires:
        try:
            results.append(check_certificate(job.group, rings, job.phi, wire).tag)
        except Refused as refused:
            results.append(refused.reason)
    return results


def _certificates(group: Group[E, S], held: Evidence, mapper: Mapper) -> None:
    wires = held.wire.certificates
    rings, phi = tuple(ring.raw for ring in held.electorate.rings), held.manifest.phi
    jobs = [_Job(group, rings, phi, tuple(wires[at : at + CHUNK])) for at in range(0, len(wires), CHUNK)]
    tags: set[bytes] = set()
    for place, found in enumerate(
        (each for results in mapper(_check_certificates, jobs) for each in results), 1
    ):
        if isinstance(found, str):
            raise Refused(f"certificate {place}: {found}")
        if found in tags:
            raise Refused(f"certificate {place}: a member has two credentials")
        tags.add(found)
