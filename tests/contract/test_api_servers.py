"""The real server, on SQLite and on a real Redis: whole loops, races and kill -9 over HTTP."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import system
from crypto.letters import open_letter, seal_letter
from crypto.signatures import VerifyKey
from service.cases.receipts import Receipt
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.failures import Declined, Unreachable
from service.wire.problems import Kind
from tests.support.groups import Group, admitted, burned, server_key, slots
from tests.support.redis_server import redis_server
from tests.support.server import NO_TLS, RunningServer, running_server


@pytest.fixture
def server(server_on_each_store: RunningServer) -> RunningServer:
    return server_on_each_store


def test_a_report_goes_in_and_an_answer_comes_back(client: Client, group: Group) -> None:
    """Report, letter, opening, burning with a follow-up: over HTTP, on this store."""
    code = ReplyCode.draw(system)
    claim, box = claim_of(code), mailbox_of(code)
    group.file(client)
    assert len(client.do(calls.feed(group.signer("Ada"))).entries) == 1
    letter = seal_letter(box.public_key(), b"thank you")
    post = shapes.PostLetter(system(16).hex(), address_of(claim).hex(), letter)
    assert client.do(calls.batch(group.signer("Ada"), [post])).outcomes[0].outcome == "done"
    assert open_letter(box, slots(client, claim)[0]) == b"thank you"
    assert burned(client, group, claim, 1, group.seal(b"more")) is not None
    after = {entry.follow_up for entry in client.do(calls.feed(group.signer("Bo"))).entries}
    assert after == {"none", "first"}
    unknown = claim_of(ReplyCode.draw(system))
    assert len(b"".join(slots(client, claim))) == len(b"".join(slots(client, unknown)))


def test_a_hundred_submissions_of_one_envelope_are_one_report(server: RunningServer, group: Group) -> None:
    """One hundred at once get one receipt, and the handlers see one report."""
    envelope = group.seal()
    with Client(server.base) as client:
        key = server_key(client)
        tokens = [admitted(client, group.id) for _ in range(100)]

    def submit(token: str) -> Receipt:
        with Client(server.base) as own:
            return own.do(calls.submit(group.id, envelope, key, admission=token))

    with ThreadPoolExecutor(20) as pool:
        receipts = set(pool.map(submit, tokens))
    assert len(receipts) == 1
    with Client(server.base) as client:
        assert len(client.do(calls.feed(group.signer("Ada"))).entries) == 1


def test_one_token_lets_one_report_in(server: RunningServer, group: Group) -> None:
    """Of fifty different reports with one token at once, one gets in."""
    with Client(server.base) as client:
        key, token = server_key(client), admitted(client, group.id)
    envelopes = [group.seal(bytes([n])) for n in range(50)]

    def submit(envelope: bytes) -> Kind | None:
        try:
            with Client(server.base) as own:
                own.do(calls.submit(group.id, envelope, key, admission=token))
        except Declined as declined:
            return declined.kind
        return None

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(submit, envelopes))
    assert outcomes.count(None) == 1
    assert set(outcomes) == {None, Kind.ADMISSION_SPENT}


def test_a_signed_request_is_taken_once(server: RunningServer, client: Client, group: Group) -> None:
    """Of fifty replays at once, one is answered."""
    method, url, headers, body = client.request(calls.feed(group.signer("Ada")))

    def send(_: int) -> int:
        with httpx.Client(verify=NO_TLS, trust_env=False) as own:
            return own.request(method, url, headers=headers, content=body).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(send, range(50)))
    assert sorted(set(statuses)) == [200, 409]
    assert statuses.count(200) == 1


def test_rivals_for_the_head_have_one_winner(server: RunningServer, group: Group) -> None:
    """Ten statements signed on the same head at once: one is stored, nine are told to load the chain again."""
    from dataclasses import replace

    from tests.support.groups import Member

    rivals = []
    for n in range(10):
        rival = replace(group, handlers=list(group.handlers))
        rivals.append(rival.add(Member.draw(f"Rival {n}")))

    def append(statement: bytes) -> Kind | None:
        with Client(server.base) as own:
            try:
                own.do(calls.append_statement(group.id, statement))
            except Declined as declined:
                return declined.kind
            return None

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(append, rivals))
    assert outcomes.count(None) == 1
    assert outcomes.count(Kind.ROSTER_CONFLICT) == 9


def test_nothing_of_the_sender_is_logged(server: RunningServer, group: Group) -> None:
    """Spoofed addresses, agents and paths leave no trace in the log or the data folder."""
    canary = "203.0.113.77"
    headers = {
        "X-Forwarded-For": canary,
        "Forwarded": f"for={canary}",
        "X-Real-IP": canary,
        "User-Agent": f"agent-{canary}",
    }
    with httpx.Client(verify=NO_TLS, trust_env=False, headers=headers) as http:
        assert http.get(f"{server.base}/v1/server").status_code == 200
        assert http.get(f"{server.base}/v1/{canary}").status_code == 404
        assert http.post(f"{server.base}/v1/mailboxes/open", content=canary).status_code == 415
        assert (
            http.post(f"{server.base}/v1/groups/{group.id.hex()}/reports", content=canary).status_code == 415
        )
    assert canary not in server.log
    for path in server.data.rglob("*"):
        if path.is_file():
            assert canary.encode() not in path.read_bytes()


def test_every_answer_has_the_security_headers(server: RunningServer) -> None:
    """Also those for paths that aren't there and methods that aren't taken."""
    for method, path in (
        ("GET", "/v1/server"),
        ("GET", "/nothing"),
        ("DELETE", "/v1/server"),
        ("GET", "/v1/openapi.json"),
    ):
        answer = httpx.request(method, server.base + path, verify=NO_TLS, trust_env=False)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def test_kill_9_loses_nothing_acknowledged(tmp_path: Path, store: str) -> None:
    """The server is killed three times under load: every report with a receipt is in the feed, each once."""
    if store == "redis":
        with redis_server(tmp_path / "redis") as redis:
            _killed(tmp_path, redis.url)
    else:
        _killed(tmp_path, None)


def _killed(folder: Path, redis_url: str | None) -> None:
    with running_server(folder / "server", redis_url=redis_url) as server:
        group = Group.draw()
        with Client(server.base) as client:
            group.found(client)
            key = server_key(client)
        receipts: list[Receipt] = []
        ended = threading.Event()

        def load() -> None:
            while not ended.is_set():
                envelope = group.seal()
                for _ in range(200):
                    if ended.is_set():
                        return
                    if _tried(server, group, envelope, key, receipts):
                        break
                    ended.wait(0.02)

        with ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(load) for _ in range(4)]
            for round_ in range(3):
                wanted = len(receipts) + 25
                while len(receipts) < wanted:
                    ended.wait(0.01)
                server.kill9()
                server.start()
                assert round_ < 3
            ended.set()
            for worker in workers:
                worker.result()
        seen: list[str] = []
        with Client(server.base) as client:
            cursor, more = "", True
            while more:
                page = client.do(calls.feed(group.signer("Ada"), cursor))
                seen += [entry.report for entry in page.entries]
                cursor, more = page.cursor, page.more
            stored = {
                client.do(calls.fetch_report(group.signer("Ada"), group.id, bytes.fromhex(r))) for r in seen
            }
        from service.cases.receipts import envelope_digest

        digests = {envelope_digest(raw) for raw in stored}
        assert {receipt.envelope for receipt in receipts} <= digests
        assert len(seen) == len(set(seen)) == len(stored)


def _tried(
    server: RunningServer, group: Group, envelope: bytes, key: VerifyKey, receipts: list[Receipt]
) -> bool:
    """File an envelope once; False when the server was away. The same envelope is then tried again."""
    try:
        with Client(server.base) as client:
            token = admitted(client, group.id)
            receipts.append(client.do(calls.submit(group.id, envelope, key, admission=token)))
    except Unreachable:
        return False
    except Declined as declined:
        # After a restart tokens of before are stale, and a worker that is ending may answer so.
        if declined.kind not in {Kind.ADMISSION_REFUSED, Kind.UNAVAILABLE, Kind.BUSY}:
            raise
        return False
    return True


def test_a_stalling_sender_is_cut_off(server: RunningServer) -> None:
    """A client that sends its headers and then nothing does not keep others waiting."""
    import socket

    sockets = []
    for _ in range(50):
        stalled = socket.create_connection(("127.0.0.1", server.port))
        stalled.sendall(
            b"POST /v1/mailboxes/open HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        sockets.append(stalled)
    try:
        assert (
            httpx.get(f"{server.base}/v1/server", timeout=5, verify=NO_TLS, trust_env=False).status_code
            == 200
        )
    finally:
        for stalled in sockets:
            stalled.close()
