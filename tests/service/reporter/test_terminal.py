"""The questions on a real terminal: a pseudo-terminal whose other end types, pastes, and presses Ctrl-C and Ctrl-D."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

WITHIN_S = 30.0
_CHILD = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
ASKING = f"""{_CHILD}
import pathlib, msgspec
from service.reporter.questionnaire import ask
pathlib.Path(sys.argv[1]).write_bytes(msgspec.json.encode(ask("en")))
"""


class Terminal:
    """A program on a terminal, and the person in front of it."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.seen = ""
        self._master = master
        self._looked = 0

    def until(self, text: str) -> None:
        """Read until the program has written `text` after what was waited for last."""
        until = time.monotonic() + WITHIN_S
        while (at := self.seen.find(text, self._looked)) < 0:
            assert time.monotonic() < until, f"no {text!r} in {self.seen[self._looked :]!r}"
            assert self._read() or self.process.poll() is None, self.seen
        self._looked = at + len(text)

    def edited(self) -> None:
        """Wait until the program reads key by key, and no longer by the kernel's lines."""
        until = time.monotonic() + WITHIN_S
        while termios.tcgetattr(self._master)[3] & termios.ICANON:
            assert time.monotonic() < until
            self._read()

    def type(self, text: str) -> None:
        """Type, and read meanwhile what the program echoes."""
        raw = text.encode()
        while raw:
            self._read(0.0)
            if select.select([], [self._master], [], WITHIN_S)[1]:
                raw = raw[os.write(self._master, raw[:256]) :]

    def ends(self) -> int:
        """Wait for the end; give the exit code."""
        until = time.monotonic() + WITHIN_S
        while self.process.poll() is None:
            assert time.monotonic() < until, self.seen
            self._read()
        while self._read(0.0):
            pass
        return self.process.returncode

    def _read(self, wait_s: float = 0.1) -> bool:
        if not select.select([self._master], [], [], wait_s)[0]:
            return False
        try:
            read = os.read(self._master, 65_536)
        except OSError:  # the other end was closed
            return False
        self.seen += read.decode(errors="replace")
        return bool(read)


@contextmanager
def terminal(
    *arguments: object, environment: Mapping[str, str] | None = None, stdout: int | None = None
) -> Iterator[Terminal]:
    """Run Python with these arguments on a terminal of its own. stdout: where its results go instead."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdin=slave,
        stdout=slave if stdout is None else stdout,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "INPUTRC": os.devnull, **(environment or {})},
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(master)


def skip_the_rest(person: Terminal) -> None:
    """Answer all questions after the first long one: Enter, or a full stop."""
    for question, answer in (
        ("When was it", "\r"),
        ("Where was it", "\r"),
        ("Name or handle", "\r"),
        ("One address a line", ".\r"),
        ("Who else may know", ".\r"),
        ("would you like to happen", ".\r"),
        ("are you afraid of", ".\r"),
        ("Number", "\r"),
    ):
        person.until(question)
        person.until("]: " if question == "Number" else "> ")
        person.type(answer)


def test_ctrl_d_ends_a_paragraph(tmp_path: Path) -> None:
    """What was written before it stays, and the next question comes."""
    with terminal("-c", ASKING, tmp_path / "answers.json") as person:
        person.until("Number")
        person.type("\r")
        person.until("> ")
        person.type("It happened.\r")
        person.until("> ")
        person.type("\x04")
        skip_the_rest(person)
        assert person.ends() == 0, person.seen
    assert json.loads((tmp_path / "answers.json").read_bytes())["what"] == "It happened."
