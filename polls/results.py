"""The signed result: what trustees say, and how much of it to whom. SPEC.md §3.7.

An outcome statement has no counts and goes to everybody; a counts statement exists only where the manifest
discloses counts, and goes to the council. Each is valid with the signatures of a threshold of trustees, by the
keys of their certificates, and names the poll and the exact ballots it is about. A board statement is what they
tell each other before they decrypt (`polls.agreement`). No signature of one kind holds for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.entropy import Entropy
from crypto.errors import Refused
from polls.channels import TrusteeKeys, TrusteeSeed, check_signature, sign
from polls.electorate import Disclosure
from polls.encoding import Wire, decode, encode, hash_hex
from polls.group import E, Group, S
from polls.manifest import Manifest
from polls.outcome import Outcome, below_quorum, decide
from polls.proofs import Proof, ProofWire
from polls.tally import Counts
from polls.trustees import Trustees


class OutcomeStatement(Wire, frozen=True):
    """`poll`: φ. `ballots`: how many counted. `tally`: SHA-256 of the encrypted tally. `outcome`: an option's place.

    `head`: the board's last, in hexadecimal. With it whoever holds a receipt knows that the board on which the ballot
    stands is the one that was counted.
    """

    poll: str
    head: str
    tally: str
    electorate: int
    ballots: int
    quorum_met: bool
    outcome: int


class BoardStatement(Wire, frozen=True):
    """The board that a trustee verified: `head`, `tally` as in the outcome statement of the same poll φ."""

    poll: str
    head: str
    tally: str


class CountsStatement(Wire, frozen=True):
    """The count of each option in the manifest's order, of the same poll and tally."""

    poll: str
    tally: str
    counts: list[int]


class TrusteeSignature(Wire, frozen=True):
    """One trustee's signature; `owner` is their place."""

    owner: int
    signature: ProofWire


class SignedOutcome(Wire, frozen=True):
    """An outcome statement and its signatures, by ascending place."""

    statement: OutcomeStatement
    signatures: list[TrusteeSignature]


class SignedCounts(Wire, frozen=True):
    """A counts statement and its signatures, by ascending place."""

    statement: CountsStatement
    signatures: list[TrusteeSignature]


Statement = BoardStatement | OutcomeStatement | CountsStatement


def _text(statement: Statement) -> str:
    match statement:
        case BoardStatement():
            kind = "board"
        case OutcomeStatement():
            kind = "outcome"
        case CountsStatement():
            kind = "counts"
    # No message of Belenios' ceremony begins like this, nor one kind like another, so no signature serves for two.
    return f"sottovoce {kind}|{encode(statement).decode()}"


@dataclass(frozen=True)
class Decided:
    """What a poll came to, before it is signed. `counts` is None below the quorum."""

    outcome: Outcome
    ballots: int
    counts: tuple[int, ...] | None

    @classmethod
    def of_counts(cls, manifest: Manifest, counts: Counts) -> Decided:
        """Decide from the one question's counts."""
        (row,) = counts
        if len(row) != len(manifest.options):
            raise Refused("result: another number of counts than of options")
        return cls(decide(row, manifest.rule, manifest.quorum), sum(row), row)

    @classmethod
    def unopened(cls, manifest: Manifest, ballots: int) -> Decided:
        """Decide a poll below its quorum: no ballot is opened."""
        if ballots >= manifest.quorum:
            raise Refused("result: the quorum is met, so the ballots must be counted")
        return cls(below_quorum(), ballots, None)


def outcome_statement(manifest: Manifest, head: str, tally: bytes, decided: Decided) -> OutcomeStatement:
    """Write what everybody is told. head: the board's last, in hexadecimal."""
    return OutcomeStatement(
        poll=manifest.phi.hex(),
        head=head,
        tally=hash_hex(tally),
        electorate=manifest.electorate_size,
        ballots=decided.ballots,
        quorum_met=decided.outcome.quorum_met,
        outcome=decided.outcome.option,
    )


