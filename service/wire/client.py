"""Sends calls to a server, and trusts nothing that comes back.

Guarantees: an answer is cut off at its call's cap; redirects, cookies, compression and the environment's proxies are
off; plain HTTP goes only to this machine or to an onion address; what fails becomes one of three exceptions,
none of which repeats the server's words. `Client` blocks, `AsyncClient` doesn't; both do exactly the same.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from crypto.entropy import Entropy, system
from crypto.errors import Refused
from service.wire.calls import BadAnswer, Call
from service.wire.failures import Declined, Unreachable
from service.wire.problems import Kind, kind_of
from service.wire.shapes import Problem
from service.wire.signing import headers_for

T = TypeVar("T")

CONNECT_S = 60.0  # a Tor circuit may take this long
READ_S = 120.0
PROBLEM_CAP = 4_096
MAX_RETRY_AFTER_S = 86_400


def checked_base(url: str) -> str:
    """Give a server's address back without a trailing slash; Refused unless it is safe to talk to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("the server's address is not a web address") from None
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.query or parts.fragment:
        raise Refused("the server's address has to be like https://example.org")
    local = host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".onion")
    if parts.scheme == "http" and not local:
        raise Refused("plain http would let anyone on the way read along: use https or an onion address")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def checked_proxy(url: str | None) -> str | None:
    """Give a proxy's address back; Refused unless it is SOCKS with names resolved by the proxy."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        # socks5:// would resolve the server's name here, and tell the network which server is asked.
        usable = parts.scheme == "socks5h" and parts.hostname and parts.path in {"", "/"} and parts.port != 0
    except ValueError:  # no number of a port, or half an IPv6 address
        usable = False
    if not usable:
        raise Refused("the proxy has to be like socks5h://127.0.0.1:9050")
    return url


@cache
def _tls(*, needed: bool) -> ssl.SSLContext:
    """Make what says whom to trust, once in a process: reading everybody's certificates takes a tenth of a second.

    Where plain HTTP is spoken (`checked_base` says where that may be) none is read, so TLS would trust nobody.
    """
    return httpx.create_ssl_context(trust_env=False) if needed else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Core:
    """What both clients share: how to prepare a request and how to judge an answer."""

    def __init__(self, base: str, clock: Callable[[], float], entropy: Entropy) -> None:
        self.base = checked_base(base)
        self._clock = clock
        self._entropy = entropy

    def now_s(self) -> int:
        """This machine's time, seconds since 1970: what no server can say."""
        return int(self._clock())

    def request(self, call: Call[T]) -> tuple[str, str, dict[str, str], bytes]:
        headers = {"Accept": f"{call.accept}, application/problem+json", **call.headers}
        if call.content_type is not None:
            headers["Content-Type"] = call.content_type
        if call.signer is not None:
            signed = headers_for(
                call.signer,
                call.method,
                call.target,
                call.body,
                now_s=int(self._clock()),
                nonce=self._entropy(16),
            )
            headers.update(signed)
        return call.method, self.base + call.target, headers, call.body

    @staticmethod
    def answer(call: Call[T], response: httpx.Response, body: bytes) -> T:
        if response.status_code not in {200, 201}:
            raise declined(response.status_code, body, response.headers.get("retry-after", ""), call.missing)
        return call.parse(body)

    def options(self, proxy: str | None, transport: object) -> dict[str, object]:
        options: dict[str, object] = {
            "verify": _tls(needed=self.base.startswith("https:")),
            "timeout": httpx.Timeout(READ_S, connect=CONNECT_S),
            "follow_redirects": False,
            "trust_env": False,
            "cookies": CookieJar(
                DefaultCookiePolicy(allowed_domains=[])
            ),  # a server could follow a reporter by one
            "headers": {"User-Agent": "sottovoce", "Accept-Encoding": "identity"},
        }
        if transport is not None:
            options["transport"] = transport
        elif (checked := checked_proxy(proxy)) is not None:
            options["proxy"] = checked
        return options


def declined(status: int, body: bytes, retry_after: str, missing: str = "") -> Declined:
    """Read a problem without believing it: an unknown or broken one becomes `kind=None`."""
    kind: Kind | None = None
    try:
        kind = kind_of(msgspec.json.decode(body, type=Problem).type)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        kind = None
    wait = (
        int(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 8 else None
    )
    words = missing if kind is Kind.NOT_FOUND else ""
    return Declined(kind, status, None if wait is None else min(wait, MAX_RETRY_AFTER_S), words)


def _cap(call: Call[T], response: httpx.Response) -> int:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise BadAnswer("the server compressed its answer, which was not asked for")
    return call.cap if response.status_code in {200, 201} else PROBLEM_CAP


class Client(_Core):
    """Talks to one server, blocking. Use it as a context manager.

    base: the server's address. proxy: `socks5h://…` for Tor. transport: for tests that serve in-process.
    """

    def __init__(
        self,
        base: str,
        *,
        proxy: str | None = None,
        clock: Callable[[], float] = time.time,
        entropy: Entropy = system,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(base, clock, entropy)
        self._http = httpx.Client(**self.options(proxy, transport))  # type: ignore[arg-type]

    def do(self, call: Call[T]) -> T:
        """Send a call and give its parsed answer. Raises Unreachable, Declined, or Refused (of which BadAnswer)."""
        method, url, headers, content = self.request(call)
        try:
            with self._http.stream(method, url, headers=headers, content=content) as response:
                cap = _cap(call, response)
                body = bytearray()
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > cap:
                        raise BadAnswer("the server's answer is too long")
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            raise Unreachable from None
        return self.answer(call, response, bytes(body))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Core):
    """The same for an event loop. Use it as an async context manager."""

    def __init__(
        self,
        base: str,
        *,
        proxy: str | None = None,
        clock: Callable[[], float] = time.time,
        entropy: Entropy = system,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(base, clock, entropy)
        self._http = httpx.AsyncClient(**self.options(proxy, transport))  # type: ignore[arg-type]

    async def do(self, call: Call[T]) -> T:
        """Send a call and give its parsed answer. Raises as `Client.do` does."""
        method, url, headers, content = self.request(call)
        try:
            async with self._http.stream(method, url, headers=headers, content=content) as response:
                cap = _cap(call, response)
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > cap:
                        raise BadAnswer("the server's answer is too long")
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            raise Unreachable from None
        return self.answer(call, response, bytes(body))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
