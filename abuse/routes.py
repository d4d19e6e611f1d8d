"""What admission guards and in which lanes: names shared by puzzles, tickets, limits. SPEC.md, "Admission".

No type here can hold an address, a user agent or any other trait of a client: admission never learns one.
"""

from __future__ import annotations

from enum import Enum, unique

from crypto.secrets import SymmetricKey

EPOCH_SIZE = 8
NONCE_SIZE = 16
GROUP_SIZE = 16
NO_GROUP = bytes(GROUP_SIZE)
"""The group of routes that belong to none: a mailbox is opened on the server, not with a group."""


class AdmissionKey(SymmetricKey):
    """The server's key for puzzles, tickets and lots. Shared by all machines of one service."""


@unique
class Route(Enum):
    """A guarded route. The value is what MACs and bucket names carry."""

    REPORTS = b"reports"
    MAILBOX = b"mailbox"
    CASTS = b"casts"


@unique
class Lane(Enum):
    """How a request earned its turn: by work, or by waiting."""

    FAST = "fast"
    SLOW = "slow"


def check_group(group: bytes) -> None:
    """Raise ValueError unless `group` is 16 bytes."""
    if len(group) != GROUP_SIZE:
        raise ValueError("a group id is 16 bytes")
