"""How the API reads what stands around a body, and writes answers: problems come from one table.

Guarantees that nothing a client sent comes back in an answer. What the client's address is, is never read. Bodies:
service.server.bodies.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import Message, Scope

from crypto.errors import Refused
from service.server import events
from service.storage.protocol import StoreRefused, StoreUnavailable
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import Problem

AnyRequest = Request[Any, Any, Any]

JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
PROBLEM: Final = "application/problem+json"
MAX_HEADERS: Final = 8 * 1_024
MAX_QUERY: Final = 256  # bytes; a cursor of 64 characters is the longest
READ: Final = "body_read"
"""In a request's state once its body was read to its end."""
_HEX16 = re.compile(r"[0-9a-f]{32}")
_HEX32 = re.compile(r"[0-9a-f]{64}")

HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"interest-cohort=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


async def add_headers(message: Message, scope: Scope) -> None:
    """Give every response the security headers that it does not set itself.

    And say that the connection closes when a body was not read to its end: it may, whether that is said or not, and
    then whoever sends a next request on it gets no answer.
    """
    if message["type"] != "http.response.start":
        return
    headers = list(message["headers"])
    present = {name.lower() for name, _ in headers}
    headers += ((name, value) for name, value in HEADERS if name not in present)
    if message["status"] >= 400 and _unread(scope):
        headers.append((b"connection", b"close"))
    message["headers"] = headers


def _unread(scope: Scope) -> bool:
    """Whether a body may still be on its way."""
    if scope["state"].get(READ, False):
        return False
    names = {name for name, value in scope["headers"] if value != b"0"}
    return not names.isdisjoint({b"content-length", b"transfer-encoding"})


def json_answer(shape: msgspec.Struct, status: int = 200) -> Response[bytes]:
    """Answer with a Struct of service.wire.shapes."""
    return Response(msgspec.json.encode(shape), media_type=JSON, status_code=status)


def bytes_answer(raw: bytes) -> Response[bytes]:
    """Answer with raw bytes."""
    return Response(raw, media_type=BYTES)


def problem_answer(kind: Kind, retry_after_s: int | None = None) -> Response[bytes]:
    """Answer with a problem of the table."""
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, retry_after_s))}
    body = msgspec.json.encode(Problem(kind.type, kind.title, kind.status))
    return Response(body, media_type=PROBLEM, status_code=kind.status, headers=headers)


def hex16(text: str) -> bytes:
    """Read a 16-byte id of a path. Raises NOT_FOUND's malformed twin."""
    if _HEX16.fullmatch(text) is None:
        raise ProblemError(Kind.MALFORMED_PATH)
    return bytes.fromhex(text)


def hex32(text: str) -> bytes:
    """Read a 32-byte id of a path. Raises NOT_FOUND's malformed twin."""
    if _HEX32.fullmatch(text) is None:
        raise ProblemError(Kind.MALFORMED_PATH)
    return bytes.fromhex(text)


def query(request: AnyRequest, name: str, shape: re.Pattern[str]) -> str:
    """Read the one query parameter an address takes; empty when absent."""
    if len(request.scope.get("query_string", b"")) > MAX_QUERY:
        raise ProblemError(Kind.MALFORMED_QUERY)
    given = list(request.query_params.multi_items())
    if not given and request.scope.get("query_string", b""):
        raise ProblemError(Kind.MALFORMED_QUERY)
    if any(key != name for key, _ in given) or len(given) > 1:
        raise ProblemError(Kind.MALFORMED_QUERY)
    text = str(given[0][1]) if given else ""
    if shape.fullmatch(text) is None:
        raise ProblemError(Kind.MALFORMED_QUERY)
    return text


def no_query(request: AnyRequest) -> None:
    """Refuse anything after a question mark."""
    if request.scope.get("query_string", b""):
        raise ProblemError(Kind.MALFORMED_QUERY)


def header(request: AnyRequest, name: bytes) -> str | None:
    """Give a header's value, None when there is none. name: in lower case."""
    # Litestar builds a dictionary of all headers for each look; this is on the path of every report.
    for found, value in request.scope["headers"]:
        if found == name:
            return bytes(value).decode("latin-1")
    return None


def expect_type(request: AnyRequest, media_type: str) -> None:
    """Refuse another content type, and any content encoding."""
    given = header(request, b"content-type") or ""
    if given != media_type:
        given = given.partition(";")[0].strip().lower()
    if given != media_type or (header(request, b"content-encoding") or "identity") != "identity":
        raise ProblemError(Kind.MEDIA_TYPE)


def check_headers(request: AnyRequest) -> None:
    """Refuse headers that are larger, all together, than any client of ours sends."""
    size = 0
    for name, value in request.scope["headers"]:
        size += len(name) + len(value)
    if size > MAX_HEADERS:
        raise ProblemError(Kind.HEADERS_TOO_LARGE)


_BY_STATUS: Final = {
    404: Kind.MALFORMED_PATH,
    405: Kind.METHOD,
    413: Kind.TOO_LARGE,
    415: Kind.MEDIA_TYPE,
}


def on_problem(_request: AnyRequest, error: ProblemError) -> Response[bytes]:
    """Answer a ProblemError."""
    return problem_answer(error.kind, error.retry_after_s)


def on_http(_request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Answer what Litestar raises, without its words."""
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = Kind.BAD_REQUEST if error.status_code < 500 else Kind.INTERNAL
    return problem_answer(kind)


def on_store(_request: AnyRequest, error: StoreUnavailable | StoreRefused) -> Response[bytes]:
    """Answer a store's failure: nothing was acknowledged."""
    events.failure("store-unavailable", error)
    return problem_answer(Kind.UNAVAILABLE, 5)


def on_refused(_request: AnyRequest, error: Refused) -> Response[bytes]:
    """Answer a Refused that no route named: a malformed request."""
    del error
    return problem_answer(Kind.BAD_REQUEST)


def on_error(_request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer anything else: our mistake."""
    events.failure("internal-error", error)
    return problem_answer(Kind.INTERNAL)
