"""Polls as this server keeps them: parsed once and remembered, and where each of them stands.

Guarantees: times are the store's clock, the same for every worker; whether a poll opens is decided once, at its opening
time, and never again; a poll's state only goes forward. Everything remembered in memory is named by φ, which fixes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from crypto.group import POINT_SIZE, Point
from crypto.ring import Ring
from polls.agreement import agreements_needed
from polls.election import Election
from polls.electorate import Electorate
from polls.group import ED25519
from polls.manifest import Manifest, election_of, parse_manifest
from polls.trustees import Trustees
from service.server.polls_records import PollRecord, Progress, Rings
from service.server.records import decode, encode, poll_partition
from service.storage.protocol import Change, Conflict, Replace, Store
from service.wire.poll_shapes import PollState
from service.wire.problems import Kind, ProblemError

PROGRESS: Final = b"progress"
OPEN: Final = 1
LAPSED: Final = 2
DESTROYING: Final = 1
DESTROYED: Final = 2
_MEMORY: Final = 64
_BOARDS: Final = 8  # of up to 700 KB, and 64 bytes for each ballot
_BOARD_LIVES_S: Final = 60.0
_ATTEMPTS: Final = 32


@dataclass(frozen=True)
class Poll:
    """A poll's unchanging parts."""

    record: PollRecord
    manifest: Manifest
    trustees: Trustees[Any, Any]
    election: Election[Any, Any]

    @property
    def phi(self) -> bytes:
        """The poll's name."""
        return self.manifest.phi

    @property
    def partition(self) -> str:
        """Where everything of it is kept."""
        return poll_partition(self.manifest.phi)

    @property
    def proofs_needed(self) -> int:
        """How many trustees have to show their shares before it opens: as many as have to agree after the close."""
        return agreements_needed(len(self.trustees.keys), self.trustees.threshold)


@dataclass(frozen=True)
class Standing:
    """A poll at one moment. `raw`: the progress record as stored, for compare-and-set."""

    poll: Poll
    progress: Progress
    raw: bytes
    now_s: int

    @property
    def state(self) -> PollState:
        """The name of where it stands."""
        progress, manifest = self.progress, self.poll.manifest
        if progress.opened == LAPSED:
            return "lapsed"
        if progress.archived:
            return "archived"
        if progress.opened != OPEN:
            return "waiting"
        if self.now_s < manifest.closes_at:
            return "open"
        if progress.implemented:
            return "implemented"
        if progress.acknowledged:
            return "acknowledged"
        if progress.outcome is None:
            return "closed"
        return "delivered" if len(progress.sent) >= self.poll.trustees.threshold else "decided"


