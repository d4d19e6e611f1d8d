"""What stands beside the Belenios archive: our certificates, the board, the result's signatures. SPEC.md §3.8.

A poll's record is two files. NAME.bel is Belenios' archive: its credentials are those certified by the
close, its ballots those of the board, in the board's order. NAME.evidence.json is ours and says why these
credentials may vote and why these are all ballots. Both are exact texts. After the cooling-off `what_remains` is
all that is kept: no ballot, no tag, no key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from crypto.errors import Refused
from crypto.group import Point
from crypto.ring import MAX_RING, MIN_RING, Ring
from polls.archive import Contents, read, write
from polls.audit import Mapper, add_unchecked_ballots, check_ballots
from polls.board import Board, HeadWire, Page, PageWire
from polls.credentials import write_public
from polls.election import Election
from polls.electorate import Electorate
from polls.encoding import HashHex, Wire, decode, encode, hash_hex
from polls.group import E, Group, S
from polls.manifest import Manifest, check_electorate, election_of
from polls.membership import CertificateWire
from polls.opening import open_tally
from polls.results import SignedCounts, SignedOutcome
from polls.tally import Tally, read_tally, write_result, write_tally
from polls.trustees import Trustees

MAX_EVIDENCE: Final = 64 << 20
"""Bytes of an evidence file. Each ballot's certificate is as long as its ring: 2,000 voters make 18 MB."""
MAX_VOTERS: Final = 50_000
"""Voters of a record that is read, as many as statements of a registry: a key is checked in a twentieth of a ms."""

RingWire = Annotated[list[str], Meta(min_length=MIN_RING, max_length=MAX_RING)]
"""A ring's keys. Held to its length while it is read: 20 million empty ones took 1.5 GB."""


class EvidenceWire(Wire, frozen=True):
    """The evidence file. `rings`: members' keys in hexadecimal. `certificates`: by ascending credential."""

    version: int
    manifest: Manifest
    rings: list[RingWire]
    pages: list[PageWire]
    head: HeadWire
    certificates: list[CertificateWire]
    outcome: SignedOutcome | None = None
    counts: SignedCounts | None = None


@dataclass(frozen=True)
class Evidence:
    """An evidence file, read: its electorate and board hold together; its certificates are still to be checked."""

    wire: EvidenceWire
    manifest: Manifest
    electorate: Electorate
    board: Board


def read_evidence(raw: bytes) -> Evidence:
    """Read an evidence file; Refused, saying what, unless electorate and board are the manifest's."""
    wire = decode(raw, EvidenceWire, "evidence", most=MAX_EVIDENCE)
    if wire.version != 1:
        raise Refused("evidence: of another version")
    electorate = read_electorate(wire.rings)
    check_electorate(wire.manifest, electorate)
    board = Board.check(wire.manifest, [Page.parse(page) for page in wire.pages], wire.head)
    credentials = [certificate.credential for certificate in wire.certificates]
    if credentials != sorted(set(credentials)):
        raise Refused("evidence: certificates not by ascending credential, each once")
    return Evidence(wire, wire.manifest, electorate, board)


def read_electorate(rings: Sequence[Sequence[str]]) -> Electorate:
    """Read an electorate's rings, of MAX_VOTERS at most; every key is checked for membership of the group."""
    if sum(map(len, rings)) > MAX_VOTERS:
        raise Refused("electorate: more voters than a record can have")
    try:
        return Electorate(tuple(Ring(tuple(Point(bytes.fromhex(key)) for key in ring)) for ring in rings))
    except ValueError:
        raise Refused("electorate: a key is not hexadecimal") from None


def write_electorate(electorate: Electorate) -> list[list[str]]:
    """Write an electorate's rings."""
    return [[member.raw.hex() for member in ring.members] for ring in electorate.rings]


