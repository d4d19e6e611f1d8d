"""Durable inserts per second of the stores, as a ratio to the bare engine measured in the same run.

    python -m bench.store [--rows 4096] [--size 8192] [--json] [--folder DIR] [--only sqlite|redis]

The floor of SQLite is a loop that does nothing but insert, GROUP rows a transaction, with the same durability
settings; that of Redis a blocking client that sends GROUP HSETs in one MULTI/EXEC to the same server. The store is
measured with as many tasks as it says, each with one commit under way at a time: a new name, a value of --size
random bytes. The disk is that of --folder; a RAM disk makes every number meaningless.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from service.storage import Insert, Store, open_store
from service.storage.sqlite_files import connect, prepare
from tests.support.redis_server import RedisServer, redis_server

GROUP = 64


def sqlite_floor(folder: Path, rows: int, value: bytes) -> float:
    """Rows per second of the bare engine, on one thread, GROUP at a time."""
    path = folder / "floor" / "floor.db"
    prepare(path)
    connection = connect(path)
    begun = time.perf_counter()
    for _ in range(0, rows, GROUP):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO records (partition, name, expires_s, value) VALUES ('p', ?, NULL, ?)",
            [(os.urandom(32), value) for _ in range(GROUP)],
        )
        connection.execute("COMMIT")
    took = time.perf_counter() - begun
    connection.close()
    return rows / took


def redis_floor(server: RedisServer, rows: int, value: bytes) -> float:
    """Rows per second of one blocking client, GROUP to a transaction."""
    with server.client() as client:
        begun = time.perf_counter()
        for _ in range(0, rows, GROUP):
            pipeline = client.pipeline(transaction=True)
            for _ in range(GROUP):
                pipeline.hset("floor", os.urandom(32), value)
            pipeline.execute()
        took = time.perf_counter() - begun
        client.delete("floor")
    return rows / took


async def inserts(
    store: Store, tasks: int, rows: int, value: bytes, every_s: float = 0.0
) -> dict[str, float]:
    """`tasks` tasks insert `rows` rows; every_s: each begins a commit so often, if the one before is done."""
    took: list[float] = []

    async def one(task: int) -> None:
        due = time.perf_counter() + every_s * task / tasks
        for _ in range(rows // tasks):
            if every_s:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                due += every_s
            begun = time.perf_counter()
            await store.commit("p", [Insert(os.urandom(32), value)])
            took.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(one(task) for task in range(tasks)))
    per_s = len(took) / (time.perf_counter() - begun)
    took.sort()
    return {
        "tasks": tasks,
        "rows_per_s": round(per_s),
        "p50_ms": round(took[len(took) // 2] * 1000, 2),
        "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 2),
    }


async def measure(url: str, floor: float, rows: int, value: bytes) -> dict[str, Any]:
    """Every load on one store, each with its ratio to the floor."""
    store = await open_store(url)
    found: list[dict[str, float]] = []
    for tasks in (1, 16, 64, 256):
        result = await inserts(store, tasks, rows if tasks > 1 else rows // 8, value)
        found.append({**result, "ratio": round(result["rows_per_s"] / floor, 2)})
    full = max(found, key=lambda one: one["rows_per_s"])
    half = await inserts(store, 64, rows, value, every_s=64 / (full["rows_per_s"] / 2))
    await store.close()
    return {"floor_rows_per_s": round(floor), "loads": found, "half_load": half, "best_ratio": full["ratio"]}


async def run(rows: int, size: int, folder: Path, only: str | None) -> dict[str, Any]:
    """Both engines, one after the other."""
    value = os.urandom(size)
    results: dict[str, Any] = {"rows": rows, "value_bytes": size, "group": GROUP}
    if only != "redis":
        floor = sqlite_floor(folder, rows, value)
        results["sqlite"] = await measure(f"sqlite://{folder}/store/store.db", floor, rows, value)
    if only != "sqlite":
        with redis_server(folder / "redis") as server:
            floor = redis_floor(server, rows, value)
            results["redis"] = await measure(server.url, floor, rows, value)
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument(
        "--folder", type=Path, help="a folder on the disk to measure; default: the temporary one"
    )
    parser.add_argument("--only", choices=["sqlite", "redis"])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        results = asyncio.run(run(given.rows, given.size, Path(folder), given.only))
    if given.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{given.rows} inserts of {given.size} bytes, durable")
    for engine in ("sqlite", "redis"):
        if found := results.get(engine):
            print(f"\n{engine}: floor {found['floor_rows_per_s']} rows/s in groups of {GROUP}")
            for load in found["loads"]:
                print(
                    f"  {load['tasks']:4} tasks {load['rows_per_s']:7} rows/s  ratio {load['ratio']:.2f}"
                    f"  p50 {load['p50_ms']} ms  p99 {load['p99_ms']} ms"
                )
            half = found["half_load"]
            print(
                f"  half load {half['rows_per_s']} rows/s: p50 {half['p50_ms']} ms  p99 {half['p99_ms']} ms"
            )


if __name__ == "__main__":
    main()
