"""SSH signatures: those of the real ssh-keygen are accepted, everything near them is not."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.errors import Refused
from crypto.framing import Reader, part
from service.cases.ssh_signatures import SshKey, SshSignature, check_ssh_signature

pytestmark = pytest.mark.xdist_group("ssh keys")

NAMESPACE = "sottovoce-join@v1"
MESSAGE = b"I join, says the key\n\0\xff"


@dataclass(frozen=True)
class Signer:
    """A key of the real ssh-keygen, in a directory of the test run."""

    path: Path
    binary: str

    @property
    def public(self) -> SshKey:
        return SshKey.parse_line(self.path.with_suffix(".pub").read_text().strip())

    def sign(self, message: bytes, namespace: str = NAMESPACE, *options: str) -> str:
        command = [self.binary, "-q", "-Y", "sign", *options, "-n", namespace, "-f", str(self.path)]
        done = subprocess.run(command, input=message, capture_output=True, check=True, timeout=20)
        return done.stdout.decode()


@pytest.fixture(scope="module")
def signer_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Signer]:
    binary = shutil.which("ssh-keygen")
    if binary is None:
        pytest.fail("ssh-keygen is missing: install openssh-client, these tests need the real one")
    made: dict[tuple[str, ...], Signer] = {}
    directory = tmp_path_factory.mktemp("ssh")

    def make(*kind: str) -> Signer:
        if kind not in made:
            path = directory / "-".join(("key", *kind))
            command = [binary, "-q", "-t", *kind, "-N", "", "-C", "someone@somewhere", "-f", str(path)]
            subprocess.run(command, check=True, timeout=60)
            made[kind] = Signer(path, binary)
        return made[kind]

    return make


KINDS = [
    ("ed25519",),
    ("ecdsa", "-b", "256"),
    ("ecdsa", "-b", "384"),
    ("ecdsa", "-b", "521"),
    ("rsa", "-b", "2048"),
    ("rsa", "-b", "3072"),
]


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_real_signatures_verify(
    signer_of: Callable[..., Signer], kind: tuple[str, ...], hash_name: str
) -> None:
    """Every kind of key, both hashes; and the verdict names the key that signed."""
    signer = signer_of(*kind)
    armored = signer.sign(MESSAGE, NAMESPACE, "-O", f"hashalg={hash_name}")
    others = [signer_of(*other).public for other in KINDS]
    assert check_ssh_signature(armored, MESSAGE, namespace=NAMESPACE, allowed=others) == signer.public
    assert SshSignature.parse(armored).hash_name == hash_name.encode()


def test_rsa_signs_with_either_sha2(signer_of: Callable[..., Signer]) -> None:
    """ssh-keygen uses rsa-sha2-512; the agreed set is what is in its signature."""
    assert SshSignature.parse(signer_of(*KINDS[4]).sign(MESSAGE)).algorithm == b"rsa-sha2-512"


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_other_messages_namespaces_and_keys_are_refused(
    signer_of: Callable[..., Signer], kind: tuple[str, ...]
) -> None:
    """What was signed, for what, and by whom: each is checked."""
    signer = signer_of(*kind)
    armored = signer.sign(MESSAGE)
    own, other = signer.public, signer_of(*KINDS[(KINDS.index(kind) + 1) % len(KINDS)]).public
    check_ssh_signature(armored, MESSAGE, namespace=NAMESPACE, allowed=[own])
    for message, namespace, allowed in [
        (MESSAGE + b"\n", NAMESPACE, [own]),
        (b"", NAMESPACE, [own]),
        (MESSAGE, "file", [own]),
        (MESSAGE, NAMESPACE, [other]),
        (MESSAGE, NAMESPACE, []),
    ]:
        with pytest.raises(Refused):
            check_ssh_signature(armored, message, namespace=namespace, allowed=allowed)


def test_a_git_signature_is_no_join(signer_of: Callable[..., Signer]) -> None:
    """A signature that the account made for something else, even over the same bytes, doesn't join anybody."""
    signer = signer_of("ed25519")
    for namespace in ("git", "file", NAMESPACE + "x"):
        with pytest.raises(Refused, match="namespace"):
            check_ssh_signature(
                signer.sign(MESSAGE, namespace), MESSAGE, namespace=NAMESPACE, allowed=[signer.public]
            )


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[1], KINDS[4]], ids=" ".join)
def test_every_changed_byte_is_refused(signer_of: Callable[..., Signer], kind: tuple[str, ...]) -> None:
    """Flip one bit of each byte of the binary signature: it doesn't parse or doesn't verify."""
    signer = signer_of(*kind)
    raw = _dearmor(signer.sign(MESSAGE))
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1 << at % 8
        with pytest.raises(Refused):
            check_ssh_signature(_armor(bytes(changed)), MESSAGE, namespace=NAMESPACE, allowed=[signer.public])


