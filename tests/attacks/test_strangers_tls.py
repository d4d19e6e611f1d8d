"""Somebody on the way who answers under the server's name, with a certificate of their own: nobody talks to them."""

from __future__ import annotations

import datetime as dt
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.wire import calls
from service.wire.client import AsyncClient, Client, Unreachable


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
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "certificate").write_bytes(certificate.public_bytes(pem))
    (tmp_path / "key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    server = http.server.ThreadingHTTPServer(("localhost", 0), Greedy)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}", tmp_path / "certificate"
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
