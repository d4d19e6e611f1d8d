"""How many reports a second the server takes durably, against floors measured in the same run.

    python -m bench.intake [--store sqlite|redis|both] [--rounds 10] [--json]

Reports are of the 4 KiB class to 3 recipients; SQLite syncs, Redis has `appendfsync always`. Floors: the same server
reading the same bodies and answering at once, and the bare store inserting what a report inserts (four records, in one
commit). They are measured in turns with the reports, since machines are shared and change their speed; rates
are all requests of all rounds by all the time they took. Wanted: at least 0.5 of the lower floor, p99 under 100 ms at
half of the rate reached. Load comes from this process over keep-alive connections; with few cores it competes with the
server, for the floors as for the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.load import CONNECTIONS, flat_out, paced
from crypto.entropy import system
from crypto.envelope import parse_envelope
from crypto.opening import open_report
from crypto.seal import KEY_ID_SIZE
from service.server.records import Feed, Report, encode, group_partition, report_name
from service.server.settings import Settings, to_environment
from service.storage.addresses import open_store
from service.storage.protocol import Committed, Insert
from service.wire import calls
from service.wire.client import AsyncClient, Client
from service.wire.puzzles import solve
from tests.support.groups import Group
from tests.support.redis_server import DURABLE, free_port, redis_server
from tests.support.server import RunningServer, running_server

ROUND = 2_400  # reports
FLOOR_SECONDS = 1.0
HELD = 10_000  # reports at least, when the memory is looked at


def post(path: str, body: bytes, token: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        f"Sottovoce-Admission: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def prepared(server: RunningServer, group: Group, envelopes: Sequence[bytes]) -> list[bytes]:
    """Make requests, each with a token of its own."""
    path = f"/v1/groups/{group.id.hex()}/reports"
    requests: list[bytes] = []
    async with AsyncClient(server.base) as client:

        async def one(envelope: bytes) -> bytes:
            return post(path, envelope, solve(await client.do(calls.challenge(group.id, "reports"))))

        for at in range(0, len(envelopes), 50):
            requests += await asyncio.gather(*(one(envelope) for envelope in envelopes[at : at + 50]))
    return requests


@contextmanager
def answering_at_once(folder: Path, redis_url: str | None) -> Iterator[int]:
    """The same server with no work: reads the body, and answers a receipt's worth of bytes. See bench.floor."""
    folder.mkdir(mode=0o700)
    settings = Settings(str(folder), port=free_port(), store="redis" if redis_url else "sqlite")
    environment = {
        **os.environ,
        **to_environment(settings),
        "SOTTOVOCE_REDIS_URL": redis_url or "",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.floor"], env=environment, stderr=log, start_new_session=True
        )
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", settings.port), 1):
                break
            time.sleep(0.05)
        yield settings.port
    finally:
        process.terminate()
        process.wait(20)


async def bare_inserts(url: str, envelope: bytes) -> float:
    """Group-committed reports as the server stores them, from as many tasks as there are connections."""
    store = await open_store(url, apart=True)
    await store.healthy()
    done = 0
    until = time.perf_counter() + FLOOR_SECONDS
    group, readers = system(16), tuple(system(KEY_ID_SIZE) for _ in range(3))
    record = encode(Report(20_000, 1, 4, readers, False, 0, envelope))
    entry = encode(Feed(group, 20_000, 1, False, False, 0))

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < until:
            report = system(16)
            listed = [Insert(b"feed/" + reader + bytes(8) + report, entry) for reader in readers]
            changes = [
                Insert(report_name(report), record),
                *listed,
            ]
            outcome = await store.commit(group_partition(group), changes)
            if not isinstance(outcome, Committed):
                raise RuntimeError("the floor's insert failed")
            done += 1

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    took = time.perf_counter() - begun
    await store.close()
    return done / took


def resident_mib(pids: Sequence[int]) -> float:
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1_024


def measure(store: str, rounds: int, folder: Path) -> dict[str, float]:
    """Measure one store, floors and all."""
    group = Group.draw()
    count = ROUND * (rounds + 3)
    begun = time.perf_counter()
    envelopes = [group.seal(b"what happened" * 100) for _ in range(count)]
    sealing_ms = (time.perf_counter() - begun) / count * 1_000
    key = group.handlers[0].sealing
    begun = time.perf_counter()
    for envelope in envelopes[:200]:
        open_report(parse_envelope(envelope), key)
    opening_ms = (time.perf_counter() - begun) / 200 * 1_000
    with contextlib.ExitStack() as stack:
        url = None
        floor_url = f"sqlite://{folder / 'floor.db'}"
        if store == "redis":
            url = stack.enter_context(redis_server(folder / "redis", DURABLE)).url
            # One of its own, which never rewrites its file: the floor's load is not to slow the reports, nor itself.
            bare = {**DURABLE, "auto-aof-rewrite-percentage": "0"}
            floor_url = stack.enter_context(redis_server(folder / "floor", bare)).url
        server = stack.enter_context(running_server(folder / "server", redis_url=url))
        with Client(server.base) as client:
            group.found(client)
        empty_mib = resident_mib(server.pids)
        requests = asyncio.run(prepared(server, group, envelopes))
        answers, inserts, reached = [], [], []
        with answering_at_once(folder / "at-once", url) as port:
            asyncio.run(flat_out(port, requests[:ROUND]))
            asyncio.run(flat_out(server.port, requests[:ROUND]))
            for at in range(ROUND, ROUND * (rounds + 1), ROUND):
                mine = requests[at : at + ROUND]
                answers.append(asyncio.run(flat_out(port, mine)))
                reached.append(asyncio.run(flat_out(server.port, mine)))
                inserts.append(asyncio.run(bare_inserts(floor_url, envelopes[0])))
        rate = statistics.harmonic_mean(reached)
        times = sorted(asyncio.run(paced(server.port, requests[-2 * ROUND :], rate / 2)))
        more = [group.seal(b"x") for _ in range(max(0, HELD - count))]
        asyncio.run(flat_out(server.port, asyncio.run(prepared(server, group, more)))) if more else None
        held_mib = resident_mib(server.pids)
    # Rounds are of equal size, so that the harmonic mean of their rates is all requests by all the time they took.
    floors = (statistics.harmonic_mean(answers), statistics.harmonic_mean(inserts))
    ratios = [mine / min(pair) for mine, *pair in zip(reached, answers, inserts, strict=True)]
    return {
        "reports_per_s": rate,
        "floor_answers_per_s": floors[0],
        "floor_inserts_per_s": floors[1],
        "ratio": rate / min(floors),
        "ratio_median_of_rounds": statistics.median(ratios),
        "half_load_p50_ms": statistics.median(times) * 1_000,
        "half_load_p99_ms": times[int(len(times) * 0.99)] * 1_000,
        "memory_empty_mib": empty_mib,
        "memory_held_mib": held_mib,
        "held_reports": max(count, HELD),
        "sealing_ms": sealing_ms,
        "opening_ms": opening_ms,
    }


def main() -> None:
    """Measure and print; exit 1 when a wanted number is missed."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--store", choices=["sqlite", "redis", "both"], default="both")
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    results = {}
    for store in ["sqlite", "redis"] if chosen.store == "both" else [chosen.store]:
        with tempfile.TemporaryDirectory() as folder:
            results[store] = measure(store, chosen.rounds, Path(folder))
        if not chosen.json:
            print(store)
            for name, value in results[store].items():
                print(f"  {name:24} {value:10.2f}")
    if chosen.json:
        print(json.dumps(results))
    missed = [s for s, r in results.items() if r["ratio"] < 0.5 or r["half_load_p99_ms"] >= 100]
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
