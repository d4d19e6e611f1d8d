"""How a member becomes a voter that nobody can name: credential, ring certificate, binding. SPEC.md §3.3.

From the member's key and φ come the poll's private credential (so that any device of the member's makes the same
one) and the linking tag. The certificate says, by a ring signature in context φ: a member of the electorate
has this public credential. The binding says, by the credential: and I belong to this tag. So nobody issues
credentials, a member has one per poll, and nobody can certify another's credential as theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from crypto import ring
from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.hashing import digest, keyed
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.ring import Ring, RingSignature
from polls.credentials import PrivateCredential, secret_of
from polls.election import Election
from polls.electorate import Electorate
from polls.encoding import Wire, base58
from polls.group import E, Group, S
from polls.proofs import Proof, ProofWire, check_knowledge, prove_knowledge


class CertificateWire(Wire, frozen=True):
    """A credential's certificate: the ring's place, the ring signature in hexadecimal, the binding."""

    credential: str
    ring: int
    signature: str
    binding: ProofWire


@dataclass(frozen=True)
class Certified(Generic[E]):
    """A public credential that some member of the electorate, known by `tag` in this poll alone, certified."""

    credential: str
    tag: bytes
    wire: CertificateWire


def private_credential(key: MemberKey, phi: bytes) -> PrivateCredential:
    """Derive the member's private credential in poll φ: 22 base-58 characters, the same on every device."""
    wide = keyed(key.reveal(), Label.CREDENTIAL, phi, size=40)
    return PrivateCredential.of_characters(base58(wide, 22))


def voter_entropy(key: MemberKey, phi: bytes, entropy: Entropy) -> Entropy:
    """Give the randomness for one ballot: drawn, and mixed with the member's key.

    With a broken generator two ballots still differ from anybody else's, and stay unreadable to who knows it.
    """
    seed, counter = entropy(32), 0

    def draw(size: int) -> bytes:
        nonlocal counter
        counter += 1
        return keyed(key.reveal(), Label.BALLOT_STREAM, seed, phi, counter.to_bytes(8, "big"), size=size)

    return draw


def _message(phi: bytes, credential: str) -> bytes:
    return digest(Label.CREDENTIAL_CERT, phi, credential.encode())


def _binding_prefix(phi: bytes, credential: str, tag: bytes) -> str:
    return f"sottovoce binding|{phi.hex()}|{credential}|{tag.hex()}|"


def certify(
    election: Election[E, S], electorate: Electorate, key: MemberKey, phi: bytes, entropy: Entropy
) -> CertificateWire:
    """Certify the member's credential in poll φ. 27 ms for a ring of 100; Refused for who may not vote."""
    group = election.group
    place = electorate.place_of(key.public())
    secret = secret_of(group, election.uuid, private_credential(key, phi))
    credential = group.text(group.base(secret))
    signature = ring.sign(electorate.rings[place], key, phi, _message(phi, credential), entropy)
    prefix = _binding_prefix(phi, credential, signature.tag.raw)
    return CertificateWire(
        credential=credential,
        ring=place,
        signature=signature.raw.hex(),
        binding=prove_knowledge(group, secret, prefix, entropy).wire,
    )


def check_certificate(
    group: Group[E, S], rings: tuple[Ring, ...], phi: bytes, wire: CertificateWire
) -> Certified[E]:
    """Check a credential's certificate in poll φ; gives the tag that its voter has there."""
    credential = group.parse(wire.credential)
    try:
        signature = RingSignature.parse(bytes.fromhex(wire.signature))
    except ValueError:
        raise Refused("certificate: its ring signature is not hexadecimal") from None
    if signature.raw.hex() != wire.signature:
        raise Refused("certificate: its ring signature is not in canonical form")
    if not 0 <= wire.ring < len(rings):
        raise Refused("certificate: no such ring")
    binding = Proof.parse(wire.binding, group.order)
    prefix = _binding_prefix(phi, wire.credential, signature.tag.raw)
    if not check_knowledge(group, credential, binding, prefix):
        raise Refused("certificate: the credential is not bound to this tag")
    tag = ring.verify(rings[wire.ring], phi, _message(phi, wire.credential), signature)
    return Certified(wire.credential, tag.raw, wire)
