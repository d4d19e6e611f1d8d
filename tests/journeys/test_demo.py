"""`make run` as a newcomer meets it: it starts, its desk reads a report, and it stops without leaving a process.

The demonstration is a process of its own. Of the commands that people type then, each face is started once as they
do; the others run in this process, which spares each of them the start of Python and all imports.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from tests.support.redis_server import free_port
from tests.support.server import ROOT

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
REPORT = 'what = "Someone follows me from channel to channel."\nlanguage = "en"\nwho = [{platform="irc", handle="x"}]\n'


pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


@dataclass(frozen=True)
class Demonstration:
    """One that runs: where it keeps all, its server's address, its group's id."""

    folder: Path
    base: str
    group: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it as a terminal that is closed does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(40) == 0


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """Start it, once: the tests follow each other as somebody tries one walk-through after the other."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "report.toml").write_text(REPORT)
    port = free_port()
    log = folder / "demo.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                # Shells have jobs in the background ignore interruptions: SIGTERM has to stop it all the same.
                *("/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh"),
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "service.cli",
                "demo",
                "--folder",
                "my data",
                "--port",
                str(port),
            ],
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        until = time.monotonic() + 60
        while (
            "describes itself" not in log.read_text() and process.poll() is None and time.monotonic() < until
        ):
            time.sleep(0.05)
        told = log.read_text()
        found = re.search(r"Group: .*id ([0-9a-f]{32})", told)
        assert found is not None, told
        typed = [shlex.split(line, comments=True) for line in told.splitlines() if "--home" in line]
        assert typed, told
        assert all(line[line.index("--home") + 1].startswith("my data/") for line in typed), told
        running = Demonstration(folder, f"http://127.0.0.1:{port}", found[1], process)
        yield running
        if process.poll() is None:
            running.stop()
    finally:
        process.kill()


@dataclass(frozen=True)
class Told:
    """What a command answered."""

    returncode: int
    stdout: str
    stderr: str


def started(folder: Path, *arguments: str, stdin: str = "") -> Told:
    """Run the command as a person does."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "service.cli", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Told(done.returncode, done.stdout, done.stderr)


def sottovoce(folder: Path, *arguments: str, stdin: str = "") -> Told:
    """Run the command in this process."""
    with chdir(folder):
        done = CliRunner().invoke(main, arguments, input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return Told(done.exit_code, done.stdout, done.stderr)


def of_desk(name: str, *arguments: str) -> tuple[str, ...]:
    """The whole command line of one of the demonstration's handlers."""
    return ("desk", "--home", f"my data/{name}", "--passphrase-file", "my data/passphrase.txt", *arguments)


def desk(folder: Path, name: str, *arguments: str) -> Told:
    """Run a desk command of one of the demonstration's handlers."""
    return sottovoce(folder, *of_desk(name, *arguments))


def test_the_walk_through_works_as_printed(demonstration: Demonstration) -> None:
    """Record, sync, list, show, ask, note, state: what the demonstration tells people to type."""
    folder = demonstration.folder
    (folder / "letter.txt").write_text("Are you safe now?")
    recording = ("record", "--file", "report.toml", "--leave-out", "cy", "--json")
    recorded = started(folder, *of_desk("ada", *recording))
    assert recorded.returncode == 0, recorded.stderr
    assert len(json.loads(recorded.stdout)["code"]) == 12
    assert json.loads(desk(folder, "ada", "sync", "--json").stdout)["new_reports"] == 1
    assert json.loads(desk(folder, "cy", "sync", "--json").stdout)["new_reports"] == 0
    [row] = json.loads(desk(folder, "ada", "list", "--json").stdout)
    shown = desk(folder, "ada", "show", row["id"][:8])
    assert "channel to channel" in shown.stdout
    assert desk(folder, "ada", "ask", row["id"], "--text-file", "letter.txt").returncode == 0
    assert desk(folder, "ada", "state", row["id"][:8], "looking").returncode == 0
    assert desk(folder, "ada", "triage", row["id"][:8], "P2").returncode == 0
    sent = json.loads(desk(folder, "ada", "sync", "--json").stdout)
    assert sent["waiting"] == 0
    assert sent["sent"] >= 5
    assert desk(folder, "bo", "sync").returncode == 0
    [row] = json.loads(desk(folder, "bo", "list", "--json").stdout)
    assert (row["state"], row["priority"], row["letters"]) == ("looking", "P2", 2)
    [about] = json.loads(desk(folder, "bo", "subjects", "--json").stdout)
    assert about["score"]["reports"] == 1
    assert "is not false" in desk(folder, "bo", "subject", "irc:x").stdout
    assert desk(folder, "bo", "plot", "irc:x", "x.svg").returncode == 0
    assert (folder / "x.svg").read_text().startswith("<svg")
    assert desk(folder, "bo", "subject", "irc:nobody").returncode == 3


