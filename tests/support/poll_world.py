"""A small world with a board of trustees, members and a server, from which tests and benchmarks make polls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from crypto.entropy import Entropy, seeded
from crypto.members import MemberKey
from crypto.signatures import SigningKey
from polls import closing
from polls.audit import Mapper
from polls.board import Board, HeadWire, Page, genesis, next_head, sign_head
from polls.casting import Cast, Slot, admit, check_cast, give_receipt, last_page, make_cast
from polls.channels import TrusteeSeed
from polls.electorate import Disclosure, Electorate, most_disclosed
from polls.encoding import encode
from polls.evidence import assemble, with_decryptions, write_evidence
from polls.group import ED25519
from polls.manifest import Conduct, Manifest, Option, election_of
from polls.membership import CertificateWire
from polls.outcome import Rule
from polls.results import SignedCounts, SignedOutcome, sign_statement
from polls.transcript import Transcript
from polls.verify import Closed, check_closed

DAY = 86_400
OPENS = 1_800_000_000
OPTIONS = (
    Option("No action", 0),
    Option("Written warning", 90),
    Option("Three-month suspension", 100),
    Option("Abstain", 0),
)


def run_ceremony(group: Any, seeds: list[TrusteeSeed], threshold: int) -> Transcript[Any, Any]:
    """Let every trustee do whatever is due until all are done; the same for the same seeds, so it is done once."""
    return _ceremony(group, tuple(seed.reveal() for seed in seeds), threshold)


@lru_cache(maxsize=32)
def _ceremony(group: Any, raws: tuple[bytes, ...], threshold: int) -> Transcript[Any, Any]:
    transcript: Transcript[Any, Any] = Transcript(group, len(raws), threshold)
    for _ in range(4):
        for index, raw in enumerate(raws, 1):
            answer = transcript.answer(TrusteeSeed(raw), index)
            assert answer is not None
            transcript = transcript.with_message(answer[0], index, answer[1])
    return transcript


@lru_cache(maxsize=512)
def _once(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


def each_once(function: Callable[[Any], Any], items: Iterable[Any], /) -> Iterable[Any]:
    """Map for who verifies a record again and again: each piece of it is looked at once, by all it is made of."""
    return [_once(function, item) for item in items]


@dataclass
class World:
    """Trustees, members and one poll. `cast` votes, `close` assembles, `finish` decrypts and signs."""

    voters: int = 12
    group: Any = ED25519
    trustees_n: int = 3
    threshold: int = 2
    seed: bytes = b"world"
    disclosure: Disclosure | None = None
    quorum: int = 1
    rule: Rule = Rule.MEDIAN
    options: tuple[Option, ...] = OPTIONS
    slots: dict[bytes, Slot] = field(default_factory=dict)
    tags: dict[str, bytes] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    certificates: dict[str, CertificateWire] = field(default_factory=dict)
    receipts: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entropy: Entropy = seeded(self.seed)
        self.seeds = [TrusteeSeed.draw(self.entropy) for _ in range(self.trustees_n)]
        self.transcript = run_ceremony(self.group, self.seeds, self.threshold)
        self.trustees = self.transcript.board()
        self.keys = [MemberKey.draw(self.entropy) for _ in range(self.voters)]
        self.electorate = Electorate.freeze(
            [key.public() for key in self.keys], left_out=(), beacon=bytes(32)
        )
        self.server = SigningKey(self.entropy(32))
        self.manifest = self.make_manifest()
        self.election = election_of(self.manifest, self.trustees)
        self.pages: dict[int, set[str]] = {}

    def make_manifest(self, **changes: Any) -> Manifest:
        """Make a manifest of this world, with changes."""
        fields: dict[str, Any] = {
            "version": 1,
            "group_id": "aa" * 16,
            "matter": "bb" * 32,
            "question": "Which action, if any, should the council take?",
            "options": self.options,
            "rule": self.rule,
            "quorum": self.quorum,
            "disclosure": self.disclosure or most_disclosed(self.voters),
            "basis": Conduct(("Personal attacks",)),
            "summary": "cc" * 32,
            "opens_at": OPENS,
            "closes_at": OPENS + 7 * DAY,
            "cooling_off_s": 30 * DAY,
            "archive_at": OPENS + 40 * DAY,
            "page_s": DAY,
            "electorate": self.electorate.digest.hex(),
            "electorate_size": self.electorate.size,
            "trustees": self.trustees.hash,
            "public_key": self.group.text(self.trustees.public_key),
            "server_key": self.server.verify_key().raw.hex(),
        }
        return Manifest(**{**fields, **changes})

    def make(self, voter: int, option: int) -> bytes:
        """Make a voter's cast."""
        return make_cast(
            self.manifest, self.election, self.electorate, self.keys[voter], option, self.entropy
        )

    def post(self, raw: bytes, now: int = OPENS + 10) -> bytes:
        """Accept a cast as the server does; gives the receipt."""
        cast = check_cast(self.manifest, self.election, self.electorate, raw)
        credential = cast.certified.credential
        admitted = admit(self.manifest, cast, now, self.slots.get(cast.tag), self.tags.get(credential))
        if admitted.new:
            self.slots[cast.tag], self.tags[credential] = admitted.slot, cast.tag
            self.stored[cast.ballot_hash] = cast.ballot.raw
            self.certificates[credential] = cast.certified.wire
            self.pages.setdefault(admitted.page, set()).add(cast.ballot_hash)
        receipt = give_receipt(self.server, self.manifest, cast.ballot_hash, admitted.page)
        self.receipts.append(receipt)
        return receipt

    def cast(self, voter: int, option: int, now: int = OPENS + 10) -> bytes:
        """Vote; gives the receipt."""
        return self.post(self.make(voter, option), now)

    def flushed(self) -> tuple[list[Page], list[HeadWire]]:
        """Give all pages and their signed heads, as at the close."""
        pages, heads, parent = [], [], genesis(self.manifest)
        for number in range(last_page(self.manifest) + 1):
            salt = bytes([number % 256]) * 32
            page = Page(salt, tuple(sorted(self.pages.get(number, ()))))
            parent = next_head(self.manifest, number, parent, page)
            pages.append(page)
            heads.append(sign_head(self.server, self.manifest, number, parent))
        return pages, heads

    def evidence(self, outcome: SignedOutcome | None = None, counts: SignedCounts | None = None) -> bytes:
        """Write the evidence file."""
        pages, heads = self.flushed()
        certificates = list(self.certificates.values())
        return write_evidence(self.manifest, self.electorate, pages, heads[-1], certificates, outcome, counts)

    def board(self) -> Board:
        """Give the closed board."""
        pages, heads = self.flushed()
        return Board.check(self.manifest, pages, heads[-1])

    def close(self, mapper: Mapper = map, *, to_verify: bool = False) -> bytes:
        """Assemble the archive up to the encrypted tally. to_verify: without looking at the ballots' proofs."""
        certificates = list(self.certificates.values())
        return assemble(self.trustees, self.board(), self.stored, certificates, mapper, to_verify=to_verify)

    def closed(self) -> Closed[Any, Any]:
        """Verify as a trustee does."""
        archive = self.close(to_verify=True)
        return check_closed(
            self.group, archive, self.evidence(), manifest=encode(self.manifest), mapper=each_once
        )

    def finish(self, deciding: tuple[int, ...] = (1, 3), mapper: Mapper = each_once) -> tuple[bytes, bytes]:
        """Decrypt and sign by the trustees at these places; gives the archive and the evidence."""
        archive = self.close(mapper, to_verify=True)
        closed = check_closed(
            self.group, archive, self.evidence(), manifest=encode(self.manifest), mapper=mapper
        )
        partial: dict[int, bytes] = {}
        if closed.quorum_met:
            for index in deciding:
                share = self.transcript.share(self.seeds[index - 1], index)
                now = self.manifest.closes_at
                partial[index], _ = closing.decrypt(closed, share, now, self.entropy, {})
            archive = with_decryptions(self.trustees, archive, partial)
        decided = closing.decide(closed, partial)
        outcome, counts = closing.statements(closed, decided)
        signatures = [
            [sign_statement(self.trustees, self.seeds[i - 1], i, statement, self.entropy) for i in deciding]
            for statement in (outcome, counts)
            if statement is not None
        ]
        signed = SignedOutcome(outcome, signatures[0])
        signed_counts = SignedCounts(counts, signatures[1]) if counts is not None else None
        return archive, self.evidence(signed, signed_counts)


