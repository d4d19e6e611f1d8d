"""The server's own lists, of its groups and registries: apart from their chains, so written in a commit of their own.

A crash in between leaves a chain that is not listed; whoever repeats the statement heals that. Statements are public,
so anybody may repeat them: that writes only what is missing.
"""

from __future__ import annotations

from service.server.records import SERVER
from service.storage.protocol import Present, Put, Store


async def enlist(store: Store, name: bytes, entry: bytes) -> None:
    """Have a list hold this entry, durably."""
    # What was read may be on one machine of a Redis only. Present writes nothing, and waits until it is on all.
    there = await store.read(SERVER, name) == entry
    await store.commit(SERVER, [Present(name) if there else Put(name, entry)])
