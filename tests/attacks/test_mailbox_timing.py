"""Opening a mailbox: used, wrong and unknown codes answer alike in time and shape; letters show in shape nowhere.

Over the real server with SQLite, its limits wide. The kinds are asked in turn, in an order shuffled anew each round,
so that whatever else the machine does falls on all of them; compared are quartiles, against the spread of the
measurements themselves. What it can't show: differences far below that spread,
which an attacker with very many requests might still average out. Reading eight letters takes about 32 µs
(2.3 %) longer than reading none; to ask for a mailbox that holds letters takes its code, which opens them.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from crypto.codes import Claim, ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import system
from crypto.letters import LETTER_SIZE, seal_letter
from crypto.signatures import VerifyKey
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.puzzles import solve
from service.wire.signing import ADMISSION_HEADER
from tests.support.groups import Group
from tests.support.server import RunningServer, running_server

ROUNDS = 120
WARM_UP = 8
ALIKE = ("used", "wrong", "unknown")
KINDS = ("letters", "full", *ALIKE)
LETTERS_COST = 0.10  # of the time, at most; measured: 2.3 %, about 32 µs for eight letters


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("timing")) as running:
        yield running


def drawn() -> Claim:
    return claim_of(ReplyCode(system(16)))


def write(client: Client, group: Group, code: ReplyCode, count: int) -> None:
    """Put letters into a code's mailbox."""
    address, key = address_of(claim_of(code)), mailbox_of(code).public_key()
    posts = [shapes.PostLetter(system(16).hex(), address.hex(), seal_letter(key, b"x")) for _ in range(count)]
    answer = client.do(calls.batch(group.signer("Ada"), posts))
    assert {one.outcome for one in answer.outcomes} == {"done"}


def boxes(client: Client, group: Group, server_key: VerifyKey) -> dict[str, Claim]:
    """One mailbox of each kind; `wrong` is a used code with one bit changed."""
    three, full, used = (ReplyCode(system(16)) for _ in range(3))
    write(client, group, three, 3)
    write(client, group, full, shapes.MAX_LETTERS)
    write(client, group, used, 2)
    token = solve(client.do(calls.challenge(group.id, "reports")))
    envelope = group.seal(b"follow")
    burned = calls.burn_mailbox(claim_of(used), 2, envelope, group.id, server_key, admission=token)
    assert client.do(burned) is not None
    raw = used.reveal()
    return {
        "letters": claim_of(three),
        "full": claim_of(full),
        "used": claim_of(used),
        "wrong": claim_of(ReplyCode(raw[:-1] + bytes([raw[-1] ^ 1]))),
    }


def opened(http: httpx.Client, client: Client, claim: Claim) -> tuple[float, httpx.Response]:
    """Seconds from sending to the last byte, and the answer. The token is made before."""
    token = solve(client.do(calls.challenge(bytes(16), "mailbox")))
    body = msgspec.json.encode(shapes.OpenMailbox(claim.reveal(), 0))
    headers = {ADMISSION_HEADER: token, "content-type": "application/json"}
    begun = time.perf_counter()
    response = http.post("/v1/mailboxes/open", content=body, headers=headers)
    return time.perf_counter() - begun, response


def shape_of(response: httpx.Response) -> tuple[object, ...]:
    """All that is the same for two answers that look alike: status, headers without the date, length."""
    headers = [(name, value) for name, value in response.headers.multi_items() if name != "date"]
    return response.status_code, tuple(headers), len(response.content)


def apart(times: dict[str, list[float]]) -> float:
    """How far the kinds' medians and quartiles are apart at most, in units of the spread of all measurements."""
    everything = [one for kind in times.values() for one in kind]
    low, _, high = statistics.quantiles(everything, n=4)
    cuts = [statistics.quantiles(kind, n=4) for kind in times.values()]
    widest: float = max(max(at) - min(at) for at in zip(*cuts, strict=True))
    return widest / (high - low)


def late(times: dict[str, list[float]]) -> float:
    """By which part of the fastest kind's time the slowest kind takes longer, at the quartile where that is least.

    What costs more is late at all three; what a busy machine does to one kind by chance, seldom.
    """
    cuts = [statistics.quantiles(kind, n=4) for kind in times.values()]
    least: float = min(max(at) / min(at) - 1 for at in zip(*cuts, strict=True))
    return least


@pytest.mark.slow
def test_no_kind_of_mailbox_answers_in_another_time_or_shape(server: RunningServer) -> None:
    """Used, wrong and unknown differ by less than they spread, letters cost under a tenth; one try of three holds."""
    group = Group.draw()
    shuffled, found = random.Random(7), []
    with Client(server.base) as client, httpx.Client(base_url=server.base, trust_env=False) as http:
        group.found(client)
        known = boxes(client, group, VerifyKey(client.do(calls.server_info()).verify_key))
        for _ in range(3):
            times: dict[str, list[float]] = {kind: [] for kind in KINDS}
            shapes_seen = set()
            for turn in range(WARM_UP + ROUNDS):
                for kind in shuffled.sample(KINDS, len(KINDS)):
                    took, response = opened(http, client, known.get(kind) or drawn())
                    shapes_seen.add(shape_of(response))
                    if turn >= WARM_UP:
                        times[kind].append(took)
            assert len(shapes_seen) == 1
            assert next(iter(shapes_seen))[-1] == LETTER_SIZE * shapes.LETTER_SLOTS
            found.append((apart({kind: times[kind] for kind in ALIKE}), late(times)))
            if found[-1][0] < 0.75 and found[-1][1] < LETTERS_COST:
                return
    pytest.fail(f"kinds of mailboxes can be told apart by time: {found}")


def test_a_kind_that_took_longer_would_be_noticed() -> None:
    """The comparison sees one kind that is late by the spread of the others, and none where all are alike."""
    drawn_times = random.Random(3)
    alike = {kind: [drawn_times.gauss(5, 1) for _ in range(ROUNDS)] for kind in KINDS}
    assert apart(alike) < 0.75
    assert apart({**alike, "used": [one + 1.5 for one in alike["used"]]}) > 0.75
    assert apart({**alike, "full": [one * 1.5 for one in alike["full"]]}) > 0.75
    assert late(alike) < LETTERS_COST / 2
    assert late({**alike, "full": [one * 1.15 for one in alike["full"]]}) > LETTERS_COST
