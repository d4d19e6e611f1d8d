"""`sottovoce serve`, as typed: what keeps it from starting is said in a sentence, before anything is served."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.redis_server import free_port
from tests.support.server import ending


def serve(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start a server that is expected to end by itself."""
    return ending("--data", str(folder), *arguments)


@pytest.mark.parametrize(
    ("host", "taken"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1")],  # noqa: S104
)
def test_a_port_in_use_is_not_shared(tmp_path: Path, host: str, taken: str) -> None:
    """Also not with a server that would share it: Granian would, and requests would go to either."""
    with socket.socket(socket.AF_INET6 if ":" in taken else socket.AF_INET) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((taken, 0))
        other.listen()
        refused = serve(tmp_path, "--host", host, "--port", str(other.getsockname()[1]))
    assert (refused.returncode, "port is in use" in refused.stderr) == (3, True), refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("nosuchhost", "has to be an IP address"),
        ("localhost", "has to be an IP address"),
        ("::1%lo", "has to be an IP address"),
        ("", "has to be an IP address"),
        ("192.0.2.1", "can't listen there"),
    ],
)
def test_a_host_that_is_not_here_is_refused(tmp_path: Path, host: str, said: str) -> None:
    """Granian takes addresses only, and says anything else with a traceback. 192.0.2.1 is nobody's (RFC 5737)."""
    refused = serve(tmp_path, "--host", host)
    assert (refused.returncode, said in refused.stderr) == (3, True), refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_data_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file stands where its parent should be."""
    (tmp_path / "file").write_bytes(b"")
    refused = serve(tmp_path / "file" / "data", "--port", str(free_port()))
    assert (refused.returncode, "can't be read or written" in refused.stderr) == (3, True), refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("address", ["foo", "redis://:hidden@localhost:port"])
def test_a_limiter_that_cannot_be_opened_is_said(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sentence, without the password that may be in the address."""
    monkeypatch.setenv("SOTTOVOCE_LIMITER_URL", address)
    refused = serve(tmp_path, "--port", str(free_port()))
    assert (refused.returncode, "the limiter's address is memory:" in refused.stderr) == (3, True), (
        refused.stderr
    )
    assert "Traceback" not in refused.stderr
    assert "hidden" not in refused.stderr
