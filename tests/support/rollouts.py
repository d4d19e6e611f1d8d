"""Polls that a council rolls out, made once and copied, and the desks at which it does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from polls.manifest import Conduct, Option, Urgent
from service.cli import main
from service.wire.poll_views import PollView
from tests.support.communities import Community
from tests.support.desks import home_of
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.poll_trustees import Bridge
from tests.support.server_polls import DAY, ServerPoll

OPTIONS = (Option("No action", 0), Option("Temporary ban", 90), Option("Abstain", 0))
PASSPHRASE = "open sesame"


async def vote(world: World, poll: ServerPoll, option: int) -> None:
    """Let a member vote, and the trustees decide it and send it."""
    world.clock.forward(61)
    await poll.cast("github.com/m1", option)
    world.clock.forward(DAY)
    await poll.decide((1, 2))
    await poll.deliver((1, 2))


def out_of_the_chat(world: World) -> Urgent:
    """Something holds until the members have decided."""
    return Urgent("Out of the chat", int(world.clock()) + 20 * DAY)


def made(folder: Path, basis: Callable[[World], Conduct | Urgent]) -> KeptPoll:
    """A poll that opens in a minute."""

    async def ready(world: World) -> ServerPoll:
        community = Community.draw(8)
        group = community.group("Aurora & friends", council=["Zoe"])
        await world.know(community)
        await world.found(group)
        changes = {"quorum": 1, "basis": basis(world), "options": OPTIONS}
        return await ServerPoll.ready(world.client, world.clock, group, community, manifest=changes)

    return KeptPoll.make(folder, ready)


def acknowledged(before: KeptPoll, folder: Path) -> tuple[KeptPoll, PollView]:
    """The same poll, once it decided on the ban and the council took the result, and what a server shows of it."""
    views = list[PollView]()

    async def taken(world: World, poll: ServerPoll) -> None:
        await vote(world, poll, 1)
        views.append(await poll.acknowledge())

    return before.later(folder, taken), views[0]


class Council:
    """The desks of Zoe, of the council, and of Ada, a handler, and a poll that is open for a day."""

    def __init__(self, folder: Path, world: World, poll: ServerPoll, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.world, self.poll = folder, world, poll
        (folder / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
        for name in ("Zoe", "Ada"):
            home_of(folder / name, "http://localhost:1", poll.group, name, PASSPHRASE)
        self.bridge = Bridge(world.client)
        patch.setattr("service.desk.rollout_cli.client_of", lambda session: nullcontext(self.bridge))

    @property
    def id(self) -> str:
        return self.poll.phi.hex()

    async def type(self, *arguments: str, name: str = "Zoe") -> Result:
        options = ["--home", str(self.folder / name), "--passphrase-file", str(self.folder / "passphrase")]
        return await asyncio.to_thread(CliRunner().invoke, main, ["desk", *options, "rollout", *arguments])

    async def gives(self, *arguments: str) -> str:
        result = await self.type(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    async def told(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.gives(self.id, "--json", *arguments))
        return found

    async def refused(self, *arguments: str, name: str = "Zoe") -> str:
        result = await self.type(*arguments, name=name)
        assert (result.exit_code, result.stdout) == (3, ""), result.output
        return result.stderr

    async def vote(self, option: int) -> None:
        await vote(self.world, self.poll, option)
