"""Opening a tally where some trustees may lie: their partial decryptions are found, named and left out. SPEC.md §2.9.

The proof alone doesn't show that a partial decryption is true: Belenios hashes neither ciphertext nor factor, so a
trustee can choose commitments first and then solve for a false factor whose proof verifies. No one can choose what such
a factor does to a count, so the false ones are found by what they break: they can't stop a threshold of others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import comb, gcd
from typing import Final

from crypto.errors import Refused
from polls.election import Election
from polls.group import E, Group, S
from polls.proofs import Ciphertext
from polls.tally import Counts, Factors, Powers, Tally, check_partial, lagrange
from polls.trustees import Trustees

MAX_TRIES: Final = 6_435
"""How many sets of trustees are tried for a count: all sets on a board of up to 15, as 15 choose 7 is 6,435."""


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
    powers, agreeing, counts = Powers(group, ballots), list(checked), []
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
    powers: Powers[E, S],
    ciphertext: Ciphertext[E],
    factors: Mapping[int, E],
) -> tuple[int, list[int]] | None:
    """Give one answer's count and the places whose factors agree with it; None when no set tried gives any."""

    def at(places: Sequence[int], where: int) -> E:
        return group.product(
            group.power(factors[place], lagrange(places, place, group.order, where)) for place in places
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
