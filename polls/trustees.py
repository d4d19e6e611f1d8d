"""The trustees of a poll's key: Pedersen threshold parameters as published. SPEC.md §2.7.

t of n trustees decrypt; fewer learn nothing. What is here checks the public outcome of the ceremony
(`polls.ceremony` runs it): certificates, signed commitments to the polynomials, every trustee's signature
over all certificates, and that each verification key is the one that the commitments give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, Literal

from crypto.errors import Refused
from polls.channels import SignedWire, check_signature, open_signed
from polls.encoding import Wire, decode, encode, hash_hex
from polls.group import E, Group, S
from polls.proofs import Proof, ProofWire, check_knowledge

MAX_TRUSTEES: Final = 32


class ContextWire(Wire, frozen=True):
    """`context` of a certificate."""

    group: str
    size: int
    threshold: int
    index: int


class CertificateKeysWire(Wire, frozen=True):
    """`cert_keys`."""

    context: ContextWire
    verification: str
    encryption: str


class CommitmentsWire(Wire, frozen=True):
    """`raw_coefexps`."""

    coefexps: list[str]


class CertsWire(Wire, frozen=True):
    """`certs`: what each trustee signs once everybody's certificate is known."""

    certs: list[SignedWire]
    coefexps: list[str]


class PublicKeyWire(Wire, frozen=True):
    """`trustee_public_key`; `signature` by the trustee is there from Belenios 3.3 on."""

    pok: ProofWire
    public_key: str
    signature: ProofWire | None = None


class ThresholdWire(Wire, frozen=True):
    """`threshold_parameters`."""

    threshold: int
    certs: list[SignedWire]
    coefexps: list[SignedWire]
    signatures: list[ProofWire]
    verification_keys: list[PublicKeyWire]


@dataclass(frozen=True, slots=True)
class Certificate(Generic[E]):
    """A trustee's place and public keys, signed by themselves."""

    size: int
    threshold: int
    index: int
    verification: E
    encryption: E
    wire: SignedWire

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= self.size <= MAX_TRUSTEES or not 1 <= self.index <= self.size:
            raise Refused("certificate: threshold, size or index out of range")

    @classmethod
    def parse(cls, group: Group[E, S], wire: SignedWire) -> Certificate[E]:
        """Check a certificate by itself: this group, valid keys, signed by its own key."""
        keys = decode(wire.message.encode(), CertificateKeysWire, "certificate")
        if keys.context.group != group.name:
            raise Refused("certificate: in another group")
        verification = group.parse(keys.verification)
        open_signed(group, verification, wire, "certificate")
        context = keys.context
        return cls(
            context.size, context.threshold, context.index, verification, group.parse(keys.encryption), wire
        )


def check_certificates(group: Group[E, S], wires: Sequence[SignedWire]) -> tuple[Certificate[E], ...]:
    """Check a ceremony's certificates together: one per place, one size and threshold, no key twice."""
    certificates = tuple(Certificate.parse(group, wire) for wire in wires)
    if not certificates:
        raise Refused("certificates: none")
    threshold = certificates[0].threshold
    for place, certificate in enumerate(certificates, 1):
        if (certificate.index, certificate.size, certificate.threshold) != (place, len(wires), threshold):
            raise Refused("certificates: place, size or threshold differ")
    if len({group.text(certificate.verification) for certificate in certificates}) != len(certificates):
        raise Refused("certificates: one key has two places")
    return certificates


def read_commitments(
    group: Group[E, S], certificate: Certificate[E], wire: SignedWire
) -> tuple[tuple[E, ...], list[str]]:
    """Give a trustee's signed commitments to the polynomial, t of them, as elements and as texts."""
    message = open_signed(group, certificate.verification, wire, "commitments")
    texts = decode(message.encode(), CommitmentsWire, "commitments").coefexps
    if len(texts) != certificate.threshold:
        raise Refused("commitments: not as many as the threshold")
    return tuple(group.parse(text) for text in texts), texts


def statement_of(certificates: Sequence[Certificate[E]], commitments: list[str]) -> str:
    """Give what a trustee signs over everybody's certificates and their own commitments."""
    wire = CertsWire(certs=[each.wire for each in certificates], coefexps=commitments)
    return "certs_sig|" + encode(wire).decode()


