"""The trustees' key ceremony: four messages each, through a server that is trusted with nothing. SPEC.md §2.8.

Certificate, commitment, polynomial, output. Belenios has the first, third and fourth; the commitment, a hash of
the polynomial message that everybody posts before anybody's is shown, is ours: a trustee who waits for the
others' polynomials can't choose theirs any more (the rushing trustee).
Every message is a function of the trustee's seed and of what was said before, so a step may be repeated
after a crash, and a trustee keeps nothing but the seed. A message that doesn't hold is refused when it is
made known, with the place of whoever sent it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from polls.channels import (
    SignedWire,
    TrusteeKeys,
    TrusteeSeed,
    check_signature,
    receive,
    send,
    sign,
    sign_message,
)
from polls.encoding import Wire, decode, encode, number
from polls.group import E, Group, S
from polls.proofs import Proof, ProofWire, prove_knowledge
from polls.trustees import (
    Certificate,
    CertificateKeysWire,
    CommitmentsWire,
    ContextWire,
    PublicKeyWire,
    check_certificates,
    evaluate,
    read_commitments,
    statement_of,
)


class PolynomialWire(Wire, frozen=True):
    """`polynomial`."""

    polynomial: str
    secrets: list[str]
    coefexps: SignedWire
    signature: ProofWire


class RawPolynomialWire(Wire, frozen=True):
    """`raw_polynomial`, sent to oneself."""

    polynomial: list[str]


class ShareWire(Wire, frozen=True):
    """`secret`, one dealer's share for one trustee."""

    secret: str


class InputWire(Wire, frozen=True):
    """`vinput`: what one trustee gets of all polynomial messages."""

    polynomial: str
    secrets: list[str]
    coefexps: list[SignedWire]
    signatures: list[ProofWire]


class DecryptionKeyWire(Wire, frozen=True):
    """A trustee's share of the key, sent to oneself."""

    decryption_key: str


class OutputWire(Wire, frozen=True):
    """`voutput`."""

    private_key: str
    public_key: PublicKeyWire


class BadShare(Refused):
    """A dealer sent a share that isn't on the committed polynomial; `dealer` is their place."""

    def __init__(self, dealer: int) -> None:
        super().__init__(f"ceremony: the share dealt by trustee {dealer} is not on their polynomial")
        self.dealer = dealer


def make_certificate(
    group: Group[E, S], seed: TrusteeSeed, *, size: int, threshold: int, index: int
) -> bytes:
    """Step 1: a certificate for place `index` of `size`, `threshold` of whom will decrypt."""
    keys = TrusteeKeys.derive(group, seed)
    context = ContextWire(group=group.name, size=size, threshold=threshold, index=index)
    wire = CertificateKeysWire(
        context=context, verification=group.text(keys.verification), encryption=group.text(keys.encryption)
    )
    message = encode(wire)
    signed = sign_message(group, keys.signing, message.decode(), seed.entropy(b"certificate", message))
    Certificate.parse(group, signed)
    return encode(signed)


def read_certificates(group: Group[E, S], raws: Sequence[bytes]) -> tuple[Certificate[E], ...]:
    """Read all certificates, in order of place, and check them together."""
    return _certificates(group, tuple(raws))  # type: ignore[arg-type]  # groups are frozen values


# Each message of the later steps is checked against the same certificates.
@lru_cache(maxsize=8)
def _certificates(group: Group[Any, Any], raws: tuple[bytes, ...]) -> tuple[Certificate[Any], ...]:
    return check_certificates(group, [decode(raw, SignedWire, "certificate") for raw in raws])


def commitment_to(polynomial: bytes) -> bytes:
    """Step 2: the hash of one's polynomial message, 32 bytes, posted before any polynomial is shown."""
    return digest(Label.TRUSTEE, b"commitment", polynomial)


def make_polynomial(group: Group[E, S], seed: TrusteeSeed, certificates: Sequence[bytes]) -> bytes:
    """Step 3: deal a share to every trustee, with signed commitments to the polynomial."""
    everyone = read_certificates(group, certificates)
    keys = TrusteeKeys.derive(group, seed)
    _own_place(everyone, keys)
    entropy = seed.entropy(b"polynomial", *certificates)
    coefficients = [group.draw(entropy) for _ in range(everyone[0].threshold)]
    commitments = [group.text(group.base(coefficient)) for coefficient in coefficients]
    own = encode(RawPolynomialWire(polynomial=[str(group.reveal(each)) for each in coefficients])).decode()
    secrets = []
    for certificate in everyone:
        share = _value_at(group, coefficients, certificate.index)
        message = encode(ShareWire(secret=str(group.reveal(share)))).decode()
        secrets.append(send(group, keys.signing, certificate.encryption, message, entropy))
    raw_commitments = encode(CommitmentsWire(coefexps=commitments)).decode()
    return encode(
        PolynomialWire(
            polynomial=send(group, keys.signing, keys.encryption, own, entropy),
            secrets=secrets,
            coefexps=sign_message(group, keys.signing, raw_commitments, entropy),
            signature=sign(group, keys.signing, statement_of(everyone, commitments), entropy).wire,
        )
    )


