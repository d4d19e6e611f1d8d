"""Who signed a request: an active handler of a group of this server, now, and only once.

Everything that is wrong with a key or a signature is one answer, so that nobody learns which keys exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from crypto.errors import Refused
from service.cases.rosters import Handler, Roster
from service.server.bodies import read_body
from service.server.deps import Deps
from service.server.http import AnyRequest
from service.server.records import MARK, group_partition
from service.storage.protocol import Conflict, Insert
from service.wire.problems import Kind, ProblemError
from service.wire.signing import WINDOW_S, check_signature, parse_claimed

_GRAIN_S: Final = 900


@dataclass(frozen=True, slots=True)
class Caller:
    """A handler whose request was verified."""

    group: bytes
    handler: Handler
    roster: Roster

    @property
    def mark(self) -> bytes:
        """Names the caller across groups: group id ‖ handler id, 32 bytes."""
        return self.group + self.handler.id


async def verified(deps: Deps, request: AnyRequest, cap: int = 0) -> tuple[Caller, bytes]:
    """Give the caller and the body (at most `cap` bytes). Raises SIGNATURE, CLOCK, REPLAYED or TOO_LARGE.

    The nonce is spent durably before anything is done, so a replay after a crash is refused as well.
    """
    try:
        claimed = parse_claimed(request.headers)
    except Refused:
        raise ProblemError(Kind.SIGNATURE) from None
    now_s = deps.now_s()
    if abs(claimed.time_s - now_s) > WINDOW_S:
        raise ProblemError(Kind.CLOCK)
    history = await deps.groups.history(claimed.group)
    if history is None:
        raise ProblemError(Kind.SIGNATURE)
    handler = history.latest.by_key(claimed.key_id)
    if handler is None or not handler.active or handler.key_id != claimed.key_id:
        raise ProblemError(Kind.SIGNATURE)
    body = await read_body(request, cap)
    try:
        check_signature(claimed, handler.verify_key, request.method, target_of(request), body)
    except Refused:
        raise ProblemError(Kind.SIGNATURE) from None
    nonce = Insert(b"nonce/" + claimed.key_id + claimed.nonce, MARK, expires_s=kept_until_s(claimed.time_s))
    if isinstance(await deps.store.commit(group_partition(claimed.group), [nonce]), Conflict):
        raise ProblemError(Kind.REPLAYED)
    return Caller(claimed.group, handler, history.latest), body


def kept_until_s(time_s: int) -> int:
    """Say until when the mark of a request of `time_s` is kept: for as long as it could be replayed, and to the end of
    a quarter of an hour, so that the store doesn't hold the second at which somebody was at work.
    """
    return -(-(time_s + 2 * WINDOW_S + 1) // _GRAIN_S) * _GRAIN_S


def target_of(request: AnyRequest) -> str:
    """Give the path with query exactly as it was sent, which is what was signed."""
    raw: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    try:
        return (raw + b"?" + query if query else raw).decode("ascii")
    except UnicodeDecodeError:
        raise ProblemError(Kind.BAD_REQUEST) from None
