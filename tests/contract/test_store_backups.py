"""Backups as docs/operating.md has them made, while the store is written to: nothing of before is missing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import redis

from service.storage import Committed, Put, Replace, Store, open_store
from tests.support.engines import P
from tests.support.redis_server import RedisServer, redis_server

OPERATING = Path(__file__).parents[2] / "docs/operating.md"
BEFORE = 300


def told(engine: str) -> str:
    """The commands for SQLite or for Redis."""
    section = OPERATING.read_text(encoding="utf-8").split("## Backups\n")[1].split("\n## ")[0]
    sqlite, redis_ = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return str({"sqlite": sqlite, "redis": redis_}[engine])


async def backed_up(engine: str, folder: Path, backup: Path, data: Path) -> int:
    """Do as told, in a folder; the exit status."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    made = await asyncio.to_thread(
        subprocess.run,
        ["/bin/sh", "-c", told(engine)],
        cwd=folder,
        env={"PATH": path, "BACKUP": str(backup), "DATA": str(data)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return made.returncode


@contextlib.asynccontextmanager
async def written_to(store: Store) -> AsyncIterator[None]:
    """A store that has BEFORE records, and is written to without a pause."""
    for start in range(0, BEFORE, 100):
        await store.commit(P, [Put(b"%04d" % n, bytes(8_000)) for n in range(start, start + 100)])

    async def on() -> None:
        for n in count():
            assert await store.commit(P, [Put(b"more%d" % n, os.urandom(20_000))]) == Committed()

    writers = [asyncio.create_task(on()) for _ in range(4)]
    try:
        yield
    finally:
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)


async def whole(store: Store) -> None:
    """Everything of before is there, and it is a store like any other."""
    assert await store.read_many(P, [b"%04d" % n for n in range(BEFORE)]) == [bytes(8_000)] * BEFORE
    assert await store.commit(P, [Replace(b"0000", bytes(8_000), b"1")]) == Committed()
    await store.healthy()


async def test_a_backup_of_sqlite_is_whole(tmp_path: Path) -> None:
    """Plain copies of the files are not: one in eight was damaged. Nobody else may read the backup, nor its keys."""
    data = tmp_path / "data"
    store = await open_store(f"sqlite://{data}/store.db", apart=True)
    for name in ("admission", "receipts"):
        (data / f"{name}.key").write_bytes(name.encode())
    async with written_to(store):
        for n in range(3):
            assert await backed_up("sqlite", tmp_path, tmp_path / f"backup{n}", data) == 0
    await store.close()
    for n in range(3):
        backup = tmp_path / f"backup{n}"
        assert {path.name for path in backup.iterdir()} == {"admission.key", "receipts.key", "store.db"}
        assert all(path.stat().st_mode & 0o077 == 0 for path in (backup, *backup.iterdir()))
        copy = await open_store(f"sqlite://{backup}/store.db")
        await whole(copy)
        await copy.close()
    assert await backed_up("sqlite", tmp_path, backup, data) != 0, "an older backup is not written over"


@pytest.mark.redis
async def test_a_backup_of_redis_is_whole(tmp_path: Path) -> None:
    """Unless Redis rewrote its files meanwhile; then the last command says so."""
    backup: Path | None = None
    with redis_server(tmp_path / "server") as server:
        store = await open_store(server.url)
        async with written_to(store):
            with server.client() as client:
                for n in range(20):
                    with contextlib.suppress(redis.ResponseError):  # one is under way
                        client.bgrewriteaof()
                    copied_to = tmp_path / f"backup{n}"
                    if await backed_up("redis", server.folder, copied_to, tmp_path) == 0:
                        backup = copied_to
        await store.close()
    assert backup is not None
    copied = RedisServer(backup)
    copied.start()
    try:
        store = await open_store(copied.url)
        await whole(store)
        await store.close()
    finally:
        copied.kill9()


async def test_a_backup_of_redis_that_is_rewritten_meanwhile_is_told_as_none(tmp_path: Path) -> None:
    """The manifest, which names the files, changes while they are copied."""
    folder, backup = tmp_path / "appendonlydir", tmp_path / "backup"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("file appendonly.aof.1.base.rdb seq 1 type b\n")
    (folder / "appendonly.aof.1.base.rdb").write_bytes(b"")
    assert await backed_up("redis", tmp_path, backup, tmp_path) == 0
    slow = told("redis").replace(
        "cp -R appendonlydir", "echo >> appendonlydir/appendonly.aof.manifest && cp -R appendonlydir"
    )
    assert subprocess.run(
        ["/bin/sh", "-c", slow],
        cwd=tmp_path,
        env={**os.environ, "BACKUP": f"{backup}2"},
        check=False,
        capture_output=True,
    ).returncode
