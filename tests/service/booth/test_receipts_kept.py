"""Receipts are kept, or shown where they cannot be: whatever fails on the way, a voter knows whether a ballot is in."""

from __future__ import annotations

import asyncio
import html
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crypto.entropy import system
from polls.board import sign_head
from polls.casting import give_receipt, read_receipt
from service.booth import receipts, voting
from service.server.keys import load_or_make
from service.wire import poll_calls
from service.wire.admitting import Admission
from service.wire.calls import BadAnswer, Call
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.booths import home_of, keys_of, page_after_cast, prepared, vote
from tests.support.poll_world import World
from tests.support.server_polls import DAY
from tests.support.timed_server import TimedServer


async def test_nothing_is_cast_when_no_receipt_can_be_kept(server: TimedServer, tmp_path: Path) -> None:
    """A damaged file of receipts is found before the ballot is sent, by the command and by the page."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        damaged = receipts.file_of(home, poll.phi)
        damaged.parent.mkdir()
        damaged.write_bytes(b"{damaged")
        typed = await vote(server, poll, home, "--yes", typed="1\n")
        assert (typed.exit_code, f"move {damaged.name}" in typed.stderr) == (3, True), typed.output
        page = await asyncio.to_thread(page_after_cast, server, poll, home)
        assert "It was not cast" in page
        assert damaged.read_bytes() == b"{damaged"
        server.forward(DAY)
        assert await poll.client.do(poll_calls.ballots(poll.phi)) == {}


async def test_a_receipt_that_cannot_be_kept_is_shown(
    server: TimedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is damaged while the ballot is on its way: the ballot is in, which is said, and the receipt printed."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        file = receipts.file_of(home, poll.phi)

        def damage(answer: bytes) -> bytes:
            file.write_bytes(b"{damaged")
            return answer

        monkeypatch.setattr(Client, "do", meddling(damage))
        typed = await vote(server, poll, home, "--yes", "--json", typed="1\n")
        assert (typed.exit_code, "Your ballot is in" in typed.stderr) == (3, True), typed.output
        receipt = json.loads(typed.stdout)["receipt"].encode()
        assert read_receipt(poll.manifest, receipt).page == 0
        file.unlink()
        page = await asyncio.to_thread(page_after_cast, server, poll, home)
        assert "Your ballot is in" in page
        assert "The receipt is not kept" in page
        assert html.escape('{"poll":"' + poll.phi.hex(), quote=True).replace("&quot;", "&#34;") in page


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is full")
@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_a_receipt_that_cannot_be_kept_is_not_lost_to_a_full_disk(
    server: TimedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """Where the folder is full, standard output may be too: then it goes to standard error, and what is kept too."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        file = receipts.file_of(home, poll.phi)

        def only_fill(answer: bytes) -> bytes:
            sys.stdout = full
            return answer

        def fill(answer: bytes) -> bytes:
            file.write_bytes(b"{damaged")
            return only_fill(answer)

        with monkeypatch.context() as while_full, open("/dev/full", "w") as full:
            while_full.setattr(Client, "do", meddling(fill))
            lost = await vote(server, poll, home, "--yes", *options, typed="1\n")
        assert lost.exit_code == 7, lost.output
        assert "Your ballot is in, but its receipt could not be kept" in lost.stderr
        [shown] = [line for line in lost.stderr.splitlines() if poll.phi.hex() in line]
        receipt = (json.loads(shown)["receipt"] if options else shown).encode()
        assert read_receipt(poll.manifest, receipt).page == 0
        file.unlink()

        with monkeypatch.context() as while_full, open("/dev/full", "w") as full:
            while_full.setattr(Client, "do", meddling(only_fill))
            kept = await vote(server, poll, home, "--yes", *options, typed="2\n")
        assert kept.exit_code == 7, kept.output
        assert "what was asked for is done" in kept.stderr
        found = receipts.kept_receipts(home, poll.phi)
        assert found is not None
        assert read_receipt(poll.manifest, found.receipts[-1]).ballot in kept.stderr


