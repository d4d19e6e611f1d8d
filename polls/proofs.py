"""Belenios' zero-knowledge proofs: of knowledge, of equal exponents, of a value in a list. SPEC.md §2.2.

Every proof hashes a prefix that names its statement and its place (group, election, credential, message),
so that none can be moved elsewhere. Proofs are in the compact form, challenge and response: commitments are
computed again to be hashed, which is why they can't be checked in a batch (SPEC.md §8).
A failed check is False; what failed is for the caller to name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from crypto.entropy import Entropy
from polls.encoding import Wire, challenge, number
from polls.group import E, Group, S


class ProofWire(Wire, frozen=True):
    """`proof`: two numbers below q, as decimal strings."""

    challenge: str
    response: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A challenge and a response, both from 0 to below q."""

    challenge: int
    response: int

    @classmethod
    def parse(cls, wire: ProofWire, order: int) -> Proof:
        """Read both numbers; Refused when one is out of range."""
        return cls(number(wire.challenge, order, "proof"), number(wire.response, order, "proof"))

    @property
    def wire(self) -> ProofWire:
        """The message."""
        return ProofWire(challenge=str(self.challenge), response=str(self.response))


class CiphertextWire(Wire, frozen=True):
    """`ciphertext`: two group elements."""

    alpha: str
    beta: str


@dataclass(frozen=True, slots=True)
class Ciphertext(Generic[E]):
    """An ElGamal ciphertext (gʳ, yʳ·gᵐ)."""

    alpha: E
    beta: E


def read_ciphertext(group: Group[E, S], wire: CiphertextWire) -> Ciphertext[E]:
    """Read a ciphertext; both elements are checked for membership."""
    return Ciphertext(group.parse(wire.alpha), group.parse(wire.beta))


def write_ciphertext(group: Group[E, S], ciphertext: Ciphertext[E]) -> CiphertextWire:
    """Write a ciphertext."""
    return CiphertextWire(alpha=group.text(ciphertext.alpha), beta=group.text(ciphertext.beta))


def prove_knowledge(group: Group[E, S], secret: S, prefix: str, entropy: Entropy) -> Proof:
    """Prove knowledge of `secret`, the logarithm of a public key that `prefix` names (Schnorr)."""
    nonce = group.draw(entropy)
    asked = challenge(group, prefix, [group.base(nonce)])
    return Proof(asked, group.respond(nonce, secret, asked))


def check_knowledge(group: Group[E, S], public: E, proof: Proof, prefix: str) -> bool:
    """Check a proof of knowledge of the logarithm of `public`."""
    commitment = group.times(group.base(proof.response), group.power(public, proof.challenge))
    return challenge(group, prefix, [commitment]) == proof.challenge


def prove_equality(group: Group[E, S], secret: S, other: E, prefix: str, entropy: Entropy) -> Proof:
    """Prove that g and `other` were raised to the same `secret` (Chaum and Pedersen)."""
    nonce = group.draw(entropy)
    asked = challenge(group, prefix, [group.base(nonce), group.power(other, nonce)])
    return Proof(asked, group.respond(nonce, secret, asked))


def check_equality(group: Group[E, S], public: E, other: E, raised: E, proof: Proof, prefix: str) -> bool:
    """Check that `public` is to g what `raised` is to `other`."""
    first = group.times(group.base(proof.response), group.power(public, proof.challenge))
    second = group.times(group.power(other, proof.response), group.power(raised, proof.challenge))
    return challenge(group, prefix, [first, second]) == proof.challenge


def interval_prefix(group: Group[E, S], context: str, ciphertext: Ciphertext[E]) -> str:
    """Give what a proof of a value hashes first: its context S and the ciphertext it is about."""
    return f"prove|{context}|{group.text(ciphertext.alpha)},{group.text(ciphertext.beta)}|"


def prove_value(
    group: Group[E, S],
    public_key: E,
    ciphertext: Ciphertext[E],
    randomness: S,
    value: int,
    allowed: Sequence[int],
    context: str,
    entropy: Entropy,
) -> tuple[Proof, ...]:
    """Prove that `ciphertext` holds one of `allowed` (which contains `value`), without saying which.

    The specification makes each false branch from a random challenge and response; as the prover knows the
    randomness r, the same distribution comes from a random nonce w: A = gʷ, B = yʷ·g^((value − M)·challenge).
    One branch is true in every ballot, so all ballots cost the same operations, whatever they say.
    """
    commitments: list[E] = []
    nonces: list[S] = []
    challenges: list[int] = []
    for possible in allowed:
        nonce, drawn = group.draw(entropy), group.reveal(group.draw(entropy))
        second = group.power(public_key, nonce)
        if value != possible:
            second = group.times(second, group.base((value - possible) * drawn))
        commitments += [group.base(nonce), second]
        nonces.append(nonce)
        challenges.append(drawn)
    # The true branch's drawn challenge is replaced by what makes all of them add up to the hash.
    total = challenge(group, interval_prefix(group, context, ciphertext), commitments)
    true = list(allowed).index(value)
    challenges[true] = (total - sum(challenges) + challenges[true]) % group.order
    return tuple(
        Proof(asked, group.respond(nonce, randomness, asked))
        for asked, nonce in zip(challenges, nonces, strict=True)
    )


def check_value(
    group: Group[E, S],
    public_key: E,
    ciphertext: Ciphertext[E],
    allowed: Sequence[int],
    proofs: Sequence[Proof],
    context: str,
) -> bool:
    """Check that `ciphertext` holds one of `allowed`: one proof for each, challenges adding up to the hash."""
    if len(proofs) != len(allowed):
        return False
    commitments: list[E] = []
    for possible, proof in zip(allowed, proofs, strict=True):
        beta = ciphertext.beta
        if possible:
            beta = group.over(beta, group.generator if possible == 1 else group.base(possible))
        commitments += [
            group.times(group.base(proof.response), group.power(ciphertext.alpha, proof.challenge)),
            group.times(group.power(public_key, proof.response), group.power(beta, proof.challenge)),
        ]
    total = challenge(group, interval_prefix(group, context, ciphertext), commitments)
    return total == sum(proof.challenge for proof in proofs) % group.order
