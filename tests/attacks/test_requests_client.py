"""A malicious server answering the desk and the reporter: it can refuse, and can't crash or fool the client.

Every answer goes over a real socket from a server that says what the test wants. design.md §12.
"""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.codes import Claim
from crypto.entropy import system
from crypto.errors import Refused
from crypto.signatures import SigningKey
from service.cases.asking import AskLeave
from service.cases.receipts import envelope_digest, issue
from service.cases.registry_statements import ByOldKey
from service.wire import calls, registry_calls, shapes
from service.wire.client import Client, checked_base, checked_proxy
from service.wire.failures import Declined, Unreachable
from service.wire.problems import Kind
from service.wire.puzzles import solve
from tests.support.groups import Group

KEY = SigningKey(system(32))
GROUP = Group.draw()
ENVELOPE = GROUP.seal()


@dataclass
class Liar:
    """What the server answers to everything."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    base: str = ""
    seen: list[dict[str, str]] = field(default_factory=list)
    endless: bool = False
    hang_up: bool = False


@contextmanager
def lying() -> Iterator[Liar]:
    liar = Liar()

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            liar.seen.append({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(liar.status)
            for name, value in liar.headers.items():
                self.send_header(name, value)
            if not liar.endless:
                self.send_header("Content-Length", str(len(liar.body) + (10 if liar.hang_up else 0)))
            self.end_headers()
            try:
                self.wfile.write(liar.body)
                while liar.endless:
                    self.wfile.write(b" " * 65_536)
            except OSError:
                pass
            if liar.hang_up:
                self.connection.close()

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    liar.base = f"http://127.0.0.1:{server.server_port}"
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def shared() -> Iterator[Liar]:
    with lying() as server:
        yield server


@pytest.fixture
def liar(shared: Liar) -> Liar:
    shared.body, shared.status, shared.headers, shared.endless, shared.hang_up = b"", 200, {}, False, False
    shared.seen.clear()
    return shared


CALLS: dict[str, Callable[[], calls.Call[object]]] = {
    "server_info": calls.server_info,
    "groups": calls.groups,
    "roster": lambda: calls.roster(GROUP.id),
    "append": lambda: calls.append_statement(GROUP.id, b"x"),
    "submit": lambda: calls.submit(GROUP.id, ENVELOPE, KEY.verify_key(), admission="x"),
    "feed": lambda: calls.feed(GROUP.signer("Ada")),
    "activity": lambda: calls.activity(GROUP.signer("Ada")),
    "grant": lambda: calls.fetch_grant(GROUP.signer("Ada"), GROUP.id, bytes(16)),
    "log": lambda: calls.read_log(GROUP.signer("Ada"), GROUP.id, bytes(16)),
    "batch": lambda: calls.batch(GROUP.signer("Ada"), [shapes.Recuse("0" * 32, "0" * 32, "0" * 32)]),
    "open": lambda: calls.open_mailbox(Claim(bytes(32)), admission="x"),
    "burn": lambda: calls.burn_mailbox(
        Claim(bytes(32)), 0, ENVELOPE, GROUP.id, KEY.verify_key(), admission="x"
    ),
    "challenge": lambda: calls.challenge(GROUP.id, "reports"),
    "registries": registry_calls.registries,
    "statements": lambda: registry_calls.statements(bytes(32)),
    "append statements": lambda: registry_calls.append_statements(bytes(32), [b"x"]),
    "ask": lambda: registry_calls.ask(bytes(32), AskLeave("a.org/x", ByOldKey(bytes(64))), admission="x"),
    "waiting": lambda: registry_calls.waiting(bytes(32)),
    "dismiss": lambda: registry_calls.dismiss(bytes(32), [bytes(32)], KEY),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"{}", b"[]", b"\xff", b"[" * 60_000, b'{"group": 1}', b"1" * 5_000, b'{"x": "\\ud800"}'],
    ids=["empty", "null", "object", "list", "latin", "deep", "number", "digits", "surrogate"],
)
def test_nonsense_is_refused(liar: Liar, name: str, body: bytes) -> None:
    """Whatever a server says instead of an answer becomes a Refused."""
    liar.body = body
    with Client(liar.base) as client, pytest.raises(Refused):
        client.do(CALLS[name]())


@pytest.mark.parametrize(
    "name", [name for name in CALLS if name not in {"roster", "statements"}]
)  # they are large
def test_an_endless_answer_is_cut_off(liar: Liar, name: str) -> None:
    """The client reads to the call's cap and hangs up."""
    liar.endless = True
    begun = time.monotonic()
    with Client(liar.base) as client, pytest.raises(Refused, match="too long"):
        client.do(CALLS[name]())
    assert time.monotonic() - begun < 10


@given(
    status=st.integers(201, 599), body=st.binary(max_size=100), retry=st.text("0123456789abc-", max_size=12)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_refusals_are_read_without_belief(liar: Liar, status: int, body: bytes, retry: str) -> None:
    """Any status with any body is a Declined whose words are ours, or a Refused; a redirect is not followed."""
    if status in {204, 304}:
        body = b""
    liar.status, liar.body, liar.headers = (
        status,
        body,
        {"Retry-After": retry, "Location": "http://127.0.0.1:1/"},
    )
    with Client(liar.base) as client, pytest.raises((Declined, Refused, Unreachable)) as caught:
        client.do(calls.server_info())
    assert body.decode("latin-1") not in str(caught.value) or len(body) < 4
    assert len(liar.seen) >= 1


def test_a_problem_is_known_by_its_type(liar: Liar) -> None:
    """Known problems carry our text, whatever title the server sends; the wait is capped."""
    liar.status = 429
    liar.body = json.dumps({"type": Kind.BUSY.type, "title": "\x1b[31mEvil", "status": 429}).encode()
    liar.headers = {"Retry-After": "9999999"}
    with Client(liar.base) as client, pytest.raises(Declined) as caught:
        client.do(calls.server_info())
    assert (caught.value.kind, caught.value.retry_after_s) == (Kind.BUSY, 86_400)
    assert str(caught.value) == Kind.BUSY.title


def test_a_receipt_of_another_key_is_refused(liar: Liar) -> None:
    """A receipt that this server's key did not sign, or for another envelope, proves nothing and is refused."""
    for key, raw in ((SigningKey(system(32)), ENVELOPE), (KEY, b"another")):
        receipt = issue(key, envelope_digest(raw), 1, GROUP.id)
        liar.body = msgspec.json.encode(
            shapes.ReceiptShape(receipt.envelope.hex(), receipt.day, GROUP.id.hex(), receipt.signature)
        )
        with Client(liar.base) as client, pytest.raises(Refused):
            client.do(calls.submit(GROUP.id, ENVELOPE, KEY.verify_key(), admission="x"))


def test_another_groups_roster_is_refused(liar: Liar) -> None:
    """A chain that verifies but is another group's isn't taken for this one's, under either id."""
    other = Group.draw("Borealis")
    statements = tuple(s.raw for s in other.chain.statements)
    for claimed in (GROUP.id, other.id):
        liar.body = msgspec.json.encode(shapes.RosterChain(claimed.hex(), statements))
        with Client(liar.base) as client, pytest.raises(Refused):
            client.do(calls.roster(GROUP.id))


def test_circles_are_noticed(liar: Liar) -> None:
    """A feed, activity or log that promises more and gives the same again would keep a desk busy for ever."""
    page = shapes.FeedPage((), "", more=True)
    liar.body = msgspec.json.encode(page)
    with Client(liar.base) as client:
        for call in (calls.feed(GROUP.signer("Ada")), calls.activity(GROUP.signer("Ada"))):
            with pytest.raises(calls.BadAnswer):
                client.do(call)
        item = shapes.LogItem(1, "0" * 32, b"x")
        for entries in ((), (item, item)):
            liar.body = msgspec.json.encode(shapes.LogPage(entries, more=True))
            with pytest.raises(calls.BadAnswer):
                client.do(calls.read_log(GROUP.signer("Ada"), GROUP.id, bytes(16)))


def test_outcomes_for_other_items_are_refused(liar: Liar) -> None:
    """A server that swaps outcomes could make a desk drop what was not done."""
    liar.body = msgspec.json.encode(shapes.BatchAnswer((shapes.ItemOutcome("1" * 32, "done"),)))
    with Client(liar.base) as client, pytest.raises(calls.BadAnswer):
        client.do(CALLS["batch"]())


@pytest.mark.parametrize("difficulty", [0, 2**21, 2**31])
def test_a_puzzle_out_of_range_is_not_worked_on(difficulty: int) -> None:
    """A server can't make a client compute for hours."""
    from base64 import urlsafe_b64encode

    raw = bytearray(50)
    raw[26:30] = difficulty.to_bytes(4, "big")
    challenge = shapes.ChallengeShape(urlsafe_b64encode(raw).decode().rstrip("="), 1, 1, "", 1, 1)
    with pytest.raises(Refused):
        solve(challenge)


def test_compressed_answers_are_refused(liar: Liar) -> None:
    """A small answer can't become a large one in memory."""
    liar.headers, liar.body = {"Content-Encoding": "gzip"}, b"x"
    with Client(liar.base) as client, pytest.raises(calls.BadAnswer):
        client.do(calls.server_info())


def test_a_broken_connection_is_unreachable(liar: Liar) -> None:
    """Half an answer, or none, is something to repeat, not to believe."""
    liar.body, liar.hang_up = b"{", True
    with Client(liar.base) as client, pytest.raises(Unreachable):
        client.do(calls.server_info())
    with Client("http://127.0.0.1:1") as client, pytest.raises(Unreachable):
        client.do(calls.server_info())


def test_requests_say_nothing_of_the_client(liar: Liar) -> None:
    """No cookie is kept, no version or system is named, and nothing secret is in a header."""
    liar.headers = {"Set-Cookie": "track=1"}
    with Client(liar.base) as client:
        for _ in range(2):
            with pytest.raises(Refused):
                client.do(calls.open_mailbox(Claim(b"\x07" * 32), admission="x"))
    for seen in liar.seen:
        assert seen["user-agent"] == "sottovoce"
        assert "cookie" not in seen
        assert not {"accept-language", "referer", "origin", "from"} & set(seen)
        assert (b"\x07" * 32).hex() not in str(seen)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org",
        "http://example.org",
        "http://127.0.0.1.example.org",
        "http://onion.example.org",
        "https://user:password@example.org",
        "https://example.org?x=1",
        "https://example.org#x",
        "https://[::1",
        "https://example.org:99999",
        "file:///etc/passwd",
    ],
)
def test_unsafe_addresses_are_refused(url: str) -> None:
    """Plain http goes to this machine or an onion only; addresses with credentials or more are refused."""
    with pytest.raises(Refused):
        checked_base(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/", "https://example.org"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        (f"http://{'a' * 56}.onion", f"http://{'a' * 56}.onion"),
        ("https://example.org/sottovoce/", "https://example.org/sottovoce"),
    ],
)
def test_safe_addresses_are_kept(url: str, shown: str) -> None:
    """A trailing slash is dropped; nothing else changes."""
    assert checked_base(url) == shown


@pytest.mark.parametrize(
    "url", ["socks5://127.0.0.1:9050", "http://127.0.0.1:8118", "socks5h://", "socks5h://h/p"]
)
def test_proxies_that_leak_names_are_refused(url: str) -> None:
    """Only a proxy that resolves names itself keeps the server's name from the network."""
    with pytest.raises(Refused):
        checked_proxy(url)