def write_evidence(
    manifest: Manifest,
    electorate: Electorate,
    pages: Sequence[Page],
    head: HeadWire,
    certificates: Sequence[CertificateWire],
    outcome: SignedOutcome | None = None,
    counts: SignedCounts | None = None,
) -> bytes:
    """Write an evidence file; certificates in any order, one for each credential that has a ballot."""
    wire = EvidenceWire(
        version=1,
        manifest=manifest,
        rings=write_electorate(electorate),
        pages=[page.wire for page in pages],
        head=head,
        certificates=sorted(certificates, key=lambda each: each.credential),
        outcome=outcome,
        counts=counts,
    )
    raw = encode(wire)
    read_evidence(raw)
    return raw


def assemble(
    trustees: Trustees[E, S],
    board: Board,
    ballots: Mapping[str, bytes],
    certificates: Sequence[CertificateWire],
    mapper: Mapper = map,
    *,
    to_verify: bool = False,
) -> bytes:
    """Assemble the Belenios archive of a closed poll, up to the encrypted tally; checks every ballot again.

    ballots: text by hash, of every ballot on the board. to_verify: the caller has `polls.verify` check the archive
    right after, so no proof is looked at here: false ballots are added up too, and refused there.

    Belenios lists credentials at the set-up; ours are known at the close. That changes nothing for it: ballots and
    decryptions are bound to the election's text, which does not name the credentials, and the whole archive is a
    function of the board, so that anybody can assemble it.
    """
    manifest = board.manifest
    group: Group[E, S] = trustees.group
    election = election_of(manifest, trustees)
    credentials = write_public(group, [group.parse(each.credential) for each in certificates])
    try:
        texts = [ballots[name] for name in board.order]
    except KeyError:
        raise Refused("archive: a ballot of the board is missing") from None
    contents = Contents(
        timestamp=manifest.closes_at,
        election=election.raw,
        trustees=trustees.raw,
        credentials=credentials,
        ballots=texts,
        ended=True,
    )
    if texts:
        allowed = frozenset(each.credential for each in certificates)
        if to_verify:
            tally, counted = add_unchecked_ballots(election, allowed, texts)
        else:
            tally, counted = check_ballots(election, allowed, texts, mapper)
        contents.tally, contents.tallied = write_tally(group, tally), len(counted)
    return write(contents)


def with_decryptions(trustees: Trustees[E, S], archive: bytes, partial: Mapping[int, bytes]) -> bytes:
    """Add partial decryptions, by place, and the result to an archive that ends at the encrypted tally.

    One that is false, whether its proofs verify or not, is left out: the archive has those that agree with the
    result, and who is missing sent a false one. Refused, naming places, without a threshold of true ones.
    """
    contents = read(archive)
    if contents.tally is None or contents.tallied is None or contents.partial:
        raise Refused("archive: does not end at the encrypted tally")
    group: Group[E, S] = trustees.group
    election = Election.parse(group, contents.election)
    tally: Tally[E] = read_tally(group, contents.tally)
    opened = open_tally(election, trustees, tally, partial, contents.tallied)
    contents.partial = [(place, partial[place]) for place in opened.agreeing]
    contents.result = write_result(opened.counts)
    return write(contents)


class Remains(Wire, frozen=True):
    """What is kept after the cooling-off: manifest, result and digests of what was destroyed."""

    version: int
    manifest: Manifest
    archive: HashHex
    evidence: HashHex
    outcome: SignedOutcome
    reports: list[str]
    counts: SignedCounts | None = None


def what_remains(archive: bytes, evidence: bytes, reports: Sequence[str]) -> bytes:
    """Give what is kept of a finished poll after its cooling-off.

    reports: verifiers' reports, word for word; whatever signature they carry is for their readers to check.

    Everything else (ballots, tags, certificates, rings, pages, decryptions, the summary's key) is for the caller
    to destroy, with the trustees' partial decryptions; none of it can be had from what this gives.
    """
    read(archive)
    held = read_evidence(evidence)
    if held.wire.outcome is None:
        raise Refused("evidence: has no signed outcome yet")
    return encode(
        Remains(
            version=1,
            manifest=held.manifest,
            archive=hash_hex(archive),
            evidence=hash_hex(evidence),
            outcome=held.wire.outcome,
            reports=list(reports),
            counts=held.wire.counts,
        )
    )


def read_remains(raw: bytes) -> Remains:
    """Read what was kept."""
    return decode(raw, Remains, "remains")
