"""A working group for tests: a root key, handlers with keys, and how to found it on a server and send it reports.

group = Group.draw("Aurora", ["Ada", "Bo", "Cy"])
group.found(client)
receipt = group.file(client, b"plaintext")               # to all handlers; or handlers=group.handlers[:2]
client.do(calls.feed(group.signer("Ada")))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from crypto import chains
from crypto.codes import Claim
from crypto.entropy import system
from crypto.envelope import seal_envelope
from crypto.labels import Label
from crypto.seal import SealingKey
from crypto.signatures import SigningKey, VerifyKey, sign
from service.cases import rosters
from service.cases.receipts import Receipt
from service.cases.rosters import HandlerCard, Role, Roster, RosterHistory
from service.wire import calls
from service.wire.client import AsyncClient, Client
from service.wire.puzzles import solve
from service.wire.signing import Signer


@dataclass
class Member:
    """One handler's keys."""

    name: str
    role: Role
    id: bytes
    signing: SigningKey
    sealing: SealingKey

    @classmethod
    def draw(cls, name: str, role: Role = "handler") -> Member:
        return cls(name, role, system(16), SigningKey(system(32)), SealingKey(system(32)))

    @property
    def key_id(self) -> bytes:
        return self.sealing.public_key().key_id

    def card(self) -> HandlerCard:
        return rosters.make_card(self.name, self.signing, self.sealing.public_key())

    def old_card(self) -> HandlerCard:
        """A card as it was made before names were held to more."""
        keys = self.signing.verify_key().raw, self.sealing.public_key().raw
        proof = sign(self.signing, Label.HANDLER_CARD, self.name.encode(), *keys)
        return HandlerCard(self.name, *keys, proof)


@dataclass
class Group:
    """A group with its private keys."""

    root: SigningKey
    handlers: list[Member]
    chain: chains.VerifiedChain
    sent: int = field(default=0)
    _verified: tuple[chains.VerifiedChain, RosterHistory] | None = field(default=None, repr=False)

    @classmethod
    def draw(
        cls,
        name: str = "Aurora",
        handlers: Sequence[str] = ("Ada", "Bo", "Cy"),
        *,
        minimum: int = 2,
        alternate: bytes | None = None,
        council: Sequence[str] = (),
    ) -> Group:
        """Make a group with all its keys; nothing is sent yet."""
        root = SigningKey(system(32))
        group = cls(root, [], chains.empty(root.verify_key(), Label.ROSTER))
        group.say(
            rosters.Found(
                name=name,
                languages=("en",),
                minimum=minimum,
                alternate=None if alternate is None else alternate.hex(),
                root=root.verify_key().raw,
            )
        )
        for handler in handlers:
            group.add(Member.draw(handler))
        for person in council:
            group.add(Member.draw(person, "council"))
        return group

    @cached_property
    def id(self) -> bytes:
        return rosters.group_id_of(self.root.verify_key())

    @property
    def roster(self) -> Roster:
        return self.histories[self.id.hex()].latest

    @property
    def histories(self) -> dict[str, RosterHistory]:
        """As a desk has them that knows this group alone. Verified once for each state of its chain, as a desk does."""
        if self._verified is None or self._verified[0] is not self.chain:
            said = [statement.raw for statement in self.chain.statements]
            self._verified = self.chain, rosters.verified_history(self.id, said)
        return {self.id.hex(): self._verified[1]}

    def say(self, statement: rosters.Statement) -> bytes:
        """Sign one more statement; give it raw."""
        self.chain = chains.append(self.chain, rosters.encode_statement(statement), self.root)
        return self.chain.statements[-1].raw

    def add(self, member: Member) -> bytes:
        self.handlers.append(member)
        return self.say(rosters.Add(handler=member.id.hex(), role=member.role, card=member.card()))

    def add_old(self, name: str) -> bytes:
        """Add a handler whose name nobody could have signed today."""
        member = Member.draw(name)
        self.handlers.append(member)
        return self.say(rosters.Add(handler=member.id.hex(), role=member.role, card=member.old_card()))

    def retire(self, name: str) -> bytes:
        return self.say(rosters.Retire(handler=self.member(name).id.hex()))

    def member(self, name: str) -> Member:
        return next(member for member in self.handlers if member.name == name)

    def signer(self, name: str) -> Signer:
        member = self.member(name)
        return Signer(self.id, member.key_id, member.signing)

    def found(self, client: Client) -> None:
        """Send all statements that the server doesn't have yet."""
        for statement in self.chain.statements[self.sent :]:
            client.do(calls.append_statement(self.id, statement.raw))
        self.sent = len(self.chain.statements)

    async def found_async(self, client: AsyncClient) -> None:
        """The same."""
        for statement in self.chain.statements[self.sent :]:
            await client.do(calls.append_statement(self.id, statement.raw))
        self.sent = len(self.chain.statements)

    def seal(self, plaintext: bytes = b"what happened", handlers: Sequence[Member] | None = None) -> bytes:
        """Seal an envelope to all in the role of handler, or to those given."""
        chosen = [m for m in self.handlers if m.role == "handler"] if handlers is None else handlers
        keys = [member.sealing.public_key() for member in chosen]
        return seal_envelope(plaintext, keys, self.id, self.roster.digest, system)

    def file(
        self,
        client: Client,
        plaintext: bytes = b"what happened",
        handlers: Sequence[Member] | None = None,
        *,
        urgent: bool = False,
    ) -> Receipt:
        """Seal and file a report."""
        envelope = self.seal(plaintext, handlers)
        token = admitted(client, self.id)
        return client.do(calls.submit(self.id, envelope, server_key(client), admission=token, urgent=urgent))


def server_key(client: Client) -> VerifyKey:
    """Ask the server for its verify key."""
    return VerifyKey(client.do(calls.server_info()).verify_key)


def admitted(client: Client, group: bytes) -> str:
    """Get a token for a report or a burn."""
    return solve(client.do(calls.challenge(group, "reports")))


def slots(client: Client, claim: Claim, page: int = 0) -> tuple[bytes, ...]:
    """Open a mailbox."""
    token = solve(client.do(calls.challenge(bytes(16), "mailbox")))
    return client.do(calls.open_mailbox(claim, page, admission=token))


def burned(client: Client, group: Group, claim: Claim, seen: int, envelope: bytes) -> Receipt | None:
    """Burn a mailbox with a follow-up."""
    call = calls.burn_mailbox(
        claim, seen, envelope, group.id, server_key(client), admission=admitted(client, group.id)
    )
    return client.do(call)
