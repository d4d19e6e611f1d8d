"""Trustees as people run them: `sottovoce trustee decrypt` and its memory, over a client of the test's own loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from service.booth.trustees import TrusteeHome, TrusteeKeys
from service.booth.trustees_work import Done, Trustee
from service.wire.calls import Call
from service.wire.client import AsyncClient, Client
from tests.support.server_polls import ServerPoll


class Bridge:
    """A blocking client for another thread, whose requests the test's event loop sends."""

    def __init__(self, client: AsyncClient) -> None:
        self.client, self.loop = client, asyncio.get_running_loop()

    def do(self, call: Call[Any]) -> Any:
        """Send a request and wait for the answer."""
        return asyncio.run_coroutine_threadsafe(self.client.do(call), self.loop).result()


def home_of(folder: Path, place: int) -> TrusteeHome:
    """The folder of the trustee at a place."""
    return TrusteeHome(folder / f"trustee-{place}", None)


async def decrypt(poll: ServerPoll, place: int, folder: Path, *, words_compared: bool = False) -> Done:
    """Run the command once, as the trustee at that place."""
    keys = TrusteeKeys(poll.seeds[place - 1], poll.keys[place - 1])
    trustee = Trustee(home_of(folder, place), keys, cast(Client, Bridge(poll.client)), poll.mapper)
    now = int(poll.now())
    return await asyncio.to_thread(trustee.decrypt, poll.phi, now, words_compared=words_compared)


def warnings(done: Done) -> list[str]:
    """What a command warned of."""
    return [each for each in done.did if each.startswith("WARNING")]
