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
# A shell's background job ignores SIGINT, and so would what the tests start in one.
_CHILD = """
import fcntl, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
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

    def type(self, text: str, encoding: str = "utf-8") -> None:
        """Type, and read meanwhile what the program echoes."""
        raw = text.encode(encoding)
        while raw:
            self._read(0.0)
            if select.select([], [self._master], [], WITHIN_S)[1]:
                raw = raw[os.write(self._master, raw[:256]) :]

    def interrupt(self) -> None:
        """Press Ctrl-C once the program waits for a key: just before, Python forgets it until the next one."""
        until = time.monotonic() + WITHIN_S
        while Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < until
        self.type("\x03")

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


def test_what_is_no_number_is_called_that(tmp_path: Path) -> None:
    """In a word that people use: and the question comes again."""
    with terminal("-c", ASKING, tmp_path / "answers.json") as person:
        person.until("Number")
        person.type("help\r")
        person.until("'help' is not a valid number.")
        person.until("Number")


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


PARAGRAPH = ("Sie sagte »nein«, und dann 再び. " * 220)[:6_600]


def test_a_long_paragraph_arrives_whole(tmp_path: Path) -> None:
    """6,600 characters without a line break, typed; in any locale, and without a trace in a history."""
    assert len(PARAGRAPH) == 6_600
    for locale in ("C.UTF-8", "C"):
        with terminal(
            "-c", ASKING, tmp_path / locale, environment={"LC_ALL": locale, "HOME": str(tmp_path)}
        ) as person:
            person.until("Number")
            person.type("\r")
            person.until("> ")
            person.edited()
            person.type(PARAGRAPH + "\tend" + "\r")
            person.until("> ")
            person.edited()
            person.type("\x1b[200~two pasted\r.\rlines\x1b[201~\r")
            person.until("> ")
            person.edited()
            person.type("\x1b[A\x04")  # the arrow up finds nothing
            skip_the_rest(person)
            assert person.ends() == 0, person.seen
        told = json.loads((tmp_path / locale).read_bytes())
        assert told["what"] == PARAGRAPH + "\tend" + "\ntwo pasted\n.\nlines"
    assert {path.name for path in tmp_path.iterdir()} == {"C", "C.UTF-8"}


def test_a_line_that_the_kernel_cut_is_noticed(tmp_path: Path) -> None:
    """Without readline, or with the result going to a file: the person sees how far it came, and types the rest."""
    without = ASKING.replace("import pathlib", "sys.modules['readline'] = None; import pathlib")
    for asking, elsewhere in ((without, False), (ASKING, True)):
        for text in ("abcdefghij" * 660, "a" + "é" * 3_000):  # the second is cut within a character
            answers = tmp_path / "answers.json"
            with (
                open(os.devnull, "wb") as nowhere,
                terminal("-c", asking, answers, stdout=nowhere.fileno() if elsewhere else None) as person,
            ):
                person.until("Number")
                person.type("\r")
                person.until("> ")
                person.type(text + "\r")
                person.until("may have been cut")
                person.until("> ")
                kept = len(text.encode()[:4_095].decode(errors="ignore"))
                person.type(text[kept:] + "\r")
                person.until("> ")
                person.type(".\r")
                skip_the_rest(person)
                assert person.ends() == 0, person.seen
            assert json.loads(answers.read_bytes())["what"] == text


def test_characters_of_another_encoding_cost_no_more_than_themselves(tmp_path: Path) -> None:
    """A terminal that sends Latin-1 to a program that expects UTF-8: said, and the rest is kept."""
    without = ASKING.replace("import pathlib", "sys.modules['readline'] = None; import pathlib")
    for environment in ({"LC_ALL": "C.UTF-8"}, {"PYTHONIOENCODING": "utf-8:strict"}):
        with terminal("-c", without, tmp_path / "answers.json", environment=environment) as person:
            person.until("Number")
            person.type("\r")
            person.until("> ")
            person.type("a caf\xe9 here\r", "latin-1")
            person.until("left out")
            person.until("> ")
            person.type(".\r")
            skip_the_rest(person)
            assert person.ends() == 0, person.seen
        assert json.loads((tmp_path / "answers.json").read_bytes())["what"] == "a caf here"


def test_ctrl_c_at_a_question_ends_with_130(tmp_path: Path) -> None:
    """Whether readline or the kernel edits the line; one that was begun is not half a line of the shell's prompt."""
    program = f"""{_CHILD}
import click
from service.console import command
from service.reporter.questionnaire import ask
@click.command()
@command
def asking():
    ask("en")
asking()
"""
    for stopping in ("Number", "> "):
        with terminal("-c", program) as person:
            person.until("Number")
            if stopping != "Number":
                person.type("\r")
                person.until(stopping)
                person.edited()
            person.type("x")
            person.until("x")
            person.interrupt()
            person.until("\r\nsottovoce: interrupted")
            assert person.ends() == 130
    assert "Traceback" not in person.seen
