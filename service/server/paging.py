"""Calls people when someone is in danger: runs the operator's program once a report that says so can be read.

The program gets the group's id and the ids of those handlers who can read such a report, in hexadecimal, as its
arguments: whoever was left out is not to be called. It gets nothing else, and nothing it says is kept. Guarantees: one
run for all reports of a group that wait for one, by whichever worker comes first, so that a flood of them is one call a
minute; a run that fails, or that a crash cuts off, is made again after a minute, for a day; no group waits while
another's program hangs, unless eight do, and what hangs ends with all that it started. Without a program nobody is
called, and the pages say so.

A worker looks every few seconds at the groups that it took an urgent report for (`Deps.to_call`), and asks the store
about no other; housekeeping finds those whose worker is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.server import events
from service.server.deps import Deps
from service.server.records import Call, Calling, Damaged, decode, encode, group_partition, u64
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


async def find(deps: Deps, group: bytes) -> None:
    """Have `Pager` look at a group if calls wait there: another worker may have left them."""
    if deps.settings.paging is not None and await deps.store.scan(group_partition(group), _CALL, limit=1):
        deps.to_call.add(group)


class Pager:
    """Makes one process' calls, each group's in a task of its own."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[bytes, asyncio.Task[None]] = {}

    async def once(self, deps: Deps) -> None:
        """Begin with the calls that may be due; waits for none."""
        program = deps.settings.paging
        if program is None:
            return
        for group in deps.to_call - self._under_way.keys():
            # Before the store is asked: what comes from now on is looked at the next time.
            deps.to_call.discard(group)
            self._under_way[group] = asyncio.create_task(self._call(deps, program, group))

    async def done(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way.values())

    async def stop(self) -> None:
        """Wait for nothing any more: another worker, or the next start, makes the calls again."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _call(self, deps: Deps, program: str, group: bytes) -> None:
        made = False
        try:
            made = await self._made(deps, program, group)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it was, the call is tried again
            events.failure("paging", error)
        finally:
            del self._under_way[group]
        if not made:
            deps.to_call.add(group)

    async def _made(self, deps: Deps, program: str, group: bytes) -> bool:
        """Make the call of a group if it is due; whether none waits any more."""
        partition = group_partition(group)
        due = await _due(deps, partition)
        if not due.names:
            return not due.later
        async with self._room:
            now_s, raw = deps.now_s(), await deps.store.read(partition, _CALLING)
            if raw is not None and _holds(raw, now_s):
                return False
            # Nothing is taken away before it was done: whoever crashes now has it made again.
            mine, gone_s = encode(Calling(now_s + AGAIN_S)), now_s + LIVES_S
            claim = Insert(_CALLING, mine, gone_s) if raw is None else Replace(_CALLING, raw, mine, gone_s)
            if isinstance(await deps.store.commit(partition, [claim]), Conflict):
                return False
            due = await _due(deps, partition)  # another may have made it between the look and the claim
            if due.names and not await _ran(program, group, due.readers):
                return False
        for at in range(0, len(due.names), _PAGE):
            await deps.store.commit(partition, [Delete(name) for name in due.names[at : at + _PAGE]])
        await deps.store.commit(partition, [Delete(_CALLING)])
        return not due.later


@dataclass(frozen=True, slots=True)
class _Due:
    """The calls of a group that are due, and all who are to be called. later: whether others will be."""

    names: list[bytes]
    readers: list[bytes]
    later: bool


async def _due(deps: Deps, partition: str) -> _Due:
    names: list[bytes] = []
    readers: dict[bytes, None] = {}
    after = b""
    while page := await deps.store.scan(partition, _CALL, after, _PAGE):
        for name, raw in page:
            if int.from_bytes(name[len(_CALL) : len(_CALL) + 8], "big") > deps.clock() * 1_000:
                return _Due(names, list(readers), later=True)
            with events.one_of_many("paging"):
                readers |= dict.fromkeys(decode(raw, Call).readers)
                names.append(name)
        after = page[-1][0]
    return _Due(names, list(readers), later=False)


def _holds(raw: bytes, now_s: int) -> bool:
    """Whether somebody's claim holds. Not one that can't be read, or of a clock that was ahead: a call can't wait."""
    try:
        return now_s < decode(raw, Calling).again_s <= now_s + AGAIN_S
    except Damaged as error:
        events.failure("paging", error)
        return False


async def _ran(program: str, group: bytes, readers: Sequence[bytes]) -> bool:
    """Run the program to its end; whether it went well."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV)}
    nothing = asyncio.subprocess.DEVNULL
    arguments = [group.hex(), *(reader.hex() for reader in readers)]
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        events.failure("paging", error)
        return False
    try:
        async with asyncio.timeout(PATIENCE_S):
            code = await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also what a script waits for
        code = await process.wait()
    if code != 0:
        events.event("paging failed")
    return code == 0
