"""What a client remembers of groups and servers, so that none of them can change its story.

A group's id stands for its root key, so a forged chain fails by itself. Rollback and split views need memory: the
head this client last accepted has to be in every later chain, at its place. Messages are for people: they say
what happened and what to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from crypto.errors import Refused
from crypto.signatures import VerifyKey
from service.cases.rosters import RosterHistory
from service.chain_files import read_whole, write_whole
from service.wire.shapes import Bytes32, Hex16, Hex32

MAX_FILE = 4 * 1_024 * 1_024
_DAMAGED = "The file of known groups is damaged. Restore it, or delete it to start anew."


class RolledBack(Refused):
    """The server shows an older roster than this client has seen."""

    def __init__(self) -> None:
        super().__init__(
            "The server shows an older list of handlers than you have seen before. Someone may be hiding a change. "
            "Don't send anything; ask the group over another way."
        )


class Forked(Refused):
    """The server shows a roster that contradicts the one this client has seen."""

    def __init__(self) -> None:
        super().__init__(
            "The server shows a list of handlers that contradicts the one you have seen before. The group's key "
            "signed two different histories, or was stolen. Don't send anything; ask the group over another way."
        )


class OtherServer(Refused):
    """The server's receipt key is not the one this client has seen."""

    def __init__(self) -> None:
        super().__init__(
            "The server shows another signing key than before. Either it was set up anew or you are not talking to "
            "the server you think. Ask its operator over another way before you go on."
        )


class _Head(Struct, frozen=True, forbid_unknown_fields=True):
    seq: Annotated[int, Meta(ge=0, lt=1_024)]
    digest: Hex32


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    groups: dict[Hex16, _Head]
    servers: dict[str, Bytes32]
    check: str = ""
    """SHA-256 of the file without it: what a disk changed accuses no server. Files of before it have none."""

    def checked(self) -> _File:
        """Give the file with its check."""
        plain = msgspec.structs.replace(self, check="")
        return msgspec.structs.replace(plain, check=hashlib.sha256(msgspec.json.encode(plain)).hexdigest())


@dataclass(frozen=True, slots=True)
class Pins:
    """The heads and server keys that a client has accepted so far. Immutable; `save` writes them."""

    groups: Mapping[bytes, tuple[int, bytes]] = field(default_factory=dict)
    """Group id to (seq, digest) of the last accepted head."""
    servers: Mapping[str, bytes] = field(default_factory=dict)
    """Server address to its verify key."""

    def accept(self, history: RosterHistory) -> Pins:
        """Remember a verified chain's head. Raises RolledBack or Forked when it doesn't go on from the last one."""
        latest = history.latest
        known = self.groups.get(latest.group)
        if known is not None:
            seq, digest = known
            if latest.seq < seq:
                # A shorter chain that we know in full is a rollback; one that differs earlier contradicts as well.
                raise RolledBack
            if history.rosters[seq].digest != digest:
                raise Forked
        return replace(self, groups={**self.groups, latest.group: (latest.seq, latest.digest)})

    def accept_server(self, base: str, key: VerifyKey) -> Pins:
        """Remember a server's key at first sight. Raises OtherServer when it changes."""
        known = self.servers.get(base)
        if known is not None and known != key.raw:
            raise OtherServer
        return replace(self, servers={**self.servers, base: key.raw})

    def to_bytes(self) -> bytes:
        """Encode for a file; nothing in it is secret, but it tells which groups were looked at."""
        heads = {
            group.hex(): _Head(seq, digest.hex()) for group, (seq, digest) in sorted(self.groups.items())
        }
        return msgspec.json.encode(_File(1, heads, dict(sorted(self.servers.items()))).checked())

    @classmethod
    def from_bytes(cls, raw: bytes) -> Pins:
        """Parse what `to_bytes` wrote. Refused on anything else: losing pins silently would undo them."""
        try:
            read = msgspec.json.decode(raw, type=_File)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise Refused(_DAMAGED) from None
        if read.check and read != read.checked():
            raise Refused(_DAMAGED)
        if read.version != 1:
            raise Refused("The file of known groups was written by another version.")
        groups = {
            bytes.fromhex(group): (head.seq, bytes.fromhex(head.digest))
            for group, head in read.groups.items()
        }
        return cls(groups, read.servers)


def load(path: Path) -> Pins:
    """Read the pins of a file; none when there is no file yet. Refused, by its name, when it is damaged."""
    if not path.exists():
        return Pins()
    try:
        return Pins.from_bytes(read_whole(path, MAX_FILE))
    except Refused as refused:
        raise Refused(f"{path.name}: {refused.reason}") from None


def save(path: Path, pins: Pins) -> None:
    """Write the pins durably and all at once, readable by their owner only."""
    write_whole(path, pins.to_bytes())
