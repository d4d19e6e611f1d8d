"""How the server reads bodies: capped while they stream, cut off when they stall, JSON no deeper than ours.

Guarantees that no body is held beyond its cap, that a slow sender is cut off, that few slow senders of large bodies
keep nobody else's out, and that refusing JSON takes time by its bytes, whatever it is made of.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

import msgspec

from crypto.errors import Refused
from service.server.http import JSON, READ, AnyRequest, expect_type, header
from service.wire.problems import Kind, ProblemError

T = TypeVar("T")

MAX_DEPTH: Final = 16
MAX_BRACKETS: Final = 4 * 1_024  # of a JSON body; a batch of 64 actions has 130
MAX_MARKS: Final = (
    32 * 1_024  # quotes and backslashes of a JSON body; a verifier's report of 24 KiB has fewer
)
CHUNK_S: Final = 20.0  # the longest pause inside a body, for a sender who has kept the pace
SLOWEST: Final = 4 * 1_024  # bytes a second; a bad Tor circuit gives ten times as much
LARGE: Final = 64 * 1_024
LARGE_AT_ONCE: Final = 24  # bodies over LARGE that are read at one time: about 200 MiB at worst
SKIMMED_AT_ONCE: Final = (
    8  # bodies that are too large to hold, and of which a part is picked out as they come
)
WAITS_S: Final = 30.0  # for a place among either
GRACE_S: Final = 10.0  # nobody has to give their place to who waits before this
FAST: Final = 32 * 1_024  # bytes a second, on average: nor who sends as fast as this
_LOOKS_S: Final = 1.0


class Sender:
    """Who sends a body that has a place."""

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.size = 0
        self.patience: asyncio.Timeout | None = None


class Places:
    """Places for bodies that may take long. While others wait, the slowest sender gives way: Tor's pace is FAST.

    So keeping all of them taken costs count × FAST bytes a second, not the slowest pace that is suffered otherwise.
    """

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._senders: set[Sender] = set()

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[Sender]:
        """Wait for a place and hold it. Raises BUSY after WAITS_S."""
        await self._come()
        sender = Sender(asyncio.get_running_loop().time())
        self._senders.add(sender)
        try:
            yield sender
        finally:
            self._senders.discard(sender)
            self._free.release()

    async def _come(self) -> None:
        looking = asyncio.create_task(self._look()) if self._free.locked() else None
        try:
            await asyncio.wait_for(self._free.acquire(), WAITS_S)
        except TimeoutError:
            raise ProblemError(Kind.BUSY, retry_after_s=int(WAITS_S)) from None
        finally:
            if looking is not None:
                looking.cancel()

    async def _look(self) -> None:
        """Cut off the slowest sender now and then, for as long as somebody waits: the next when that one is gone."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOKS_S)
            now = loop.time()
            if any(sender.patience is not None and sender.patience.expired() for sender in self._senders):
                continue
            paces = {
                sender: sender.size / (now - sender.begun)
                for sender in self._senders
                if now - sender.begun > GRACE_S and sender.patience is not None
            }
            slowest = min(paces, key=paces.__getitem__, default=None)
            if slowest is not None and paces[slowest] < FAST and slowest.patience is not None:
                slowest.patience.reschedule(now)


_large = Places(LARGE_AT_ONCE)
_skimmed = Places(SKIMMED_AT_ONCE)


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
    async with _large.one() as sender:
        return await _read(request, cap, length, sender)


async def skim_body(request: AnyRequest, cap: int, take: Callable[[bytes], None]) -> None:
    """Hand a body of at most `cap` bytes over piece by piece, holding none of it.

    Raises what `read_body` does, and what `take` raises.
    """
    length = declared_length(request)
    if length is not None and length > cap:
        raise ProblemError(Kind.TOO_LARGE)
    async with _skimmed.one() as sender:
        await _stream(request, cap, length, take, sender)


async def _read(request: AnyRequest, cap: int, length: int | None, sender: Sender | None = None) -> bytes:
    whole, rest = b"", bytearray()

    def take(chunk: bytes) -> None:
        nonlocal whole
        if whole:  # one object grows: many small pieces would take many times their size
            rest.extend(chunk)
        else:
            whole = chunk

    await _stream(request, cap, length, take, sender)
    return whole + rest if rest else whole


async def _stream(
    request: AnyRequest, cap: int, length: int | None, take: Callable[[bytes], None], sender: Sender | None
) -> None:
    """Read at the sender's pace, but no slower than SLOWEST: what they send buys time, up to CHUNK_S of it."""
    size = 0
    now = asyncio.get_running_loop().time
    until = now() + CHUNK_S
    try:
        async with asyncio.timeout_at(until) as patience:
            if sender is not None:
                sender.patience = patience
            async for chunk in request.stream():
                size += len(chunk)
                if size > cap:
                    raise ProblemError(Kind.TOO_LARGE)
                take(chunk)
                if sender is not None:
                    sender.size = size
                if size != length and not patience.expired():
                    until = min(until + len(chunk) / SLOWEST, now() + CHUNK_S)
                    patience.reschedule(until)
    except TimeoutError:
        raise ProblemError(Kind.TOO_SLOW) from None
    request.scope["state"][READ] = True


def decode_json(raw: bytes, shape: type[T]) -> T:
    """Decode a JSON body strictly. Depth is checked on the bytes, before any parser recurses.

    Anybody may send one, so what is looked at step by step is bounded: no shape of ours has as much.
    """
    if raw.count(b'"') + raw.count(b"\\") > MAX_MARKS:
        raise ProblemError(Kind.MALFORMED_JSON)
    brackets = _STRINGS.sub(b"", raw).translate(None, _NOT_BRACKETS)
    if _depth(brackets[:MAX_BRACKETS]) > MAX_DEPTH:
        raise ProblemError(Kind.TOO_DEEP)
    if len(brackets) > MAX_BRACKETS:
        raise ProblemError(Kind.MALFORMED_JSON)
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, Refused):
        raise ProblemError(Kind.MALFORMED_JSON) from None


async def read_json(request: AnyRequest, shape: type[T], cap: int) -> T:
    """Read and decode a JSON body."""
    expect_type(request, JSON)
    return decode_json(await read_body(request, cap), shape)


# Runs are taken whole: one step for each character took 50 ms a megabyte.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _depth(brackets: bytes) -> int:
    deepest = depth = 0
    for bracket in brackets:
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest
