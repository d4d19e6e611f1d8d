"""Cleaning strangers' pictures and PDFs in a process beside the server, which holds nothing but their files.

The libraries that read them are large, and written in languages in which a mistake is an open door; and a file of some
kilobytes may ask for gigabytes, or for minutes. Guarantees: what reads it has no key, no store, no setting and no other
reporter's words; it gets `CPU_S` seconds of processor time for all files of a form, `MEMORY` bytes, and the server goes
on whatever becomes of it; it ends with the form. Leaves what is removed to service.cases.attachments.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from typing import IO, Final, Self

import msgspec
from msgspec import Struct

from crypto.errors import Refused
from crypto.secrets import Unshown
from service.cases.media_types import Cleaned, NotCleanable

CPU_S: Final = 20
MEMORY: Final = 3 * 1024**3  # bytes of address space; a WebP of 64 megapixels takes two thirds of it
PATIENCE_S: Final = 120.0  # by the clock, since the processor may be busy with others
LENGTH: Final = 4
_PROGRAM: Final = ("-m", "service.server.pages.cleaning_child")
_PASSED: Final = ("PATH", "PYTHONPATH", "VIRTUAL_ENV")


class Answer(Unshown, Struct, frozen=True, array_like=True):
    """What the process says of a file: `cleaned`, `damaged`, or `not cleanable`."""

    what: str
    content: bytes = b""
    media_type: str = ""
    removed: tuple[str, ...] = ()


class Apart:
    """A process for the files of one form, begun with the first of them. Not for several threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it, whatever it is doing."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self._process is not None:
            self._process.kill()
            for line in (self._process.stdin, self._process.stdout):
                if line is not None:
                    with contextlib.suppress(OSError):
                        line.close()
            self._process.wait()

    def clean(self, content: bytes) -> Cleaned:
        """Clean a file as `service.cases.attachments.clean` does, and with the same errors.

        NotCleanable too where it took too much time or memory, or brought the process down.
        """
        try:
            to, back = self._started()
            to.write(len(content).to_bytes(LENGTH, "big"))
            to.write(content)
            to.flush()
            answer = msgspec.msgpack.decode(_framed(back), type=Answer)
        except (OSError, ValueError, msgspec.MsgspecError):
            raise NotCleanable("reading this file takes more than it may") from None
        match answer.what:
            case "cleaned":
                return Cleaned(answer.content, answer.media_type, answer.removed)
            case "damaged":
                raise Refused("the file is damaged")
            case _:
                raise NotCleanable("this file can't be cleaned")

    def _started(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            # Not the server's environment: the address of its store may hold a password.
            given = {name: os.environ[name] for name in _PASSED if name in os.environ}
            self._process = subprocess.Popen(
                [sys.executable, *_PROGRAM, str(CPU_S), str(MEMORY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=given,
            )
            self._deadline = threading.Timer(PATIENCE_S, self._process.kill)
            self._deadline.daemon = True
            self._deadline.start()
        if self._process.stdin is None or self._process.stdout is None:
            raise ValueError
        return self._process.stdin, self._process.stdout


def _framed(line: IO[bytes]) -> bytes:
    size = int.from_bytes(_whole(line, LENGTH), "big")
    if size > 2**24:
        raise ValueError
    return _whole(line, size)


def _whole(line: IO[bytes], size: int) -> bytes:
    found = line.read(size)
    if len(found) != size:
        raise ValueError
    return found
