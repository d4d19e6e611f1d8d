"""`sottovoce serve`, as typed: what keeps it from starting is said in a sentence, before anything is served."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from service.server.serve import GRACE_S
from service.wire import calls
from service.wire.client import Client
from service.wire.failures import Declined
from tests.support.groups import Group
from tests.support.redis_server import free_port, wait_until
from tests.support.server import NO_TLS, RunningServer, ending, running_server


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


def test_a_folder_that_a_server_has_is_not_shared(tmp_path: Path, server: RunningServer) -> None:
    """With SQLite two would each have limits of their own, and call people twice. Killed, a server has it no more."""
    refused = serve(server.data, "--port", str(free_port()))
    assert (refused.returncode, "another server runs on that data folder" in refused.stderr) == (3, True)
    with running_server(tmp_path) as own:
        own.kill9()
        own.start()


def test_a_stop_is_heard_before_the_worker_has_loaded_the_server(tmp_path: Path) -> None:
    """A worker begins with its parent's handler, which does nothing there: that stop took all of its 20 seconds."""
    server = RunningServer(tmp_path, {}, {})
    process = server.begin()
    wait_until(lambda: "serving" in server.log and len(server.pids) > 1, what="the worker's process")
    since = time.monotonic()
    assert process.poll() is None
    assert server.stop() == 0, server.log
    assert time.monotonic() - since < GRACE_S / 2
    assert "stopped" in server.log


def test_no_worker_outlives_the_main_process(tmp_path: Path) -> None:
    """A system short of memory may kill that alone: its worker stops, and another server can have the folder."""
    with running_server(tmp_path) as server:
        main, *others = server.pids
        os.kill(main, signal.SIGKILL)
        wait_until(lambda: not any(_lives(pid) for pid in others), what="the end of the worker")
        server.kill9()
        server.start()


def _lives(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].startswith(" Z")
    except OSError:
        return False


def test_whoever_only_looks_whether_a_server_lives_is_answered(server: RunningServer) -> None:
    """HEAD says what GET says, without the content; what is no address, or only posted to, is refused as with GET."""
    with httpx.Client(base_url=server.base, verify=NO_TLS, trust_env=False) as http:
        for path in (
            "/v1/server",
            "/en/",
            "/en/protection",
            "/static/style.css",
            "/v1/openapi.json",
            "/nothing",
        ):
            asked, looked = http.get(path), http.head(path)
            assert looked.status_code == asked.status_code
            assert looked.content == b""
            assert looked.headers["content-length"] == str(len(asked.content))
            assert set(looked.headers) == set(asked.headers)
        assert (
            http.head("/v1/mailboxes/open").status_code == http.get("/v1/mailboxes/open").status_code == 405
        )
        assert http.get("/v1/server").status_code == 200  # on the same connection


def test_what_is_signed_for_get_is_not_got_by_head(client: Client) -> None:
    """The method is signed: a handler's HEAD is refused like any other request that was changed on the way."""
    group = Group.draw()
    group.found(client)
    asked = calls.feed(group.signer("Ada"))
    assert client.do(asked).entries == ()
    with pytest.raises(Declined) as refused:
        client.do(replace(asked, method="HEAD"))
    assert refused.value.status == 401
