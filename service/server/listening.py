"""Says whether a server can have its address and its data folder, before it starts.

Granian lets several processes share a port (SO_REUSEPORT), so a second server on it would start without a word and get
a part of the first one's requests. SQLite lets several processes share a file, so a second server on its folder would
start without a word too: with limits of its own, and calling people a second time.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crypto.errors import Refused


def check_free(host: str, port: int) -> None:
    """Bind the address once, without sharing it, and let it go. Refused, saying why, when a server can't have it.

    host: an IP address as text; Granian takes no names. port: 0 is any free one.
    """
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # what only lingers from before is no server
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Refused("that port is in use: choose another with --port") from None
            raise Refused(f"the server can't listen there: {error.strerror}") from None


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Keep a data folder for this process and its workers; Refused when others have it. Free once all of them ended.

    Where a file system knows no locks, nothing is kept. Refused too when the folder can't be made or read.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # programs don't inherit it, workers do
    except OSError as error:
        raise Refused(f"the data folder can't be read or written: {error.strerror}") from None
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(
                    "another server runs on that data folder: stop it, or choose another one"
                ) from None
        yield
    finally:
        os.close(handle)


def _family(host: str) -> socket.AddressFamily:
    try:
        if "%" not in host:  # an address with a zone is one to Python and none to Granian
            return socket.AF_INET if ipaddress.ip_address(host).version == 4 else socket.AF_INET6
    except ValueError:
        pass
    raise Refused("the host has to be an IP address of this machine, such as 127.0.0.1 or ::1")
