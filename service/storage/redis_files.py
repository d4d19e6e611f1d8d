"""Rewriting what Redis keeps on its disk: nothing stays in its files but what is there now.

Deleted values stay in the append-only file until it is rewritten, and in a dump until the next one. So does the half
of a step that a crash tore: see `redis_readiness`. Rewriting is slow and leaves the server usable.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from redis.exceptions import NoPermissionError, ResponseError

from service.storage.protocol import StoreRefused
from service.storage.redis_node import Conversation, Node

_WITHIN_S: Final = 300.0
_LOOK_AGAIN_S: Final = 0.05
_MAY_NOT: Final = (
    "This service's Redis user may not rewrite the append-only file, or not look whether that is done. Allow it (in "
    "an ACL: +bgrewriteaof +bgsave +info)."
)


class NotRewritten(Exception):
    """Redis could not rewrite its files, or not within five minutes."""


async def rewrite(node: Node) -> None:
    """Rewrite a server's files, a dump too if there may be one. Raises NotRewritten, StoreRefused, NotSent, Lost."""
    await finished(node)  # one that is under way began before the deletion
    await _begin(node, b"BGREWRITEAOF")
    _check_log(await finished(node))
    if await _may_have_dump(node):
        await _begin(node, b"BGSAVE")
        info = await finished(node)
        if info["rdb_last_bgsave_status"] != "ok":
            raise NotRewritten


async def rewrite_log_now(server: Conversation) -> None:
    """Rewrite a server's append-only file, or wait for the rewrite that is under way. Raises as `rewrite`."""
    try:
        await _ask_for(server, b"BGREWRITEAOF")
    except ResponseError as refused:
        if "in progress" not in str(refused):  # such as where Redis can't fork
            raise NotRewritten from None
    _check_log(await finished(server))


async def _begin(node: Node, command: bytes) -> None:
    for _ in range(100):
        try:
            await _ask_for(node, command)
        except ResponseError:  # another began between our look and now; that one may be too early
            await finished(node)
        else:
            return
    raise NotRewritten


async def _ask_for(server: Node | Conversation, command: bytes) -> None:
    try:
        await server.ask(command)
    except NoPermissionError:
        raise StoreRefused(_MAY_NOT) from None


def _check_log(info: dict[str, str]) -> None:
    if info["aof_last_bgrewrite_status"] != "ok":
        raise NotRewritten


async def finished(server: Node | Conversation) -> dict[str, str]:
    """Wait until no rewrite and no dump is under way or scheduled. Raises as `rewrite`."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + _WITHIN_S
    while loop.time() < give_up:
        info = await info_of(server, b"persistence")
        if not any(
            int(info[name])
            for name in ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
        ):
            return info
        await asyncio.sleep(_LOOK_AGAIN_S)
    raise NotRewritten


async def _may_have_dump(node: Node) -> bool:
    """Whether the server dumps by schedule, or was ever given or gave a dump to bring a replica into step.

    Not dumping where there is no dump matters: it would be one more file in which later deletions linger.
    """
    save = await node.ask(b"CONFIG", b"GET", b"save")
    replication = await info_of(node, b"replication")
    return (
        save[1] != b""
        or replication["role"] != "master"
        or int(replication["connected_slaves"]) > 0
        or int(replication["second_repl_offset"]) != -1  # was promoted
    )


async def info_of(server: Node | Conversation, section: bytes) -> dict[str, str]:
    """What a server says of itself. Raises StoreRefused if this service's user may not ask."""
    try:
        raw: Any = await server.ask(b"INFO", section)
    except NoPermissionError:
        raise StoreRefused(_MAY_NOT) from None
    return dict(line.split(":", 1) for line in raw.decode().split("\r\n") if ":" in line)
