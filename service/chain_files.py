"""Reading and writing the files of who keeps a chain or a key: bounded when read, whole and durable when written."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from crypto.errors import Refused

_EXISTS: Final = "a file of that name exists already; it was not touched"
_NO_NAME: Final = "files are not written to standard output: name a new one"


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


def check_new(path: Path) -> None:
    """Refuse what `write_private` would refuse, before somebody writes a text for it: a file that is there, and `-`."""
    if str(path) == "-":
        raise Refused(_NO_NAME)
    if os.path.lexists(path):
        raise Refused(_EXISTS)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read. Refused when it exists: a key file is never overwritten.

    Refused too when the disk is full: then no file is left that is cut short. And where `-` is its name: whoever types
    that means standard output.
    """
    if str(path) == "-":
        raise Refused(_NO_NAME)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(_EXISTS) from None
    except OSError as error:
        raise Refused(f"the file can't be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise Refused(f"the file can't be written: {error.strerror}") from None
        raise


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
