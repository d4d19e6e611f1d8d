"""Polls that a council rolls out, made once: a server's data and what is needed to go on with a copy of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

from polls.manifest import Conduct, Option, Urgent
from service.wire.poll_views import PollView
from tests.support.inprocess import Clock, World, in_process
from tests.support.server_polls import DAY, Community, ServerPoll

OPTIONS = (Option("No action", 0), Option("Temporary ban", 90), Option("Abstain", 0))


@dataclass(frozen=True)
class Made:
    """A server's data, its time, and a poll on it. Tests take copies."""

    folder: Path
    now: float
    poll: ServerPoll

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[tuple[World, ServerPoll]]:
        """A server over a copy of the data in `folder`, and the poll."""
        async with in_process(copytree(self.folder, folder), clock=Clock(self.now)) as world:
            poll = copy(self.poll)
            poll.client, poll.now = world.client, world.clock
            yield world, poll


async def vote(world: World, poll: ServerPoll, option: int) -> None:
    """Let a member vote, and the trustees decide it and send it."""
    world.clock.forward(61)
    await poll.cast("github.com/m1", option)
    world.clock.forward(DAY)
    await poll.decide((1, 2))
    await poll.deliver((1, 2))


async def made(folder: Path, basis: Callable[[World], Conduct | Urgent]) -> Made:
    """A poll that opens in a minute."""
    async with in_process(folder) as world:
        community = Community.draw(8)
        group = community.group("Aurora & friends", council=["Zoe"])
        await world.know(community)
        await world.found(group)
        changes = {"quorum": 1, "basis": basis(world), "options": OPTIONS}
        poll = await ServerPoll.ready(world.client, world.clock, group, community, manifest=changes)
        return Made(folder, world.clock(), poll)


async def acknowledged(before: Made, folder: Path) -> tuple[Made, PollView]:
    """The same poll, once it decided on the ban and the council took the result, and what a server shows of it."""
    async with before.opened(folder) as (world, poll):
        await vote(world, poll, 1)
        view = await poll.acknowledge()
        return Made(folder, world.clock(), poll), view
