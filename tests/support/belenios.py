"""Belenios' own verifier, where the machine has one: Debian's 2.0, and a newer one that knows Ed25519."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def debian_tool() -> str:
    """Give Debian's `belenios-tool`, which every machine that runs the tests has; fails without."""
    tool = shutil.which("belenios-tool")
    if tool is None:
        pytest.fail("belenios-tool is missing; run: make system   (or: apt-get install belenios-tool)")
    return tool


def ed25519_tool() -> str:
    """Give the `belenios-tool` that BELENIOS_TOOL names, 2.5.1 or newer; without one, skip the test and say so."""
    return os.environ.get("BELENIOS_TOOL") or pytest.skip(
        "BELENIOS_TOOL names no belenios-tool that knows Ed25519: only our own verifier judged"
    )


def verdict(tool: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let `belenios-tool election verify` judge the one archive in a folder."""
    command = [tool, "election", "verify", "--dir", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def check_accepted(tool: str, folder: Path) -> None:
    """Fail, with what the tool says, unless it accepts the archive in a folder."""
    done = verdict(tool, folder)
    assert done.returncode == 0, done.stderr
    assert "all checks passed" in done.stderr
