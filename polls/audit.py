"""Verify a Belenios archive as any Belenios verifier would, and more strictly. SPEC.md §2.11.

What is checked: the archive's form and chain, the election's text, the trustees' board and that its key
is the election's, the credentials, every ballot, the sum, every partial decryption, the counts. Ballots
are checked in chunks by a `map` function that the caller gives, so that a process pool can share the work
while this package stays pure. The first failure is Refused and names the part and, where there is one, the ballot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, Protocol

from crypto.errors import Refused
from polls import ballots as ballots_
from polls.archive import Contents, read
from polls.credentials import read_public
from polls.election import Election
from polls.encoding import decode, hash_base64
from polls.group import E, Group, S
from polls.tally import (
    Counts,
    Factors,
    Tally,
    add_tallies,
    check_partial,
    combine,
    counts_of,
    read_result,
    read_tally,
    tally_of,
    write_tally,
)
from polls.trustees import Trustees

CHUNK: Final = 16


class Mapper(Protocol):
    """The builtin `map`, or a pool's: applies a picklable function to picklable items, in order."""

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any], /) -> Iterable[Any]:
        """Apply and keep the order."""


@dataclass(frozen=True)
class Audited(Generic[E, S]):
    """An archive that holds, as far as it goes. `counts` is None when it was not decrypted in it."""

    contents: Contents
    election: Election[E, S]
    trustees: Trustees[E, S]
    credentials: frozenset[str]
    counted: tuple[bytes, ...]
    replaced: int
    tally: Tally[E]
    valid_partial: tuple[int, ...]
    invalid_partial: tuple[int, ...]
    counts: Counts | None


@dataclass(frozen=True)
class _Job:
    """A chunk of ballots for one call: plain values, so that it can go to another process."""

    group: Group[Any, Any]
    election: bytes
    first: int
    ballots: tuple[tuple[bytes, bool], ...]


@dataclass(frozen=True)
class _Done:
    tally: bytes | None
    failure: str | None


@lru_cache(maxsize=4)
def _election(group: Group[Any, Any], raw: bytes) -> Election[Any, Any]:
    return Election.parse(group, raw)


def _check_chunk(job: _Job) -> _Done:
    election = _election(job.group, job.election)  # type: ignore[arg-type]  # groups are frozen values
    counting = []
    for place, (raw, counts) in enumerate(job.ballots, job.first):
        try:
            ballot = ballots_.parse(job.group, raw)
            ballots_.check(election, ballot)
        except Refused as refused:
            return _Done(None, f"ballot {place}: {refused.reason}")
        if counts:
            counting.append(ballot.answers)
    if not counting:
        return _Done(None, None)
    shape = [len(question.answers) for question in election.questions]
    return _Done(write_tally(job.group, tally_of(job.group, counting, shape)), None)


def last_of_each(raws: Sequence[bytes]) -> list[tuple[str, bool]]:
    """Give each ballot's credential and whether it is that credential's last. Refused for a copied ballot."""
    seen: set[str] = set()
    last: dict[str, int] = {}
    credentials = []
    for place, raw in enumerate(raws):
        tracker = hash_base64(raw)
        if tracker in seen:
            raise Refused(f"ballot {place + 1}: the same ballot is there twice")
        seen.add(tracker)
        try:
            credential = decode(raw, ballots_.BallotWire, "ballot").credential
        except Refused as refused:
            raise Refused(f"ballot {place + 1}: {refused.reason}") from None
        credentials.append(credential)
        last[credential] = place
    return [(credential, last[credential] == place) for place, credential in enumerate(credentials)]


def _marked(credentials: frozenset[str], raws: Sequence[bytes]) -> list[tuple[bytes, bool]]:
    """Give each ballot's text and whether it counts. Refused for a credential that isn't one of these."""
    ownership = last_of_each(raws)
    for place, (credential, _) in enumerate(ownership, 1):
        if credential not in credentials:
            raise Refused(f"ballot {place}: its credential may not vote")
    return [(raw, counts) for raw, (_, counts) in zip(raws, ownership, strict=True)]


