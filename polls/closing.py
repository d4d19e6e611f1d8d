"""What a trustee does after the ceremony: prove the share, verify, decrypt or refuse, sign. SPEC.md §3.7.

A trustee decrypts only a `Closed` poll, which exists only when everything up to the tally was verified; never
below the quorum; and never a second, different tally of one poll. Signing works the same way: a trustee
signs only what they computed themselves. That enough trustees verified the same board before one decrypts it, the
caller sees to with `polls.agreement`.
"""

from __future__ import annotations

from collections.abc import Mapping

from crypto.entropy import Entropy
from crypto.errors import Refused
from polls.encoding import decode, encode, hash_hex
from polls.group import E, Group, S
from polls.manifest import Manifest
from polls.opening import open_tally
from polls.proofs import Proof, ProofWire, check_knowledge, prove_knowledge
from polls.results import (
    CountsStatement,
    Decided,
    OutcomeStatement,
    counts_statement,
    outcome_statement,
)
from polls.tally import decrypt_partially
from polls.trustees import Trustees
from polls.verify import Closed


class BelowQuorum(Refused):
    """Too few voted: the ballots stay closed for ever, and the outcome is no action."""


def _possession_prefix(trustees: Trustees[E, S], index: int, phi: bytes) -> str:
    return f"sottovoce share|{trustees.hash}|{index}|{phi.hex()}|"


def prove_share(trustees: Trustees[E, S], share: S, index: int, phi: bytes, entropy: Entropy) -> bytes:
    """Prove, before poll φ opens, that one still has one's share of the board's key."""
    prefix = _possession_prefix(trustees, index, phi)
    return encode(prove_knowledge(trustees.group, share, prefix, entropy).wire)


def check_share(trustees: Trustees[E, S], index: int, phi: bytes, raw: bytes) -> None:
    """Check a trustee's proof that they still have their share."""
    trustees.certificate(index)
    group: Group[E, S] = trustees.group
    proof = Proof.parse(decode(raw, ProofWire, "proof of share"), group.order)
    if not check_knowledge(group, trustees.keys[index - 1], proof, _possession_prefix(trustees, index, phi)):
        raise Refused("proof of share: does not verify")


def decrypt(
    closed: Closed[E, S], share: S, now: int, entropy: Entropy, before: Mapping[bytes, str]
) -> tuple[bytes, str]:
    """Make a partial decryption of a verified, closed poll. Gives it and the tally's hash, for `before`.

    before: by φ, the hash of the tally this trustee decrypted; the caller keeps it. Raises BelowQuorum.
    """
    manifest = closed.manifest
    if now < manifest.closes_at:
        raise Refused("decryption: the poll has not closed")
    if not closed.quorum_met:
        raise BelowQuorum("decryption: below the quorum no ballot is opened")
    name = hash_hex(closed.tally_raw)
    if before.get(manifest.phi, name) != name:
        # The difference of two tallies of one poll would be somebody's vote.
        raise Refused("decryption: another tally of this poll was decrypted before")
    return decrypt_partially(closed.election, share, closed.tally, entropy), name


def decide(closed: Closed[E, S], partial: Mapping[int, bytes]) -> Decided:
    """Decide a verified poll from partial decryptions, by place; below the quorum from none.

    False ones are left out, whether their proofs verify or not; `decide_and_name` says whose they are.
    """
    return decide_and_name(closed, partial)[0]


def decide_and_name(closed: Closed[E, S], partial: Mapping[int, bytes]) -> tuple[Decided, tuple[int, ...]]:
    """Decide, and give the places of the trustees whose partial decryptions are false and were left out.

    Refused, naming places, when it can't be told which are false without one more trustee's.
    """
    if not closed.quorum_met:
        return Decided.unopened(closed.manifest, closed.ballots), ()
    opened = open_tally(closed.election, closed.trustees, closed.tally, partial, closed.ballots)
    return Decided.of_counts(closed.manifest, opened.counts), opened.false


def statements(closed: Closed[E, S], decided: Decided) -> tuple[OutcomeStatement, CountsStatement | None]:
    """Give what a trustee signs: the outcome and, where the manifest discloses counts, the counts."""
    manifest: Manifest = closed.manifest
    outcome = outcome_statement(manifest, closed.evidence.wire.head.head, closed.tally_raw, decided)
    if manifest.disclosure.value == "counts" and decided.counts is not None:
        return outcome, counts_statement(manifest, closed.tally_raw, decided)
    return outcome, None
