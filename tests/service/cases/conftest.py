"""What tests of cases stand on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cases.joining import NAMESPACE


@pytest.fixture(scope="session")
def ssh_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], tuple[str, str]]:
    """Sign with a key of the real ssh-keygen; give the public line and the armored signature."""
    binary = shutil.which("ssh-keygen")
    if binary is None:
        pytest.fail("ssh-keygen is missing: install openssh-client, these tests need the real one")
    path: Path = tmp_path_factory.mktemp("registry") / "id"
    subprocess.run(
        [binary, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True, timeout=20
    )

    def sign(message: bytes, namespace: str = NAMESPACE) -> tuple[str, str]:
        command = [binary, "-q", "-Y", "sign", "-n", namespace, "-f", str(path)]
        done = subprocess.run(command, input=message, capture_output=True, check=True, timeout=20)
        return path.with_suffix(".pub").read_text().strip(), done.stdout.decode()

    return sign