def add_unchecked_ballots(
    election: Election[E, S], credentials: frozenset[str], raws: Sequence[bytes]
) -> tuple[Tally[E], tuple[bytes, ...]]:
    """Add up what `check_ballots` does, and look at no proof: for who has all of it verified right after."""
    shape = [len(question.answers) for question in election.questions]
    counted = tuple(raw for raw, counts in _marked(credentials, raws) if counts)
    answers = [ballots_.parse(election.group, raw).answers for raw in counted]
    if any([len(answer.choices) for answer in each] != shape for each in answers):
        raise Refused("ballot: another number of answers or choices than of those offered")
    return tally_of(election.group, answers, shape), counted


def check_ballots(
    election: Election[E, S], credentials: frozenset[str], raws: Sequence[bytes], mapper: Mapper
) -> tuple[Tally[E], tuple[bytes, ...]]:
    """Check every ballot and add up those that count; gives the sum and their texts, in order."""
    group = election.group
    marked = _marked(credentials, raws)
    jobs = [
        _Job(group, election.raw, at + 1, tuple(marked[at : at + CHUNK]))
        for at in range(0, len(marked), CHUNK)
    ]
    shape = [len(question.answers) for question in election.questions]
    parts: list[Tally[E]] = []
    for done in mapper(_check_chunk, jobs):
        if done.failure is not None:
            raise Refused(done.failure)
        if done.tally is not None:
            parts.append(read_tally(group, done.tally))
    tally = add_tallies(group, parts) if parts else tally_of(group, [], shape)
    return tally, tuple(raw for raw, counts in marked if counts)


def audit(group: Group[E, S], raw: bytes, *, mapper: Mapper = map, signed_keys: bool = True) -> Audited[E, S]:
    """Verify an archive as far as it goes. Raises Refused that names what fails.

    mapper: how the chunks of ballots are worked on; `map`, or that of a process pool.
    signed_keys: see `Trustees.parse`; False to read the archives of Belenios before 3.3.
    """
    contents = read(raw)
    election = Election.parse(group, contents.election)
    trustees = Trustees.parse(group, contents.trustees, signed_keys=signed_keys)
    if trustees.public_key != election.public_key:
        raise Refused("election: its key is not the trustees'")
    credentials = read_public(group, contents.credentials)
    tally, counted = check_ballots(election, credentials, contents.ballots, mapper)
    if contents.tally is not None and (
        contents.tally != write_tally(group, tally) or contents.tallied != len(counted)
    ):
        raise Refused("encrypted tally: not the sum of the ballots that count")
    valid, invalid = check_partials(election, trustees, tally, contents.partial)
    counts = None
    if contents.result is not None:
        counts = counts_of(group, tally, combine(group, trustees, valid), len(counted))
        if read_result(contents.result) != counts:
            raise Refused("result: not what the trustees decrypted")
    return Audited(
        contents=contents,
        election=election,
        trustees=trustees,
        credentials=credentials,
        counted=counted,
        replaced=len(contents.ballots) - len(counted),
        tally=tally,
        valid_partial=tuple(sorted(valid)),
        invalid_partial=tuple(sorted(invalid)),
        counts=counts,
    )


def check_partials(
    election: Election[E, S], trustees: Trustees[E, S], tally: Tally[E], partial: Sequence[tuple[int, bytes]]
) -> tuple[dict[int, Factors[E]], list[int]]:
    """Check partial decryptions: the valid ones by place, and the places of those that don't hold.

    One that fails is left out and named, as Belenios does from 3.3 on: it can't keep the others from the result.
    """
    valid: dict[int, Factors[E]] = {}
    invalid: list[int] = []
    for owner, text in partial:
        if owner in valid or owner in invalid or not 1 <= owner <= len(trustees.keys):
            raise Refused("partial decryption: of no trustee, or of one twice")
        try:
            valid[owner] = check_partial(election, trustees.keys[owner - 1], tally, text)
        except Refused:
            invalid.append(owner)
    return valid, invalid
