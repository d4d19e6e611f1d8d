"""Canaries: words, a name and an address that must leave no trace, and the search for them in a server's memory."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.support.server import RunningServer

WORD = "wachtelkönigskanarie"
NAME = "canary-of-the-north"
ADDRESS = "127.66.77.88"  # a loopback address, as good as any other for being written down
FORWARDED = "203.0.113.77"  # what a proxy would claim (RFC 5737)
SOUGHT = (WORD.encode(), NAME.encode(), ADDRESS.encode(), FORWARDED.encode(), WORD.encode("utf-16-le"))


def memory_of(pid: int) -> Iterator[bytes]:
    """Every readable byte of a process, region by region with an overlap."""
    regions = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r", Path(f"/proc/{pid}/maps").read_text(), re.MULTILINE)
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in ((int(a, 16), int(b, 16)) for a, b in regions):
            for at in range(start, end, 16 << 20):
                with suppress(OSError, ValueError, OverflowError):  # vvar and the like can't be read
                    memory.seek(at)
                    yield memory.read(min((16 << 20) + 64, end - at))


def left_in_memory(server: RunningServer) -> list[tuple[int, bytes]]:
    """Give the canaries that are found, each with its process and what is around it."""
    seen = 0
    left: list[tuple[int, bytes]] = []
    for pid in server.pids:
        for region in memory_of(pid):
            seen += len(region)
            at = (region.find(canary) for canary in SOUGHT)
            left += [(pid, region[max(0, place - 100) : place + 100]) for place in at if place >= 0]
    assert seen > 10 << 20  # the search is not of nothing
    return left


def assert_forgotten(server: RunningServer, within_s: float = 60) -> None:
    """Search the server's memory, again and again until the time is over: by then no canary may be left in it."""
    until = time.monotonic() + within_s
    while (left := left_in_memory(server)) and time.monotonic() < until:
        time.sleep(1)
    assert not left, f"in the server's memory: {left}"
