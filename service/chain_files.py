"""Reading and writing the files of who keeps a chain: bounded when read, whole and durable when written."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crypto.errors import Refused


def read_whole(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes. Refused, without its name, when it can't be read or is larger."""
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise Refused(f"a file can't be read: {error.strerror}") from None
    except ValueError:  # a name with a zero byte, as a file can give it
        raise Refused("a file can't be read: that is no file's name") from None
    if len(raw) > limit:
        raise Refused("a file is larger than it can be")
    return raw


def write_whole(path: Path, content: bytes) -> None:
    """Write a file durably and all at once, readable by its owner only; what was there before is replaced.

    Refused, without its name and with nothing changed, when it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")  # mkstemp makes it 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise Refused(f"the file can't be written: {error.strerror}") from None


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Wait until no other command on this machine is within the same lock file, and keep others out meanwhile.

    For who reads a file, changes it, and writes it back. Refused, without its name, when it can't be made or locked.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Refused(f"the folder can't be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:  # a network's file system may have no locks
            raise Refused(
                f"the folder can't be kept from other commands meanwhile: {error.strerror}. Use one on a disk of this "
                "machine"
            ) from None
        yield
    finally:
        os.close(handle)  # which unlocks, as the end of the process would


def _sync_folder(folder: Path) -> None:
    """Have a new name in a folder outlive a power cut; the file's own fsync does nothing for its name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
