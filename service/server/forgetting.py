"""Makes the server overwrite memory as soon as it is freed, so that a memory image holds nobody's past request.

Three allocators hold what a request brings: glibc's, Python's own (which never clears), and Granian's jemalloc.
Each is told by its environment, before the process starts: so the process starts itself again once, in place.
tests/attacks/test_canary.py searches the memory of a real server and found headers and addresses without this.
Only on glibc and with a Granian built on jemalloc; elsewhere it does no harm and gives no promise.

Objects that hold each other (an error and the frame it came from) are freed only when Python looks for cycles, which a
worker with nothing to do never does: `Collecting` looks soon after every request.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from typing import Final

from crypto.errors import Refused

FORGETTING: Final[Mapping[str, str]] = {
    "PYTHONMALLOC": "malloc",  # Python's small objects go to glibc, which can overwrite
    "MALLOC_PERTURB_": "165",  # glibc fills freed memory with this byte's complement
    # What a thread frees and keeps for itself (up to 1,032 bytes) is not filled, so threads keep nothing. Of what is
    # filled, up to 8 MiB may stay: else the buffers of each group of reports went back to the system and came again
    # page by page, which took 3% of the time. Blocks of over 1 MiB are the system's, and go back when they are freed.
    "GLIBC_TUNABLES": ":".join(
        (
            "glibc.malloc.tcache_count=0",
            f"glibc.malloc.trim_threshold={8 * 2**20}",
            f"glibc.malloc.mmap_threshold={2**20}",
        )
    ),
    # jemalloc, under the prefix that Granian's build gives it. It fills what is freed, but not what a growing buffer of
    # under 16 KiB leaves behind when it moves (arena_ralloc in jemalloc 5.3): a request's head that came in two pieces
    # stayed. hyper's begin at 8 KiB, so they are whole pages: kept by no thread, they go back to the system at once,
    # which clears them. What smaller ones leave stays until it is used again.
    "_RJEM_MALLOC_CONF": "junk:free,tcache_max:2048,dirty_decay_ms:0,muzzy_decay_ms:0",
}
_DONE: Final = "SOTTOVOCE_FORGETTING"


def forget_what_is_freed() -> None:
    """Start this process again with forgetting allocators, unless it already runs with them. Keeps its pid.

    Refused when that can't be: nothing is served without.
    """
    if os.environ.get(_DONE) == "1":
        return
    environment = {**os.environ, **FORGETTING, _DONE: "1"}
    try:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - our own program
    except OSError as error:
        raise Refused(
            f"the server has to start its own Python again, and can't: {error.strerror}. Let its user execute that "
            "Python, in a folder which that user may enter"
        ) from None


class Collecting:
    """Has Python look for what is no longer used soon after it was asked to: once, however often it was asked."""

    def __init__(self, after_s: float) -> None:
        """after_s: how long what a request brought may lie about, in seconds."""
        self._after_s = after_s
        self._due = False
        self._again = False  # somebody asked while it was due: what they began may outlive it

    def soon(self) -> None:
        """Collect within `after_s` seconds, and once more if asked meanwhile. Needs a running event loop."""
        if self._due:
            self._again = True
        else:
            self._begin()

    def _begin(self) -> None:
        import asyncio  # the process that starts itself again needs none, and loads as little as it can

        self._due, self._again = True, False
        asyncio.get_running_loop().call_later(self._after_s, self._collect)

    def _collect(self) -> None:
        gc.collect()
        self._due = False
        if self._again:
            self._begin()
