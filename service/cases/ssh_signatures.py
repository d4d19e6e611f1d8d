"""Check a signature made by `ssh-keygen -Y sign`, so that a member joins with a key they already publish.

Reads the armored SSHSIG format (OpenSSH, PROTOCOL.sshsig) strictly and verifies ssh-ed25519, ECDSA on the NIST curves
and RSA with SHA-2, as OpenSSH does: plain `ssh-rsa` (SHA-1), RSA keys under 2048 bits and DSA are refused.
Keys on hardware (`sk-…`) and certificates are not read: such a member joins by a registrar's invitation.
Leaves to the registry: that the key is published under the account which it is said to belong to.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from crypto.errors import Refused
from crypto.framing import Reader, part

MAX_ARMOR: Final = 16 * 1024
MAX_LINE: Final = 8 * 1024
MAX_FIELD: Final = 4 * 1024
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
_MAGIC: Final = b"SSHSIG"
_BEGIN: Final = b"-----BEGIN SSH SIGNATURE-----"
_END: Final = b"-----END SSH SIGNATURE-----"
_HASHES: Final = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_RSA_HASHES: Final = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}
_CURVES: Final[dict[bytes, tuple[ec.EllipticCurve, hashes.HashAlgorithm]]] = {
    b"nistp256": (ec.SECP256R1(), hashes.SHA256()),
    b"nistp384": (ec.SECP384R1(), hashes.SHA384()),
    b"nistp521": (ec.SECP521R1(), hashes.SHA512()),
}


@final
@dataclass(frozen=True, slots=True)
class SshKey:
    """A public key in SSH's wire form, of a kind that is verified here. Made by `parse` or `parse_line`."""

    blob: bytes

    def __post_init__(self) -> None:
        _loaded(self.blob)

    @classmethod
    def parse_line(cls, line: str) -> SshKey:
        """Read one line as `id_ed25519.pub` or an account's list of keys has it: kind, base64, comment.

        Raises Refused for a kind that isn't verified here, options before the kind, and malformed keys.
        """
        words = line.split()
        if len(line) > MAX_LINE or len(words) < 2 or not line.isprintable():
            raise Refused("SSH key: not a line of a public key")
        try:
            blob = base64.b64decode(words[1].encode(), validate=True)
        except ValueError:
            raise Refused("SSH key: not base64") from None
        key = cls(blob)
        if key.kind != words[0]:
            raise Refused("SSH key: the line names another kind than the key")
        return key

    @property
    def kind(self) -> str:
        """What the key calls itself, as `ssh-ed25519`."""
        return Reader(self.blob, "SSH key").prefixed(64).decode("ascii")

    @property
    def line(self) -> str:
        """The key as a line without comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """What `ssh-keygen -l` shows: SHA256: and base64 without padding."""
        shown = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return "SHA256:" + shown.rstrip("=")


@final
@dataclass(frozen=True, slots=True)
class SshSignature:
    """A parsed SSHSIG; nothing is verified yet."""

    key: SshKey
    namespace: bytes
    reserved: bytes
    hash_name: bytes
    algorithm: bytes
    body: bytes

    @classmethod
    def parse(cls, armored: str) -> SshSignature:
        """Read an armored signature as `ssh-keygen -Y sign` writes it. Refused when anything is off."""
        reader = Reader(_unarmor(armored), "SSH signature")
        if reader.take(len(_MAGIC)) != _MAGIC or reader.u32() != 1:
            raise Refused("SSH signature: not version 1")
        key = SshKey(reader.prefixed(MAX_FIELD))
        namespace, reserved, hash_name, signature = (reader.prefixed(MAX_FIELD) for _ in range(4))
        reader.finish()
        if not namespace or hash_name not in _HASHES:
            raise Refused("SSH signature: no namespace, or an unknown hash")
        inner = Reader(signature, "SSH signature")
        algorithm, body = inner.prefixed(64), inner.prefixed(MAX_FIELD)
        inner.finish()
        return cls(key, namespace, reserved, hash_name, algorithm, body)


def check_ssh_signature(armored: str, message: bytes, *, namespace: str, allowed: Iterable[SshKey]) -> SshKey:
    """Verify an armored signature over `message` in `namespace` by one of the `allowed` keys; give that key.

    Raises Refused: malformed, another namespace, a key that isn't allowed, or it doesn't verify.
    """
    signature = SshSignature.parse(armored)
    if signature.namespace != namespace.encode():
        raise Refused("SSH signature: made for another purpose (namespace)")
    if signature.key not in tuple(allowed):
        raise Refused("SSH signature: not by one of the account's keys")
    hashed = _HASHES[signature.hash_name](message).digest()
    # PROTOCOL.sshsig: what is signed repeats the namespace and the hash, and not the version.
    signed = _MAGIC + b"".join(
        map(part, (signature.namespace, signature.reserved, signature.hash_name, hashed))
    )
    try:
        _verify(signature, signed)
    except InvalidSignature:
        raise Refused("SSH signature: does not verify") from None
    return signature.key


def _verify(signature: SshSignature, signed: bytes) -> None:
    """Verify by the kind of key; the algorithm named must be one of the key's own."""
    algorithm, body = signature.algorithm, signature.body
    match _loaded(signature.key.blob):
        case ed25519.Ed25519PublicKey() as key:
            if algorithm != b"ssh-ed25519":
                raise Refused("SSH signature: algorithm and key don't match")
            key.verify(body, signed)
        case rsa.RSAPublicKey() as key:
            chosen = _RSA_HASHES.get(algorithm)
            if chosen is None:
                raise Refused("SSH signature: RSA only with SHA-2")
            key.verify(body, signed, padding.PKCS1v15(), chosen)
        case ec.EllipticCurvePublicKey() as key:
            if algorithm != signature.key.kind.encode():
                raise Refused("SSH signature: algorithm and key don't match")
            reader = Reader(body, "SSH signature")
            r, s = _mpint(reader), _mpint(reader)
            reader.finish()
            _, chosen = _CURVES[algorithm.removeprefix(b"ecdsa-sha2-")]
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(chosen))


