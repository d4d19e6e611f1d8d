"""A voter at their own machine for tests: a folder with a key file, and `sottovoce vote` as typed, or the page.

async with prepared(server) as poll:                      # a tests.support.timed_server
    server.forward(60)
    home = home_of(tmp_path, keys_of(poll, "github.com/m1"))
    result = await vote(server, poll, home, "--yes", typed="1")

Polls are of a test alone; the members, the group and the board of trustees are those of all tests at one server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from pathlib import Path
from weakref import WeakKeyDictionary

from click.testing import CliRunner, Result

from crypto.entropy import system
from crypto.keyfiles import Stretching, lock
from crypto.secrets import Passphrase
from service.booth import voting
from service.booth.page import BoothPage
from service.cli import main
from service.member_keys import FILE, KIND, MemberKeys
from service.wire.admitting import Admission
from service.wire.client import AsyncClient, Client
from service.wire.poll_shapes import DefineBoard, TrusteeCard
from tests.support.communities import Community
from tests.support.server_polls import ServerPoll
from tests.support.timed_server import TimedServer

BOARD = DefineBoard("The board", 2, (TrusteeCard("Ana", bytes(32)),) * 3)
PASSPHRASE = "correct horse"
UNSIGNED = "on the board; the trustees have not signed its outcome yet"
"""What a voter is told of a ballot that waits for the outcome."""


_boards: WeakKeyDictionary[TimedServer, ServerPoll] = WeakKeyDictionary()


@asynccontextmanager
async def prepared(server: TimedServer, **manifest: object) -> AsyncIterator[ServerPoll]:
    """A poll of a matter of its own among seven members, not open yet. manifest: changes to it."""
    async with AsyncClient(server.base, clock=server.clock) as client:
        if server not in _boards:
            _boards[server] = await _board(server, client)
        poll = copy(_boards[server])
        poll.client, poll.matter = client, system(32)
        await poll.create(await poll.make_manifest(**manifest))
        await poll.prove(range(1, poll.trustees_n + 1))
        yield poll


async def _board(server: TimedServer, client: AsyncClient) -> ServerPoll:
    """Found a group with members and a board of trustees, and hold the ceremony; no poll yet."""
    community = Community.draw(8)
    group = community.group()
    await group.found_async(client)
    await community.publish(client)
    poll = ServerPoll(client, server.clock, group, community)
    await poll.hold_ceremony()
    return poll


def home_of(folder: Path, keys: MemberKeys) -> Path:
    """A member's folder with a key file and the passphrase beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = lock(keys.payload(), Passphrase(PASSPHRASE), Stretching(64, 1, 1), entropy=system, kind=KIND)
    (folder / FILE).write_bytes(raw)
    (folder / "passphrase").write_text(PASSPHRASE)
    return folder


def keys_of(poll: ServerPoll, account: str) -> MemberKeys:
    return MemberKeys(*poll.community.keys[account])


async def vote(server: TimedServer, poll: ServerPoll, home: Path, *words: str, typed: str = "") -> Result:
    """Type `sottovoce vote`."""
    line = ["vote", poll.phi.hex(), "--server", server.base, "--home", str(home)]
    line += ["--passphrase-file", str(home / "passphrase"), *words]
    return await asyncio.to_thread(CliRunner().invoke, main, line, input=typed)


def page_after_cast(server: TimedServer, poll: ServerPoll, home: Path) -> str:
    """Cast option 1 as m1 in the booth's page; gives what it shows then."""
    keys = keys_of(poll, "github.com/m1")
    with Client(server.base, clock=server.clock) as client:
        checked = voting.check_poll(client, poll.phi, home)
        with Admission(client, poll.group.id, "casts") as admission:
            page = BoothPage(
                checked.manifest,
                voting.Summary(),
                lambda option: voting.cast(client, checked, keys, option, admission, home),
                host="h",
                secret="s",
                moment=str,
                sent="",
                check="",
                voters="",
                board=BOARD,
            )
            sent = page.answer("POST", "/s/cast", {"host": "h"}, b"option=1")
            shown = page.answer("GET", sent.location, {"host": "h"}, b"") if sent.location else sent
            return shown.body.decode()
