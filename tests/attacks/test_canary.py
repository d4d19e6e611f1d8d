"""Whoever seizes the machine: canary words, names and a client's address are in no file, log or memory of the server.

A thousand reports and a thousand letters go through a real server; then everything it has is searched, and every secret
that it holds is tried on everything that it stores.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from crypto.codes import MailboxKey, ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import system
from crypto.envelope import Envelope, parse_envelope
from crypto.errors import Refused
from crypto.labels import Label
from crypto.letters import open_letter, seal_letter
from crypto.opening import open_with_content_key
from crypto.seal import SealingKey, unseal
from crypto.secrets import SymmetricKey
from service.cases.answers import Answers
from service.cases.filing import file_report
from service.cases.reports import Person
from service.wire import calls, shapes
from service.wire.client import Client
from tests.support.canaries import (
    ADDRESS,
    FORWARDED,
    NAME,
    SOUGHT,
    WORD,
    assert_forgotten,
)
from tests.support.groups import Group, admitted, server_key
from tests.support.redis_server import redis_server
from tests.support.reporters import TODAY, recipients
from tests.support.server import RunningServer, running_server

COUNT = 1_000


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[RunningServer, Path]]:
    if request.param == "sqlite":
        with running_server(tmp_path / "server") as running:
            yield running, tmp_path
        return
    with (
        redis_server(tmp_path / "redis") as redis,
        running_server(tmp_path / "server", redis_url=redis.url, settings={"workers": 2}) as running,
    ):
        yield running, tmp_path


def told_on(base: str) -> Client:
    """A client whose address and headers are the canary."""
    transport = httpx.HTTPTransport(local_address=ADDRESS)
    client = Client(base, transport=transport)
    client._http.headers["X-Forwarded-For"] = FORWARDED
    client._http.headers["Forwarded"] = f"for={FORWARDED}"
    client._http.headers["User-Agent"] = NAME
    return client


@dataclass(frozen=True)
class Sealed:
    """A group, the reports to it, and a letter to each report's mailbox, by its address."""

    group: Group
    envelopes: list[bytes]
    letters: list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    """Sealed once: each server gets the same bytes."""
    group = Group.draw()
    to = recipients(group)
    envelopes, letters = [], []
    for number in range(COUNT):
        answers = Answers(what=f"{WORD} {number}", who=(Person(platform="irc", handle=NAME),))
        code = ReplyCode.draw(system)
        filed = file_report(answers.to_report((), TODAY), (), to, code, system)
        envelopes.append(filed.envelope)
        letter = seal_letter(mailbox_of(code).public_key(), f"{WORD} {NAME}".encode())
        letters.append((address_of(claim_of(code)).hex(), letter))
    return Sealed(group, envelopes, letters)


def traffic(client: Client, sealed: Sealed) -> None:
    """File the reports and write the letters."""
    group, key = sealed.group, server_key(client)
    for envelope in sealed.envelopes:
        client.do(calls.submit(group.id, envelope, key, admission=admitted(client, group.id)))
    for start in range(0, COUNT, shapes.MAX_ACTIONS):
        piece = sealed.letters[start : start + shapes.MAX_ACTIONS]
        actions = [shapes.PostLetter(system(16).hex(), address, letter) for address, letter in piece]
        answer = client.do(calls.batch(group.signer("Ada"), actions))
        assert {outcome.outcome for outcome in answer.outcomes} == {"done"}


def test_heads_that_came_in_pieces_are_forgotten(tmp_path: Path) -> None:
    """Forty requests at once, each cut within its head: the buffer that held the first piece grows, and may move."""
    with running_server(tmp_path / "server") as server, ExitStack() as opened:
        at = httpx.URL(server.base)
        lines = ["GET /v1/server HTTP/1.1", f"Host: {at.host}", f"User-Agent: {NAME}", "Connection: close"]
        head = "\r\n".join([*lines, f"X-Forwarded-For: {FORWARDED}", "", ""]).encode()
        place = (at.host, at.port or 80)
        connections = [opened.enter_context(socket.create_connection(place, timeout=30)) for _ in range(40)]
        for number, connection in enumerate(connections):
            connection.sendall(head[: -2 - number])
        time.sleep(0.3)  # so that the server reads each piece by itself
        for number, connection in enumerate(connections):
            connection.sendall(head[-2 - number :])
            with connection.makefile("rb") as answer:
                assert answer.readline().startswith(b"HTTP/1.1 200")
                answer.read()
        assert_forgotten(server)


@pytest.mark.slow
def test_a_seized_server_holds_no_word_name_or_address(
    place: tuple[RunningServer, Path], sealed: Sealed
) -> None:
    """Data folder, Redis dump and append-only file, logs and memory: searched for all canaries, none is there."""
    server, folder = place
    group = replace(sealed.group, sent=0)
    with Client(server.base) as plain:
        group.found(plain)
    with told_on(server.base) as client:
        traffic(client, sealed)
    with Client(server.base) as plain:  # life goes on: what was freed is used again
        for _ in range(20):
            plain.do(calls.server_info())
            plain.do(calls.feed(group.signer("Ada")))

    files = [file for file in folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) > COUNT * 5_000  # the search is not of an empty folder
    for file in files:
        content = file.read_bytes()
        found = [canary for canary in SOUGHT if canary in content]
        assert not found, (file.name, found)
    assert_forgotten(server)

    secrets = held_by(server)
    assert len(secrets) >= 4
    sample = slice(None, None, 100)
    assert not any(
        opens(secret, parse_envelope(raw)) for secret in secrets for raw in sealed.envelopes[sample]
    )
    assert not any(opens_letter(secret, raw) for secret in secrets for _, raw in sealed.letters[sample])


def held_by(server: RunningServer) -> list[bytes]:
    """Every 32 bytes of every key file of the server, at every place, and all of them XORed."""
    raws = [file.read_bytes() for file in server.data.rglob("*.key")]
    windows = {raw[at : at + 32] for raw in raws for at in range(max(1, len(raw) - 31))}
    together = bytes(32)
    for window in windows:
        together = bytes(a ^ b for a, b in itertools.zip_longest(together, window[:32], fillvalue=0))
    return [window for window in (*windows, together) if len(window) == 32]


def opens(secret: bytes, envelope: Envelope) -> bool:
    """Try a secret as a recipient's key and as the content key."""
    with suppress(Refused):
        open_with_content_key(envelope, SymmetricKey(secret))
        return True
    for wrap in envelope.wraps:
        with suppress(Refused):
            unseal(SealingKey(secret), wrap, label=Label.SEAL_REPORT, context=envelope.header.raw)
            return True
    return False


def opens_letter(secret: bytes, letter: bytes) -> bool:
    """Try a secret as a mailbox's key."""
    with suppress(Refused):
        open_letter(MailboxKey(secret), letter)
        return True
    return False
