"""Calls people when someone is in danger: runs the operator's program once a report that says so can be read.

The program gets the group's id and the ids of those handlers who can read the report, in hexadecimal, as its arguments:
whoever was left out is not to be called. It gets nothing else, and nothing it says is kept. Guarantees: one call for a
report, by whichever worker comes first; one that fails, or that a crash cuts off, is made again after a minute, for a
day. Without a program nobody is called, and the pages say so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Final

from service.server import events
from service.server.deps import Deps
from service.server.records import Call, decode, encode, group_partition, u64
from service.server.settings import ENV, Settings, SettingsRefused
from service.storage.protocol import Conflict, Delete, Insert, Replace, StoreRefused, StoreUnavailable

EVERY_S: Final = 5.0
AGAIN_S: Final = 60
LIVES_S: Final = 86_400
PATIENCE_S: Final = 30.0  # for the program
_CALL: Final = b"call/"
_PAGE: Final = 100


def checked(settings: Settings) -> None:
    """See that the program can be run. Raises SettingsRefused."""
    program = settings.paging
    if program is not None and not (Path(program).is_absolute() and os.access(program, os.X_OK)):
        raise SettingsRefused(
            "A setting is wrong: paging has to be the whole path of a program that can be run."
        )


def call_for(report: bytes, readers: tuple[bytes, ...], release_ms: int) -> Insert:
    """Say that those handlers are to be called when the report can be read, at `release_ms`."""
    name = _CALL + u64(release_ms) + report
    return Insert(name, encode(Call(readers, 0)), _gone_s(name))


async def once(deps: Deps) -> None:
    """Make the calls that are due. Raises StoreUnavailable."""
    program = deps.settings.paging
    if program is None:
        return
    for group, _ in await deps.groups.listed():
        partition = group_partition(group)
        for name, raw in await deps.store.scan(partition, _CALL, limit=_PAGE):
            call, now_s = decode(raw, Call), deps.now_s()
            if int.from_bytes(name[len(_CALL) : len(_CALL) + 8], "big") > deps.clock() * 1_000:
                break
            if call.again_s > now_s:
                continue
            # Claimed for a minute, and not taken away: whoever crashes now has it made again.
            claimed = Replace(name, raw, encode(Call(call.readers, now_s + AGAIN_S)), _gone_s(name))
            if isinstance(await deps.store.commit(partition, [claimed]), Conflict):
                continue
            if await _ran(program, group, call.readers):
                await deps.store.commit(partition, [Delete(name)])


def _gone_s(name: bytes) -> int:
    return int.from_bytes(name[len(_CALL) : len(_CALL) + 8], "big") // 1_000 + LIVES_S


async def forever(deps: Deps) -> None:
    """Do it every five seconds until cancelled; a store that is away is tried again the next time."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await once(deps)
        except (StoreUnavailable, StoreRefused) as error:
            events.failure("paging", error)


async def _ran(program: str, group: bytes, readers: tuple[bytes, ...]) -> bool:
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