def _loaded(blob: bytes) -> ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """Read a key's wire form (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4), strictly."""
    reader = Reader(blob, "SSH key")
    kind = reader.prefixed(64)
    try:
        if kind == b"ssh-ed25519":
            raw = reader.prefixed(32)
            reader.finish()
            return ed25519.Ed25519PublicKey.from_public_bytes(raw)
        if kind == b"ssh-rsa":
            exponent, modulus = _mpint(reader), _mpint(reader)
            reader.finish()
            if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
                raise Refused("SSH key: RSA needs 2048 to 8192 bits")
            return rsa.RSAPublicNumbers(exponent, modulus).public_key()
        curve_name = kind.removeprefix(b"ecdsa-sha2-")
        if curve_name != kind and curve_name in _CURVES:
            if reader.prefixed(64) != curve_name:
                raise Refused("SSH key: two names of the curve")
            point = reader.prefixed(256)
            reader.finish()
            if point[:1] != b"\x04":
                raise Refused("SSH key: a point has to be uncompressed")
            return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve_name][0], point)
    except ValueError:
        raise Refused("SSH key: malformed") from None
    raise Refused("SSH key: of a kind that isn't accepted; ask for an invitation")


def _mpint(reader: Reader) -> int:
    """Read a positive number in its one form (RFC 4251 §5)."""
    raw = reader.prefixed(MAX_FIELD)
    if not raw or raw[0] & 0x80 or (raw[0] == 0 and (len(raw) == 1 or not raw[1] & 0x80)):
        raise Refused("SSH: a number is zero, negative or not in its one form")
    return int.from_bytes(raw, "big")


def _unarmor(armored: str) -> bytes:
    if len(armored) > MAX_ARMOR or not armored.isascii():
        raise Refused("SSH signature: too long or not ASCII")
    lines = armored.encode().strip().replace(b"\r\n", b"\n").split(b"\n")
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise Refused("SSH signature: not what ssh-keygen -Y sign writes")
    try:
        return base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except binascii.Error:
        raise Refused("SSH signature: not base64") from None
