"""Tokens while the reporter writes, and patience afterwards: pressure delays a report and never loses it."""

from __future__ import annotations

import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import httpx
import msgspec
import pytest

from abuse import puzzle
from abuse.routes import AdmissionKey, Route
from crypto.entropy import system
from service.wire import calls
from service.wire.admitting import MARGIN_S, PARTS, Admission
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.failures import Declined, Unreachable
from service.wire.patience import PATIENCE_S, TRIES, Attempts, patiently
from service.wire.problems import Kind
from service.wire.shapes import ChallengeShape

GROUP = b"g" * 16
KEY = AdmissionKey(bytes(32))
BROKEN = "broken"


@dataclass
class Desk:
    """A server that hands out real puzzles, and answers what it is told: a Kind with its wait, or a broken line."""

    answers: list[tuple[Kind, int] | str]
    difficulty: int = 2
    lives_s: int = 7_200
    challenges: int = 0
    tokens: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    now: float = 0.0
    hold: threading.Event | None = None
    puzzles: int | None = None
    """How many it hands out."""

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/admission/"):
            if self.hold is not None:
                assert self.hold.wait(10)
            if self.challenges == self.puzzles:
                return declining(Kind.NOT_FOUND)
            self.challenges += 1
            raw = puzzle.challenge(
                KEY, GROUP, Route.REPORTS, epoch=bytes(8), nonce=system(16), difficulty=self.difficulty, expires_s=1
            )  # fmt: skip
            text = urlsafe_b64encode(raw).rstrip(b"=").decode()
            shape = ChallengeShape(text, self.difficulty, self.lives_s, "t", 1, 1)
            return httpx.Response(200, stream=httpx.ByteStream(msgspec.json.encode(shape)))
        self.tokens.append(request.headers["Sottovoce-Admission"])
        answer = self.answers.pop(0) if self.answers else None
        if answer == BROKEN:
            raise httpx.ReadError("the line broke")
        if isinstance(answer, tuple):
            return declining(*answer)
        return httpx.Response(200, stream=httpx.ByteStream(b"stored"))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def client(self) -> Client:
        return Client("http://localhost:1", transport=httpx.MockTransport(self.handle))

    def send(self, told: Callable[[], None] = lambda: None, attempts: Attempts[bytes] | None = None) -> bytes:
        with self.client() as client, Admission(client, GROUP, clock=lambda: self.now) as admission:
            return patiently(
                client, admission, attempts or call, waiting=told, sleep=self.sleep, clock=lambda: self.now
            )


def declining(kind: Kind, wait: int = 0) -> httpx.Response:
    body = msgspec.json.encode({"type": kind.type, "title": kind.title, "status": kind.status})
    headers = {"Retry-After": str(wait)} if wait else {}
    return httpx.Response(kind.status, stream=httpx.ByteStream(body), headers=headers)


def call(token: str) -> Call[bytes]:
    return Call("POST", "/x", bytes, headers={"Sottovoce-Admission": token})


def same(tokens: Sequence[str]) -> list[int]:
    """Tokens as numbers of the order in which each was first presented."""
    order = list(dict.fromkeys(tokens))
    return [order.index(token) for token in tokens]


BUSY, LOST = (Kind.BUSY, 4), (Kind.ADMISSION_NOT_DRAWN, 0)


@pytest.mark.parametrize(
    ("answers", "tokens", "slept"),
    [
        ([], [0], []),
        ([BUSY, BUSY], [0, 0, 0], [4, 4]),  # in the draw: the same token again, or the place it won is lost
        ([LOST, LOST], [0, 1, 2], [0, 0]),
        ([BUSY, LOST, BUSY], [0, 0, 1, 1], [4, 0, 4]),
        ([(Kind.ADMISSION_REFUSED, 0)], [0, 1], [0]),  # too old, or of before a restart
        ([(Kind.ADMISSION_SPENT, 0)], [0, 1], [0]),
        ([(Kind.ADMISSION_EARLY, 9)], [0, 0], [9]),
        ([BROKEN, BROKEN], [0, 0, 0], [2, 4]),  # perhaps it came through: the same again is harmless
        ([(Kind.UNAVAILABLE, 0), (Kind.UNAVAILABLE, 7)], [0, 0, 0], [2, 7]),
        ([(Kind.BUSY, 80_000)], [0, 0], [300]),  # no server makes a reporter wait for a day
        ([BROKEN] * 5, [0] * 6, [2, 4, 8, 16, 32]),
    ],
)
def test_every_answer_gets_what_it_asks_for(
    answers: list[tuple[Kind, int] | str], tokens: list[int], slept: list[float]
) -> None:
    """The same token, another one, a wait: as abuse/SPEC.md says, until the report is in."""
    desk = Desk(list(answers))
    assert desk.send() == b"stored"
    assert same(desk.tokens) == tokens
    assert desk.slept == slept
    assert desk.challenges == len(set(tokens))