class Polls:
    """All polls of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[bytes, Poll] = {}
        self._electorates: dict[bytes, Electorate] = {}
        self._boards: dict[bytes, bytes] = {}
        self._reading = asyncio.Lock()

    async def now_s(self) -> int:
        """The time that polls go by: the store's, in whole seconds."""
        return int(await self._store.clock_s())

    async def poll(self, phi: bytes) -> Poll:
        """Give a poll's unchanging parts. Raises NOT_FOUND."""
        known = self._known.get(phi)
        if known is not None:
            return known
        partition = poll_partition(phi)
        record, manifest, trustees = await self._store.read_many(
            partition, [b"poll", b"manifest", b"trustees"]
        )
        if record is None or manifest is None or trustees is None:
            raise ProblemError(Kind.NOT_FOUND)
        kept = decode(record, PollRecord)
        poll = await asyncio.to_thread(_parsed, kept, manifest, trustees)
        if len(self._known) >= _MEMORY:
            self._known.clear()
        self._known[phi] = poll
        return poll

    async def electorate(self, poll: Poll) -> Electorate:
        """Give who may vote. Raises POLL_ARCHIVED once that was destroyed."""
        known = self._electorates.get(poll.phi)
        if known is not None:
            return known
        async with self._reading:  # after a start many ask at once: one reads it, slowly, for all
            known = self._electorates.get(poll.phi)
            if known is not None:
                return known
            raw = await self._store.read(poll.partition, b"rings")
            if raw is None:
                raise ProblemError(Kind.POLL_ARCHIVED)
            electorate = await asyncio.to_thread(electorate_of, decode(raw, Rings))
            if len(self._electorates) >= _MEMORY:
                self._electorates.clear()
            self._electorates[poll.phi] = electorate
            return electorate

    def board(self, phi: bytes) -> bytes | None:
        """Give a closed poll's board, if it was remembered."""
        return self._boards.get(phi)

    def remember_board(self, phi: bytes, board: bytes) -> None:
        """Keep a closed poll's board for a minute: the next who asks gets it without all its pages being read.

        A minute, so that no process holds it for long when it was destroyed by another.
        """
        if len(self._boards) >= _BOARDS:
            self._boards.clear()
        self._boards[phi] = board
        asyncio.get_running_loop().call_later(_BOARD_LIVES_S, self._boards.pop, phi, None)

    def forget(self, phi: bytes) -> None:
        """Drop what is remembered of a poll whose ballots are destroyed."""
        self._known.pop(phi, None)
        self._electorates.pop(phi, None)
        self._boards.pop(phi, None)

    async def standing(self, phi: bytes) -> Standing:
        """Say where a poll stands now, deciding its opening if that is due. Raises NOT_FOUND."""
        poll = await self.poll(phi)
        for _ in range(_ATTEMPTS):
            raw = await self._store.read(poll.partition, PROGRESS)
            if raw is None:
                raise ProblemError(Kind.NOT_FOUND)
            standing = Standing(poll, decode(raw, Progress), raw, await self.now_s())
            if standing.progress.archived:
                self._electorates.pop(phi, None)
                self._boards.pop(phi, None)
            if standing.progress.opened or standing.now_s < poll.manifest.opens_at:
                return standing
            await self._decide_opening(standing)
        raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)

    async def _decide_opening(self, standing: Standing) -> None:
        """Open the poll, or let it lapse: at its opening time, with the proofs that are there then."""
        poll, progress = standing.poll, standing.progress
        ready = len(progress.proved) >= poll.proofs_needed
        decided = msgspec.structs.replace(progress, opened=OPEN if ready else LAPSED)
        # A proof that comes in at this moment changes the record, so this fails and is decided anew.
        await self._store.commit(poll.partition, [Replace(PROGRESS, standing.raw, encode(decided))])

    async def advance(
        self,
        phi: bytes,
        step: Callable[[Standing], tuple[Progress, list[Change]] | None],
    ) -> Standing:
        """Take one step of a poll, atomically: `step` gives the new progress and what goes with it, or None.

        step: may be called several times, and raises the ProblemError that says why it can't be taken now.
        """
        for _ in range(_ATTEMPTS):
            standing = await self.standing(phi)
            taken = step(standing)
            if taken is None:
                return standing
            progress, changes = taken
            raw = encode(progress)
            # A step that only adds a record still compares, so that it isn't taken after the poll moved on.
            changes = [Replace(PROGRESS, standing.raw, raw), *changes]
            if not isinstance(await self._store.commit(standing.poll.partition, changes), Conflict):
                return replace(standing, progress=progress, raw=raw)
        raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)


def unarchived(standing: Standing) -> None:
    """Refuse a poll whose ballots are destroyed, or that never opened."""
    if standing.progress.opened == LAPSED:
        raise ProblemError(Kind.POLL_LAPSED)
    if standing.progress.archived:
        raise ProblemError(Kind.POLL_ARCHIVED)


def closed(standing: Standing) -> None:
    """Refuse a poll that isn't closed yet, or is archived."""
    unarchived(standing)
    if standing.state in {"waiting", "open"}:
        raise ProblemError(Kind.POLL_NOT_CLOSED)


def electorate_of(rings: Rings) -> Electorate:
    """Read an electorate as stored. Slow: every key is checked."""
    return Electorate(
        tuple(
            Ring(tuple(Point(raw[at : at + POINT_SIZE]) for at in range(0, len(raw), POINT_SIZE)))
            for raw in rings.rings
        )
    )


def rings_of(electorate: Electorate) -> Rings:
    """Write an electorate for the store."""
    return Rings(tuple(b"".join(member.raw for member in ring.members) for ring in electorate.rings))


def _parsed(record: PollRecord, manifest: bytes, trustees: bytes) -> Poll:
    parsed, board = parse_manifest(manifest), Trustees.parse(ED25519, trustees)
    return Poll(record, parsed, board, election_of(parsed, board))
