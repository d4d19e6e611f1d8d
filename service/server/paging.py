"""Calls people when someone is in danger: runs the operator's program once a report that says so can be read.

The program gets the group's id and the ids of those handlers who can read such a report, in hexadecimal, as its
arguments: whoever was left out is not to be called. It gets nothing else, and nothing it says is kept. Guarantees: one
run for all reports of a group that wait for one, by whichever worker comes first, so that a flood of them is one call a
minute; a run that fails, or that a crash cuts off, is made again after a minute, for a day; no group waits for
another's. Without a program nobody is called, and the pages say so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from service.server import events
from service.server.deps import Deps
from service.server.records import Call, Calling, decode, encode, group_partition, u64
from service.server.settings import ENV, Settings, SettingsRefused
from service.storage.protocol import Conflict, Delete, Insert, Replace

EVERY_S: Final = 5.0
AGAIN_S: Final = 60
LIVES_S: Final = 86_400
PATIENCE_S: Final = 30.0  # for the program
AT_ONCE: Final = 8  # groups whose program runs at one time
_CALL: Final = b"call/"
_CALLING: Final = b"calling"
_PAGE: Final = 500


def checked(settings: Settings) -> None:
    """See that the program can be run. Raises SettingsRefused."""
    program = settings.paging
    if program is None:
        return
    path = Path(program)
    if not (path.is_absolute() and path.is_file() and os.access(path, os.X_OK)):
        raise SettingsRefused(
            "A setting is wrong: paging has to be the whole path of a program that can be run."
        )


def call_for(report: bytes, readers: tuple[bytes, ...], release_ms: int) -> Insert:
    """Say that those handlers are to be called when the report can be read, at `release_ms`."""
    return Insert(_CALL + u64(release_ms) + report, encode(Call(readers)), release_ms // 1_000 + LIVES_S)


async def once(deps: Deps) -> None:
    """Make the calls that are due. Raises StoreUnavailable."""
    program = deps.settings.paging
    if program is None:
        return
    groups = [group for group, _ in await deps.groups.listed()]
    room = asyncio.Semaphore(AT_ONCE)
    done = await asyncio.gather(
        *(_call(deps, program, group, room) for group in groups), return_exceptions=True
    )
    for failed in done:
        if isinstance(failed, BaseException):
            raise failed


async def _call(deps: Deps, program: str, group: bytes, room: asyncio.Semaphore) -> None:
    partition = group_partition(group)
    due, readers = await _due(deps, partition)
    if not due:
        return
    now_s, raw = deps.now_s(), await deps.store.read(partition, _CALLING)
    if raw is not None and decode(raw, Calling).again_s > now_s:
        return
    # Nothing is taken away before it was done: whoever crashes now has it made again.
    mine, gone_s = encode(Calling(now_s + AGAIN_S)), now_s + LIVES_S
    claim = Insert(_CALLING, mine, gone_s) if raw is None else Replace(_CALLING, raw, mine, gone_s)
    if isinstance(await deps.store.commit(partition, [claim]), Conflict):
        return
    async with room:
        if not await _ran(program, group, readers):
            return
    for at in range(0, len(due), _PAGE):
        await deps.store.commit(partition, [Delete(name) for name in due[at : at + _PAGE]])
    await deps.store.commit(partition, [Delete(_CALLING)])


async def _due(deps: Deps, partition: str) -> tuple[list[bytes], list[bytes]]:
    """Find the calls of a group that are due, and all who are to be called."""
    names: list[bytes] = []
    readers: dict[bytes, None] = {}
    after = b""
    while page := await deps.store.scan(partition, _CALL, after, _PAGE):
        for name, raw in page:
            if int.from_bytes(name[len(_CALL) : len(_CALL) + 8], "big") > deps.clock() * 1_000:
                return names, list(readers)
            names.append(name)
            readers |= dict.fromkeys(decode(raw, Call).readers)
        after = page[-1][0]
    return names, list(readers)


async def _ran(program: str, group: bytes, readers: Sequence[bytes]) -> bool:
    """Run the program to its end; whether it went well."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV)}
    nothing = asyncio.subprocess.DEVNULL
    arguments = [group.hex(), *(reader.hex() for reader in readers)]
    try:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdin=nothing, stdout=nothing, stderr=nothing, env=environment
        )
    except OSError as error:
        events.failure("paging", error)
        return False
    try:
        async with asyncio.timeout(PATIENCE_S):
            code = await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        code = await process.wait()
    if code != 0:
        events.event("paging failed")
    return code == 0
