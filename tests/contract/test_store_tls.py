"""TLS to Redis: nobody is talked to whose certificate proves nothing, and what is wrong is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.storage import StoreUnavailable, open_store
from service.storage.limiter import LimiterUnavailable
from service.storage.limiters import open_limiter
from tests.support.certificates import self_signed
from tests.support.redis_server import free_port, redis_server

pytestmark = pytest.mark.redis
UNTRUSTED = "TLS certificate that can't be trusted"


def speaking_tls(folder: Path, host: str = "localhost", days: int = 1) -> tuple[dict[str, str], str, str]:
    """What a Redis needs that speaks TLS, its address, and the file of its certificate."""
    certificate, key = self_signed(folder, host, days)
    port = str(free_port())
    files = {
        "tls-cert-file": str(certificate),
        "tls-ca-cert-file": str(certificate),
        "tls-key-file": str(key),
    }
    return (
        {"tls-port": port, "tls-auth-clients": "no", **files},
        f"rediss://localhost:{port}",
        str(certificate),
    )


async def opens(url: str) -> None:
    """Open a store and a limiter there."""
    store = await open_store(url)
    await store.healthy()
    await store.close()
    limiter = await open_limiter(url)
    await limiter.close()


async def refused(url: str) -> None:
    """See that neither is opened, and that it is for the certificate."""
    with pytest.raises(StoreUnavailable, match=UNTRUSTED):
        await open_store(url)
    with pytest.raises(LimiterUnavailable, match=UNTRUSTED):
        await open_limiter(url)


async def test_a_redis_is_talked_to_whose_authority_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In SSL_CERT_FILE, as docs/operating.md says; where it is not, the certificate is said to be what is wrong."""
    settings, url, certificate = speaking_tls(tmp_path)
    with redis_server(tmp_path / "server", settings):
        await refused(url)
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        await opens(url)


@pytest.mark.parametrize(("host", "days"), [("elsewhere.example", 1), ("localhost", -1)])
async def test_another_s_certificate_and_one_of_yesterday_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, days: int
) -> None:
    """Also when their authority is known."""
    settings, url, certificate = speaking_tls(tmp_path, host, days)
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    with redis_server(tmp_path / "server", settings):
        await refused(url)


async def test_sentinels_and_clusters_are_held_to_it_too(tmp_path: Path) -> None:
    """The first who is asked shows a certificate that nobody knows."""
    settings, url, _ = speaking_tls(tmp_path)
    with redis_server(tmp_path / "server", settings):
        place = url.removeprefix("rediss://")
        for address in (f"rediss+sentinel://{place}/sottovoce", f"rediss+cluster://{place}"):
            with pytest.raises(StoreUnavailable, match=UNTRUSTED):
                await open_store(address)
