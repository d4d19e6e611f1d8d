"""Requests that wait for a registry's keeper: bounded, checked as they come, gone when granted, dismissed or too old.

Guarantees: a request that waits could be granted when it came. What strangers can make in any number, an SSH signature
by a key of their own, has a bounded number of places; who is vouched for by an invitation or by a member's key has a
place of their own, one for each account, that no stranger can take: also not by handing in again what a newer request
has replaced. Anybody may read what waits: nothing in it is secret, all of it is published when it is granted, and so a
person sees when somebody else asks in their name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from crypto.errors import Refused
from service.cases.asking import Ask, AskLeave, account_of, ask_digest, decode_ask, statement_of
from service.cases.registry import GrowingRegistry
from service.cases.registry_statements import BySsh
from service.server.deps import Deps
from service.server.records import Waiter, Waiting, decode, encode, registry_partition
from service.storage.protocol import Change, Conflict, Delete, Insert, Put, Replace
from service.wire.problems import Kind, ProblemError
from service.wire.registry_shapes import MAX_WAITING, REQUESTS_PAGE

DAY_S: Final = 86_400
LIVES_S: Final = 14 * DAY_S
_INDEX: Final = b"waiting"
_REQUEST: Final = b"request/"
_ATTEMPTS: Final = 32
MAX_REPLACED: Final = 16  # requests of one account that are remembered as replaced


def understood(raw: bytes) -> Ask:
    """Read a request. Raises REQUEST_REFUSED."""
    try:
        return decode_ask(raw)
    except Refused:
        raise ProblemError(Kind.REQUEST_REFUSED) from None


async def waits(deps: Deps, registry: bytes, raw: bytes) -> bool:
    """Whether this very request waits already, so that a repeat costs nothing."""
    return await deps.store.read(registry_partition(registry), _REQUEST + ask_digest(raw)) is not None


async def post(deps: Deps, growing: GrowingRegistry, raw: bytes, ask: Ask) -> None:
    """Let a request wait. Raises REQUEST_REFUSED (it could not be granted), REQUESTS_FULL, BUSY."""
    now_s = deps.now_s()
    today = datetime.fromtimestamp(now_s, UTC).date().isoformat()
    try:
        growing.check(statement_of(ask, max(today, growing.registry.day)))
    except Refused:
        raise ProblemError(Kind.REQUEST_REFUSED) from None
    vouched = isinstance(ask, AskLeave) or not isinstance(ask.identity, BySsh)
    expires_s = -(-(now_s + LIVES_S) // DAY_S) * DAY_S  # says the day on which somebody asked, not the second
    new = Waiter(ask_digest(raw), account_of(ask), vouched, expires_s)

    def added(now: Waiting) -> tuple[Waiting, list[Change]]:
        kept = tuple(each for each in now.waiters if each.expires_s > now_s and each.digest != new.digest)
        before = tuple(each for each in now.replaced if each.expires_s > now_s)
        gone: tuple[Waiter, ...] = ()
        if vouched:
            if any(each.digest == new.digest for each in before):
                raise ProblemError(Kind.REQUEST_REFUSED)
            gone = tuple(each for each in kept if each.vouched and each.account == new.account)
            kept = tuple(each for each in kept if each not in gone)
            of_others = tuple(each for each in before if each.account != new.account)
            own = tuple(each for each in (*before, *gone) if each.account == new.account)
            before = (*of_others, *own[-MAX_REPLACED:])
        elif sum(not each.vouched for each in kept) >= MAX_WAITING:
            raise ProblemError(Kind.REQUESTS_FULL)
        stored = Put(_REQUEST + new.digest, raw, expires_s=new.expires_s)
        return Waiting((*kept, new), before), [stored, *(Delete(_REQUEST + each.digest) for each in gone)]

    await _change(deps, growing.registry.id, added)


async def page(deps: Deps, registry: bytes, after: bytes) -> tuple[list[tuple[bytes, bytes]], bool]:
    """Give requests that wait, as (digest, request) in the order of digests beyond `after`; and whether more follow."""
    partition, prefix = registry_partition(registry), _REQUEST
    found = await deps.store.scan(partition, prefix, prefix + after if after else b"", REQUESTS_PAGE)
    more = bool(found and await deps.store.scan(partition, prefix, found[-1][0], 1))
    return [(name[len(prefix) :], raw) for name, raw in found], more


async def settle(deps: Deps, registry: bytes, accounts: Collection[str]) -> None:
    """Drop the requests of accounts about which a statement was added: granted, or beside the point now."""
    await _drop(deps, registry, lambda waiter: waiter.account in accounts)


async def dismiss(deps: Deps, registry: bytes, digests: Sequence[bytes]) -> int:
    """Drop requests by digest; give how many had been waiting."""
    chosen = frozenset(digests)
    return await _drop(deps, registry, lambda waiter: waiter.digest in chosen)


async def _drop(deps: Deps, registry: bytes, chosen: Callable[[Waiter], bool]) -> int:
    dropped = 0

    def without(now: Waiting) -> tuple[Waiting, list[Change]] | None:
        nonlocal dropped
        gone = [waiter for waiter in now.waiters if chosen(waiter)]
        dropped = len(gone)
        kept = tuple(waiter for waiter in now.waiters if waiter not in gone)
        changes: list[Change] = [Delete(_REQUEST + waiter.digest) for waiter in gone]
        return (Waiting(kept, now.replaced), changes) if gone else None

    await _change(deps, registry, without)
    return dropped


async def _change(
    deps: Deps, registry: bytes, change: Callable[[Waiting], tuple[Waiting, list[Change]] | None]
) -> None:
    """Change index and requests together, as if nobody else were there. change: None leaves all as it is."""
    partition = registry_partition(registry)
    for _ in range(_ATTEMPTS):
        raw = await deps.store.read(partition, _INDEX)
        decided = change(Waiting() if raw is None else decode(raw, Waiting))
        if decided is None:
            return
        kept, changes = decided
        # An empty one goes at once.
        last_s = max((each.expires_s for each in (*kept.waiters, *kept.replaced)), default=deps.now_s())
        index: Change = Insert(_INDEX, encode(kept), last_s)
        if raw is not None:
            index = Replace(_INDEX, raw, encode(kept), last_s)
        if not isinstance(await deps.store.commit(partition, [index, *changes]), Conflict):
            return
    raise ProblemError(Kind.BUSY, retry_after_s=1)
