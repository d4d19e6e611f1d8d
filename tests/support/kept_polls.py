"""A poll that is made once and kept as the files of its server, of which each test has a copy to change.

kept = KeptPoll.make(folder, made)                  # made(world) gives the ServerPoll, at the time to begin at
async with kept.world(tmp_path) as world:           # a server over a copy of the files; url: of a copy of its Redis
    poll = kept.poll(world)
"""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from tests.support.inprocess import Clock, World, in_process
from tests.support.server_polls import ServerPoll


@dataclass(frozen=True)
class KeptPoll:
    """The files of a server that was closed, its time then, and everybody who takes part in its poll."""

    folder: Path
    now: float
    original: ServerPoll

    @classmethod
    def make(
        cls, folder: Path, made: Callable[[World], Awaitable[ServerPoll]], *, url: str | None = None
    ) -> KeptPoll:
        """Let `made` make the poll on a server in `folder`, and close the server. url: of a store elsewhere."""

        async def make() -> ServerPoll:
            async with in_process(folder, clock=clock, url=url) as world:
                return await made(world)

        clock = Clock()
        return cls(folder, original=asyncio.run(make()), now=clock())

    def later(self, folder: Path, goes_on: Callable[[World, ServerPoll], Awaitable[None]]) -> KeptPoll:
        """Keep what the same server is in `folder`, which isn't there yet, when the poll has gone on."""

        async def make() -> tuple[ServerPoll, float]:
            async with self.world(folder) as world:
                poll = self.poll(world)
                await goes_on(world, poll)
                return poll, world.clock()

        poll, now = asyncio.run(make())
        return KeptPoll(folder, now, poll)

    @asynccontextmanager
    async def world(self, folder: Path, *, url: str | None = None) -> AsyncIterator[World]:
        """Open a server over a copy of the files in `folder`, which isn't there yet."""
        shutil.copytree(self.folder, folder)
        async with in_process(folder, clock=Clock(self.now), url=url) as opened:
            yield opened

    def poll(self, world: World) -> ServerPoll:
        """Everybody who takes part, at that server: what they come to know and say stays there."""
        here = copy(self.original)
        here.client, here.now = world.client, world.clock
        here.seeds, here.keys = list(here.seeds), list(here.keys)
        here.group = dataclasses.replace(here.group, handlers=list(here.group.handlers))
        return here
