"""The registries of members of this server: their chains as stored, verified once, and kept in memory by head.

Guarantees: nothing is stored that a member who downloads the chain would refuse; appending is one atomic change,
compared with the head; repeating it is harmless. Requests that wait for a keeper are service.server.registry_requests'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from crypto.chains import Statement
from crypto.errors import Refused
from crypto.labels import Label
from service.cases.registry import GrowingRegistry, Registry, registry_root
from service.server.listing import enlist
from service.server.records import SERVER, Head, RegistryEntry, decode, encode, registry_partition
from service.storage.protocol import Append, Conflict, Insert, Replace, Store, entry_name, sequence_of
from service.wire.problems import Kind, ProblemError
from service.wire.registry_shapes import MAX_REGISTRIES, STATEMENTS_PAGE

_HEAD: Final = b"last"
_LOG: Final = b"statement"
_LISTED: Final = b"registry/"


class Registries:
    """Verified chains by registry id."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[bytes, GrowingRegistry] = {}
        self._reading: dict[bytes, asyncio.Lock] = {}

    async def registry(self, registry: bytes) -> Registry | None:
        """The registry as it stands now; None for one this server doesn't have."""
        growing = await self.growing(registry)
        return None if growing is None else growing.registry

    async def growing(self, registry: bytes) -> GrowingRegistry | None:
        """The verified chain as it stands now; None for a registry this server doesn't have."""
        head = await self._head(registry)
        if head is None:
            return None
        known = self._known.get(registry)
        if known is not None and known.links[-1] == head.digest:
            return known
        # One reader at a time: verifying a long chain twice at once would only take twice as long.
        async with self._reading.setdefault(registry, asyncio.Lock()):
            known = self._known.get(registry)
            if known is None or known.links[-1] != head.digest:
                known = self._known[registry] = await self._read_on(registry, known)
        return known

    async def page(self, registry: bytes, after: int) -> tuple[list[bytes], bool] | None:
        """Give statements from number `after` on, and whether there are more; None for an unknown registry."""
        head = await self._head(registry)
        if head is None:
            return None
        found = await self._scan(registry, after)
        return [raw for _, raw in found], bool(found) and found[-1][0] <= head.seq

    async def append(
        self, registry: bytes, statements: Sequence[bytes], *, may_found: bool
    ) -> tuple[int, bytes]:
        """Add statements, all or none; give the last one's number and digest.

        Raises REGISTRY_CLOSED, REGISTRY_REFUSED (one can't follow), REGISTRY_CONFLICT (they follow an older head),
        TOO_MANY (registries).
        """
        growing = await self.growing(registry)
        if growing is None:
            if not may_found:
                raise ProblemError(Kind.REGISTRY_CLOSED)
            if len(await self.listed()) >= MAX_REGISTRIES:
                raise ProblemError(Kind.TOO_MANY)
        parsed = _parsed(statements)
        have = 0 if growing is None else _already(growing, parsed)
        if have < len(parsed):
            new = statements[have:]
            grown = await _grown(registry, growing, new, parsed[have])
            condition: Insert | Replace = Insert(_HEAD, _head_of(grown))
            if growing is not None:
                condition = Replace(_HEAD, _head_of(growing), _head_of(grown))
            changes = [condition, *(Append(_LOG, raw) for raw in new)]
            outcome = await self._store.commit(registry_partition(registry), changes)
            if isinstance(outcome, Conflict):
                raise ProblemError(Kind.REGISTRY_CONFLICT)
            growing = self._known[registry] = grown
        if growing is not None:
            # Another partition: a crash in between is healed by the repeat.
            entry = encode(RegistryEntry(growing.registry.name))
            await enlist(self._store, _LISTED + registry, entry)
        return parsed[-1].seq, parsed[-1].digest

    async def listed(self) -> list[tuple[bytes, RegistryEntry]]:
        """All registries of the server, in the order of their ids."""
        found: list[tuple[bytes, RegistryEntry]] = []
        after = b""
        while page := await self._store.scan(SERVER, _LISTED, after, 200):
            found.extend((name[len(_LISTED) :], decode(value, RegistryEntry)) for name, value in page)
            after = page[-1][0]
        return found

    async def _head(self, registry: bytes) -> Head | None:
        raw = await self._store.read(registry_partition(registry), _HEAD)
        return None if raw is None else decode(raw, Head)

    async def _scan(self, registry: bytes, after: int) -> list[tuple[int, bytes]]:
        """Statements from number `after` on, each with the number of the one after it."""
        # The store counts a log from 1, a chain counts from 0: the entry n holds statement n - 1.
        found = await self._store.scan(
            registry_partition(registry), _LOG + b"/", entry_name(_LOG, after), STATEMENTS_PAGE
        )
        return [(sequence_of(name), raw) for name, raw in found]

    async def _read_on(self, registry: bytes, known: GrowingRegistry | None) -> GrowingRegistry:
        """Verify what is stored beyond what is known. In a thread: a long chain takes seconds."""
        raw: list[bytes] = []
        start = at = 0 if known is None else len(known.links)
        while found := await self._scan(registry, at):
            raw += [statement for _, statement in found]
            at = start + len(raw)
        try:
            return await asyncio.to_thread(_read, registry, known, raw)
        except Refused as refused:
            raise RuntimeError("a stored registry does not verify") from refused


def _read(registry: bytes, known: GrowingRegistry | None, raw: Sequence[bytes]) -> GrowingRegistry:
    if known is not None:
        return known.grown(raw)
    return GrowingRegistry.start(raw, registry_root(registry, raw[0] if raw else b""))


def _parsed(statements: Sequence[bytes]) -> list[Statement]:
    try:
        return [Statement.parse(raw, Label.REGISTRY) for raw in statements]
    except Refused:
        raise ProblemError(Kind.REGISTRY_REFUSED) from None


def _already(growing: GrowingRegistry, parsed: Sequence[Statement]) -> int:
    """Count how many of the statements the chain has already. Raises REGISTRY_CONFLICT for a contradiction."""
    have = 0
    for statement in parsed:
        if statement.seq >= len(growing.links):
            break
        if growing.links[statement.seq] != statement.digest:
            raise ProblemError(Kind.REGISTRY_CONFLICT)
        have += 1
    return have


async def _grown(
    registry: bytes, growing: GrowingRegistry | None, new: Sequence[bytes], first: Statement
) -> GrowingRegistry:
    """Verify and fold new statements. A stranger's cost one check of a signature."""
    if growing is not None and (first.seq, first.previous) != (len(growing.links), growing.links[-1]):
        raise ProblemError(Kind.REGISTRY_CONFLICT)  # the root signed it on another head
    try:
        return await asyncio.to_thread(_read, registry, growing, new)
    except Refused:
        raise ProblemError(Kind.REGISTRY_REFUSED) from None


def _head_of(growing: GrowingRegistry) -> bytes:
    return encode(Head(len(growing.links) - 1, growing.links[-1]))