def evaluate(group: Group[E, S], commitments: Sequence[E], at: int) -> E:
    """Give g to the committed polynomial's value at `at`: Π Aₖ^(atᵏ), by Horner's rule."""
    *lower, value = commitments
    for commitment in reversed(lower):
        value = group.times(group.power(value, at) if at != 1 else value, commitment)
    return value


@dataclass(frozen=True)
class Trustees(Generic[E, S]):
    """A checked board of trustees. `keys[i]` is the verification key of the trustee at place i + 1."""

    group: Group[E, S]
    raw: bytes
    threshold: int
    certificates: tuple[Certificate[E], ...]
    keys: tuple[E, ...]
    public_key: E

    @property
    def hash(self) -> str:
        """The text's name: SHA-256 in hexadecimal."""
        return hash_hex(self.raw)

    def certificate(self, index: int) -> Certificate[E]:
        """Give the certificate of the trustee at place `index`, from 1."""
        if not 1 <= index <= len(self.certificates):
            raise Refused("trustee: no such place")
        return self.certificates[index - 1]

    @classmethod
    def parse(cls, group: Group[E, S], raw: bytes, *, signed_keys: bool = True) -> Trustees[E, S]:
        """Check a published `trustees` structure: exactly one Pedersen item.

        signed_keys: whether each verification key must be signed by its trustee, as Belenios does from 3.3 on.
        """
        return _checked(group, raw, signed_keys)  # type: ignore[arg-type]  # groups are frozen values


# Every view of a poll has its trustees once more, and checking five takes 30 ms. What is refused is checked again.
@lru_cache(maxsize=8)
def _checked(group: Group[Any, Any], raw: bytes, signed_keys: bool) -> Trustees[Any, Any]:
    items = decode(raw, list[tuple[Literal["Pedersen"], ThresholdWire]], "trustees")
    if len(items) != 1:
        raise Refused("trustees: not exactly one threshold board")
    wire = items[0][1]
    certificates = check_certificates(group, wire.certs)
    size = len(certificates)
    if wire.threshold != certificates[0].threshold:
        raise Refused("trustees: another threshold than the certificates'")
    if not size == len(wire.coefexps) == len(wire.signatures) == len(wire.verification_keys):
        raise Refused("trustees: lists of different length")
    polynomials: list[tuple[Any, ...]] = []
    for certificate, commitments, signature in zip(certificates, wire.coefexps, wire.signatures, strict=True):
        elements, texts = read_commitments(group, certificate, commitments)
        statement = statement_of(certificates, texts)
        if not check_signature(
            group, certificate.verification, statement, Proof.parse(signature, group.order)
        ):
            raise Refused("trustees: a signature over the certificates does not verify")
        polynomials.append(elements)
    keys = tuple(
        check_public_key(group, certificate, polynomials, key, signed=signed_keys)
        for certificate, key in zip(certificates, wire.verification_keys, strict=True)
    )
    public_key = group.product(polynomial[0] for polynomial in polynomials)
    # An identity would make every ballot readable.
    group.parse(group.text(public_key))
    return Trustees(group, raw, wire.threshold, certificates, keys, public_key)


def check_public_key(
    group: Group[E, S],
    certificate: Certificate[E],
    polynomials: Sequence[Sequence[E]],
    wire: PublicKeyWire,
    *,
    signed: bool,
) -> E:
    """Check a trustee's verification key: what the commitments give, possessed and, if asked, signed."""
    key = group.parse(wire.public_key)
    expected = group.product(evaluate(group, each, certificate.index) for each in polynomials)
    if key != expected:
        raise Refused("verification key: not what the commitments give")
    if not check_knowledge(
        group, key, Proof.parse(wire.pok, group.order), f"pok|{group.name}|{wire.public_key}|"
    ):
        raise Refused("verification key: proof of possession does not verify")
    if wire.signature is not None:
        signature = Proof.parse(wire.signature, group.order)
        if not check_signature(group, certificate.verification, wire.public_key, signature):
            raise Refused("verification key: signature does not verify")
    elif signed:
        raise Refused("verification key: not signed by its trustee")
    return key
