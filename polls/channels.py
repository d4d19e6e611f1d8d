"""How trustees write to each other through a server that can't read it (Belenios' PKI). SPEC.md §2.6.

From a 22-character seed come a signing and a decryption key. A message is wrapped with its recipient, signed,
then encrypted (ElGamal of a fresh element, AES-256-GCM under its hash). Messages of Belenios before 3.3, in
AES-CCM, can be opened, never written.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Generic

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.hashing import keyed
from crypto.labels import Label
from crypto.secrets import Secret
from polls.encoding import BASE58, Wire, base58, decode, encode
from polls.group import E, Group, S
from polls.proofs import Proof, ProofWire, check_knowledge, prove_knowledge

GCM = "AES-GCM"


class TrusteeSeed(Secret):
    """A trustee's one secret: 22 base-58 characters (128 bits), from which every step is computed again."""

    SIZE = 22
    __slots__ = ()

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        if any(byte not in BASE58.encode() for byte in raw):
            raise Refused("trustee seed: not base 58")

    @classmethod
    def draw(cls, entropy: Entropy) -> TrusteeSeed:
        """Draw a seed from 40 bytes of `entropy`."""
        return cls(base58(entropy(40), cls.SIZE).encode())

    def entropy(self, *purpose: bytes) -> Entropy:
        """Give the stream for one step of the ceremony: the same for the same inputs, so a step can be
        repeated after a crash and gives the same message, never a second one."""
        counter = 0

        def draw(size: int) -> bytes:
            nonlocal counter
            counter += 1
            return keyed(self.reveal(), Label.TRUSTEE_STREAM, counter.to_bytes(8, "big"), *purpose, size=size)

        return draw


@dataclass(frozen=True, slots=True)
class TrusteeKeys(Generic[E, S]):
    """What derives from a seed: signing and decryption keys and their public halves."""

    signing: S
    decryption: S
    verification: E
    encryption: E

    @classmethod
    def derive(cls, group: Group[E, S], seed: TrusteeSeed) -> TrusteeKeys[E, S]:
        """Derive both: SHA-256 of sk|seed and of dk|seed, modulo q."""
        signing, decryption = (
            group.secret(int.from_bytes(sha256(prefix + seed.reveal()).digest(), "big"))
            for prefix in (b"sk|", b"dk|")
        )
        return cls(signing, decryption, group.base(signing), group.base(decryption))


class SignedWire(Wire, frozen=True):
    """`signed_msg`."""

    message: str
    signature: ProofWire


class EncryptedWire(Wire, frozen=True, kw_only=True):
    """`encrypted_msg`."""

    algorithm: str | None = None
    alpha: str
    beta: str
    data: str


class ChannelWire(Wire, frozen=True):
    """`channel_msg`."""

    recipient: str
    message: str


def sign(group: Group[E, S], key: S, message: str, entropy: Entropy) -> Proof:
    """Sign a text with a trustee's signing key."""
    return prove_knowledge(group, key, f"sigmsg|{message}|", entropy)


def check_signature(group: Group[E, S], verification: E, message: str, signature: Proof) -> bool:
    """Check a trustee's signature of a text."""
    return check_knowledge(group, verification, signature, f"sigmsg|{message}|")


def sign_message(group: Group[E, S], key: S, message: str, entropy: Entropy) -> SignedWire:
    """Sign a text and put both together."""
    return SignedWire(message=message, signature=sign(group, key, message, entropy).wire)


def open_signed(group: Group[E, S], verification: E, signed: SignedWire, what: str) -> str:
    """Give the text of a signed message; Refused, naming `what`, if the signature isn't by `verification`."""
    if not check_signature(group, verification, signed.message, Proof.parse(signed.signature, group.order)):
        raise Refused(f"{what}: signature does not verify")
    return signed.message


def send(group: Group[E, S], key: S, recipient: E, message: str, entropy: Entropy) -> str:
    """Sign with `key` and encrypt to `recipient`; gives a text for any messenger."""
    inner = encode(ChannelWire(recipient=group.text(recipient), message=message)).decode()
    plaintext = encode(sign_message(group, key, inner, entropy))
    nonce = group.draw(entropy)
    fresh = group.base(group.draw(entropy))
    alpha = group.base(nonce)
    # Key and IV are hashes of elements drawn for this message alone.
    sealed = AESGCM(_hash("key", group.text(fresh))).encrypt(_hash("iv", group.text(alpha)), plaintext, None)
    beta = group.times(group.power(recipient, nonce), fresh)
    wire = EncryptedWire(algorithm=GCM, alpha=group.text(alpha), beta=group.text(beta), data=sealed.hex())
    return encode(wire).decode()


def receive(group: Group[E, S], keys: TrusteeKeys[E, S], sender: E, text: str, what: str) -> str:
    """Open what `send` gave; Refused, naming `what`, unless it is from `sender`, to us and whole."""
    wire = decode(text.encode(), EncryptedWire, what)
    alpha, beta = group.parse(wire.alpha), group.parse(wire.beta)
    fresh = group.text(group.over(beta, group.power(alpha, keys.decryption)))
    key, iv = _hash("key", fresh), _hash("iv", wire.alpha)
    try:
        data = bytes.fromhex(wire.data)
        if wire.algorithm == GCM:
            plaintext = AESGCM(key).decrypt(iv, data, None)
        elif wire.algorithm is None:
            # Before 3.3: AES-CCM, 8-byte tag, the IV cut to 13 bytes (2-byte lengths).
            plaintext = AESCCM(key, tag_length=8).decrypt(iv[:13], data, None)
        else:
            raise Refused(f"{what}: encrypted by an unknown algorithm")
    except (InvalidTag, ValueError):
        raise Refused(f"{what}: can't be decrypted") from None
    inner = open_signed(group, sender, decode(plaintext, SignedWire, what), what)
    channel = decode(inner.encode(), ChannelWire, what)
    if channel.recipient != group.text(keys.encryption):
        raise Refused(f"{what}: meant for another trustee")
    return channel.message


def _hash(prefix: str, element: str) -> bytes:
    return sha256(f"{prefix}|{element}".encode()).digest()
