"""Removing for good: the sweep of what has expired, and rewriting all files that hold what was deleted.

What the operator copied elsewhere by hand is beyond reach.
"""

from __future__ import annotations

import asyncio
from typing import Final

from service.storage.protocol import StoreUnavailable
from service.storage.redis_files import NotRewritten, rewrite
from service.storage.redis_node import Node
from service.storage.redis_scripts import EXPIRY_KEYS, SWEEP, call, commit_of, commits_call, tag_of

_PAGE: Final = 500
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
        await asyncio.gather(*(rewrite(node) for node in (master, *replicas)))
    except NotRewritten:
        raise StoreUnavailable(_FAILED) from None
    finally:
        for node in replicas:
            await node.close()
