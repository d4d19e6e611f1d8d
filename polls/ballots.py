"""Belenios' ballots: encrypted choices, proofs that they are allowed, the voter's signature. SPEC.md §2.5.

A `Ballot` that `parse` gives is well formed and made of group elements; one that `check` gives back is
valid for its election. Whether its credential may vote, and which of a voter's ballots counts, is for
`polls.audit` and, in a Sottovoce poll, for `polls.casting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from crypto.entropy import Entropy
from crypto.errors import Refused
from polls.credentials import PrivateCredential, secret_of
from polls.election import Election, Question
from polls.encoding import Wire, decode, encode, hash_base64
from polls.group import E, Group, S
from polls.proofs import (
    Ciphertext,
    CiphertextWire,
    Proof,
    ProofWire,
    check_knowledge,
    check_value,
    prove_knowledge,
    prove_value,
    read_ciphertext,
    write_ciphertext,
)

BIT = (0, 1)


class AnswerWire(Wire, frozen=True):
    """`answer_h` without a blank proof."""

    choices: list[CiphertextWire]
    individual_proofs: list[list[ProofWire]]
    overall_proof: list[ProofWire]


class SignatureWire(Wire, frozen=True):
    """`signature`."""

    hash: str
    proof: ProofWire


class BallotWire(Wire, frozen=True):
    """`ballot`; without its signature it is what the signature's hash is of."""

    election_uuid: str
    election_hash: str
    credential: str
    answers: list[AnswerWire]
    signature: SignatureWire | None = None


@dataclass(frozen=True, slots=True)
class Answer(Generic[E]):
    """One question's answer: per choice a ciphertext of 0 or 1 and its proof; a proof of their sum."""

    choices: tuple[Ciphertext[E], ...]
    individual: tuple[tuple[Proof, ...], ...]
    overall: tuple[Proof, ...]


@dataclass(frozen=True)
class Ballot(Generic[E, S]):
    """A well-formed ballot with its exact text."""

    raw: bytes
    election_uuid: str
    election_hash: str
    credential: E
    credential_text: str
    answers: tuple[Answer[E], ...]
    signed_hash: str
    signature: Proof
    body_hash: str


def parse(group: Group[E, S], raw: bytes) -> Ballot[E, S]:
    """Read a ballot; Refused unless its one text, with elements of the group and numbers below its order."""
    wire = decode(raw, BallotWire, "ballot")
    if wire.signature is None:
        raise Refused("ballot: not signed")
    unsigned = BallotWire(
        election_uuid=wire.election_uuid,
        election_hash=wire.election_hash,
        credential=wire.credential,
        answers=wire.answers,
    )
    order = group.order
    return Ballot(
        raw=raw,
        election_uuid=wire.election_uuid,
        election_hash=wire.election_hash,
        credential=group.parse(wire.credential),
        credential_text=wire.credential,
        answers=tuple(
            Answer(
                tuple(read_ciphertext(group, each) for each in answer.choices),
                tuple(tuple(Proof.parse(p, order) for p in proofs) for proofs in answer.individual_proofs),
                tuple(Proof.parse(p, order) for p in answer.overall_proof),
            )
            for answer in wire.answers
        ),
        signed_hash=wire.signature.hash,
        signature=Proof.parse(wire.signature.proof, order),
        body_hash=hash_base64(encode(unsigned)),
    )


def check(election: Election[E, S], ballot: Ballot[E, S]) -> None:
    """Check a ballot against its election; raises Refused that names the first thing that fails.

    Costs, for n choices one of which is taken: 6·n + 4 multiplications, 2·n + 2 of the generator (§8).
    """
    if ballot.election_uuid != election.uuid or ballot.election_hash != election.fingerprint:
        raise Refused("ballot: made for another election")
    if ballot.signed_hash != ballot.body_hash:
        raise Refused("ballot: its signature is of another ballot")
    if not check_knowledge(election.group, ballot.credential, ballot.signature, f"sig|{ballot.signed_hash}|"):
        raise Refused("ballot: signature does not verify")
    if len(ballot.answers) != len(election.questions):
        raise Refused("ballot: another number of answers than of questions")
    context = f"{election.fingerprint}|{ballot.credential_text}"
    for question, answer in zip(election.questions, ballot.answers, strict=True):
        _check_answer(election, question, answer, context)


