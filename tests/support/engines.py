"""A store's engine as tests see it: an address to open, and the files behind it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from service.storage import Store, open_store
from tests.support.redis_server import RedisServer

P = "reports:g1"
"""The partition that most tests of the contract write to."""


@dataclass
class Engine:
    """A store's address, opened as often as a test likes, and the files behind it."""

    kind: str
    url: str
    folder: Path
    replicas: int = 0
    apart: bool = False
    servers: list[RedisServer] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        """A store of its own over the same records."""
        store = await open_store(self.url, replicas=self.replicas, apart=self.apart)
        try:
            yield store
        finally:
            await store.close()

    def files_with(self, wanted: bytes) -> list[str]:
        """Names of the engine's files that hold these bytes."""
        return [
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and wanted in path.read_bytes()
        ]

    def wipe(self) -> None:
        """Remove every record of a Redis."""
        for server in self.servers:
            with server.client() as client:
                client.flushall()


async def names(store: Store, prefix: bytes = b"", partition: str = P) -> list[bytes]:
    """Names of a partition's records, in order."""
    return [name for name, _ in await store.scan(partition, prefix, limit=1000)]
