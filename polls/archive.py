"""Belenios' archive: a tar of texts named by their hash, and a chain of events over them. SPEC.md §2.10.

`read` accepts one form only: the header first, every file named by its own SHA-256, every data file
used by the event that follows it and by none before, heights without a gap, parents chained, events in
the order that the protocol has. So a byte changed anywhere in it is noticed, and named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from crypto.errors import Refused
from polls.encoding import MAX_MESSAGE, Wire, decode, encode, hash_hex

BLOCK: Final = 512
MAX_ARCHIVE: Final = 512 << 20

# Which events may follow which; the archive of an election that is still going on may end anywhere.
_FOLLOWS: Final[dict[str | None, set[str]]] = {
    None: {"Setup"},
    "Setup": {"Ballot", "EndBallots"},
    "Ballot": {"Ballot", "EndBallots"},
    "EndBallots": {"EncryptedTally"},
    "EncryptedTally": {"PartialDecryption"},
    "PartialDecryption": {"PartialDecryption", "Result"},
    "Result": set[str](),
}


class HeaderWire(Wire, frozen=True):
    """`header`; the tools write the time, in seconds, as a string."""

    version: int
    timestamp: str | int


class EventWire(Wire, frozen=True, kw_only=True):
    """`event`."""

    parent: str | None = None
    height: int
    type: str
    payload: str | None = None


class SetupWire(Wire, frozen=True):
    """`setup_data`."""

    election: str
    trustees: str
    credentials: str


class OwnedWire(Wire, frozen=True):
    """`owned_partial_decryption`."""

    owner: int
    payload: str


class SizedTallyWire(Wire, frozen=True):
    """`sized_encrypted_tally`."""

    num_tallied: int
    total_weight: int
    encrypted_tally: str


@dataclass
class Contents:
    """An archive's texts, in order, each exactly as written. Lists are empty and texts None where not reached."""

    timestamp: int
    election: bytes = b""
    trustees: bytes = b""
    credentials: bytes = b""
    ballots: list[bytes] = field(default_factory=list)
    ended: bool = False
    tally: bytes | None = None
    tallied: int | None = None
    partial: list[tuple[int, bytes]] = field(default_factory=list)
    result: bytes | None = None


def write(contents: Contents) -> bytes:
    """Write an archive as far as `contents` goes. Same contents, same bytes."""
    writer = _Writer(contents.timestamp)
    texts = [contents.election, contents.trustees, contents.credentials]
    names = [writer.data(text) for text in texts]
    setup = SetupWire(election=names[0], trustees=names[1], credentials=names[2])
    writer.event("Setup", encode(setup))
    for ballot in contents.ballots:
        writer.event("Ballot", ballot)
    if contents.ended:
        writer.event("EndBallots", None)
    if contents.tally is not None and contents.tallied is not None:
        name = writer.data(contents.tally)
        sized = SizedTallyWire(
            num_tallied=contents.tallied, total_weight=contents.tallied, encrypted_tally=name
        )
        writer.event("EncryptedTally", encode(sized))
    for owner, partial in contents.partial:
        writer.event("PartialDecryption", encode(OwnedWire(owner=owner, payload=writer.data(partial))))
    if contents.result is not None:
        writer.event("Result", contents.result)
    return b"".join(writer.blocks)


class _Writer:
    def __init__(self, timestamp: int) -> None:
        self.timestamp, self.height = timestamp, 0
        self.parent: str | None = None
        header = encode(HeaderWire(version=1, timestamp=str(timestamp)))
        self.blocks = [_file("BELENIOS", header, timestamp)]

    def data(self, text: bytes) -> str:
        name = hash_hex(text)
        self.blocks.append(_file(f"{name}.data.json", text, self.timestamp))
        return name

    def event(self, kind: str, payload: bytes | None) -> None:
        name = None if payload is None else self.data(payload)
        text = encode(EventWire(parent=self.parent, height=self.height, type=kind, payload=name))
        self.parent, self.height = hash_hex(text), self.height + 1
        self.blocks.append(_file(f"{self.parent}.event.json", text, self.timestamp))


def _file(name: str, text: bytes, timestamp: int) -> bytes:
    return _tar_header(name, len(text), timestamp) + text + bytes(-len(text) % BLOCK)


