"""Belenios' own verifier, written by others, accepts our archives and refuses tampered ones.

Debian's `belenios-tool` 2.0 knows the group BELENIOS-2048: it judges our code over that group, always. It does not
know Ed25519. Where `BELENIOS_TOOL` names a build of 2.5.1 or newer, that one judges the archives that polls
really make; where not, those tests say in their output that only our verifier did.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polls import archive
from polls.audit import audit
from polls.group import ED25519
from polls.verify import verify
from tests.support.poll_world import Finished
from tests.support.tamper import leaves, with_change


def verdict(tool: str, raw: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let `belenios-tool election verify` judge an archive."""
    uuid = json.loads(archive.read(raw).election)["uuid"]
    for old in folder.glob("*.bel"):
        old.unlink()
    folder.joinpath(f"{uuid}.bel").write_bytes(raw)
    command = [tool, "election", "verify", "--dir", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="session")
def debian_tool() -> str:
    tool = shutil.which("belenios-tool")
    if tool is None:
        pytest.fail("belenios-tool is missing; run: make system   (or: apt-get install belenios-tool)")
    return tool


def ed25519_tool() -> str | None:
    """Give a belenios-tool that knows Ed25519: BELENIOS_TOOL, or none."""
    return os.environ.get("BELENIOS_TOOL") or None


def test_debian_s_belenios_tool_accepts_our_code_over_its_group(
    field_poll: Finished, debian_tool: str, tmp_path: Path
) -> None:
    """12 members, threshold 2 of 3, a revote, abstentions, over BELENIOS-2048."""
    done = verdict(debian_tool, field_poll.archive, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "all checks passed" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ballot", "partial", "result"])
def test_debian_s_belenios_tool_refuses_every_changed_field(
    field_poll: Finished, debian_tool: str, tmp_path: Path, name: str
) -> None:
    """Of a ballot, a partial decryption and the result, in an archive chained anew around the change."""
    contents = archive.read(field_poll.archive)
    raw = {"ballot": contents.ballots[1], "partial": contents.partial[0][1], "result": contents.result}[name]
    assert raw is not None
    for path in leaves(json.loads(raw)):
        other = with_change(raw, path)
        match name:
            case "ballot":
                forged = replace(contents, ballots=[contents.ballots[0], other, *contents.ballots[2:]])
            case "partial":
                forged = replace(contents, partial=[(1, other), *contents.partial[1:]])
            case _:
                forged = replace(contents, result=other)
        done = verdict(debian_tool, archive.write(forged), tmp_path)
        assert done.returncode != 0, (path, done.stderr)


def accepted_by(raw: bytes, folder: Path) -> None:
    tool = ed25519_tool()
    if tool is None:
        print("Checked with our verifier only: BELENIOS_TOOL names no belenios-tool that knows Ed25519.")
        return
    done = verdict(tool, raw, folder)
    assert done.returncode == 0, done.stderr
    assert "all checks passed" in done.stderr


def test_an_ed25519_poll_is_accepted(twelve: Finished, tmp_path: Path) -> None:
    """12 members, one revote, abstentions: the record that polls make, by our verifier and by theirs."""
    assert verify(ED25519, twelve.archive, twelve.evidence).passed
    assert audit(ED25519, twelve.archive).counts == ((1, 5, 3, 2),)
    accepted_by(twelve.archive, tmp_path)
    contents = archive.read(twelve.archive)
    accepted_by(archive.write(replace(contents, partial=[], result=None)), tmp_path)


@pytest.mark.slow
def test_a_thousand_ballots_are_accepted(tmp_path: Path) -> None:
    """1,000 ballots over Ed25519."""
    from tests.support.poll_world import thousand

    raw = thousand(1000)
    assert sum(audit(ED25519, raw).counts[0]) == 1000  # type: ignore[index]
    accepted_by(raw, tmp_path)


@pytest.mark.slow
def test_belenios_tool_refuses_what_ours_refuses(small: Finished, tmp_path: Path) -> None:
    """Every field of every message that Belenios defines, where a tool for Ed25519 is at hand."""
    tool = ed25519_tool()
    contents = archive.read(small.archive)
    messages: dict[str, tuple[bytes, Callable[[Any], Any]]] = {
        "trustees": (contents.trustees, lambda o: replace(contents, trustees=o)),
        "ballot": (contents.ballots[0], lambda o: replace(contents, ballots=[o, *contents.ballots[1:]])),
        "partial": (
            contents.partial[0][1],
            lambda o: replace(contents, partial=[(1, o), *contents.partial[1:]]),
        ),
        "result": (contents.result or b"", lambda o: replace(contents, result=o)),
        "election": (contents.election, lambda o: replace(contents, election=o)),
    }
    if tool is None:
        print("Checked with our verifier only: BELENIOS_TOOL names no belenios-tool that knows Ed25519.")
    for name, (raw, put) in messages.items():
        for path in leaves(json.loads(raw)):
            forged = archive.write(put(with_change(raw, path)))
            assert not verify(ED25519, forged, small.evidence).passed
            # 2.5.1 ignores the signatures of verification keys, which Belenios checks from 3.3 on.
            if tool is not None and not (
                name == "trustees" and "verification_keys" in path and "signature" in path
            ):
                assert verdict(tool, forged, tmp_path).returncode != 0, (name, path)
