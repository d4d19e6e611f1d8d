"""Signatures of the real ssh-keygen, with a key made for the test run."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.cases.joining import NAMESPACE, application_text
from service.cases.registry_statements import Application, BySsh


@dataclass(frozen=True)
class SshSigner:
    """A key pair on the disk: `path`, and `path`.pub."""

    binary: str
    path: Path

    @classmethod
    def draw(cls, folder: Path, kind: str = "ed25519") -> SshSigner:
        """Make a key without a passphrase."""
        binary = shutil.which("ssh-keygen")
        if binary is None:
            pytest.fail("ssh-keygen is missing: install openssh-client, these tests need the real one")
        path = folder / f"id_{kind}"
        subprocess.run(
            [binary, "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)], check=True, timeout=30
        )
        return cls(binary, path)

    @property
    def public(self) -> Path:
        return self.path.with_suffix(".pub")

    @property
    def line(self) -> str:
        return self.public.read_text(encoding="utf-8").strip()

    def sign(self, message: bytes, namespace: str = NAMESPACE) -> str:
        """Give the armored signature over a message."""
        command = [self.binary, "-q", "-Y", "sign", "-n", namespace, "-f", str(self.path)]
        done = subprocess.run(command, input=message, capture_output=True, check=True, timeout=30)
        return done.stdout.decode()

    def sign_file(self, path: Path) -> Path:
        """Sign a file as a person does; the signature is beside it, with .sig after its name."""
        command = [self.binary, "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(self.path), str(path)]
        subprocess.run(command, check=True, timeout=30, capture_output=True)
        return path.with_name(path.name + ".sig")

    def identity(self, application: Application, published_at: str) -> BySsh:
        """Give the identity of an application by this key."""
        return BySsh(self.line, published_at, self.sign(application_text(application)))
