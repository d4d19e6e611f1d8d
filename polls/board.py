"""The board: pages of ballots, chained, flushed at fixed intervals in sorted order. SPEC.md §3.5.

While the poll is open only the signed heads are public: a head hides how many ballots its page has (a salt), so
no running turnout is shown, yet binds the server to every ballot on it. After the close the pages are opened.
A receipt that the opened board doesn't keep is proof against the server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from msgspec import Meta

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from polls.ballots import BallotWire
from polls.casting import Receipt, last_page
from polls.encoding import Wire, decode, hash_hex
from polls.manifest import Manifest

SALT_SIZE = 32


class PageWire(Wire, frozen=True):
    """An opened page: its salt and its ballots' hashes in ascending order, hexadecimal."""

    salt: Annotated[str, Meta(min_length=2 * SALT_SIZE, max_length=2 * SALT_SIZE)]
    ballots: list[str]


class HeadWire(Wire, frozen=True):
    """A signed head: the chain up to and with page `page`."""

    page: int
    head: str
    signature: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page's contents, valid by construction."""

    salt: bytes
    ballots: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_SIZE:
            raise Refused("board: a page's salt is 32 bytes")
        if list(self.ballots) != sorted(set(self.ballots)):
            raise Refused("board: a page's ballots are not in ascending order, each once")
        if any(len(each) != 64 or bytes_of(each).hex() != each for each in self.ballots):
            raise Refused("board: not a ballot's hash")

    @classmethod
    def parse(cls, wire: PageWire) -> Page:
        """Read an opened page."""
        return cls(bytes_of(wire.salt), tuple(wire.ballots))

    @property
    def wire(self) -> PageWire:
        """The page as written."""
        return PageWire(salt=self.salt.hex(), ballots=list(self.ballots))


def bytes_of(text: str) -> bytes:
    """Read hexadecimal digits."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refused("board: not hexadecimal") from None


def genesis(manifest: Manifest) -> bytes:
    """Give the head before page 0: the poll itself."""
    return digest(Label.BOARD, manifest.phi)


def next_head(manifest: Manifest, number: int, parent: bytes, page: Page) -> bytes:
    """Give the head after page `number`."""
    content = digest(Label.BOARD_PAGE, page.salt, *(each.encode() for each in page.ballots))
    return digest(Label.BOARD, manifest.phi, number.to_bytes(4, "big"), parent, content)


def sign_head(key: SigningKey, manifest: Manifest, number: int, head: bytes) -> HeadWire:
    """Sign a head; a server signs one for each page, empty or not."""
    signature = sign(key, Label.BOARD, manifest.phi, number.to_bytes(4, "big"), head)
    return HeadWire(page=number, head=head.hex(), signature=signature.hex())


def check_head(manifest: Manifest, wire: HeadWire) -> bytes:
    """Check a head's signature; gives the head."""
    if not 0 <= wire.page <= last_page(manifest):
        raise Refused("board: no such page")
    head = bytes_of(wire.head)
    key = VerifyKey(bytes_of(manifest.server_key))
    verify(key, Label.BOARD, bytes_of(wire.signature), manifest.phi, wire.page.to_bytes(4, "big"), head)
    return head


@dataclass(frozen=True)
class Board:
    """All pages of a closed poll's board, in order, under the server's last signed head."""

    manifest: Manifest
    pages: tuple[Page, ...]
    heads: tuple[bytes, ...]

    @classmethod
    def check(cls, manifest: Manifest, pages: Sequence[Page], final: HeadWire) -> Board:
        """Chain the pages and check that the last head is the one signed; no ballot may be there twice."""
        if len(pages) != last_page(manifest) + 1:
            raise Refused("board: has not one page for every interval")
        heads, parent = [], genesis(manifest)
        for number, page in enumerate(pages):
            parent = next_head(manifest, number, parent, page)
            heads.append(parent)
        if final.page != len(pages) - 1 or check_head(manifest, final) != parent:
            raise Refused("board: its last head is not the one signed")
        ballots = [ballot for page in pages for ballot in page.ballots]
        if len(set(ballots)) != len(ballots):
            raise Refused("board: the same ballot is there twice")
        return cls(manifest, tuple(pages), tuple(heads))

    @property
    def order(self) -> tuple[str, ...]:
        """All ballots' hashes, in the order in which they count."""
        return tuple(ballot for page in self.pages for ballot in page.ballots)

    def check_seen(self, seen: Mapping[int, bytes]) -> None:
        """Refuse a board that contradicts a head seen during the poll: the server showed two histories."""
        for number, head in seen.items():
            if not 0 <= number < len(self.heads) or self.heads[number] != head:
                raise Refused(f"board: page {number} is not the one whose head was published")


class Found(Enum):
    """What a receipt shows about a closed board."""

    COUNTED = "counted"
    REPLACED = "replaced by your later ballot"
    REPLACED_ELSEWHERE = "replaced by a later ballot with your key, whose receipt is not here"
    DROPPED = "dropped: the receipt proves that the server broke its word"


@dataclass(frozen=True)
class Voted:
    """A closed board's ballots by name: each one's credential and page, and each credential's last ballot."""

    credential: Mapping[str, str]
    page: Mapping[str, int]
    last: Mapping[str, str]


def credentials_on(board: Board, ballots: Mapping[str, bytes]) -> Voted:
    """Read the credential of every ballot on a closed board, as Belenios writes it.

    ballots: texts by their hashes. Refused when one of the board is missing or no ballot: a later ballot, which
    replaces an earlier one, must not be kept from who looks for it. Whether ballots are valid is not checked here.
    """
    found, last = dict[str, str](), dict[str, str]()
    for name in board.order:
        raw = ballots.get(name)
        if raw is None or hash_hex(raw) != name:
            raise Refused("board: the text of a ballot on it is missing")
        found[name] = decode(raw, BallotWire, "ballot").credential
        last[found[name]] = name
    pages = {name: number for number, page in enumerate(board.pages) for name in page.ballots}
    return Voted(found, pages, last)


def check_receipt(receipt: Receipt, voted: Voted, own: Collection[str] = ()) -> Found:
    """Say what became of a ballot. Of a credential's ballots the last on the board counts, whoever cast it.

    receipt: a checked one (`casting.read_receipt`) of the board's poll. voted: `credentials_on` the board. own: hashes
    of ballots of which the voter has receipts. A ballot on another page than promised is dropped. No step for each
    ballot of the board: a file of receipts may be long.
    """
    if voted.page.get(receipt.ballot) != receipt.page:
        return Found.DROPPED
    last = voted.last[voted.credential[receipt.ballot]]
    if last == receipt.ballot:
        return Found.COUNTED
    return Found.REPLACED if last in own else Found.REPLACED_ELSEWHERE
