"""Fetching a closed poll's record: the opened board, all ballots and certificates, put together as the two files.

The steps are written once, as a generator of calls; `gather` runs them with a blocking client, `gather_async` with the
other. Guarantees: what comes out is chained under the server's signed head and made by `polls.evidence`; a server that
comes to no end is left, since all there can be is on the board; whether the ballots hold is for `polls.verify`. Equal
inputs give equal bytes, so everybody exports the same two files. Whoever only verifies takes `Gathered.closed`.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from crypto.group import Point
from polls.archive import MAX_ARCHIVE
from polls.audit import Mapper
from polls.board import Board, HeadWire, Page
from polls.electorate import Electorate
from polls.encoding import decode
from polls.evidence import assemble, write_evidence
from polls.group import ED25519
from polls.membership import CertificateWire
from polls.results import SignedCounts, SignedOutcome
from polls.verify import Closed, check_closed
from service.wire import poll_calls
from service.wire.calls import BadAnswer, Call
from service.wire.client import AsyncClient, Client
from service.wire.poll_views import BoardPages, ElectorateView, PollView

T = TypeVar("T")
Steps = Generator[Call[Any], Any, "Gathered"]


@dataclass(frozen=True)
class Gathered:
    """Everything of a closed poll that the server shows."""

    view: PollView
    electorate: Electorate
    board: BoardPages
    ballots: dict[str, bytes]
    certificates: tuple[CertificateWire, ...]

    @property
    def pages(self) -> tuple[Page, ...]:
        """The opened pages."""
        return self.board.pages

    @property
    def head(self) -> HeadWire:
        """The last signed head."""
        return self.board.head

    def archive(self, mapper: Mapper = map) -> bytes:
        """Write NAME.bel, up to the encrypted tally. Checks every ballot: seconds for a thousand."""
        return assemble(self.view.trustees, self.board.board, self.ballots, self.certificates, mapper)

    def closed(self, registry: Collection[Point] | None = None, mapper: Mapper = map) -> Closed[Any, Any]:
        """Verify all of it up to the encrypted tally, each ballot once; Refused for the first thing that fails."""
        view = self.view
        archive = assemble(view.trustees, self.board.board, self.ballots, self.certificates, to_verify=True)
        return check_closed(
            ED25519,
            archive,
            self.evidence(),
            manifest=view.manifest.raw,
            registry=registry,
            mapper=mapper,
        )

    def evidence(self, outcome: SignedOutcome | None = None, counts: SignedCounts | None = None) -> bytes:
        """Write NAME.evidence.json, with the outcome that is published unless another is given."""
        signed = outcome or self.view.outcome
        return write_evidence(
            self.view.manifest, self.electorate, self.pages, self.head, self.certificates, signed, counts
        )


def steps(phi: bytes) -> Steps:
    """The calls that gather a closed poll, one after the other."""
    view: PollView = yield poll_calls.poll(phi)
    electorate: ElectorateView = yield poll_calls.electorate(view.manifest)
    board: BoardPages = yield poll_calls.opened_board(view.manifest)
    ballots = yield from ballot_steps(phi, board.board)
    certificates: list[CertificateWire] = []
    last = ""
    while raws := (yield poll_calls.certificates(phi, last)):
        for raw in raws:
            found = decode(raw, CertificateWire, "certificate")
            if found.credential <= last:
                raise BadAnswer("the server's certificates go in circles")
            certificates.append(found)
            last = found.credential
        if len(certificates) > view.manifest.electorate_size:
            raise BadAnswer("the server shows more certificates than there are voters")
    return Gathered(view, electorate.electorate, board, ballots, tuple(certificates))


def ballot_steps(phi: bytes, board: Board) -> Generator[Call[Any], Any, dict[str, bytes]]:
    """The calls that fetch the ballots on a closed poll's board, by hash: all, so that none is seen to be looked for.

    Every page has to bring some, or a server could go on for ever with texts that nobody cast. Others are passed over.
    """
    missing, size, last = set(board.order), 0, ""
    ballots: dict[str, bytes] = {}
    while missing and (page := (yield poll_calls.ballots(phi, last))):
        found = {name: raw for name, raw in page.items() if name in missing}
        size += sum(map(len, found.values()))
        if min(page) <= last or not found:
            raise BadAnswer("the server's ballots go in circles")
        if size > MAX_ARCHIVE:
            raise BadAnswer("the server shows more ballots than a record can hold")
        ballots.update(found)
        missing -= found.keys()
        last = max(page)
    return ballots


def gather(client: Client, phi: bytes) -> Gathered:
    """Fetch a closed poll. Raises what the calls raise."""
    return _driven(client, steps(phi))


def gather_ballots(client: Client, board: Board) -> dict[str, bytes]:
    """Fetch all ballots on a closed poll's board, by hash. Raises what the calls raise."""
    return _driven(client, ballot_steps(board.manifest.phi, board))


def _driven(client: Client, going: Generator[Call[Any], Any, T]) -> T:
    call = next(going)
    while True:
        answer = client.do(call)
        try:
            call = going.send(answer)
        except StopIteration as done:
            found: T = done.value
            return found


async def gather_async(client: AsyncClient, phi: bytes) -> Gathered:
    """Fetch a closed poll. Raises what the calls raise."""
    going = steps(phi)
    call = next(going)
    while True:
        answer = await client.do(call)
        try:
            call = going.send(answer)
        except StopIteration as done:
            found: Gathered = done.value
            return found
