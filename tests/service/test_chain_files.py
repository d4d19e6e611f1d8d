"""Writing a file whole: on the disk with its name, or not at all and said."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from crypto.errors import Refused
from service.chain_files import alone, write_private, write_whole
from service.cli import main
from tests.support.disks import full_disk


def test_the_name_is_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is synced after the file got its name: else a power cut could bring back what was there before."""
    synced: list[bool] = []
    really = os.fsync

    def fsync(handle: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        synced.append(is_folder)
        assert (tmp_path / "a" / "chain.json").exists() == is_folder
        really(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "a" / "chain.json", b"content")
    assert synced == [False, True]
    assert stat.S_IMODE((tmp_path / "a" / "chain.json").stat().st_mode) == 0o600


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A folder that is a file, a file that is a folder, a full disk: a sentence, and nothing is left behind."""
    (tmp_path / "file").write_bytes(b"before")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "x", tmp_path / "file" / "y" / "x", tmp_path / "folder"):
        with pytest.raises(Refused, match="the file can't be written: "):
            write_whole(path, b"after")
    with full_disk(), pytest.raises(Refused, match="the file can't be written: "):
        write_whole(tmp_path / "file", bytes(1_000))
    assert (tmp_path / "file").read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_the_demonstration_says_that_its_folder_cannot_be_made(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "file").write_bytes(b"")
    refused = CliRunner().invoke(main, ["demo", "--folder", str(tmp_path / "file" / "below")])
    assert (refused.exit_code, "folder can't be made" in refused.output) == (3, True), refused.output


def test_a_folder_that_has_no_locks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network's file system may have none: a sentence, before anything is read; what fails inside stays as it is."""
    with pytest.raises(OSError, match="another"), alone(tmp_path / "lock"):
        raise OSError(errno.ENOLCK, "another")

    def flock(_handle: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    opened = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else None
    with pytest.raises(Refused, match="No locks available"), alone(tmp_path / "lock"):
        pytest.fail("two commands could be in here")
    assert opened is None or len(list(Path("/proc/self/fd").iterdir())) == opened


def test_a_full_disk_leaves_no_file_that_is_cut_short(tmp_path: Path) -> None:
    """Neither a new one that could not be made a second time, nor in the place of one that was there."""
    (tmp_path / "kept").write_bytes(b"before")
    with full_disk():
        for write, name in ((write_private, "new"), (write_whole, "other"), (write_whole, "kept")):
            with pytest.raises(Refused, match="can't be written"):
                write(tmp_path / name, bytes(41))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"kept": b"before"}
    write_private(tmp_path / "new", bytes(41))
