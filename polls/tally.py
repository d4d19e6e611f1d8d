"""Counting without opening a ballot: the sum of ciphertexts, partial decryptions, the counts. SPEC.md §2.9.

Each trustee raises the sum's first halves to their share and proves it. Any threshold of true partial decryptions gives
the counts; the proof alone doesn't show that one is true (polls.opening).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Generic, TypeAlias

from crypto.entropy import Entropy
from crypto.errors import Refused
from polls.ballots import Answer, add_ciphertexts
from polls.election import Election
from polls.encoding import Wire, decode, encode
from polls.group import E, Group, S
from polls.proofs import (
    Ciphertext,
    CiphertextWire,
    Proof,
    ProofWire,
    check_equality,
    prove_equality,
    read_ciphertext,
    write_ciphertext,
)
from polls.trustees import Trustees

Tally: TypeAlias = tuple[tuple[Ciphertext[E], ...], ...]
"""Per question, per answer: the ciphertext of its count."""
Factors: TypeAlias = tuple[tuple[E, ...], ...]
"""Per question, per answer: a decryption factor."""
Counts: TypeAlias = tuple[tuple[int, ...], ...]
"""Per question, per answer: how many ballots chose it."""

MAX_BALLOTS: Final = 1_000_000


class PartialDecryptionWire(Wire, frozen=True):
    """`partial_decryption`."""

    decryption_factors: list[list[str]]
    decryption_proofs: list[list[ProofWire]]


class ResultWire(Wire, frozen=True):
    """`result`."""

    result: list[list[int]]


def tally_of(group: Group[E, S], answers: Sequence[tuple[Answer[E], ...]], shape: Sequence[int]) -> Tally[E]:
    """Add up the ballots that count, question by question; none give the neutral ciphertexts of `shape`."""
    if not answers:
        nothing = Ciphertext(group.identity, group.identity)
        return tuple((nothing,) * length for length in shape)
    return tuple(
        tuple(
            add_ciphertexts(group, [answer[question].choices[choice] for answer in answers])
            for choice in range(length)
        )
        for question, length in enumerate(shape)
    )


def add_tallies(group: Group[E, S], parts: Sequence[Tally[E]]) -> Tally[E]:
    """Add tallies of disjoint sets of ballots, at least one."""
    return tuple(
        tuple(
            add_ciphertexts(group, [part[question][choice] for part in parts])
            for choice in range(len(parts[0][question]))
        )
        for question in range(len(parts[0]))
    )


def write_tally(group: Group[E, S], tally: Tally[E]) -> bytes:
    """Write `encrypted_tally`."""
    return encode([[write_ciphertext(group, each) for each in question] for question in tally])


def read_tally(group: Group[E, S], raw: bytes) -> Tally[E]:
    """Read `encrypted_tally`; every element is checked for membership."""
    wire = decode(raw, list[list[CiphertextWire]], "encrypted tally")
    return tuple(tuple(read_ciphertext(group, each) for each in question) for question in wire)


def _prefix(election: Election[E, S], key: E) -> str:
    return f"decrypt|{election.fingerprint}|{election.group.text(key)}|"


def decrypt_partially(election: Election[E, S], share: S, tally: Tally[E], entropy: Entropy) -> bytes:
    """Make a trustee's partial decryption of a tally. Whether it may be decrypted is for `polls.closing`."""
    group = election.group
    prefix = _prefix(election, group.base(share))
    return encode(
        PartialDecryptionWire(
            decryption_factors=[[group.text(group.power(c.alpha, share)) for c in q] for q in tally],
            decryption_proofs=[
                [prove_equality(group, share, c.alpha, prefix, entropy).wire for c in q] for q in tally
            ],
        )
    )


