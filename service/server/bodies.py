"""How the server reads bodies: capped while they stream, cut off when they stall, JSON no deeper than ours.

Guarantees that no body is held beyond its cap, and that a slow sender is cut off.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from service.server.http import JSON, READ, AnyRequest, expect_type, header
from service.wire.problems import Kind, ProblemError

T = TypeVar("T")

MAX_DEPTH: Final = 16
CHUNK_S: Final = 20.0  # the longest pause inside a body, for a sender who has kept the pace
SLOWEST: Final = 4 * 1_024  # bytes a second; a bad Tor circuit gives ten times as much
LARGE: Final = 64 * 1_024
LARGE_AT_ONCE: Final = 24  # bodies over LARGE that are read at one time: about 200 MiB at worst
LARGE_WAITS_S: Final = 30.0  # for a place among them; whoever holds one has to keep sending
SKIMMED_AT_ONCE: Final = (
    8  # bodies that are too large to hold, and of which a part is picked out as they come
)


_large = asyncio.Semaphore(LARGE_AT_ONCE)
_skimmed = asyncio.Semaphore(SKIMMED_AT_ONCE)


def declared_length(request: AnyRequest) -> int | None:
    """Give the length of the body that the client announces, None when it does not. Raises BAD_REQUEST."""
    declared = header(request, b"content-length") or ""
    if declared and not (declared.isascii() and declared.isdigit() and len(declared) < 16):
        raise ProblemError(Kind.BAD_REQUEST)
    return int(declared) if declared else None


async def read_body(request: AnyRequest, cap: int) -> bytes:
    """Read a body of at most `cap` bytes.

    Raises TOO_LARGE before the excess is held, TOO_SLOW for a staller, BUSY when too many large ones are being read.
    """
    length = declared_length(request)
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


async def skim_body(request: AnyRequest, cap: int, take: Callable[[bytes], None]) -> None:
    """Hand a body of at most `cap` bytes over piece by piece, holding none of it.

    Raises TOO_LARGE, also when SKIMMED_AT_ONCE others are under way, TOO_SLOW, and what `take` raises.
    """
    length = declared_length(request)
    if _skimmed.locked() or (length is not None and length > cap):
        raise ProblemError(Kind.TOO_LARGE)
    async with _skimmed:
        await _stream(request, cap, length, take)


async def _read(request: AnyRequest, cap: int, length: int | None) -> bytes:
    whole, rest = b"", bytearray()

    def take(chunk: bytes) -> None:
        nonlocal whole
        if whole:  # one object grows: many small pieces would take many times their size
            rest.extend(chunk)
        else:
            whole = chunk

    await _stream(request, cap, length, take)
    return whole + rest if rest else whole


async def _stream(request: AnyRequest, cap: int, length: int | None, take: Callable[[bytes], None]) -> None:
    """Read at the sender's pace, but no slower than SLOWEST: what they send buys time, up to CHUNK_S of it."""
    size = 0
    now = asyncio.get_running_loop().time
    until = now() + CHUNK_S
    try:
        async with asyncio.timeout_at(until) as patience:
            async for chunk in request.stream():
                size += len(chunk)
                if size > cap:
                    raise ProblemError(Kind.TOO_LARGE)
                take(chunk)
                if size != length:
                    until = min(until + len(chunk) / SLOWEST, now() + CHUNK_S)
                    patience.reschedule(until)
    except TimeoutError:
        raise ProblemError(Kind.TOO_SLOW) from None
    request.scope["state"][READ] = True


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
