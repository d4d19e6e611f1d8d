"""Signed hash chains: statements under one root key, each naming the one before. SPEC.md §9.

Guarantees of a `VerifiedChain`: every statement was signed by the root for this kind of chain, at its place, after
exactly the statements before it. What the payloads mean is for the reader; that a chain is the newest one, and the same
for everybody, is for whoever remembers heads.

    statement  u8 version=1 ‖ u64 seq ‖ previous link 32 ‖ u32 length ‖ payload ‖ Ed25519 signature 64
    link       H(CHAIN_LINK, label, statement), 32 bytes; the first statement's previous link is zeros
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

from crypto.errors import Refused
from crypto.framing import Reader, part
from crypto.hashing import digest
from crypto.labels import Label
from crypto.signatures import SIGNATURE_SIZE, BadSignature, SigningKey, VerifyKey, sign, verify

VERSION: Final = 1
LINK_SIZE: Final = 32
MAX_PAYLOAD: Final = 1024 * 1024
NO_LINK: Final = bytes(LINK_SIZE)


class Forged(Refused):
    """A statement was not signed by the root key."""

    def __init__(self) -> None:
        super().__init__("a statement of the chain was not signed by its root key: it is forged")


class Broken(Refused):
    """A statement does not follow the one before it: one is missing, moved or repeated."""

    def __init__(self) -> None:
        super().__init__("the chain is broken: a statement is missing, moved or repeated")


@final
@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, parsed. Only inside a VerifiedChain it is believed."""

    raw: bytes = field(repr=False)
    seq: int
    previous: bytes
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    digest: bytes
    """The link to it, as the next statement names it."""

    @classmethod
    def parse(cls, raw: bytes, label: Label) -> Statement:
        """Read a statement strictly. Nothing is verified."""
        reader = Reader(raw, "statement")
        if reader.u8() != VERSION:
            raise Refused("statement: unknown version")
        seq, previous = reader.u64(), reader.take(LINK_SIZE)
        payload, signature = reader.prefixed(MAX_PAYLOAD), reader.take(SIGNATURE_SIZE)
        reader.finish()
        return cls(bytes(raw), seq, previous, payload, signature, digest(Label.CHAIN_LINK, label.value, raw))


@final
@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """A chain whose every signature and link holds. Made by `verify_chain` and `append`."""

    label: Label
    root: VerifyKey
    statements: tuple[Statement, ...]

    @property
    def head(self) -> bytes:
        """The link to the last statement; zeros for an empty chain."""
        return self.statements[-1].digest if self.statements else NO_LINK


def empty(root: VerifyKey, label: Label) -> VerifiedChain:
    """Give the chain that has no statement yet."""
    return VerifiedChain(label, root, ())


def append(chain: VerifiedChain, payload: bytes, key: SigningKey) -> VerifiedChain:
    """Sign one more statement. Refused when the key isn't the chain's root or the payload is over 1 MiB."""
    if key.verify_key() != chain.root:
        raise Refused("that is not the root key of this chain")
    if len(payload) > MAX_PAYLOAD:
        raise Refused("the statement is too long")
    seq = len(chain.statements)
    signature = sign(key, chain.label, *_signed(seq, chain.head, payload))
    raw = b"".join((bytes([VERSION]), seq.to_bytes(8, "big"), chain.head, part(payload), signature))
    return VerifiedChain(chain.label, chain.root, (*chain.statements, Statement.parse(raw, chain.label)))


def verify_statement(raw: bytes, root: VerifyKey, label: Label) -> Statement:
    """Check that the root signed one statement; what it follows is not checked. Raises Forged, or Refused."""
    statement = Statement.parse(raw, label)
    signed = _signed(statement.seq, statement.previous, statement.payload)
    try:
        verify(root, label, statement.signature, *signed)
    except BadSignature:
        raise Forged from None
    return statement


def verify_chain(statements: Sequence[bytes], root: VerifyKey, label: Label) -> VerifiedChain:
    """Verify raw statements, oldest first. Raises Forged, Broken, or Refused for what is malformed."""
    verified: list[Statement] = []
    link = NO_LINK
    for seq, raw in enumerate(statements):
        statement = verify_statement(raw, root, label)
        if statement.seq != seq or statement.previous != link:
            raise Broken
        verified.append(statement)
        link = statement.digest
    return VerifiedChain(label, root, tuple(verified))


def _signed(seq: int, previous: bytes, payload: bytes) -> tuple[bytes, bytes, bytes]:
    return seq.to_bytes(8, "big"), previous, payload
