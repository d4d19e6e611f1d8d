"""A poll on a server for tests: members with a signed registry, a board of trustees, a council, and what they all do.

poll = await ServerPoll.ready(client, clock, group, community)     # ceremony, manifest, created, shares proved
clock.forward(...)                                                 # to its opening
receipt = await poll.cast("github.com/m3", 1)
await poll.decide(places=(1, 3)); await poll.deliver((1, 3))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import pytest

from crypto.entropy import Entropy, system
from crypto.signatures import SigningKey
from polls import closing
from polls.agreement import board_statement
from polls.audit import Mapper
from polls.casting import make_cast
from polls.channels import TrusteeSeed
from polls.electorate import most_disclosed
from polls.encoding import hash_hex
from polls.evidence import with_decryptions
from polls.group import ED25519
from polls.manifest import Conduct, Manifest, election_of
from polls.outcome import Rule
from polls.results import sign_statement
from polls.transcript import MESSAGES, Transcript
from polls.verify import Closed
from service.cases import decisions, verdicts
from service.cases.summaries import seal_summary
from service.cases.verdicts import Verdict, seal_decryption, seal_verdict
from service.server.records import poll_partition
from service.wire import calls, poll_calls, poll_closing_calls
from service.wire.client import AsyncClient
from service.wire.failures import Declined
from service.wire.poll_decisions import outcome_of, said_until_now
from service.wire.poll_records import gather_async
from service.wire.poll_shapes import DefineBoard, TrusteeCard
from service.wire.poll_views import PollView, trustee_signer
from service.wire.problems import Kind
from service.wire.puzzles import solve
from service.wire.signing import Signer
from tests.support.communities import Community
from tests.support.groups import Group
from tests.support.poll_world import OPTIONS, each_once, run_ceremony

DAY = 86_400
SUMMARY = "What happened, as the mediator tells it."


async def refused(kind: Kind, attempt: Awaitable[Any]) -> None:
    """The server declines with this problem."""
    with pytest.raises(Declined) as declined:
        await attempt
    assert declined.value.kind is kind


@lru_cache(maxsize=8)
def _ceremony(trustees_n: int, threshold: int) -> tuple[list[TrusteeSeed], Transcript[Any, Any]]:
    """Draw seeds and make all messages of a ceremony, once for all boards of so many: what they sign with differs."""
    seeds = [TrusteeSeed.draw(system) for _ in range(trustees_n)]
    return seeds, run_ceremony(ED25519, seeds, threshold)


@dataclass
class ServerPoll:
    """One poll and everybody who takes part in it. `now`: the server's time, seconds since 1970."""

    client: AsyncClient
    now: Callable[[], float]
    group: Group
    community: Community
    trustees_n: int = 3
    threshold: int = 2
    left_out: tuple[str, ...] = ("github.com/m0",)
    desk: str = "Zoe"
    mapper: Mapper = each_once
    entropy: Entropy = system
    seeds: list[TrusteeSeed] = field(default_factory=list)
    keys: list[SigningKey] = field(default_factory=list)
    board: bytes = b""
    matter: bytes = bytes.fromhex("bb" * 32)

    def __post_init__(self) -> None:
        self.seeds = list(_ceremony(self.trustees_n, self.threshold)[0])
        self.keys = [SigningKey(self.entropy(32)) for _ in range(self.trustees_n)]
        self.electorate = self.community.electorate(self.left_out)

    @property
    def signer(self) -> Signer:
        """The council member or mediator who sets the poll up."""
        return self.group.signer(self.desk)

    @property
    def partition(self) -> str:
        """Where the server keeps it."""
        return poll_partition(self.phi)

    def trustee(self, place: int) -> Signer:
        """A trustee who signs."""
        return trustee_signer(self.board, self.keys[place - 1])

    @property
    def definition(self) -> DefineBoard:
        """The board as it is defined."""
        cards = tuple(TrusteeCard(f"Trustee {n}", key.verify_key().raw) for n, key in enumerate(self.keys, 1))
        return DefineBoard("The board", self.threshold, cards)

    async def hold_ceremony(self) -> Transcript[Any, Any]:
        """Define the board and let every trustee say what is due until all are done."""
        self.board = await self.client.do(poll_calls.define_board(self.signer, self.definition))
        _, held = _ceremony(self.trustees_n, self.threshold)
        for step in MESSAGES:
            for place, message in held.said[step].items():
                view = await self.client.do(poll_calls.say(self.trustee(place), step, message))
        assert view.shape.complete
        self.transcript = view.transcript
        self.trustees = view.transcript.board()
        return view.transcript

    def sealed_summary(self, text: str = SUMMARY, to: Sequence[str] | None = None) -> bytes:
        """Seal a summary to the electorate, or to those accounts."""
        accounts = set(self.community.keys) - set(self.left_out) if to is None else to
        members = [self.community.keys[account][1].public_key() for account in accounts]
        return seal_summary(text, members, group=self.group.id, matter=self.matter, entropy=self.entropy)

    async def make_manifest(self, **changes: Any) -> Manifest:
        """Make a manifest that opens in a minute and closes a day later, with changes."""
        self.summary = self.sealed_summary()
        info = await self.client.do(calls.server_info())
        opens_at = int(self.now()) + 60
        fields: dict[str, Any] = {
            "version": 1,
            "group_id": self.group.id.hex(),
            "matter": self.matter.hex(),
            "question": "Which action, if any, should the council take?",
            "options": OPTIONS,
            "rule": Rule.MEDIAN,
            "quorum": 3,
            "disclosure": most_disclosed(self.electorate.size),
            "basis": Conduct(("Personal attacks",)),
            "summary": hash_hex(self.summary),
            "opens_at": opens_at,
            "closes_at": opens_at + DAY,
            "cooling_off_s": 30 * DAY,
            "archive_at": opens_at + 40 * DAY,
            "page_s": 3_600,
            "electorate": self.electorate.digest.hex(),
            "electorate_size": self.electorate.size,
            "trustees": self.trustees.hash,
            "public_key": ED25519.text(self.trustees.public_key),
            "server_key": info.verify_key.hex(),
        }
        return Manifest(**{**fields, **changes})

    async def create(self, manifest: Manifest, **changes: Any) -> bytes:
        """Create the poll. changes: of what is sent besides the manifest."""
        self.manifest, self.phi = manifest, manifest.phi
        self.election = election_of(manifest, self.trustees)
        fields: dict[str, Any] = {
            "board": self.board,
            "registry": self.community.id,
            "snapshot": "spring",
            "left_out": self.left_out,
            "summary": self.summary,
        }
        return await self.client.do(poll_calls.create_poll(self.signer, manifest, **{**fields, **changes}))

    async def prove(self, places: Sequence[int]) -> None:
        """Let these trustees show that they have their shares."""
        for place in places:
            proof = closing.prove_share(self.trustees, self.share(place), place, self.phi, self.entropy)
            await self.client.do(poll_closing_calls.prove_share(self.trustee(place), self.phi, proof))

    def share(self, place: int) -> Any:
        """A trustee's share."""
        return self.transcript.share(self.seeds[place - 1], place)

    @classmethod
    async def ready(
        cls, client: AsyncClient, now: Callable[[], float], group: Group, community: Community, **options: Any
    ) -> ServerPoll:
        """Make a poll that opens in a minute, its trustees ready. options: of this class, and `manifest`."""
        changes = options.pop("manifest", {})
        poll = cls(client, now, group, community, **options)
        await poll.hold_ceremony()
        await poll.create(await poll.make_manifest(**changes))
        await poll.prove(range(1, poll.trustees_n + 1))
        return poll

    def make(self, account: str, option: int) -> bytes:
        """Make a voter's cast."""
        key = self.community.keys[account][0]
        return make_cast(self.manifest, self.election, self.electorate, key, option, self.entropy)

    async def token(self) -> str:
        """Be admitted to cast once."""
        return solve(await self.client.do(calls.challenge(self.group.id, "casts")))

    async def post(self, raw: bytes, token: str | None = None) -> bytes:
        """Send a cast; gives the receipt."""
        admission = token or await self.token()
        return await self.client.do(poll_calls.cast(self.manifest, raw, admission=admission))

    async def cast(self, account: str, option: int) -> bytes:
        """Vote; gives the receipt."""
        return await self.post(self.make(account, option))

    async def view(self) -> PollView:
        """Where the poll stands."""
        return await self.client.do(poll_calls.poll(self.phi))

    async def record(self) -> tuple[bytes, bytes]:
        """Fetch the opened board and assemble archive, up to the tally, and evidence."""
        found = await gather_async(self.client, self.phi)
        return found.archive(self.mapper), found.evidence()

    async def closed(self) -> Closed[Any, Any]:
        """Verify as a trustee does."""
        return (await gather_async(self.client, self.phi)).closed(mapper=self.mapper)

    async def complete(self, result: verdicts.Delivered) -> tuple[bytes, bytes]:
        """The whole record as the council can write it: with decryptions and counts."""
        found = await gather_async(self.client, self.phi)
        archive = with_decryptions(self.trustees, found.archive(), result.partial)
        return archive, found.evidence(result.outcome, result.counts)

    async def decide(self, places: Sequence[int]) -> None:
        """Let these trustees verify, exchange decryptions, and sign the outcome."""
        await self.decrypt(places)
        await self.sign(places)

    async def agree(self, places: Sequence[int], **changes: str) -> None:
        """Let these trustees say which board they verified, with changes."""
        closed = await self.closed()
        statement = msgspec.structs.replace(board_statement(closed), **changes)
        for place in places:
            seed = self.seeds[place - 1]
            signature = sign_statement(self.trustees, seed, place, statement, self.entropy)
            call = poll_closing_calls.post_agreement(self.trustee(place), self.phi, statement, signature)
            await self.client.do(call)

    async def decrypt(self, places: Sequence[int]) -> None:
        """Let these trustees verify, agree and send each other their decryptions; these not below the quorum.

        It is the server that is tested here, which takes their word; that they wait for each other is not.
        """
        closed = await self.closed()
        await self.agree(places)
        if not closed.quorum_met:
            return
        now = int(self.now())
        for place in places:
            partial, _ = closing.decrypt(closed, self.share(place), now, self.entropy, {})
            sealed = seal_decryption(self.trustees, self.seeds[place - 1], self.phi, partial, self.entropy)
            await self.client.do(poll_closing_calls.post_decryptions(self.trustee(place), self.phi, sealed))

    async def sign(self, places: Sequence[int]) -> None:
        """Let these trustees sign what they compute from a threshold of decryptions."""
        closed = await self.closed()
        for place in places:
            verdict = await self.verdict(closed, place)
            call = poll_closing_calls.post_statement(
                self.trustee(place), self.phi, verdict.outcome, verdict.outcome_signature
            )
            await self.client.do(call)

    async def verdict(self, closed: Closed[Any, Any], place: int) -> Verdict:
        """What one trustee computes from the decryptions that were sealed to them."""
        seed, partial = self.seeds[place - 1], dict[int, bytes]()
        if closed.quorum_met:
            for sender, sealed in (
                await self.client.do(poll_closing_calls.decryptions(self.trustee(place), self.phi))
            ).items():
                partial[sender] = verdicts.open_decryption(self.trustees, seed, self.phi, sender, sealed)
        decided = closing.decide(closed, partial)
        outcome, counts = closing.statements(closed, decided)
        return Verdict(
            outcome=outcome,
            outcome_signature=sign_statement(self.trustees, seed, place, outcome, self.entropy),
            counts=counts,
            counts_signature=None
            if counts is None
            else sign_statement(self.trustees, seed, place, counts, self.entropy),
            decryption=None if counts is None else partial[place].decode(),
        )

    async def deliver(self, places: Sequence[int]) -> None:
        """Let these trustees send the council their verdicts."""
        closed = await self.closed()
        council = [member for member in self.group.handlers if member.role == "council"]
        for place in places:
            verdict = await self.verdict(closed, place)
            copies = [
                (member.key_id, seal_verdict(verdict, member.sealing.public_key(), self.phi))
                for member in council
            ]
            await self.client.do(poll_closing_calls.post_verdicts(self.trustee(place), self.phi, copies))

    async def result(self, name: str = "Zoe") -> verdicts.Delivered:
        """What a council member reads."""
        member = self.group.member(name)
        fetched = await self.client.do(poll_calls.verdicts(self.group.signer(name), self.phi))
        opened = [
            (place, verdicts.open_verdict(sealed, member.sealing, self.phi)) for place, sealed in fetched
        ]
        return verdicts.deliver(self.manifest, self.trustees, opened)

    async def acknowledge(self, name: str = "Zoe") -> PollView:
        """Let a council member say that the result is there."""
        outcome = (await self.result(name)).outcome.statement
        signature = decisions.acknowledge(self.group.member(name).signing, outcome)
        return await self.client.do(poll_calls.acknowledge(self.group.signer(name), self.phi, signature))

    async def implement(self, text: str, ends_on: int | None, name: str = "Zoe") -> PollView:
        """Let a council member say what was done."""
        outcome = (await self.result(name)).outcome.statement
        signature = decisions.implement(self.group.member(name).signing, outcome, text, ends_on)
        call = poll_calls.implement(self.group.signer(name), self.phi, text, ends_on, signature)
        return await self.client.do(call)

    async def review(self, number: int, again: int | None, text: str = "", name: str = "Zoe") -> PollView:
        """Let a council member say what became of the measure; also when the poll is archived."""
        view = await self.view()
        before = bytes(32) if view.shape.implemented is None else said_until_now(view)
        key = self.group.member(name).signing
        signature = decisions.review(key, outcome_of(view), number, before, again, text)
        call = poll_calls.review(self.group.signer(name), self.phi, number, again, text, signature)
        return await self.client.do(call)
