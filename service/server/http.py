"""How the API reads requests and writes answers: bodies capped while they stream, problems from one table.

Guarantees that nothing a client sent comes back in an answer, that no body is held beyond its cap, and that a slow
sender is cut off. What the client's address is, is never read.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import Message, Scope

from crypto.errors import Refused
from service.server import events
from service.storage.protocol import StoreRefused, StoreUnavailable
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import Problem

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]

JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
PROBLEM: Final = "application/problem+json"
MAX_DEPTH: Final = 16
MAX_HEADERS: Final = 8 * 1_024
CHUNK_S: Final = 20.0  # the longest pause inside a body, for a sender who has kept the pace
SLOWEST: Final = 4 * 1_024  # bytes a second; a bad Tor circuit gives ten times as much
LARGE: Final = 64 * 1_024
LARGE_AT_ONCE: Final = 24  # bodies over LARGE that are read at one time: about 200 MiB at worst
LARGE_WAITS_S: Final = 30.0  # for a place among them; whoever holds one has to keep sending

_HEX16 = re.compile(r"[0-9a-f]{32}")
_HEX32 = re.compile(r"[0-9a-f]{64}")
_large = asyncio.Semaphore(LARGE_AT_ONCE)

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


async def add_headers(message: Message, _scope: Scope) -> None:
    """Give every response the security headers that it does not set itself."""
    if message["type"] != "http.response.start":
        return
    headers = list(message["headers"])
    present = {name.lower() for name, _ in headers}
    message["headers"] = [*headers, *((name, value) for name, value in HEADERS if name not in present)]


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


async def read_body(request: AnyRequest, cap: int) -> bytes:
    """Read a body of at most `cap` bytes.

    Raises TOO_LARGE before the excess is held, TOO_SLOW for a staller, BUSY when too many large ones are being read.
    """
    declared = header(request, b"content-length") or ""
    if declared and not (declared.isascii() and declared.isdigit() and len(declared) < 16):
        raise ProblemError(Kind.BAD_REQUEST)
    length = int(declared) if declared else None
    if length is not None and length > cap:
        raise ProblemError(Kind.TOO_LARGE)
    if cap <= LARGE or (length is not None and length <= LARGE):
        return await _read(request, cap, length)
    try:
        await asyncio.wait_for(_large.acquire(), LARGE_WAITS_S)
    except TimeoutError:
        raise ProblemError(Kind.BUSY, retry_after_s=int(LARGE_WAITS_S)) from None
    try:
        return await _read(request, cap, length)
    finally:
        _large.release()


async def _read(request: AnyRequest, cap: int, length: int | None) -> bytes:
    """Read at the sender's pace, but no slower than SLOWEST: what they send buys time, up to CHUNK_S of it."""
    whole, rest, size = b"", bytearray(), 0
    now = asyncio.get_running_loop().time
    until = now() + CHUNK_S
    try:
        async with asyncio.timeout_at(until) as patience:
            async for chunk in request.stream():
                size += len(chunk)
                if size > cap:
                    raise ProblemError(Kind.TOO_LARGE)
                if size == len(chunk):
                    whole = chunk
                else:  # one object grows: many small pieces would take many times their size
                    rest += chunk
                if size != length:
                    until = min(until + len(chunk) / SLOWEST, now() + CHUNK_S)
                    patience.reschedule(until)
    except TimeoutError:
        raise ProblemError(Kind.TOO_SLOW) from None
    return whole + rest if rest else whole


def decode_json(raw: bytes, shape: type[T]) -> T:
    """Decode a JSON body strictly. Depth is checked on the bytes, before any parser recurses."""
    if _depth(raw) > MAX_DEPTH:
        raise ProblemError(Kind.TOO_DEEP)
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise ProblemError(Kind.MALFORMED_JSON) from None


async def read_json(request: AnyRequest, shape: type[T], cap: int) -> T:
    """Read and decode a JSON body."""
    expect_type(request, JSON)
    return decode_json(await read_body(request, cap), shape)


_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _depth(raw: bytes) -> int:
    deepest = depth = 0
    for bracket in _STRINGS.sub(b"", raw).translate(None, _NOT_BRACKETS):
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


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
