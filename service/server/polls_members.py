"""Who of a registry's snapshot may vote: its members without those left out, as rings and as sealing keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.errors import Refused
from crypto.ring import Ring
from service.server.deps import Deps
from service.wire.problems import Kind, ProblemError


@dataclass(frozen=True, slots=True)
class Staying:
    """The members who stay: their rings, and the ids of their sealing keys in ascending order."""

    rings: tuple[Ring, ...]
    seal_key_ids: tuple[bytes, ...]


async def staying(deps: Deps, registry: bytes, snapshot: str, left_out: Sequence[str]) -> Staying:
    """Give the electorate of a snapshot. Raises REGISTRY or ELECTORATE when this server has no such one or snapshot."""
    found = await deps.registries.registry(registry)
    if found is None:
        raise ProblemError(Kind.REGISTRY)
    try:
        frozen = found.snapshot(snapshot)
        excluded = frozenset(left_out)
        rings = frozen.rings(excluded)
    except Refused:
        raise ProblemError(Kind.ELECTORATE) from None
    keys = sorted(member.seal_key.key_id for member in frozen.members if member.account not in excluded)
    return Staying(rings, tuple(keys))
