"""Removing for good: the sweep of what has expired, and rewriting Redis' files so that deleted bytes leave them.

A deleted value stays in the append-only file until that is rewritten, and in a dump until the next one. Rewriting is
slow and leaves the server usable. What the operator copied elsewhere by hand is beyond reach.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from redis.exceptions import ResponseError

from service.storage.protocol import StoreUnavailable
from service.storage.redis_node import Node
from service.storage.redis_scripts import EXPIRY_KEYS, SWEEP, call, commit_of, commits_call, tag_of

_PAGE: Final = 500
_REWRITES_WITHIN_S: Final = 300.0
_LOOK_AGAIN_S: Final = 0.05
_FAILED: Final = (
    "The records are deleted, but Redis could not rewrite its files, which still hold them. Try again."
)


async def sweep(node: Node, now_s: int) -> int:
    """Remove a master's records with `expires_s` ≤ now_s, in pages, so that others get their turn."""
    removed, cursor = 0, b"0"
    while True:
        cursor, found = await node.ask(b"SCAN", cursor, b"MATCH", EXPIRY_KEYS, b"COUNT", 1000)
        for key in found:
            partition = tag_of(key)
            while (page := int(await node.ask(*call(SWEEP, partition, now_s, _PAGE)))) > 0:
                removed += page
                if page < _PAGE:
                    break
        if cursor == b"0":
            return removed


async def rewrite_files(master: Node, partition: str) -> None:
    """Rewrite the files of a master and of its replicas. Returns when all hold only what is there now.

    Raises StoreUnavailable if one of them could not, NotSent or Lost if one can't be reached.
    """
    role = await master.ask(b"ROLE")
    replicas = [master.sibling(host.decode(), int(port)) for host, port, _ in role[2]]
    try:
        if replicas:
            # A replica that has this write has made the deletions before it.
            barrier = commits_call([commit_of(partition, (), barrier=True)])
            (written, reached) = await master.exchange(barrier, (b"WAIT", len(replicas), 8_000))
            refused = isinstance(written, Exception) or isinstance(written[0], Exception)
            if refused or isinstance(reached, Exception) or reached < len(replicas):
                raise StoreUnavailable(_FAILED)
        await asyncio.gather(*(_rewrite(node) for node in (master, *replicas)))
    finally:
        for node in replicas:
            await node.close()


async def _rewrite(node: Node) -> None:
    await _finished(node)  # one that is under way began before the deletion
    await _begin(node, b"BGREWRITEAOF")
    info = await _finished(node)
    if info["aof_last_bgrewrite_status"] != "ok":
        raise StoreUnavailable(_FAILED)
    if await _may_have_dump(node):
        await _begin(node, b"BGSAVE")
        info = await _finished(node)
        if info["rdb_last_bgsave_status"] != "ok":
            raise StoreUnavailable(_FAILED)


async def _begin(node: Node, command: bytes) -> None:
    for _ in range(100):
        try:
            await node.ask(command)
        except ResponseError:  # another began between our look and now; that one may be too early
            await _finished(node)
        else:
            return
    raise StoreUnavailable(_FAILED)


async def _finished(node: Node) -> dict[str, str]:
    """Wait until no rewrite and no dump is under way or scheduled."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + _REWRITES_WITHIN_S
    while loop.time() < give_up:
        info = await _info(node, b"persistence")
        if not any(
            int(info[name])
            for name in ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
        ):
            return info
        await asyncio.sleep(_LOOK_AGAIN_S)
    raise StoreUnavailable(_FAILED)


async def _may_have_dump(node: Node) -> bool:
    """Whether the server dumps by schedule, or was ever given or gave a dump to bring a replica into step.

    Not dumping where there is no dump matters: it would be one more file in which later deletions linger.
    """
    save = await node.ask(b"CONFIG", b"GET", b"save")
    replication = await _info(node, b"replication")
    return (
        save[1] != b""
        or replication["role"] != "master"
        or int(replication["connected_slaves"]) > 0
        or int(replication["second_repl_offset"]) != -1  # was promoted
    )


async def _info(node: Node, section: bytes) -> dict[str, str]:
    raw: Any = await node.ask(b"INFO", section)
    return dict(line.split(":", 1) for line in raw.decode().split("\r\n") if ":" in line)
