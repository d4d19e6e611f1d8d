"""Says whether a server can listen at an address, before it starts.

Granian lets several processes share a port (SO_REUSEPORT), so a second server on it would start without a word and get
a part of the first one's requests.
"""

from __future__ import annotations

import errno
import ipaddress
import socket

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


def _family(host: str) -> socket.AddressFamily:
    try:
        if "%" not in host:  # an address with a zone is one to Python and none to Granian
            return socket.AF_INET if ipaddress.ip_address(host).version == 4 else socket.AF_INET6
    except ValueError:
        pass
    raise Refused("the host has to be an IP address of this machine, such as 127.0.0.1 or ::1")
