"""Counting without opening a ballot: the sum of ciphertexts, partial decryptions, the counts. SPEC.md §2.9.

Each trustee raises the sum's first halves to their share and proves it. Any threshold of true partial
decryptions gives the counts. The proof alone doesn't show that one is true: Belenios hashes neither ciphertext nor
factor, so a trustee can choose commitments first and then solve for a false factor whose proof verifies. No one can
choose what such a factor does to a count, so `open_tally` finds the false ones by what they break, names them and
leaves them out: they can't stop a threshold of others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import comb, gcd
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
MAX_TRIES: Final = 6_435
"""How many sets of trustees are tried for a count: all sets on a board of up to 15, as 15 choose 7 is 6,435."""


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

    Only `open_tally` says whether the factors are true (this module's docstring says why).
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

    Gives nonsense when one of them is false; `open_tally` finds which.
    """
    places = sorted(partial)[: trustees.threshold]
    if len(places) < trustees.threshold:
        raise Refused("tally: fewer partial decryptions than the threshold")
    weights = [_lagrange(places, place, group.order) for place in places]
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


def _lagrange(places: Sequence[int], place: int, order: int, at: int = 0) -> int:
    weight = 1
    for other in places:
        if other != place:
            weight = weight * (other - at) * pow(other - place, -1, order) % order
    return weight


def counts_of(group: Group[E, S], tally: Tally[E], factors: Factors[E], ballots: int) -> Counts:
    """Find the counts, each from 0 to `ballots`; Refused when one is none of these."""
    powers = _Powers(group, ballots)
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


class _Powers(Generic[E, S]):
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


@dataclass(frozen=True)
class Opened:
    """A tally's counts, the places whose partial decryptions agree with them, and those whose are false."""

    counts: Counts
    agreeing: tuple[int, ...]
    false: tuple[int, ...]


def open_tally(
    election: Election[E, S],
    trustees: Trustees[E, S],
    tally: Tally[E],
    partial: Mapping[int, bytes],
    ballots: int,
) -> Opened:
    """Find the counts from partial decryptions, by place, a threshold of which are true; name those that are false.

    Sets of a threshold of them are tried until one gives a count from 0 to `ballots`, which no false factor can
    be made to do; every other is then held against that set's polynomial. Who is false for one answer is left out
    for the next. At most MAX_TRIES sets are tried for an answer, and more than one only where somebody new is
    false, hence for at most n − t answers: seconds with 7 false of 15. Refused, naming places, when too few are
    true.
    """
    group = election.group
    checked: dict[int, Factors[E]] = {}
    for place in sorted(partial):
        if not 1 <= place <= len(trustees.keys):
            raise Refused("partial decryption: of no trustee")
        try:
            checked[place] = check_partial(election, trustees.keys[place - 1], tally, partial[place])
        except Refused:
            continue
    if len(checked) < trustees.threshold:
        refused = "tally: fewer partial decryptions than the threshold"
        raise Refused(refused + _false_too(sorted(partial.keys() - checked.keys())))
    powers, agreeing, counts = _Powers(group, ballots), list(checked), []
    for question, row in enumerate(tally):
        found = []
        for answer, ciphertext in enumerate(row):
            factors = {place: checked[place][question][answer] for place in agreeing}
            opened = _open_count(group, trustees.threshold, powers, ciphertext, factors)
            if opened is None:
                raise Refused(_undecided(trustees.threshold, agreeing, partial.keys() - set(agreeing)))
            count, agreeing = opened
            found.append(count)
        counts.append(tuple(found))
    for asked, given in zip(election.questions, counts, strict=True):
        # Not a trustee's doing, who can't choose a count: these are not the ballots that were added up.
        if not asked.minimum * ballots <= sum(given) <= asked.maximum * ballots:
            raise Refused("tally: counts don't add up to the ballots")
    return Opened(tuple(counts), tuple(agreeing), tuple(sorted(partial.keys() - set(agreeing))))


def _open_count(
    group: Group[E, S],
    threshold: int,
    powers: _Powers[E, S],
    ciphertext: Ciphertext[E],
    factors: Mapping[int, E],
) -> tuple[int, list[int]] | None:
    """Give one answer's count and the places whose factors agree with it; None when no set tried gives any."""

    def at(places: Sequence[int], where: int) -> E:
        return group.product(
            group.power(factors[place], _lagrange(places, place, group.order, where)) for place in places
        )

    for chosen in islice(_sets(tuple(factors), threshold), MAX_TRIES):
        count = powers.exponent(group.over(ciphertext.beta, at(chosen, 0)))
        if count is not None:
            # True factors are the ciphertext raised to one polynomial's values, which any threshold of them give.
            return count, [
                place for place in factors if place in chosen or factors[place] == at(chosen, place)
            ]
    return None


def _sets(places: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    """Give every set of `size` of the places once, neighbours far apart, so that few hold the same false one.

    With 3 false of 15 and a threshold of 8, 12 sets on average, where the usual order takes 1,300.
    """
    total = comb(len(places), size)
    step = next(each for each in range(max(1, round(total * 0.618)), total + 2) if gcd(each, total) == 1)
    for turn in range(total):
        number, chosen = turn * step % total, list[int]()
        for at, place in enumerate(places):
            # As many sets begin with what is chosen and this place; the sets without it are numbered after these.
            beginning = comb(len(places) - at - 1, size - len(chosen) - 1) if len(chosen) < size else 0
            if number < beginning:
                chosen.append(place)
            else:
                number -= beginning
        yield tuple(chosen)


def _undecided(threshold: int, among: Sequence[int], false: Collection[int]) -> str:
    # Where every set was tried, fewer than a threshold are true; else only one in the first set is known to be false.
    least = len(among) - threshold + 1 if comb(len(among), threshold) <= MAX_TRIES else 1
    return (
        f"tally: at least {'one' if least == 1 else least} of the trustees at places {_listed(among)} "
        f"sent a false partial decryption; that of one more trustee decides which{_false_too(false)}"
    )


def _false_too(places: Collection[int]) -> str:
    return f"; false for certain: that of place {_listed(places)}" if places else ""


def _listed(places: Collection[int]) -> str:
    return ", ".join(map(str, sorted(places)))


def write_result(counts: Counts) -> bytes:
    """Write `result`."""
    return encode(ResultWire(result=[list(row) for row in counts]))


def read_result(raw: bytes) -> Counts:
    """Read `result`."""
    return tuple(tuple(row) for row in decode(raw, ResultWire, "result").result)