def check_polynomial(
    group: Group[E, S], certificates: Sequence[Certificate[E]], index: int, raw: bytes
) -> tuple[E, ...]:
    """Check what is public in a polynomial message; gives the commitments. The shares only their owners can."""
    wire = decode(raw, PolynomialWire, "polynomial")
    certificate = certificates[index - 1]
    if len(wire.secrets) != len(certificates):
        raise Refused("polynomial: not one share for every trustee")
    elements, texts = read_commitments(group, certificate, wire.coefexps)
    signature = Proof.parse(wire.signature, group.order)
    if not check_signature(group, certificate.verification, statement_of(certificates, texts), signature):
        raise Refused("polynomial: signature over the certificates does not verify")
    return elements


def make_input(polynomials: Sequence[bytes], index: int) -> bytes:
    """Route: collect what the trustee at place `index` needs of all polynomial messages (`vinput`)."""
    wires = [decode(raw, PolynomialWire, "polynomial") for raw in polynomials]
    if not 1 <= index <= len(wires) or any(len(wire.secrets) != len(wires) for wire in wires):
        raise Refused("polynomial: not one share for every trustee")
    return encode(
        InputWire(
            polynomial=wires[index - 1].polynomial,
            secrets=[wire.secrets[index - 1] for wire in wires],
            coefexps=[wire.coefexps for wire in wires],
            signatures=[wire.signature for wire in wires],
        )
    )


def make_output(group: Group[E, S], seed: TrusteeSeed, certificates: Sequence[bytes], vinput: bytes) -> bytes:
    """Step 4: check every dealer's share, add them up, and publish one's verification key.

    Raises BadShare, naming the dealer, for a share off its polynomial; Refused for anything else.
    """
    everyone = read_certificates(group, certificates)
    keys = TrusteeKeys.derive(group, seed)
    place = _own_place(everyone, keys)
    wire = decode(vinput, InputWire, "ceremony input")
    if not len(everyone) == len(wire.secrets) == len(wire.coefexps) == len(wire.signatures):
        raise Refused("ceremony input: lists of different length")
    # Our own polynomial message must be the one we sent: a server could otherwise deal in our name.
    receive(group, keys, keys.verification, wire.polynomial, "ceremony input")
    share, polynomials = group.secret(0), []
    for certificate, sealed, commitments, signature in zip(
        everyone, wire.secrets, wire.coefexps, wire.signatures, strict=True
    ):
        elements, texts = read_commitments(group, certificate, commitments)
        if not check_signature(
            group,
            certificate.verification,
            statement_of(everyone, texts),
            Proof.parse(signature, group.order),
        ):
            raise Refused("ceremony input: a signature over the certificates does not verify")
        try:
            message = receive(group, keys, certificate.verification, sealed, "ceremony input")
            dealt = group.secret(
                number(decode(message.encode(), ShareWire, "share").secret, group.order, "share")
            )
        except Refused:
            raise BadShare(certificate.index) from None
        if group.base(dealt) != evaluate(group, elements, place):
            raise BadShare(certificate.index)
        share = group.plus(share, dealt)
        polynomials.append(elements)
    entropy = seed.entropy(b"output", *certificates, vinput)
    public = group.text(group.base(share))
    message = encode(DecryptionKeyWire(decryption_key=str(group.reveal(share)))).decode()
    return encode(
        OutputWire(
            private_key=send(group, keys.signing, keys.encryption, message, entropy),
            public_key=PublicKeyWire(
                pok=prove_knowledge(group, share, f"pok|{group.name}|{public}|", entropy).wire,
                public_key=public,
                signature=sign(group, keys.signing, public, entropy).wire,
            ),
        )
    )


def open_share(group: Group[E, S], seed: TrusteeSeed, private_key: str) -> S:
    """Give a trustee's share of the key back from the text sent to oneself in step 4."""
    keys = TrusteeKeys.derive(group, seed)
    message = receive(group, keys, keys.verification, private_key, "decryption key")
    text = decode(message.encode(), DecryptionKeyWire, "decryption key").decryption_key
    return group.secret(number(text, group.order, "decryption key"))


def _own_place(everyone: Sequence[Certificate[E]], keys: TrusteeKeys[E, S]) -> int:
    for certificate in everyone:
        if certificate.verification == keys.verification and certificate.encryption == keys.encryption:
            return certificate.index
    raise Refused("ceremony: no certificate of this trustee")


def _value_at(group: Group[E, S], coefficients: Sequence[S], at: int) -> S:
    *lower, value = coefficients
    for coefficient in reversed(lower):
        value = group.plus(group.scaled(value, at), coefficient)
    return value
