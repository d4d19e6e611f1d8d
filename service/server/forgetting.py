"""Makes the server overwrite memory as soon as it is freed, so that a memory image holds nobody's past request.

Three allocators hold what a request brings: glibc's, Python's own (which never clears), and Granian's jemalloc.
Each is told by its environment, before the process starts: so the process starts itself again once, in place.
tests/attacks/test_canary.py searches the memory of a real server and found headers and addresses without this.
Only on glibc and with a Granian built on jemalloc; elsewhere it does no harm and gives no promise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final

FORGETTING: Final[Mapping[str, str]] = {
    "PYTHONMALLOC": "malloc",  # Python's small objects go to glibc, which can overwrite
    "MALLOC_PERTURB_": "165",  # glibc fills freed memory with this byte's complement
    # What a thread frees and keeps for itself (up to 1,032 bytes) is not filled, so threads keep nothing.
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    "_RJEM_MALLOC_CONF": "junk:free",  # jemalloc, under the prefix that Granian's build gives it
}
_DONE: Final = "SOTTOVOCE_FORGETTING"


def forget_what_is_freed() -> None:
    """Start this process again with forgetting allocators, unless it already runs with them. Keeps its pid."""
    if os.environ.get(_DONE) == "1":
        return
    environment = {**os.environ, **FORGETTING, _DONE: "1"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - our own program
