"""Who may vote in a poll, held against the registry of members that the group's root key names.

Guarantees: voters exist only for an electorate that is exactly what a snapshot of that registry gives. The registry
that a server names for a poll is never taken for it: among made-up members one real voter would be alone.
Leaves the remembering of the group's roster to its callers, who have files of their own for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crypto.codes import fingerprint_words
from crypto.errors import Refused
from crypto.group import Point
from polls.electorate import Electorate
from polls.manifest import Manifest
from service.cases.registry import Registry
from service.cases.rosters import RosterHistory
from service.wire import calls, poll_calls
from service.wire.client import Client
from service.wire.poll_views import left_out_of, left_out_told
from service.wire.registry_pins import Downloaded, download, fetch


@dataclass(frozen=True, slots=True)
class Voters:
    """A poll's electorate and where it comes from, checked.

    left_out: the accounts of the members' snapshot that may not vote. Whoever makes a poll chooses them: look.
    """

    history: RosterHistory
    registry: Registry
    electorate: Electorate
    snapshot: str
    left_out: tuple[str, ...]

    @property
    def members(self) -> list[Point]:
        """The member keys of the snapshot, those left out included."""
        return [each.member_key for each in self.registry.snapshot(self.snapshot).members]

    def told(self) -> str:
        """Say whose registry it is and who of its members may not vote, in two sentences."""
        return f"{registry_told(self.registry)}\n{left_out_told(self.snapshot, self.left_out)}"


def voters_of(
    client: Client, manifest: Manifest, folder: Path, accept: Callable[[RosterHistory], None]
) -> Voters:
    """Fetch who may vote and hold it against the registry of the group's newest roster, whose chain `folder` keeps.

    accept: remembers the roster, or refuses it. Raises Refused for another registry or another electorate.
    """
    history = client.do(calls.roster(bytes.fromhex(manifest.group_id)))
    accept(history)
    if history.latest.registry is None:
        raise Refused("poll: the group's root key names no registry of members")
    registry = fetch(client, history.latest.registry, folder)
    found = client.do(poll_calls.electorate(manifest))
    left_out = left_out_of(found, registry)
    return Voters(history, registry, found.electorate, found.shape.snapshot, left_out)


def download_named(client: Client, manifest: Manifest) -> Downloaded:
    """Download the registry of a poll whose record is kept, and hold the electorate against it.

    For who keeps no files: a registry is taken that the group's root key names or has named, since a record outlives
    a change of it. Raises Refused for any other.
    """
    history = client.do(calls.roster(bytes.fromhex(manifest.group_id)))
    found = client.do(poll_calls.electorate(manifest))
    registry = bytes.fromhex(found.shape.registry)
    if registry not in {roster.registry for roster in history.rosters}:
        raise Refused("electorate: of another registry than the group's root key names")
    downloaded = download(client, registry)
    left_out_of(found, downloaded.registry)
    return downloaded


def registry_told(registry: Registry) -> str:
    """Say which registry's members vote, with the words of its key, for people to compare."""
    words = " ".join(fingerprint_words(registry.root.raw))
    return f"Voters are members of the registry {registry.name!r}, whose key in words is: {words}."