def check_partial(election: Election[E, S], key: E, tally: Tally[E], raw: bytes) -> Factors[E]:
    """Check a partial decryption's proofs against its trustee's verification key; gives the factors.

    Only `polls.opening.open_tally` says whether the factors are true (its docstring says why).
    """
    group = election.group
    wire = decode(raw, PartialDecryptionWire, "partial decryption")
    shape = [len(question) for question in tally]
    if [len(f) for f in wire.decryption_factors] != shape or [
        len(p) for p in wire.decryption_proofs
    ] != shape:
        raise Refused("partial decryption: another number of factors or proofs than of ciphertexts")
    prefix = _prefix(election, key)
    factors = tuple(tuple(group.parse(text) for text in row) for row in wire.decryption_factors)
    for ciphertexts, row, proofs in zip(tally, factors, wire.decryption_proofs, strict=True):
        for ciphertext, factor, proof in zip(ciphertexts, row, proofs, strict=True):
            parsed = Proof.parse(proof, group.order)
            if not check_equality(group, key, ciphertext.alpha, factor, parsed, prefix):
                raise Refused("partial decryption: proof does not verify")
    return factors


def combine(group: Group[E, S], trustees: Trustees[E, S], partial: Mapping[int, Factors[E]]) -> Factors[E]:
    """Combine the first threshold of partial decryptions, by place, with Lagrange's coefficients at 0.

    Gives nonsense when one of them is false; `polls.opening.open_tally` finds which.
    """
    places = sorted(partial)[: trustees.threshold]
    if len(places) < trustees.threshold:
        raise Refused("tally: fewer partial decryptions than the threshold")
    weights = [lagrange(places, place, group.order) for place in places]
    shape = [len(row) for row in partial[places[0]]]
    return tuple(
        tuple(
            group.product(
                group.power(partial[place][question][choice], weight)
                for place, weight in zip(places, weights, strict=True)
            )
            for choice in range(length)
        )
        for question, length in enumerate(shape)
    )


def lagrange(places: Sequence[int], place: int, order: int, at: int = 0) -> int:
    """Give the weight of a place's value when those of all places are taken to the polynomial's value at `at`."""
    weight = 1
    for other in places:
        if other != place:
            weight = weight * (other - at) * pow(other - place, -1, order) % order
    return weight


def counts_of(group: Group[E, S], tally: Tally[E], factors: Factors[E], ballots: int) -> Counts:
    """Find the counts, each from 0 to `ballots`; Refused when one is none of these."""
    powers = Powers(group, ballots)
    counts = []
    for row, raised in zip(tally, factors, strict=True):
        found = [
            powers.exponent(group.over(ciphertext.beta, factor))
            for ciphertext, factor in zip(row, raised, strict=True)
        ]
        counts.append(tuple(value for value in found if value is not None))
        if len(counts[-1]) != len(row):
            raise Refused("tally: a count is not from 0 to the number of ballots")
    return tuple(counts)


class Powers(Generic[E, S]):
    """The powers g⁰, g¹, … up to the number of ballots, walked once for all counts and as far as they need."""

    def __init__(self, group: Group[E, S], ballots: int) -> None:
        if not 0 <= ballots <= MAX_BALLOTS:
            raise Refused("tally: number of ballots out of range")
        self.group, self.ballots = group, ballots
        self.last, self.element = 0, group.identity
        self.known = {group.text(group.identity): 0}

    def exponent(self, target: E) -> int | None:
        """Give the exponent of g that `target` is, or None when it is none from 0 to the number of ballots."""
        text = self.group.text(target)
        while text not in self.known and self.last < self.ballots:
            self.last, self.element = self.last + 1, self.group.times(self.element, self.group.generator)
            self.known[self.group.text(self.element)] = self.last
        return self.known.get(text)


def write_result(counts: Counts) -> bytes:
    """Write `result`."""
    return encode(ResultWire(result=[list(row) for row in counts]))


def read_result(raw: bytes) -> Counts:
    """Read `result`."""
    return tuple(tuple(row) for row in decode(raw, ResultWire, "result").result)
