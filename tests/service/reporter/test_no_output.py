"""Standard output that can't show a code: a full disk, a closed one, an encoding without the letters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from crypto.codes import ReplyCode, address_of, claim_of, from_words, to_words
from crypto.entropy import system
from crypto.envelope import parse_envelope
from crypto.opening import open_report
from service.cases.reports import Unsealed
from service.wire import calls
from service.wire.client import Client
from tests.support.desks import home_of
from tests.support.groups import Group
from tests.support.letters import posting, sealed_letter
from tests.support.reporters import Reporter
from tests.support.server import RunningServer, running_server

Done = subprocess.CompletedProcess[str]
FULL = Path("/dev/full")
full_disk = pytest.mark.skipif(not FULL.exists(), reason="no device here is full")


pytestmark = pytest.mark.xdist_group("no output")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With these tests' groups alone: who reads a mailbox fetches the lists of all that a server has."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    (tmp_path / "report.toml").write_text('what = "It happened."\n', encoding="utf-8")
    return tmp_path / "report.toml"


def sottovoce(*arguments: object, out: IO[str] | int = subprocess.PIPE, encoding: str = "utf-8") -> Done:
    """Run it in a process of its own, with this standard output in this encoding."""
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )


def of(server: RunningServer, group: Group) -> tuple[object, ...]:
    return "--server", server.base, "--group", group.id.hex()


def mailboxes(client: Client, group: Group) -> list[bytes]:
    """The address that each stored report answers to."""
    found = []
    for entry in client.do(calls.feed(group.signer("Ada"))).entries:
        raw = client.do(calls.fetch_report(group.signer("Ada"), group.id, bytes.fromhex(entry.report)))
        opened = open_report(parse_envelope(raw), group.member("Ada").sealing)
        found.append(Unsealed.from_bytes(opened.plaintext).mailbox_address)
    return found


def address(words: str) -> bytes:
    return address_of(claim_of(from_words(words)))


def words_of(told: str) -> str:
    """The twelve numbered words of what was told."""
    lines = [line.split(". ", 1) for line in told.splitlines()]
    return " ".join(line[1] for line in lines if len(line) == 2 and line[0].strip().isdigit())


@full_disk
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_the_code_of_a_received_report_is_shown_on_standard_error_when_the_disk_is_full(
    server: RunningServer, client: Client, group: Group, answers: Path, as_json: tuple[str, ...]
) -> None:
    """With a sentence and an exit code of its own; the code is the stored report's."""
    with FULL.open("w") as full:
        done = sottovoce("report", *of(server, group), "--file", answers, "--yes", *as_json, out=full)
    assert done.returncode == 7, done.stderr
    assert "standard output takes nothing: No space left on device; what was asked for is done" in done.stderr
    assert "Traceback" not in done.stderr
    if as_json:
        told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        words = " ".join(told[0]["code"])
        assert told[1]["exit"] == 7
    else:
        words = words_of(done.stderr)
    assert mailboxes(client, group) == [address(words)]


@full_disk
def test_a_recorded_report_keeps_its_code_too(
    tmp_path: Path, server: RunningServer, client: Client, group: Group, answers: Path
) -> None:
    """`desk record`: the same."""
    (tmp_path / "pass").write_text("correct horse battery staple")
    home = home_of(tmp_path / "desk", server.base, group, "Ada", "correct horse battery staple")
    with FULL.open("w") as full:
        done = sottovoce(
            "desk",
            "--home",
            home,
            "--passphrase-file",
            tmp_path / "pass",
            "record",
            "--file",
            answers,
            out=full,
        )
    assert done.returncode == 7, done.stderr
    [words] = [
        line.strip() for line in done.stderr.splitlines() if len(line.split()) == 12 and line.startswith("  ")
    ]
    assert mailboxes(client, group) == [address(words)]


@full_disk
def test_letters_that_cannot_be_shown_are_not_burned(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """`mailbox` ends before it asks for anything; with --json, which burns first, all of it is on standard error."""
    code = ReplyCode.draw(system)
    client.do(
        calls.batch(group.signer("Ada"), posting(code, [sealed_letter(code, group, "Ada", "Are you safe?")]))
    )
    (tmp_path / "code.txt").write_text(" ".join(to_words(code)))
    options = ("mailbox", *of(server, group), "--code-file", tmp_path / "code.txt", "--yes-i-wrote-it-down")
    with FULL.open("w") as full:
        stopped = sottovoce(*options, out=full)
    assert stopped.returncode == 7, stopped.stderr
    assert [letter.text for letter in Reporter(client, group, code).letters()] == ["Are you safe?"]
    with FULL.open("w") as full:
        burned = sottovoce(*options, "--json", out=full)
    assert burned.returncode == 7, burned.stderr
    told = json.loads(burned.stderr.splitlines()[1])
    assert [letter["text"] for letter in told["letters"]] == ["Are you safe?"]
    assert mailboxes(client, group) == [address(" ".join(told["code"]))]


def test_a_terminal_without_the_letters_is_told_before_anything_is_sent(
    tmp_path: Path, server: RunningServer, client: Client, group: Group, answers: Path
) -> None:
    """Another list of words, or JSON, which has a notation for all letters."""
    report = ("report", *of(server, group), "--file", answers, "--yes")
    refused = sottovoce(*report, "--words", "japanese", encoding="latin-1")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "--words" in refused.stderr
    (tmp_path / "code.txt").write_text("abandon " * 11 + "about")
    mailbox = ("mailbox", *of(server, group), "--code-file", tmp_path / "code.txt", "--words", "korean")
    assert sottovoce(*mailbox, encoding="latin-1").returncode == 3
    assert mailboxes(client, group) == []
    as_json = sottovoce(*report, "--words", "japanese", "--json", encoding="latin-1")
    assert as_json.returncode == 0, as_json.stderr
    words = " ".join(json.loads(as_json.stdout)["code"])
    assert mailboxes(client, group) == [address(words)]


@full_disk
@pytest.mark.parametrize(
    ("example", "where"),
    [
        (("report",), "/dev/full"),
        (("report",), "&-"),
        (("poll", "create"), "/dev/full"),
        (("group", "policy"), "&-"),
    ],
)
def test_an_example_that_cannot_be_printed_is_said(example: tuple[str, ...], where: str) -> None:
    """A sentence and the exit code of every other result; nothing written is no success."""
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'exec "$@" >{where}',
            "sh",
            sys.executable,
            "-m",
            "service.cli",
            *example,
            "--example",
        ],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert done.stderr.startswith("sottovoce: standard output takes nothing: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_standard_output_is_told_before_anything_is_sent(
    server: RunningServer, client: Client, group: Group, answers: Path
) -> None:
    """Nobody would see the code."""
    typed = [sys.executable, "-m", "service.cli", "report", *of(server, group), "--file", answers, "--yes"]
    refused = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *map(str, typed)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert refused.returncode == 3, refused.stderr
    assert "standard output is closed" in refused.stderr
    assert mailboxes(client, group) == []
