"""The process that writes for `sqlite_apart`: python -m service.storage.sqlite_child SOCKET PATH.

It takes works from the socket whose number it is given, does those that wait as one transaction, answers, and ends
when the other end is closed. Interruptions are for who asked: it goes on until nobody can ask any more.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from service.storage.sqlite_frames import Answer, Asked, framed, frames
from service.storage.sqlite_work import Work, Writing, take_group

_AT_ONCE: Final = 1 << 20
_asked: Final = msgspec.msgpack.Decoder(Asked)


def serve(line: socket.socket, path: Path) -> None:
    """Write until the other end hangs up."""
    writing, buffer = Writing(path), bytearray()
    # One place for what comes in: `recv` would make a megabyte for every piece, which glibc, told to overwrite what it
    # gives out and takes back (service/server/forgetting.py), fills twice.
    place = memoryview(bytearray(_AT_ONCE))
    waiting: deque[tuple[int, Work]] = deque()
    open_ = True
    while open_ or waiting:
        while open_:
            try:
                size = line.recv_into(place, 0, socket.MSG_DONTWAIT if waiting else 0)
            except BlockingIOError:
                break
            open_ = size > 0
            buffer += place[:size]
            place[:size] = bytes(size)
            for frame in frames(buffer):
                asked = _asked.decode(frame)
                waiting.append((asked.number, asked.work))
        if waiting:
            group = take_group(waiting)
            outcomes = writing.transact([work for _, work in group])
            line.sendall(framed(Answer([number for number, _ in group], outcomes)))
    writing.close()


def main(arguments: Sequence[str]) -> None:
    """Take over the socket."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with (
        socket.socket(fileno=int(arguments[0])) as line,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),
    ):  # nobody waits for the answer any more
        serve(line, Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
