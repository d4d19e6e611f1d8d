"""Requests that are refused before their body has come: over real connections, with pauses as networks make them."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from random import Random

import pytest

from tests.support.server import running_server

SEED = 20_261_121
UNREAD = (
    (f"/v1/groups/{'0' * 32}/reports", "text/plain"),
    ("/v1/groups", "text/plain"),
    ("/v1/nothing", "text/plain"),
    ("/en/report", "text/plain"),
)
READ = (
    ("/en/confirm", "application/x-www-form-urlencoded"),
    ("/v1/mailboxes/open", "application/json"),
)


def answer_on(connection: socket.socket) -> bytes:
    """Read one answer; its head."""
    head, rest = b"", b""
    while not rest:
        came = connection.recv(65_536)
        assert came, "the server disconnected without a response"
        head, rest, body = (head + came).partition(b"\r\n\r\n")
    [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(length.split(b":")[1]) - len(body)
    while missing > 0:
        came = connection.recv(missing)
        assert came, "the server disconnected within a response"
        missing -= len(came)
    return head


@pytest.mark.slow
def test_a_connection_that_is_kept_answers_the_next_request(tmp_path: Path) -> None:
    """Or the answer has said that it closes: else a client would send its next request into nothing."""
    draw = Random(SEED)
    kept = closed = 0
    with running_server(tmp_path) as server:
        for _ in range(200):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                path, kind = draw.choice(UNREAD + READ)
                length = draw.choice((1, 50, 2_000))
                lines = (
                    f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}", f"Content-Length: {length}", "", "",
                )  # fmt: skip
                connection.sendall("\r\n".join(lines).encode())
                time.sleep(draw.random() * 0.003)
                connection.sendall(b"x" * length)
                if b"connection: close" in answer_on(connection).lower():
                    closed += 1
                    continue
                time.sleep(0.001)
                connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
                answer_on(connection)
                kept += 1
    assert kept > 20
    assert closed > 20
