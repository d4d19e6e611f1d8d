"""A page on one's own machine against whatever else runs there: a bad request is refused, and that is all."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from service.local_page.serving import LocalServer
from tests.support.server import ROOT


@pytest.mark.parametrize(
    "length",
    ["9" * 5_000, "0" * 5_000, "1025", "-1", "", "²"],
    ids=["nines", "zeros", "1025", "minus", "none", "power"],
)
def test_a_length_that_is_none_is_refused_quietly(length: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One of 5,000 digits was answered by nothing, and by a traceback in the voter's terminal."""
    with LocalServer() as server:
        serving = threading.Thread(target=server.handle_request)
        serving.start()
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
            head = f"POST /x/cast HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: {length}\r\n\r\n"
            connection.sendall(head.encode("latin-1"))
            answer = connection.recv(64)
        serving.join()
    assert b" 413 " in answer
    assert capsys.readouterr().err == ""


def test_a_page_that_nobody_asks_for_ends_by_itself() -> None:
    """Keys are unlocked for as long as it is there."""
    with LocalServer(idle_s=0) as server:
        server.stay()
        assert server.idle


def test_ctrl_c_ends_it_whichever_thread_gets_it() -> None:
    """A signal that doesn't interrupt the wait for requests, as one that comes a moment before it."""
    code = """
import signal, threading, time
from service.local_page.serving import LocalServer

def elsewhere():
    time.sleep(0.3)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
with LocalServer(idle_s=600) as server:
    threading.Thread(target=elsewhere, daemon=True).start()
    server.stay()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
