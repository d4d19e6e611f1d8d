"""A process of its own that uses a store, for tests that kill it or race it against others.

python -m tests.support.store_writer URL write SEED     commits for ever; a line per acknowledged commit
python -m tests.support.store_writer URL apart SEED     the same, with a writer in a process of its own
python -m tests.support.store_writer URL claim WHO      claims c0 … c49; a line per claim it won
"""

from __future__ import annotations

import asyncio
import random
import sys

from service.storage import Append, Committed, Insert, Put, Store, open_store

PARTITION = "crash"


def value_of(name: bytes) -> bytes:
    """The value that is written under a name: a few hundred bytes to several pages."""
    draw = random.Random(name)
    return draw.randbytes(draw.choice((20, 400, 3000, 20_000)))


async def write_for_ever(store: Store, seed: str) -> None:
    """Eight tasks; each commit is two records and a log entry that belong together, and is printed once made."""

    async def one(task: int) -> None:
        count = 0
        while True:
            name = f"{seed}.{task}.{count}".encode()
            outcome = await store.commit(
                PARTITION, [Insert(b"a" + name, value_of(name)), Put(b"b" + name, name), Append(b"log", name)]
            )
            if not isinstance(outcome, Committed):
                raise SystemExit("a new name was taken")
            print(name.decode(), outcome.positions[0], flush=True)
            count += 1

    await asyncio.gather(*(one(task) for task in range(8)))


async def claim(store: Store, who: str) -> None:
    """Try to be the first on 50 names, all at once."""

    async def one(n: int) -> None:
        if isinstance(await store.commit(PARTITION, [Insert(b"c%d" % n, who.encode())]), Committed):
            print(n, flush=True)

    sys.stdin.readline()  # the start signal
    await asyncio.gather(*(one(n) for n in range(50)))


async def main(url: str, act: str, word: str) -> None:
    """See the module."""
    store = await open_store(url, apart=act == "apart")
    print("ready", flush=True)
    await (claim if act == "claim" else write_for_ever)(store, word)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