def _check_answer(election: Election[E, S], question: Question, answer: Answer[E], context: str) -> None:
    group, key = election.group, election.public_key
    if not len(answer.choices) == len(answer.individual) == len(question.answers):
        raise Refused("ballot: another number of choices than of answers offered")
    for ciphertext, proofs in zip(answer.choices, answer.individual, strict=True):
        if not check_value(group, key, ciphertext, BIT, proofs, context):
            raise Refused("ballot: individual proof does not verify")
    total = add_ciphertexts(group, answer.choices)
    allowed = range(question.minimum, question.maximum + 1)
    if not check_value(group, key, total, allowed, answer.overall, _overall(group, answer.choices, context)):
        raise Refused("ballot: overall proof does not verify")


def make(
    election: Election[E, S],
    credential: PrivateCredential,
    choices: Sequence[Sequence[int]],
    entropy: Entropy,
) -> bytes:
    """Make a ballot's text: per question, per answer, 0 or 1. Refused when a choice isn't allowed.

    The randomness is forgotten: nobody, the voter included, can show later what the ballot says by it.
    """
    group = election.group
    secret = secret_of(group, election.uuid, credential)
    public = group.text(group.base(secret))
    context = f"{election.fingerprint}|{public}"
    if len(choices) != len(election.questions):
        raise Refused("vote: another number of answers than of questions")
    unsigned = BallotWire(
        election_uuid=election.uuid,
        election_hash=election.fingerprint,
        credential=public,
        answers=[
            _answer(election, question, chosen, context, entropy)
            for question, chosen in zip(election.questions, choices, strict=True)
        ],
    )
    body_hash = hash_base64(encode(unsigned))
    proof = prove_knowledge(group, secret, f"sig|{body_hash}|", entropy)
    signed = BallotWire(
        election_uuid=unsigned.election_uuid,
        election_hash=unsigned.election_hash,
        credential=unsigned.credential,
        answers=unsigned.answers,
        signature=SignatureWire(hash=body_hash, proof=proof.wire),
    )
    return encode(signed)


def _answer(
    election: Election[E, S], question: Question, chosen: Sequence[int], context: str, entropy: Entropy
) -> AnswerWire:
    group, key = election.group, election.public_key
    if len(chosen) != len(question.answers) or any(bit not in BIT for bit in chosen):
        raise Refused("vote: not one 0 or 1 for every answer")
    if not question.minimum <= sum(chosen) <= question.maximum:
        raise Refused("vote: too few or too many answers chosen")
    randomness = [group.draw(entropy) for _ in chosen]
    ciphertexts = [
        Ciphertext(group.base(r), group.times(group.power(key, r), (group.identity, group.generator)[bit]))
        for r, bit in zip(randomness, chosen, strict=True)
    ]
    individual = [
        prove_value(group, key, ciphertext, r, bit, BIT, context, entropy)
        for ciphertext, r, bit in zip(ciphertexts, randomness, chosen, strict=True)
    ]
    together = randomness[0]
    for r in randomness[1:]:
        together = group.plus(together, r)
    overall = prove_value(
        group,
        key,
        add_ciphertexts(group, ciphertexts),
        together,
        sum(chosen),
        range(question.minimum, question.maximum + 1),
        _overall(group, ciphertexts, context),
        entropy,
    )
    return AnswerWire(
        choices=[write_ciphertext(group, each) for each in ciphertexts],
        individual_proofs=[[proof.wire for proof in proofs] for proofs in individual],
        overall_proof=[proof.wire for proof in overall],
    )


def _overall(group: Group[E, S], choices: Sequence[Ciphertext[E]], context: str) -> str:
    """Give S: the context followed by all ciphertexts."""
    texts = (text for each in choices for text in (group.text(each.alpha), group.text(each.beta)))
    return context + "|" + ",".join(texts)


def add_ciphertexts(group: Group[E, S], ciphertexts: Sequence[Ciphertext[E]]) -> Ciphertext[E]:
    """Give the ciphertext of the sum of what these hold."""
    first, *others = ciphertexts
    alpha, beta = first.alpha, first.beta
    for each in others:
        alpha, beta = group.times(alpha, each.alpha), group.times(beta, each.beta)
    return Ciphertext(alpha, beta)
