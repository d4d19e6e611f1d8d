"""A member's key: the one secret behind voices and votes, and the proof of possessing it. SPEC.md §11.1.

The public key is a point of the group, never the identity. `prove` and `check_proof` are Schnorr's proof
of knowledge, bound to whatever the caller names (the registry and the account), so that nobody registers
a key made from another member's key or presents another member's proof as theirs.
"""

from __future__ import annotations

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.group import POINT_SIZE, SCALAR_SIZE, Point, Scalar, SecretScalar, hash_to_scalar, times_base
from crypto.hashing import keyed
from crypto.labels import Label
from crypto.secrets import Secret

PROOF_SIZE = POINT_SIZE + SCALAR_SIZE
"""R 32 ‖ s 32."""


class MemberKey(Secret):
    """A member's 32-byte seed. Everything a member does anonymously derives from it."""

    SIZE = 32
    __slots__ = ()

    @classmethod
    def draw(cls, entropy: Entropy) -> MemberKey:
        """Make a new key from 32 bytes of `entropy`."""
        return cls(entropy(cls.SIZE))

    def scalar(self) -> SecretScalar:
        """Give x, the secret number: 64 bytes of BLAKE2b keyed with the seed, modulo L."""
        return SecretScalar.from_wide(keyed(self.reveal(), Label.MEMBER_KEY, size=64))

    def public(self) -> Point:
        """Give x·G, what the registry lists. Not the identity (but with probability 2⁻²⁵²)."""
        return times_base(self.scalar())


def prove(key: MemberKey, *binding: bytes, entropy: Entropy) -> bytes:
    """Prove possession of `key` for `binding` (length-prefixed parts): 64 bytes, R ‖ s.

    The nonce is hedged: it depends on the key and the binding too, so that a broken source of
    randomness does not give the key away.
    """
    secret = key.scalar()
    public = times_base(secret)
    nonce = SecretScalar.from_wide(keyed(key.reveal(), Label.MEMBER_PROOF, entropy(32), *binding, size=64))
    commitment = times_base(nonce)
    challenge = hash_to_scalar(Label.MEMBER_PROOF, public.raw, commitment.raw, *binding)
    return commitment.raw + (nonce - secret * challenge).reveal()


def check_proof(public: Point, proof: bytes, *binding: bytes) -> None:
    """Check that whoever made `proof` for `binding` knows the logarithm of `public`; Refused if not."""
    if len(proof) != PROOF_SIZE:
        raise Refused("proof of possession: not 64 bytes")
    if public.is_identity:
        raise Refused("proof of possession: the key is the identity")
    commitment = Point(proof[:POINT_SIZE])
    response = Scalar.parse(proof[POINT_SIZE:])
    challenge = hash_to_scalar(Label.MEMBER_PROOF, public.raw, commitment.raw, *binding)
    if times_base(response) + public * challenge != commitment:
        raise Refused("proof of possession: does not verify")