async def test_a_ballot_that_is_put_before_an_earlier_one_is_told(
    server: TimedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that chooses pages chooses which ballot counts: who voted before, here or elsewhere, is told."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        key = load_or_make(server.data, system).receipts

        def on_page_0(answer: bytes) -> bytes:
            return give_receipt(key, poll.manifest, read_receipt(poll.manifest, answer).ballot, 0)

        monkeypatch.setattr(Client, "do", meddling(on_page_0))
        assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        again = await vote(server, poll, home, "--yes", typed="2\n")
        assert (again.exit_code, "another of your ballots may count" in again.stderr) == (3, True), (
            again.output
        )
        kept = receipts.kept_receipts(home, poll.phi)
        assert kept is not None
        assert [read_receipt(poll.manifest, each).page for each in kept.receipts] == [0, 0]
        elsewhere = home_of(tmp_path / "elsewhere", keys_of(poll, "github.com/m1"))
        server.forward(poll.manifest.page_s)  # page 0 is over, by less than clocks may be apart
        assert "Your ballot is in" in await asyncio.to_thread(page_after_cast, server, poll, elsewhere)
        other = home_of(tmp_path / "other", keys_of(poll, "github.com/m1"))
        server.forward(receipts.SLACK_S)
        page = await asyncio.to_thread(page_after_cast, server, poll, other)
        assert "It is in, and may not be the one that counts" in page
        assert "Vote again; if this is said again" in page


async def test_nobody_is_told_that_nothing_was_cast_when_it_may_have_been(
    server: TimedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken answer to a ballot that was sent: it may be in. Each try refused, or one before: it isn't."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))

        def broken(answer: bytes) -> bytes:
            raise BadAnswer("the server's answer is not what was asked for")

        with monkeypatch.context() as while_broken:
            while_broken.setattr(Client, "do", meddling(broken))
            typed = await vote(server, poll, home, "--yes", typed="1\n")
            assert typed.exit_code == 3
            assert "it may be in or not" in typed.stderr
            page = await asyncio.to_thread(page_after_cast, server, poll, home)
            assert "It may be in or not" in page
            assert "Nothing is lost" not in page
        nothing = await vote(server, poll, home, "--check")
        assert (nothing.exit_code, "no receipt of this poll" in nothing.stderr) == (3, True)

        def declined(client: Client, call: Call[Any]) -> Any:
            if call.target.endswith("/casts") and call.method == "POST":
                kind = before.pop(0) if before else Kind.POLL_CLOSED
                raise Declined(kind, kind.status)
            return plain(client, call)

        plain, before = Client.do, list[Kind]()
        monkeypatch.setattr(Client, "do", declined)
        for answers in ((), (Kind.ADMISSION_REFUSED,), (Kind.ADMISSION_NOT_DRAWN, Kind.ADMISSION_SPENT)):
            before[:] = answers
            assert "It was not cast" in await asyncio.to_thread(page_after_cast, server, poll, home)
            before[:] = answers
            closed = await vote(server, poll, home, "--yes", typed="1\n")
            assert (closed.exit_code, "may be in" in closed.stderr) == (6, False), closed.output


async def test_a_receipt_for_another_ballot_is_not_taken(
    server: TimedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server answers the second vote with its receipt for the first: the voter is told, and nothing is kept."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        kept = receipts.kept_receipts(home, poll.phi)
        assert kept is not None
        with monkeypatch.context() as while_lying:
            while_lying.setattr(Client, "do", meddling(lambda _: kept.receipts[0]))
            second = await vote(server, poll, home, "--yes", typed="2\n")
        assert (second.exit_code, "receipt is for another ballot" in second.stderr) == (3, True), (
            second.output
        )
        assert receipts.kept_receipts(home, poll.phi) == kept


def meddling(meddle: Callable[[bytes], bytes]) -> Callable[[Client, Call[Any]], Any]:
    """Give a `Client.do` that does all as ever, and hands what answers a cast through `meddle`."""
    plain = Client.do

    def do(client: Client, call: Call[Any]) -> Any:
        answer = plain(client, call)
        return meddle(answer) if call.target.endswith("/casts") and call.method == "POST" else answer

    return do


async def test_a_vote_cast_while_receipts_are_checked_keeps_its_receipt(
    server: TimedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--check` waits for the server; meanwhile another window votes. Both receipts are there afterwards."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        server.forward(3_600)
        plain = Client.do
        voted: list[bool] = []

        def do(client: Client, call: Call[Any]) -> Any:
            if "/heads" in call.target and not voted:
                voted.append(True)
                keys = keys_of(poll, "github.com/m1")
                checked = voting.check_poll(client, poll.phi, home)
                with Admission(client, poll.group.id, "casts") as admission:
                    voting.cast(client, checked, keys, 2, admission, home)
            return plain(client, call)

        monkeypatch.setattr(Client, "do", do)
        checked = await vote(server, poll, home, "--check", "--json")
        assert [each["found"] for each in json.loads(checked.stdout)] == ["the head of its page is signed"]
        kept = receipts.kept_receipts(home, poll.phi)
        assert kept is not None
        assert len(kept.receipts) == 2
        assert 0 in kept.heads


def test_two_commands_that_keep_receipts_at_once_lose_none(tmp_path: Path) -> None:
    """Twenty threads add one each; a head that contradicts the file's is not written over it."""
    world = World(voters=5)
    texts = [b"receipt %d" % n for n in range(20)]
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda text: receipts.keep_receipt(tmp_path, world.manifest, text), texts))
    kept = receipts.kept_receipts(tmp_path, world.manifest.phi)
    assert kept is not None
    assert sorted(kept.receipts) == sorted(texts)
    first, second, other = (
        head.head + head.signature
        for head in (
            sign_head(world.server, world.manifest, page, bytes([byte]) * 32)
            for page, byte in ((0, 0), (1, 1), (1, 2))
        )
    )
    receipts.keep_more(tmp_path, world.manifest, receipts.Kept(b"", (), {0: first, 1: second}))
    with pytest.raises(receipts.BoardChanged):
        receipts.keep_more(tmp_path, world.manifest, receipts.Kept(b"", (), {1: other}))
    again = receipts.kept_receipts(tmp_path, world.manifest.phi)
    assert again == receipts.Kept(kept.manifest, kept.receipts, {0: first, 1: second})