def test_spliced_algorithms_are_refused(signer_of: Callable[..., Signer]) -> None:
    """An algorithm that isn't the key's own, SHA-1's among them, an unknown hash, another version."""
    signer = signer_of(*KINDS[4])
    parsed = SshSignature.parse(signer.sign(MESSAGE))

    def rebuilt(algorithm: bytes, hash_name: bytes = b"sha512", version: int = 1, more: bytes = b"") -> str:
        inner = part(algorithm) + part(parsed.body) + more
        fields = (parsed.key.blob, NAMESPACE.encode(), b"", hash_name, inner)
        return _armor(b"SSHSIG" + version.to_bytes(4, "big") + b"".join(map(part, fields)))

    allowed = [signer.public]
    check_ssh_signature(rebuilt(parsed.algorithm), MESSAGE, namespace=NAMESPACE, allowed=allowed)
    for bad in (
        rebuilt(b"ssh-rsa"),
        rebuilt(b"rsa-sha2-256"),
        rebuilt(b"ssh-ed25519"),
        rebuilt(b"ecdsa-sha2-nistp256"),
        rebuilt(parsed.algorithm, hash_name=b"sha1"),
        rebuilt(parsed.algorithm, version=2),
        rebuilt(parsed.algorithm, more=b"\0"),
    ):
        with pytest.raises(Refused):
            check_ssh_signature(bad, MESSAGE, namespace=NAMESPACE, allowed=allowed)


@pytest.mark.parametrize(
    "armored",
    [
        "",
        "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\n!!!!\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----\n",
        "U1NIU0lHAAAAAQ==",
        "-----BEGIN SSH SIGNATURE-----\n" + "A" * 20_000 + "\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nÄÄÄÄ\n-----END SSH SIGNATURE-----\n",
    ],
)
def test_malformed_armor_is_refused(armored: str) -> None:
    """Empty, not base64, another armor, too long."""
    with pytest.raises(Refused):
        SshSignature.parse(armored)


def test_windows_line_ends_and_blank_edges_are_read(signer_of: Callable[..., Signer]) -> None:
    """Pasted through a mail or a form it still verifies."""
    signer = signer_of("ed25519")
    pasted = "\r\n" + signer.sign(MESSAGE).replace("\n", "\r\n") + "\r\n\r\n"
    check_ssh_signature(pasted, MESSAGE, namespace=NAMESPACE, allowed=[signer.public])


def test_lines_and_fingerprints(signer_of: Callable[..., Signer]) -> None:
    """The fingerprint is what ssh-keygen -l shows; a line reads back."""
    signer = signer_of("ed25519")
    command = [signer.binary, "-l", "-f", str(signer.path.with_suffix(".pub"))]
    shown = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout.decode()
    assert signer.public.fingerprint in shown
    assert SshKey.parse_line(signer.public.line) == signer.public


def test_weak_and_foreign_keys_are_refused(signer_of: Callable[..., Signer]) -> None:
    """RSA under 2048 bits, hardware keys, options before the key, a kind that lies, extra bytes."""
    good = signer_of("ed25519").public
    raw = Reader(good.blob, "key")
    raw.prefixed(64)
    point = raw.prefixed(32)
    body = base64.b64encode(good.blob).decode()
    weak = part(b"ssh-rsa") + part(b"\1\0\1") + part(b"\0" + b"\xff" * 128)
    sk = part(b"sk-ssh-ed25519@openssh.com") + part(point) + part(b"ssh:")
    for line in (
        "",
        "ssh-ed25519",
        f"ssh-rsa {body}",
        f'command="x" ssh-ed25519 {body}',
        f"ssh-ed25519 {body[:-4]}",
        f"ssh-ed25519 {body}!",
        f"ssh-ed25519 {base64.b64encode(good.blob + b'0').decode()}",
        f"ssh-rsa {base64.b64encode(weak).decode()}",
        f"sk-ssh-ed25519@openssh.com {base64.b64encode(sk).decode()}",
        f"ssh-ed25519 {body} \x1b[31m",
    ):
        with pytest.raises(Refused):
            SshKey.parse_line(line)


def test_numbers_have_one_form() -> None:
    """An RSA key whose number has a leading zero too many, is zero or negative, is another blob of one key."""
    modulus = b"\0" + b"\xff" * 256
    for exponent in (b"", b"\0", b"\0\1\0\1", b"\x81"):
        with pytest.raises(Refused):
            SshKey(part(b"ssh-rsa") + part(exponent) + part(modulus))
    with pytest.raises(Refused):
        SshKey(part(b"ssh-rsa") + part(b"\1\0\1") + part(b"\0" + modulus))


def _dearmor(armored: str) -> bytes:
    return base64.b64decode("".join(armored.strip().split("\n")[1:-1]))


def _armor(raw: bytes) -> str:
    body = base64.b64encode(raw).decode()
    return f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"