def test_fifty_lost_draws_are_waited_out() -> None:
    """A flood of an honest hour: the report still gets in, and the reporter is told that it waits."""
    told: list[int] = []
    desk = Desk([BUSY, LOST] * 50)
    assert desk.send(lambda: told.append(1)) == b"stored"
    assert len(told) == 100
    assert desk.challenges == 51


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([(Kind.ENVELOPE, 0)], Declined),
        ([(Kind.NOT_FOUND, 0)], Declined),
        ([(Kind.STALE_ROSTER, 0)], Declined),
        ([BROKEN] * TRIES, Unreachable),
        ([(Kind.UNAVAILABLE, 1)] * TRIES, Declined),
        ([(Kind.BUSY, 300)] * (int(PATIENCE_S) // 300 + 2), Declined),
    ],
)
def test_what_will_not_change_ends_it(answers: list[tuple[Kind, int] | str], error: type[Exception]) -> None:
    """Refused for what it is, six broken lines in a row, an hour of waiting: said, not hidden."""
    with pytest.raises(error):
        Desk(list(answers)).send()


@pytest.mark.parametrize(
    ("answers", "may"),
    [
        ([(Kind.POLL_CLOSED, 0)], False),
        ([BUSY, (Kind.POLL_CLOSED, 0)], False),
        ([LOST, BUSY, LOST, (Kind.POLL_CLOSED, 0)], False),
        ([(Kind.ADMISSION_REFUSED, 0), (Kind.POLL_CLOSED, 0)], False),
        ([(Kind.BUSY, 300)] * (int(PATIENCE_S) // 300 + 2), False),
        ([BROKEN, (Kind.POLL_CLOSED, 0)], True),
        ([BUSY, BROKEN, BUSY, (Kind.POLL_CLOSED, 0)], True),
        ([(Kind.UNAVAILABLE, 0), (Kind.POLL_CLOSED, 0)], True),
        ([(Kind.UNAVAILABLE, 0), (Kind.ADMISSION_SPENT, 0), (Kind.POLL_CLOSED, 0)], True),
        ([BROKEN] * TRIES, True),
    ],
)
def test_what_was_declined_each_time_has_not_arrived(
    answers: list[tuple[Kind, int] | str], may: bool
) -> None:
    """One answer that was lost, or that of a server in trouble, and it may have; none, and it has not."""
    attempts = Attempts(call)
    assert not attempts.may_have_arrived
    with pytest.raises((Declined, Unreachable)):
        Desk(list(answers)).send(attempts=attempts)
    assert attempts.may_have_arrived is may


def test_a_puzzle_that_nobody_hands_out_changes_nothing_of_what_was_sent() -> None:
    """A try was lost; the next token is declined: it may still have arrived. Before any try it can't have."""
    cases: list[tuple[list[tuple[Kind, int] | str], int, bool]] = [
        ([BROKEN, LOST], 1, True),
        ([LOST], 1, False),
        ([], 0, False),
    ]
    for answers, puzzles, may in cases:
        attempts = Attempts(call)
        with pytest.raises(Declined):
            Desk(answers, puzzles=puzzles).send(attempts=attempts)
        assert attempts.may_have_arrived is may


def test_the_puzzle_is_solved_while_nobody_waits() -> None:
    """Begun in the background, the token is there when it is asked for; only who has to wait sees progress."""
    desk = Desk([], difficulty=64, hold=threading.Event())
    seen: list[int] = []
    with desk.client() as client, Admission(client, GROUP, progress=seen.append) as admission:
        since = monotonic()
        admission.begin()
        assert monotonic() - since < 1
        assert seen == []
        assert desk.hold is not None
        desk.hold.set()
        token = admission.token()
        assert admission.token() == token
        assert desk.challenges == 1
        assert all(0 <= parts <= PARTS for parts in seen)
        assert seen[-1] == PARTS


def test_a_token_that_became_too_old_is_replaced() -> None:
    """Who writes for three hours gets a fresh one at the end; who is quick keeps the first."""
    desk = Desk([], lives_s=7_200)
    with desk.client() as client, Admission(client, GROUP, clock=lambda: desk.now) as admission:
        admission.begin()
        first = admission.token()
        desk.now = 7_200 - MARGIN_S
        assert admission.token() == first
        desk.now = 3 * 3_600
        assert admission.token() != first
        assert desk.challenges == 2


def test_what_goes_wrong_in_the_background_is_tried_again() -> None:
    """The line broke while the reporter wrote: no error then, and a new try when the token is needed."""
    desk = Desk([])
    broken = [True]

    def sometimes(request: httpx.Request) -> httpx.Response:
        if broken:
            broken.clear()
            raise httpx.ConnectError("no line")
        return desk.handle(request)

    with Client("http://localhost:1", transport=httpx.MockTransport(sometimes)) as client:
        admission = Admission(client, GROUP)
        admission.begin()
        assert admission.token()
        admission.close()


def test_a_reporter_who_leaves_leaves_no_work_behind() -> None:
    """Closing stops a puzzle of a quarter of an hour at once."""
    desk = Desk([], difficulty=1 << 20)
    with desk.client() as client:
        admission = Admission(client, GROUP)
        admission.begin()
        since = monotonic()
        admission.close()
        assert monotonic() - since < 2
        assert all(thread.name != "puzzle" for thread in threading.enumerate())


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_whose_server_is_away_is_not_taken_for_one_that_refuses(status: int) -> None:
    """As nginx answers while the server starts again: with a page of its own. What was sent may have arrived."""

    def nginx(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, stream=httpx.ByteStream(b"<html><h1>Bad Gateway</h1></html>"))

    attempts = Attempts(lambda _token: calls.server_info())
    with (
        Client("http://localhost", transport=httpx.MockTransport(nginx)) as client,
        pytest.raises(Declined, match="The server is away at the moment") as declined,
    ):
        attempts.send(client, "")
    assert declined.value.kind is None
    assert attempts.may_have_arrived
