"""Two commands of one keeper at once: both statements stand, one after the other, and none is signed over another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main

PASSPHRASE = b"correct horse battery staple\n"
KEYS = (
    "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
)


def started(home: Path, face: str, passphrase: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `sottovoce FACE --home … arguments`."""
    whole = [
        sys.executable,
        "-m",
        "service.cli",
        face,
        "--home",
        str(home),
        "--passphrase-file",
        str(passphrase),
    ]
    return subprocess.Popen([*whole, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def does(home: Path, face: str, passphrase: Path, *arguments: str) -> None:
    """Run it to its end, beside what was started; it has to work."""
    whole = [face, "--home", str(home), "--passphrase-file", str(passphrase), *arguments]
    result = CliRunner().invoke(main, whole)
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("quick_key_files")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("face", "founding", "first", "second"),
    [
        (
            "registry",
            ("create", "--name", "Example"),
            ("registrars", "--key", KEYS[0]),
            ("registrars", "--key", KEYS[1]),
        ),
        (
            "group",
            ("create", "--name", "Aurora", "--language", "en", "--minimum", "1"),
            ("members", "--registry", KEYS[0]),
            ("settings", "--minimum", "2"),
        ),
    ],
)
def test_a_statement_signed_while_a_passphrase_is_typed_is_kept(
    tmp_path: Path, face: str, founding: Sequence[str], first: Sequence[str], second: Sequence[str]
) -> None:
    """The first command has read the chain and waits at the passphrase; the second signs meanwhile."""
    home, passphrase, slow = tmp_path / "home", tmp_path / "pass", tmp_path / "slow"
    passphrase.write_bytes(PASSPHRASE)
    os.mkfifo(slow)
    does(home, face, passphrase, *founding)
    waiting = started(home, face, slow, *first)
    until = time.monotonic() + 60
    while True:  # open for reading is who waits for the passphrase
        try:
            handle = os.open(slow, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:
            assert time.monotonic() < until
            assert waiting.poll() is None
            time.sleep(0.05)
    does(home, face, passphrase, *second)
    meanwhile = json.loads((home / "chain.json").read_text())["statements"]
    os.write(handle, PASSPHRASE)
    os.close(handle)
    said, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, said
    after = json.loads((home / "chain.json").read_text())["statements"]
    assert (len(meanwhile), after[:2], len(after)) == (2, meanwhile, 3)
