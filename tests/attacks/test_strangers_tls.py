"""Somebody on the way who answers under the server's name, with a certificate of their own: nobody talks to them."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.wire import calls
from service.wire.client import AsyncClient, Client
from service.wire.failures import Unreachable
from tests.support.certificates import self_signed


class Greedy(http.server.BaseHTTPRequestHandler):
    """Answers everything, and writes down that it was asked."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with TLS for localhost, and the certificate that it signed itself."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("localhost", 0), Greedy)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}", certificate
    server.shutdown()
    server.server_close()
    thread.join(10)


async def test_a_certificate_of_nobody_we_trust_is_refused(stranger: tuple[str, Path]) -> None:
    """Also after plain HTTP was spoken in the same process, for which no certificate is read."""
    base, certificate = stranger
    with Client("http://localhost:1") as plain, pytest.raises(Unreachable):
        plain.do(calls.server_info())
    with Client(base) as client, pytest.raises(Unreachable):
        client.do(calls.server_info())
    async with AsyncClient(base) as client, AsyncClient(base):
        with pytest.raises(Unreachable):
            await client.do(calls.server_info())
    assert Greedy.asked == []
    # And it would have answered whoever does trust it.
    knowing = ssl.create_default_context(cafile=str(certificate))
    assert httpx.get(f"{base}/seen", verify=knowing, trust_env=False).status_code == 200
    assert Greedy.asked == ["/seen"]
