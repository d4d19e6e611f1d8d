"""A registry as its signed chain would be: applications, invitations and statements, folded on demand.

tests/support/members.py has a keeper who also publishes what they sign.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from crypto.chains import append, empty
from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.seal import PublicKey, SealingKey
from crypto.signatures import SigningKey
from service.cases.joining import NAMESPACE, application_text, apply, invite, registry_id_of
from service.cases.registry import GrowingRegistry, Registry
from service.cases.registry_statements import (
    Application,
    ByInvitation,
    BySsh,
    Found,
    Join,
    Statement,
    encode_statement,
)

ROOT = SigningKey(b"\1" * 32)
REGISTRAR = SigningKey(b"\2" * 32)
ID = registry_id_of(ROOT.verify_key())
DAY, LATER, TOO_LATE = "2026-03-01", "2026-03-15", "2026-04-01"
draw = seeded(b"registry tests")


def member_key(name: str, turn: int = 0) -> MemberKey:
    return MemberKey(digest(Label.KEY_ID, name.encode(), bytes([turn])))


def seal_key(name: str, turn: int = 0) -> PublicKey:
    return SealingKey.derived(member_key(name, turn)).public_key()


def application(name: str, turn: int = 0) -> Application:
    account = f"github.com/{name}"
    return apply(ID, account, member_key(name, turn), seal_key(name, turn), entropy=draw)


def invitation(name: str, *, by: SigningKey = ROOT, registry: bytes = ID, until: str = LATER) -> ByInvitation:
    return invite(by, registry, f"github.com/{name}", until=until, entropy=draw)


def join(name: str, turn: int = 0, on: str = DAY) -> Join:
    return Join(on, application(name, turn), invitation(name))


def folded(statements: Sequence[bytes]) -> Registry:
    """The registry that a raw chain under ROOT makes."""
    return GrowingRegistry.start(statements, ROOT.verify_key()).registry


@dataclass
class Chain:
    """Statements as they would be in the signed chain, folded on demand."""

    statements: list[Statement] = field(
        default_factory=lambda: [Found(DAY, "Example project", ROOT.verify_key().raw)]
    )

    def add(self, *statements: Statement) -> Chain:
        self.statements += statements
        return self

    def raw(self, root: SigningKey = ROOT) -> list[bytes]:
        """Sign them, as the registrar's tool does."""
        chain = empty(root.verify_key(), Label.REGISTRY)
        for statement in self.statements:
            chain = append(chain, encode_statement(statement), root)
        return [statement.raw for statement in chain.statements]

    def folded(self) -> Registry:
        return folded(self.raw())

    def refuses(self, *statements: Statement, match: str = ".") -> None:
        self.folded()
        with pytest.raises(Refused, match=match):
            Chain([*self.statements, *statements]).folded()


def three() -> Chain:
    return Chain().add(join("alice"), join("bob"), join("carol"))


Sign = Callable[..., tuple[str, str]]


def by_ssh(sign: Sign, made: Application, namespace: str = NAMESPACE) -> BySsh:
    line, signature = sign(application_text(made), namespace)
    return BySsh(line, "https://github.com/dora.keys", signature)
