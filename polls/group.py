"""The group a poll computes in, as a parameter: what Belenios asks of one, and Ed25519. SPEC.md §2.

Elements exist only when valid: `parse` checks that a text is the one encoding of an element of the
prime-order subgroup and not the identity, wherever the text came from (the membership checks of Belenios
3.3.0). Public exponents are plain numbers modulo the order; secret ones are hidden types that leave only
through `respond` (a proof's answer) and `reveal`.
Written multiplicatively, as Belenios' specification is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.group import GENERATOR, IDENTITY, ORDER, Point, Scalar, SecretScalar, times_base, total
from crypto.secrets import Secret

E = TypeVar("E")
"""An element of the group."""
S = TypeVar("S", bound=Secret)
"""A secret exponent."""


class Group(Protocol[E, S]):
    """A cyclic group of prime order in which logarithms are hard (Belenios specification §Groups)."""

    @property
    def name(self) -> str:
        """The short string that Belenios' messages name the group by."""

    @property
    def order(self) -> int:
        """The prime order q."""

    @property
    def generator(self) -> E:
        """The generator g."""

    @property
    def identity(self) -> E:
        """The neutral element, g⁰."""

    def parse(self, text: str) -> E:
        """Read an element; Refused unless canonical, in the subgroup and not the identity."""

    def text(self, element: E) -> str:
        """Write an element as messages and hashes have it."""

    def draw(self, entropy: Entropy) -> S:
        """Draw a secret exponent uniformly."""

    def secret(self, value: int) -> S:
        """Hide a number modulo q."""

    def reveal(self, secret: S) -> int:
        """Give the number: for what a protocol publishes, or sends sealed."""

    def plus(self, left: S, right: S) -> S:
        """Add two secrets."""

    def scaled(self, secret: S, factor: int) -> S:
        """Multiply a secret by a public number."""

    def respond(self, nonce: S, secret: S, challenge: int) -> int:
        """Give nonce − secret·challenge, the public answer of every proof here."""

    def base(self, exponent: int | S) -> E:
        """Give g to an exponent."""

    def power(self, element: E, exponent: int | S) -> E:
        """Give an element to an exponent."""

    def times(self, left: E, right: E) -> E:
        """Multiply two elements."""

    def over(self, left: E, right: E) -> E:
        """Divide two elements."""

    def product(self, elements: Iterable[E]) -> E:
        """Multiply all of them; none give the identity."""


@dataclass(frozen=True, slots=True)
class Ed25519:
    """The prime-order subgroup of edwards25519, by libsodium (`crypto.group`). Belenios' "Ed25519"."""

    @property
    def name(self) -> str:
        """Give "Ed25519"."""
        return "Ed25519"

    @property
    def order(self) -> int:
        """Give L."""
        return ORDER

    @property
    def generator(self) -> Point:
        """Give the base point."""
        return GENERATOR

    @property
    def identity(self) -> Point:
        """Give 0·G."""
        return IDENTITY

    def parse(self, text: str) -> Point:
        """Read 64 lower-case hexadecimal digits: RFC 8032's 32 bytes as one big-endian number."""
        if len(text) != 64 or text != text.lower():
            raise Refused("group element: not 64 lower-case hexadecimal digits")
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            raise Refused("group element: not 64 lower-case hexadecimal digits") from None
        if len(raw) != 32:
            raise Refused("group element: not 64 lower-case hexadecimal digits")
        return Point(raw[::-1])

    def text(self, element: Point) -> str:
        """Write 64 hexadecimal digits, most significant first."""
        return element.raw[::-1].hex()

    def draw(self, entropy: Entropy) -> SecretScalar:
        """Draw below L from 64 bytes of `entropy`."""
        return SecretScalar.draw(entropy)

    def secret(self, value: int) -> SecretScalar:
        """Hide a number modulo L."""
        return SecretScalar((value % ORDER).to_bytes(32, "little"))

    def reveal(self, secret: SecretScalar) -> int:
        """Give the number."""
        return int.from_bytes(secret.reveal(), "little")

    def plus(self, left: SecretScalar, right: SecretScalar) -> SecretScalar:
        """Add, in constant time."""
        return left + right

    def scaled(self, secret: SecretScalar, factor: int) -> SecretScalar:
        """Multiply, in constant time."""
        return secret * Scalar.reduce(factor)

    def respond(self, nonce: SecretScalar, secret: SecretScalar, challenge: int) -> int:
        """Give nonce − secret·challenge, in constant time."""
        return int.from_bytes((nonce - secret * Scalar.reduce(challenge)).reveal(), "little")

    def base(self, exponent: int | SecretScalar) -> Point:
        """Multiply the base point."""
        return times_base(Scalar.reduce(exponent) if isinstance(exponent, int) else exponent)

    def power(self, element: Point, exponent: int | SecretScalar) -> Point:
        """Multiply a point."""
        return element * (Scalar.reduce(exponent) if isinstance(exponent, int) else exponent)

    def times(self, left: Point, right: Point) -> Point:
        """Add two points."""
        return left + right

    def over(self, left: Point, right: Point) -> Point:
        """Subtract two points."""
        return left - right

    def product(self, elements: Iterable[Point]) -> Point:
        """Add points up."""
        return total(elements)


ED25519 = Ed25519()
"""The group of every poll outside the tests."""