def _tar_header(name: str, size: int, timestamp: int) -> bytes:
    """Write an old-style header: name, mode, owner, group, size, time, checksum, type 0."""
    if not 0 <= timestamp < 8**11:
        raise Refused("archive: time out of range")
    front = name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2
    front += f"{size:011o}\0{timestamp:011o}\0".encode()
    total = sum(front) + 8 * ord(" ") + ord("0")
    return (front + f"{total:06o}\0 0".encode()).ljust(BLOCK, b"\0")


def _files(raw: bytes) -> Iterator[tuple[str, bytes, int]]:
    if len(raw) > MAX_ARCHIVE or len(raw) % BLOCK:
        raise Refused("archive: its length is not whole blocks, or too long")
    at = 0
    while at < len(raw):
        head = raw[at : at + BLOCK]
        try:
            name = head[:100].rstrip(b"\0").decode("ascii")
            size, timestamp = int(head[124:135], 8), int(head[136:147], 8)
        except ValueError:
            raise Refused("archive: a file's header is not readable") from None
        text = raw[at + BLOCK : at + BLOCK + size]
        if not 0 <= size <= MAX_MESSAGE or len(text) != size:
            raise Refused("archive: a file is too long or cut short")
        # One spelling: header and padding are exactly what we would write.
        if raw[at : at + BLOCK + size + (-size % BLOCK)] != _file(name, text, timestamp):
            raise Refused("archive: a file's header or padding is not in canonical form")
        yield name, text, timestamp
        at += BLOCK + size + (-size % BLOCK)


def read(raw: bytes) -> Contents:
    """Read an archive; Refused, saying what, unless whole and in the one form."""
    files = _files(raw)
    name, text, _ = next(files, ("", b"", 0))
    if name != "BELENIOS":
        raise Refused("archive: does not begin with its header")
    header = decode(text, HeaderWire, "archive header")
    if header.version != 1:
        raise Refused("archive: of another version")
    try:
        contents = Contents(int(header.timestamp))
    except ValueError:
        raise Refused("archive: time out of range") from None
    pending: dict[str, bytes] = {}
    parent: str | None = None
    last: str | None = None
    height = 0
    for name, text, timestamp in files:
        kind = name.removeprefix(hash_hex(text))
        if timestamp != contents.timestamp:
            raise Refused("archive: a file's time is not the header's")
        if kind == ".data.json":
            pending[hash_hex(text)] = text
        elif kind == ".event.json":
            event = decode(text, EventWire, "event")
            if event.parent != parent or event.height != height:
                raise Refused("archive: the chain of events is broken")
            if event.type not in _FOLLOWS[last]:
                raise Refused("archive: an event is out of order")
            _take(contents, event, pending)
            if pending:
                raise Refused("archive: data that no event refers to")
            parent, height, last = hash_hex(text), height + 1, event.type
        else:
            raise Refused("archive: a file is not named by its hash")
    if last is None or pending:
        raise Refused("archive: ends before its event")
    return contents


def _take(contents: Contents, event: EventWire, pending: dict[str, bytes]) -> None:
    """Move an event's payload, and what that refers to, from the pending data into the contents."""

    def pop(name: str | None) -> bytes:
        if name is None or name not in pending:
            raise Refused("archive: an event's payload is not there")
        return pending.pop(name)

    if event.type == "EndBallots":
        if event.payload is not None:
            raise Refused("archive: the end of ballots has a payload")
        contents.ended = True
        return
    payload = pop(event.payload)
    match event.type:
        case "Setup":
            setup = decode(payload, SetupWire, "setup data")
            contents.election = pop(setup.election)
            contents.trustees = pop(setup.trustees)
            contents.credentials = pop(setup.credentials)
        case "Ballot":
            contents.ballots.append(payload)
        case "EncryptedTally":
            sized = decode(payload, SizedTallyWire, "sized tally")
            if sized.total_weight != sized.num_tallied:
                raise Refused("archive: ballots have weights")
            contents.tally, contents.tallied = pop(sized.encrypted_tally), sized.num_tallied
        case "PartialDecryption":
            owned = decode(payload, OwnedWire, "owned partial decryption")
            contents.partial.append((owned.owner, pop(owned.payload)))
        case _:
            contents.result = payload