def counts_statement(manifest: Manifest, tally: bytes, decided: Decided) -> CountsStatement:
    """Write what the council is told; Refused where the manifest tells the outcome only, or nothing was opened."""
    if manifest.disclosure is not Disclosure.COUNTS:
        raise Refused("result: of this poll only the outcome is told")
    if decided.counts is None:
        raise Refused("result: below the quorum no ballot is opened")
    return CountsStatement(poll=manifest.phi.hex(), tally=hash_hex(tally), counts=list(decided.counts))


def sign_statement(
    trustees: Trustees[E, S], seed: TrusteeSeed, index: int, statement: Statement, entropy: Entropy
) -> TrusteeSignature:
    """Sign a statement as the trustee at place `index`, who has checked it (`polls.closing`)."""
    keys = TrusteeKeys.derive(trustees.group, seed)
    if trustees.certificate(index).verification != keys.verification:
        raise Refused("trustee: this seed is not of this place")
    return TrusteeSignature(
        owner=index, signature=sign(trustees.group, keys.signing, _text(statement), entropy).wire
    )


def check_signatures(
    trustees: Trustees[E, S], statement: Statement, signatures: Sequence[TrusteeSignature]
) -> None:
    """Refuse unless a threshold of trustees, each once and by ascending place, signed the statement."""
    owners = [each.owner for each in signatures]
    if owners != sorted(set(owners)):
        raise Refused("result: signatures not by ascending place, each once")
    if len(owners) < trustees.threshold:
        raise Refused("result: fewer signatures than the threshold")
    for each in signatures:
        check_one_signature(trustees, statement, each)


def check_one_signature(trustees: Trustees[E, S], statement: Statement, signature: TrusteeSignature) -> None:
    """Check one trustee's signature, as a server does before it keeps it."""
    group: Group[E, S] = trustees.group
    key = trustees.certificate(signature.owner).verification
    if not check_signature(group, key, _text(statement), Proof.parse(signature.signature, group.order)):
        raise Refused(f"result: the signature of trustee {signature.owner} does not verify")


def read_outcome(manifest: Manifest, trustees: Trustees[E, S], raw: bytes) -> SignedOutcome:
    """Read a signed outcome of this poll and check it."""
    signed = decode(raw, SignedOutcome, "signed outcome")
    check_outcome(manifest, trustees, signed)
    return signed


def check_outcome(manifest: Manifest, trustees: Trustees[E, S], signed: SignedOutcome) -> None:
    """Check a signed outcome: this poll, possible, signed by a threshold."""
    statement = signed.statement
    if statement.poll != manifest.phi.hex() or statement.electorate != manifest.electorate_size:
        raise Refused("signed outcome: of another poll")
    if not 0 <= statement.ballots <= statement.electorate or not 0 <= statement.outcome < manifest.abstain:
        raise Refused("signed outcome: a number out of range")
    if statement.quorum_met != (statement.ballots >= manifest.quorum):
        raise Refused("signed outcome: wrong about the quorum")
    if not statement.quorum_met and statement.outcome != 0:
        raise Refused("signed outcome: an action below the quorum")
    check_signatures(trustees, statement, signed.signatures)


def check_counts(
    manifest: Manifest, trustees: Trustees[E, S], outcome: OutcomeStatement, signed: SignedCounts
) -> None:
    """Check signed counts against their poll and its outcome statement."""
    if manifest.disclosure is not Disclosure.COUNTS:
        raise Refused("signed counts: of this poll only the outcome is told")
    statement = signed.statement
    if (statement.poll, statement.tally) != (outcome.poll, outcome.tally):
        raise Refused("signed counts: of another poll or other ballots")
    decided = Decided.of_counts(manifest, (tuple(statement.counts),))
    if (decided.ballots, decided.outcome.option, decided.outcome.quorum_met) != (
        outcome.ballots,
        outcome.outcome,
        outcome.quorum_met,
    ):
        raise Refused("signed counts: don't give the outcome")
    check_signatures(trustees, statement, signed.signatures)