@dataclass(frozen=True)
class Finished:
    """A poll that is over, and its record."""

    world: World
    archive: bytes
    evidence: bytes

    @property
    def manifest(self) -> bytes:
        """The manifest as published."""
        return encode(self.world.manifest)


def vote_all(world: World) -> None:
    """Everybody but the last votes, some abstain, and the first votes again."""
    for voter in range(world.voters - 1):
        world.cast(voter, (0, 1, 2, 1, 3, 1, 2, 0, 3, 1, 1)[voter % 11])
    world.cast(0, 2, OPENS + DAY + 5)


def finished(world: World) -> Finished:
    """Run a poll of this world to its end."""
    vote_all(world)
    archive, evidence = world.finish()
    return Finished(world, archive, evidence)


def thousand(ballots: int, seed: bytes = b"many") -> bytes:
    """Make an archive of many ballots, of credentials that nobody certified: for Belenios' part alone.

    Nothing of it is verified here: that is for whoever reads it.
    """
    from polls import archive as archive_
    from polls import ballots as ballots_
    from polls.credentials import PrivateCredential, secret_of, write_public
    from polls.encoding import base58
    from polls.tally import decrypt_partially, tally_of, write_tally

    world = World(voters=20, seed=seed)
    election, group = world.election, world.group
    credentials = [PrivateCredential.of_characters(base58(world.entropy(40), 22)) for _ in range(ballots)]
    publics = [group.base(secret_of(group, election.uuid, credential)) for credential in credentials]
    raws = [
        ballots_.make(election, credential, [[int(i == n % 4) for i in range(4)]], world.entropy)
        for n, credential in enumerate(credentials)
    ]
    tally = tally_of(group, [ballots_.parse(group, raw).answers for raw in raws], [4])
    contents = archive_.Contents(
        timestamp=OPENS,
        election=election.raw,
        trustees=world.trustees.raw,
        credentials=write_public(group, publics),
        ballots=raws,
        ended=True,
        tally=write_tally(group, tally),
        tallied=ballots,
    )
    partial = {
        index: decrypt_partially(
            election, world.transcript.share(world.seeds[index - 1], index), tally, world.entropy
        )
        for index in (1, 3)
    }
    return with_decryptions(world.trustees, archive_.write(contents), partial)


W = TypeVar("W", bound=msgspec.Struct)


def cast_of(world: World, voter: int, option: int) -> Cast[Any, Any]:
    """A checked cast of a voter's, which is in no store."""
    return check_cast(world.manifest, world.election, world.electorate, world.make(voter, option))


def replace_wire(wire: W, **changes: object) -> W:
    """Another shape that differs in these fields."""
    return msgspec.structs.replace(wire, **changes)
