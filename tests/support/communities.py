"""The members of a project: their registry, their keys, and the working group whose members they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from crypto.chains import append, empty
from crypto.entropy import Entropy, system
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.seal import SealingKey
from crypto.signatures import SigningKey
from polls.electorate import Electorate
from service.cases.joining import apply, invite, registry_id_of
from service.cases.registry import GrowingRegistry, Registry
from service.cases.registry_statements import Beacon, Found, Freeze, Join, encode_statement
from service.cases.roster_statements import Members
from service.wire import registry_calls
from service.wire.client import AsyncClient
from service.wire.registry_shapes import STATEMENTS_AT_ONCE
from tests.support.groups import Group

ON = "2026-03-01"


@dataclass
class Community:
    """Members with all their keys, and the registry's signed chain with one snapshot, `spring`."""

    root: SigningKey
    keys: dict[str, tuple[MemberKey, SealingKey]]
    statements: tuple[bytes, ...]

    @classmethod
    def draw(
        cls,
        size: int,
        entropy: Entropy = system,
        known: Mapping[str, tuple[MemberKey, SealingKey]] = MappingProxyType({}),
    ) -> Community:
        """Found a registry and let `size` members join by invitation: github.com/m0, m1, … known: keys not to draw."""
        root = SigningKey(entropy(32))
        registry, day = registry_id_of(root.verify_key()), ON
        keys = {f"github.com/m{n}": (MemberKey.draw(entropy), SealingKey(entropy(32))) for n in range(size)}
        keys |= known
        chain = empty(root.verify_key(), Label.REGISTRY)
        said: list[Any] = [Found(day, "Example project", root.verify_key().raw)]
        for account, (member, sealing) in keys.items():
            application = apply(registry, account, member, sealing.public_key(), entropy=entropy)
            said.append(Join(day, application, invite(root, registry, account, until=day, entropy=entropy)))
        said += [Freeze(day, "spring", "a lottery"), Beacon(day, "spring", "77" * 32)]
        for statement in said:
            chain = append(chain, encode_statement(statement), root)
        return cls(root, keys, tuple(each.raw for each in chain.statements))

    async def publish(self, client: AsyncClient) -> None:
        """Send the server all statements."""
        for at in range(0, len(self.statements), STATEMENTS_AT_ONCE):
            part = self.statements[at : at + STATEMENTS_AT_ONCE]
            await client.do(registry_calls.append_statements(self.id, part))

    def group(self, name: str = "Aurora", council: Sequence[str] = ("Zoe",)) -> Group:
        """Draw a working group with a council, whose members these are; nothing is sent yet."""
        drawn = Group.draw(name, council=council)
        drawn.say(Members(registry=self.id.hex()))
        return drawn

    @property
    def registry(self) -> Registry:
        """The registry, verified and folded."""
        return GrowingRegistry.start(self.statements, self.root.verify_key()).registry

    @property
    def id(self) -> bytes:
        return registry_id_of(self.root.verify_key())

    def electorate(self, left_out: Sequence[str]) -> Electorate:
        """Everybody in the snapshot but those left out."""
        return Electorate(self.registry.snapshot("spring").rings(left_out))