def test_members_of_the_demonstration_speak_and_vote(demonstration: Demonstration) -> None:
    """Walk-through 3 as printed, until the close, and a report with a voice; who is left out can't vote."""
    folder = demonstration.folder
    base, group = demonstration.base, demonstration.group
    made = json.loads((folder / "my data" / "made.json").read_text())
    unlocked = ("--passphrase-file", "my data/passphrase.txt")

    def member(name: str) -> tuple[str, ...]:
        return ("--server", base, "--home", f"my data/members/{name}", *unlocked)

    opens = time.monotonic() + 60
    while "poll is waiting" in (told := _vote(folder, made["poll"], *member("ada"))).stderr:
        assert time.monotonic() < opens
        time.sleep(0.5)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["poll"] == made["poll"]
    refused = started(folder, "vote", made["poll"], *member("cy"), "--yes", "--json", stdin="1\n")
    assert (refused.returncode, "left out" in refused.stderr) == (3, True)
    early = desk(folder, "gil", "result", made["poll"])
    assert (early.returncode, "it is open" in early.stderr) == (3, True)
    status = started(folder, "poll", "status", made["poll"], "--server", base, "--json")
    assert json.loads(status.stdout)["state"] == "open"
    with_voice = ("--voice", "my data/members/ida/member.key", *unlocked)
    report = ("report", "--server", base, "--group", group, "--file", "report.toml", "--yes", "--json")
    filed = started(folder, *report, *with_voice)
    assert filed.returncode == 0, filed.stderr
    assert desk(folder, "ada", "sync").returncode == 0
    [about] = json.loads(desk(folder, "ada", "subjects", "--json").stdout)
    assert (about["score"]["voiced"], about["score"]["members"]) == (1, 1)


def _vote(folder: Path, poll: str, *arguments: str) -> Told:
    return sottovoce(folder, "vote", poll, *arguments, "--yes", "--json", stdin="1\n")


def test_wrong_input_gets_a_sentence_and_a_code(demonstration: Demonstration) -> None:
    """Wrong passphrase, unknown report, misspelt name, no server: told apart, and nothing is lost."""
    folder = demonstration.folder
    (folder / "wrong.txt").write_text("not it")
    (folder / "bad.toml").write_text('what = "x"\nwhatt = "y"\n')
    wrong = started(folder, "desk", "--home", "my data/ada", "--passphrase-file", "wrong.txt", "list")
    assert (wrong.returncode, wrong.stdout) == (4, "")
    assert "passphrase is wrong" in wrong.stderr
    assert "not it" not in wrong.stderr
    for arguments, code, told in (
        (("show", "ffffffff"), 3, "no such report"),
        (("show", "ff"), 3, "four characters"),
        (("record", "--file", "report.toml", "--leave-out", "Zoe"), 3, "names to leave out"),
        (("record", "--file", "bad.toml"), 3, "whatt"),
        (("record", "--file", "missing.toml"), 3, "can't be read"),
        (("state", "ffffffff", "sideways"), 2, "sideways"),
        (("init", "--server", "http://example.org", "--group", "0" * 32, "--name", "A"), 3, "already"),
    ):
        answer = desk(folder, "ada", *arguments)
        assert answer.returncode == code, (arguments, answer.stderr)
        assert told in answer.stderr
        assert "Traceback" not in answer.stderr
    demonstration.stop()
    gone = started(folder, *of_desk("ada", "sync"))
    assert gone.returncode == 5
    assert "can't be reached" in gone.stderr
