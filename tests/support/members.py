"""A registry of members for tests: root and registrar keys, members with theirs, its chain and how to publish it.

kept = Keeper.draw()                               # an empty registry
alice = kept.join("github.com/alice")              # by invitation; gives MemberKeys
kept.freeze("2026-03"); kept.publish(client)

registry, statements, keys = make_registry(100)    # 100 members, one snapshot, frozen (and its beacon said)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from crypto import chains
from crypto.entropy import Entropy, seeded
from crypto.hashing import digest
from crypto.labels import Label
from crypto.signatures import SigningKey
from service.cases.joining import apply, consent_to_leave, consent_to_replace, invite, registry_id_of
from service.cases.registry import GrowingRegistry, Registry
from service.cases.registry_statements import (
    Application,
    Beacon,
    Found,
    Freeze,
    Join,
    Leave,
    Rotate,
    Statement,
    encode_statement,
)
from service.member_keys import MemberKeys
from service.wire import registry_calls
from service.wire.client import AsyncClient, Client

DAY = "2026-03-01"
UNTIL = "2099-12-31"
SNAPSHOT = "first"


@dataclass
class Keeper:
    """Who holds a registry's root key, with everything signed so far."""

    root: SigningKey
    draw: Entropy
    chain: chains.VerifiedChain
    day: str = DAY
    keys: dict[str, MemberKeys] = field(default_factory=dict)
    """The members' keys in force, by account."""
    sent: int = 0

    @classmethod
    def start(cls, seed: bytes = b"members", name: str = "Example project", day: str = DAY) -> Keeper:
        """Found a registry; the same seed gives the same keys."""
        draw = seeded(seed)
        root = SigningKey(draw(32))
        keeper = cls(root, draw, chains.empty(root.verify_key(), Label.REGISTRY), day)
        keeper.say(Found(day, name, root.verify_key().raw))
        return keeper

    @property
    def id(self) -> bytes:
        return registry_id_of(self.root.verify_key())

    @property
    def statements(self) -> list[bytes]:
        return [statement.raw for statement in self.chain.statements]

    @property
    def registry(self) -> Registry:
        return GrowingRegistry.start(self.statements, self.root.verify_key()).registry

    def say(self, statement: Statement) -> bytes:
        """Sign one more statement, whether or not it can follow; give it raw."""
        self.chain = chains.append(self.chain, encode_statement(statement), self.root)
        return self.chain.statements[-1].raw

    def application(self, account: str, keys: MemberKeys) -> Application:
        return apply(self.id, account, keys.member, keys.sealing.public_key(), entropy=self.draw)

    def join(self, account: str, keys: MemberKeys | None = None) -> MemberKeys:
        """Let an account join on an invitation by the root."""
        keys = keys or MemberKeys.draw(self.draw)
        invitation = invite(self.root, self.id, account, until=UNTIL, entropy=self.draw)
        self.say(Join(self.day, self.application(account, keys), invitation))
        self.keys[account] = keys
        return keys

    def rotate(self, account: str) -> MemberKeys:
        """Replace an account's keys with its consent."""
        keys = MemberKeys.draw(self.draw)
        application = self.application(account, keys)
        consent = consent_to_replace(self.keys[account].member, application, entropy=self.draw)
        self.say(Rotate(self.day, application, consent))
        self.keys[account] = keys
        return keys

    def leave(self, account: str) -> None:
        """Let an account leave with its consent."""
        consent = consent_to_leave(self.keys.pop(account).member, self.id, account, entropy=self.draw)
        self.say(Leave(self.day, account, consent))

    def freeze(self, name: str = SNAPSHOT, *, beacon: bool = True) -> None:
        """Freeze a snapshot, and say its beacon."""
        self.say(Freeze(self.day, name, "the test's own beacon"))
        if beacon:
            self.say(Beacon(self.day, name, digest(Label.RING_SPLIT, name.encode()).hex()))

    def publish(self, client: Client) -> None:
        """Send all statements that the server doesn't have yet."""
        while pending := self.statements[self.sent : self.sent + 32]:
            client.do(registry_calls.append_statements(self.id, pending))
            self.sent += len(pending)

    async def publish_async(self, client: AsyncClient) -> None:
        """The same for an event loop."""
        while pending := self.statements[self.sent : self.sent + 32]:
            await client.do(registry_calls.append_statements(self.id, pending))
            self.sent += len(pending)


def account(number: int) -> str:
    """The account of a made-up member, as in `make_registry`."""
    return f"github.com/member-{number:04}"


def make_keeper(count: int, seed: bytes = b"members") -> Keeper:
    """Make a registry of `count` members with one snapshot, `SNAPSHOT`, and its beacon."""
    keeper = Keeper.start(seed)
    for number in range(count):
        keeper.join(account(number))
    keeper.freeze()
    return keeper


def make_registry(count: int, seed: bytes = b"members") -> tuple[Registry, list[bytes], list[MemberKeys]]:
    """Give a verified registry of `count` members, its statements, and the members' keys in order of joining."""
    keeper = make_keeper(count, seed)
    return keeper.registry, keeper.statements, list(keeper.keys.values())
