"""How a poll's result travels: partial decryptions between trustees, and from each trustee to the council.

Guarantees: the server carries both and can read neither, so that counts stay with the trustees or go to the council,
as the manifest says, and to nobody else; every sealed verdict has one size, with counts or without. The council counts
only what a threshold of trustees signed alike, and no trustee's false decryption keeps it from its record. Leaves
decrypting and deciding to `polls.closing`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.labels import Label
from crypto.padding import KIB, pad_to, unpad
from crypto.seal import PublicKey, SealingKey, seal, unseal
from polls.archive import read
from polls.channels import TrusteeKeys, TrusteeSeed, receive, send
from polls.encoding import Wire, decode, encode, hash_hex
from polls.evidence import with_decryptions
from polls.group import E, S
from polls.manifest import Manifest
from polls.results import (
    CountsStatement,
    OutcomeStatement,
    SignedCounts,
    SignedOutcome,
    TrusteeSignature,
    check_counts,
    check_one_signature,
    check_outcome,
)
from polls.trustees import Trustees

PADDED: Final = 16 * KIB


class Verdict(Wire, frozen=True, kw_only=True):
    """What one trustee tells the council. Counts and decryption only where the manifest discloses counts."""

    outcome: OutcomeStatement
    outcome_signature: TrusteeSignature
    counts: CountsStatement | None = None
    counts_signature: TrusteeSignature | None = None
    decryption: str | None = None


@dataclass(frozen=True)
class Delivered:
    """What the council has once a threshold of verdicts agree. `partial`: decryptions by place, unchecked."""

    outcome: SignedOutcome
    counts: SignedCounts | None
    partial: dict[int, bytes] = field(default_factory=dict, repr=False)


def seal_verdict(verdict: Verdict, to: PublicKey, phi: bytes) -> bytes:
    """Seal a verdict to a council member: 17,520 bytes, whatever is in it."""
    return seal(to, pad_to(encode(verdict), PADDED), label=Label.SEAL_RESULT, context=phi)


def open_verdict(sealed: bytes, key: SealingKey, phi: bytes) -> Verdict:
    """Open a verdict; not yet believed. Raises DoesNotOpen, or Refused when malformed."""
    return decode(unpad(unseal(key, sealed, label=Label.SEAL_RESULT, context=phi)), Verdict, "verdict")


def deliver(
    manifest: Manifest, trustees: Trustees[E, S], verdicts: Sequence[tuple[int, Verdict]]
) -> Delivered:
    """Put together what a threshold of trustees says, by their places.

    A verdict whose signature doesn't hold, or that says something else than most, is left out; of several of one place
    the first that holds is heard. Refused when no threshold agrees, or when what they agree on can't be.
    """
    # One word for each place: anybody can seal to the council, and a server can hand over several as one trustee's.
    heard: dict[int, Verdict] = {}
    for place, each in verdicts:
        if place not in heard and _holds(trustees, place, each):
            heard[place] = each
    held = sorted(heard.items(), key=lambda one: one[0])
    said = Counter(encode([each.outcome, each.counts]) for _, each in held)
    most, times = said.most_common(1)[0] if said else (b"", 0)
    if times < trustees.threshold:
        raise Refused("result: no threshold of trustees has sent the same result yet")
    agreed = [(place, each) for place, each in held if encode([each.outcome, each.counts]) == most]
    outcome = SignedOutcome(agreed[0][1].outcome, [each.outcome_signature for _, each in agreed])
    check_outcome(manifest, trustees, outcome)
    counts = None
    if (statement := agreed[0][1].counts) is not None:
        signatures = [each.counts_signature for _, each in agreed if each.counts_signature is not None]
        counts = SignedCounts(statement, signatures)
        check_counts(manifest, trustees, outcome.statement, counts)
    partial = {place: each.decryption.encode() for place, each in agreed if each.decryption is not None}
    return Delivered(outcome, counts, partial)


@dataclass(frozen=True)
class Completed:
    """What the council's record gets of the result, and what is missing from it, in words."""

    archive: bytes
    counts: SignedCounts | None
    warning: str | None


def complete(trustees: Trustees[E, S], archive: bytes, delivered: Delivered) -> Completed:
    """Add decryptions and counts to a record's archive, which ends at the encrypted tally, where they were told.

    No signature on a verdict says anything about the decryption in it: one that doesn't hold is left out, and its place
    named but no trustee accused, since a member of the council who works with the server can put anything there for a
    colleague. Without a threshold of others there are neither decryptions nor counts. Refused when the archive is of
    other ballots than the trustees counted.
    """
    if delivered.counts is None:
        return Completed(archive, None, None)
    if hash_hex(read(archive).tally or b"") != delivered.outcome.statement.tally:
        raise Refused("archive: of other ballots than those that the trustees counted")
    try:
        full = with_decryptions(trustees, archive, delivered.partial)
    except Refused as refused:
        return Completed(archive, None, f"decryptions and counts are left out; {refused.reason}")
    false = sorted(delivered.partial.keys() - {place for place, _ in read(full).partial})
    places = ", ".join(map(str, false))
    warning = (
        f"left out, as it does not hold: what came as the decryption of trustee {places}, which nobody signed"
    )
    return Completed(full, delivered.counts, warning if false else None)


def _holds(trustees: Trustees[E, S], place: int, verdict: Verdict) -> bool:
    """Whether a verdict is signed, all of it, by the trustee who is said to have sent it."""
    said: list[tuple[OutcomeStatement | CountsStatement, TrusteeSignature]]
    said = [(verdict.outcome, verdict.outcome_signature)]
    if (verdict.counts is None) != (verdict.counts_signature is None):
        return False
    if verdict.counts is not None and verdict.counts_signature is not None:
        said.append((verdict.counts, verdict.counts_signature))
    try:
        for statement, signature in said:
            check_one_signature(trustees, statement, signature)
    except Refused:
        return False
    return all(signature.owner == place for _, signature in said)


def seal_decryption(
    trustees: Trustees[E, S], seed: TrusteeSeed, phi: bytes, partial: bytes, entropy: Entropy
) -> tuple[bytes, ...]:
    """Seal one's partial decryption to every trustee, by place, with Belenios' trustees' channels."""
    keys = TrusteeKeys.derive(trustees.group, seed)
    # φ in front: a decryption of another poll, replayed by the server, doesn't open as this one's.
    message = f"{phi.hex()}|{partial.decode()}"
    return tuple(
        send(trustees.group, keys.signing, trustees.certificate(place).encryption, message, entropy).encode()
        for place in range(1, len(trustees.keys) + 1)
    )


def open_decryption(
    trustees: Trustees[E, S], seed: TrusteeSeed, phi: bytes, sender: int, sealed: bytes
) -> bytes:
    """Open a partial decryption that the trustee at place `sender` sealed to us; Refused unless for this poll."""
    keys = TrusteeKeys.derive(trustees.group, seed)
    text = receive(
        trustees.group,
        keys,
        trustees.certificate(sender).verification,
        sealed.decode("latin-1"),
        "partial decryption",
    )
    head, _, partial = text.partition("|")
    if head != phi.hex():
        raise Refused("partial decryption: of another poll")
    return partial.encode()
