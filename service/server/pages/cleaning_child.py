"""The process that `cleaning` starts: python -m service.server.pages.cleaning_child SECONDS BYTES.

It takes files from standard input, each behind its length, answers each on standard output, and ends with its input.
Before it has read anything it gives up what it doesn't need: files, memory and time beyond those it was told, and any
claim to go before the server.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from crypto.errors import Refused
from service.cases.attachments import clean
from service.cases.media_types import NotCleanable
from service.server.pages.cleaning import LENGTH, Answer

_NICE: Final = 10


def limit(cpu_s: int, memory: int) -> None:
    """Bound this process: processor time, memory, no file written, no memory image left where it breaks down."""
    for what, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    os.nice(_NICE)


def answer(content: bytes) -> Answer:
    """Clean one file, and say what came of it."""
    try:
        cleaned = clean(content)
    except NotCleanable:
        return Answer("not cleanable")
    except Refused:
        return Answer("damaged")
    except MemoryError:
        return Answer("not cleanable")
    return Answer("cleaned", cleaned.content, cleaned.media_type, cleaned.removed)


def main(arguments: Sequence[str]) -> None:
    """Answer until there is no more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with who asks
    limit(*map(int, arguments))
    while head := sys.stdin.buffer.read(LENGTH):
        said = msgspec.msgpack.encode(answer(sys.stdin.buffer.read(int.from_bytes(head, "big"))))
        sys.stdout.buffer.write(len(said).to_bytes(LENGTH, "big") + said)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
