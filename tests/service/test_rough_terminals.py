"""Terminals that are not as they should be: closed, or of another encoding. A sentence, no traceback."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import pytest
from click.testing import CliRunner

from crypto.errors import Refused
from service.cli import main
from service.wire.client import checked_proxy

PASSPHRASE = "correct horse battery staple"


def sottovoce(
    *arguments: str, environment: Mapping[str, str] | None = None, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own. before: called in that process, before the program is."""
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, **(environment or {})},
        preexec_fn=before,
    )


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory, quick_key_files: None) -> tuple[str, ...]:
    """The options of a group whose name few encodings have."""
    folder = tmp_path_factory.mktemp("keeper")
    (folder / "pass").write_text(PASSPHRASE + "\n")
    options = ("group", "--home", str(folder / "home"), "--passphrase-file", str(folder / "pass"))
    create = ("create", "--name", "فريق", "--language", "ar", "--minimum", "1")
    made = CliRunner().invoke(main, [*options, *create])
    assert made.exit_code == 0, made.output
    return options


def test_what_a_terminal_has_no_letter_for_is_still_told(keeper: tuple[str, ...]) -> None:
    """In a notation that loses nothing."""
    shown = sottovoce(*keeper, "show", environment={"PYTHONIOENCODING": "latin-1"})
    assert shown.returncode == 0, shown.stderr
    assert r"\u0641\u0631\u064a\u0642" in shown.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("group", "--home", "HOME", "retire", "Ada"),
        ("group", "--home", "HOME", "--passphrase-file", "-", "members", "--registry", "ab" * 32),
        ("desk", "--home", "HOME/desk", "list"),
        ("report", "--server", "http://127.0.0.1:1", "--group", "00" * 16),
    ],
)
def test_a_closed_standard_input_is_nobody_to_ask(
    keeper: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    given = (argument.replace("HOME", keeper[2]) for argument in arguments)
    refused = sottovoce(*given, before=lambda: os.close(0))
    assert refused.returncode in {3, 5, 130}, refused.stderr
    assert "sottovoce: " in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_passphrase_of_another_encoding_is_said(keeper: tuple[str, ...], errors: str) -> None:
    """Typed on a real terminal that sends Latin-1. errors: how Python reads it, which depends on the locale."""
    ours, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", *keeper[:3], "members", "--registry", "ab" * 32],
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
        env={**os.environ, "PYTHONIOENCODING": f"utf-8:{errors}"},
    )
    os.close(other)
    try:
        told, until = b"", time.monotonic() + 60
        while b"Passphrase:" not in told:
            assert time.monotonic() < until
            told += os.read(ours, 1_024)
        os.write(ours, b"caf\xe9\n")
        while time.monotonic() < until:
            try:
                told += os.read(ours, 1_024)
            except OSError:  # the other end is closed
                break
    finally:
        os.close(ours)
        code = process.wait(60)
    assert (code, b"UTF-8" in told) == (3, True), told
    assert b"Traceback" not in told


@pytest.mark.parametrize(
    "proxy",
    ["socks5h://[::1", "socks5h://127.0.0.1:abc", "socks5h://127.0.0.1:99999", "socks5://127.0.0.1:9050"],
)
def test_a_proxy_that_cannot_be_read_is_refused(proxy: str) -> None:
    with pytest.raises(Refused, match="socks5h:"):
        checked_proxy(proxy)
