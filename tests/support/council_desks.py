"""Desks of a council's members, which follow the polls of a server in this process, and servers that lie to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from service.cases.rosters import verified_history
from service.desk.measures import Decision
from service.desk.session import Session
from service.desk.sync_failures import Failures
from service.desk.sync_measures import measure_of, pull_measures
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.poll_views import PollView
from tests.support.desks import desk_of
from tests.support.poll_trustees import Bridge
from tests.support.server_polls import ServerPoll

T = TypeVar("T")


class Lying(Bridge):
    """A server that changes what it shows of polls, and counts how often one is asked for."""

    asked = 0

    def __init__(self, poll: ServerPoll, **changes: object) -> None:
        super().__init__(poll.client)
        self.changes = changes

    def do(self, call: Call[Any]) -> Any:
        found = super().do(call)
        if isinstance(found, PollView):
            self.asked += 1
            return replace(found, shape=msgspec.structs.replace(found.shape, **self.changes))
        return found


async def at_desk(folder: Path, poll: ServerPoll, name: str, act: Callable[[Session], T]) -> T:
    """Do something at a member's desk, whose store stays in the folder; in another thread, as clients block."""

    def opened() -> T:
        with desk_of(folder, "http://localhost:1", poll.group, name) as session:
            raw = [each.raw for each in poll.group.chain.statements]
            session.keep_chain(poll.group.id, raw, verified_history(poll.group.id, raw))
            return act(session)

    return await asyncio.to_thread(opened)


async def pulled(
    folder: Path, poll: ServerPoll, client: Bridge | None = None, name: str = "Zoe"
) -> list[str]:
    """Let a member's desk follow the polls, as `sync` does. Gives its warnings."""
    bridge = cast(Client, client or Bridge(poll.client))
    return await at_desk(folder, poll, name, lambda session: pull_measures(session, bridge, Failures()))


async def known(folder: Path, poll: ServerPoll, name: str = "Zoe") -> Decision:
    """What a member's desk knows of the poll, offline."""
    return (await at_desk(folder, poll, name, lambda session: measure_of(session, poll.phi)))[0]
