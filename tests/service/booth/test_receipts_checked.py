"""What a voter learns from their receipts: a ballot that is counted, replaced, dropped, or hidden by a lying server."""

from __future__ import annotations

import asyncio
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from crypto.entropy import system
from polls.board import Found, HeadWire, check_head, check_receipt, credentials_on, sign_head
from polls.casting import Receipt, read_receipt
from service.booth import receipts
from service.booth.vote_cli import check_command
from service.cli import main
from service.member_keys import HOME
from service.server.keys import load_or_make
from service.server.records import poll_partition
from service.storage import Committed, Delete, open_store
from service.wire import poll_calls
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.poll_views import PollView
from tests.support.booths import UNSIGNED, home_of, keys_of, prepared, vote
from tests.support.server_polls import DAY, ServerPoll
from tests.support.timed_server import TimedServer

ELSEWHERE = "replaced by a later ballot with your key, whose receipt is not here"


@pytest.mark.parametrize("proxy", [None, "socks5h://127.0.0.1:9050"])
@pytest.mark.parametrize("home", [HOME, Path("a folder/m1")])
def test_the_command_that_checks_goes_the_way_the_vote_went(proxy: str | None, home: Path) -> None:
    """Copied into a shell, it reaches the server through the same proxy, and looks into the same folder."""
    _, *words = shlex.split(check_command("ab" * 32, "http://x.onion", proxy, home))
    context = main.make_context("sottovoce", words)
    name, command, rest = main.resolve_command(context, words)
    assert command is not None
    given = command.make_context(name, rest).params
    assert (given["server"], given["proxy"], given["home"], given["check"]) == (
        "http://x.onion",
        proxy,
        home,
        True,
    )
    assert given["poll"] == "ab" * 32


async def test_a_dropped_ballot_is_proved_by_its_receipt(server: TimedServer, tmp_path: Path) -> None:
    """The server loses a ballot that it gave a receipt for: the voter's own machine says so, with an exit code."""
    async with prepared(server, quorum=1) as poll:
        server.forward(60)
        homes = [home_of(tmp_path / name, keys_of(poll, f"github.com/{name}")) for name in ("m1", "m2")]
        for home in homes:
            assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        kept = receipts.kept_receipts(homes[0], poll.phi)
        assert kept is not None
        mine = read_receipt(poll.manifest, kept.receipts[0])
        await drop(server, poll, mine)  # before its page is sealed
        server.forward(DAY)
        board = (await poll.client.do(poll_calls.opened_board(poll.manifest))).board
        voted = credentials_on(board, await poll.client.do(poll_calls.ballots(poll.phi)))
        assert check_receipt(mine, voted) is Found.DROPPED
        found = await vote(server, poll, homes[0], "--check")
        assert (found.exit_code, "proof against the server" in found.stderr) == (3, True)
        assert mine.ballot[:16] in found.stdout
        (kept_file,) = (homes[0] / "receipts").iterdir()
        told = CliRunner().invoke(main, ["poll", "check-receipt", str(kept_file), "--server", server.base])
        assert told.exit_code == 3, told.output
        other = await vote(server, poll, homes[1], "--check", "--json")
        assert other.exit_code == 0
        assert [each["found"] for each in json.loads(other.stdout)] == [UNSIGNED]


@pytest.mark.parametrize(
    ("state", "ahead", "code", "said"),
    [
        ("archived", DAY, 3, "the archive date of the poll is not reached"),
        ("archived", 40 * DAY - 700, 3, "the archive date of the poll is not reached"),
        ("archived", 40 * DAY, 0, "destroyed after the cooling-off"),
        ("open", DAY + 700, 3, "by this machine's clock it is over"),
        ("open", DAY - 100, 0, "the head of its page is signed"),
        ("waiting", 120, 3, "gave a receipt of a ballot in it"),
        ("lapsed", 120, 3, "gave a receipt of a ballot in it"),
    ],
)
async def test_a_dropped_ballot_is_not_hidden_behind_a_false_state(
    server: TimedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    ahead: int,
    code: int,
    said: str,
) -> None:
    """The manifest's times and the voter's own clock say what the state can be; a receipt says that it opened."""
    async with prepared(server, quorum=1) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        server.forward(DAY - 200)
        plain, now = Client.do, poll.manifest.opens_at + ahead

        def do(client: Client, call: Call[Any]) -> Any:
            answer = plain(client, call)
            if isinstance(answer, PollView):
                return replace(answer, shape=msgspec.structs.replace(answer.shape, state=state))
            return answer

        monkeypatch.setattr(Client, "do", do)
        monkeypatch.setattr(Client, "now_s", lambda client: now)
        checked = await vote(server, poll, home, "--check")
        (kept,) = (home / "receipts").iterdir()
        kept_receipt = receipts.read_kept(kept.read_bytes()).receipts[0]
        (tmp_path / "one.json").write_bytes(kept_receipt)
        results = [checked]
        for file in (kept, tmp_path / "one.json"):
            line = ["poll", "check-receipt", str(file), "--server", server.base]
            results.append(await asyncio.to_thread(CliRunner().invoke, main, line))
        for result in results:
            assert (result.exit_code, said in result.output) == (code, True), result.output


async def drop(server: TimedServer, poll: ServerPoll, receipt: Receipt) -> None:
    """Do as a dishonest server would: let a ballot be on no page."""
    (file,) = server.data.rglob("*.db")
    store = await open_store(f"sqlite://{file}")
    placed = [name for name, _ in await store.scan(poll_partition(poll.phi), b"placed/")]
    (mine,) = [name for name in placed if name.endswith(bytes.fromhex(receipt.ballot))]
    assert await store.commit(poll_partition(poll.phi), [Delete(mine)]) == Committed()
    await store.close()


async def test_a_server_that_shows_another_board_contradicts_itself(
    server: TimedServer, tmp_path: Path
) -> None:
    """A head that was kept and is another one now: said plainly; the file stays as proof."""
    async with prepared(server, quorum=1) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        server.forward(DAY)
        kept = receipts.kept_receipts(home, poll.phi)
        assert kept is not None
        shown = sign_head(load_or_make(server.data, system).receipts, poll.manifest, 0, bytes(32))
        head = shown.head + shown.signature
        receipts.keep(home, poll.manifest, msgspec.structs.replace(kept, heads={0: head}))
        result = await vote(server, poll, home, "--check")
        assert (result.exit_code, "showed another board before" in result.stderr) == (3, True)
        first, last = (f"{int(byte, 16) ^ 1:02x}" for byte in (head[:2], head[-2:]))
        for damaged in (
            {0: first + head[2:]},
            {0: head[:-2] + last},
            {1: head},
            {0: head[:64]},
            {10**9: "x"},
        ):
            receipts.keep(home, poll.manifest, msgspec.structs.replace(kept, heads=damaged))
            line = ["poll", "check-receipt", str(receipts.file_of(home, poll.phi)), "--server", server.base]
            elsewhere = await asyncio.to_thread(CliRunner().invoke, main, line)
            for result in (await vote(server, poll, home, "--check"), elsewhere):
                assert UNSIGNED in result.stdout
                assert (result.exit_code, "1 of the 1 heads of the board in the file" in result.stderr) == (
                    3,
                    True,
                )


async def test_the_heads_that_are_kept_prove_themselves(server: TimedServer, tmp_path: Path) -> None:
    """With the server's signatures, so that another board would be shown against its own hand."""
    async with prepared(server, quorum=1) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        server.forward(2 * 3_600)
        assert (await vote(server, poll, home, "--check")).exit_code == 0
        kept = receipts.kept_receipts(home, poll.phi)
        assert kept is not None
        for page, text in kept.heads.items():
            check_head(poll.manifest, HeadWire(page=page, head=text[:64], signature=text[64:]))
        server.forward(DAY)
        assert len(kept.heads) > 1
        assert (await vote(server, poll, home, "--check")).exit_code == 0


async def test_a_ballot_replaced_from_another_machine_is_said_to_be(
    server: TimedServer, tmp_path: Path
) -> None:
    """One key on a laptop and a phone: one ballot counts, and the laptop says that it isn't the laptop's."""
    async with prepared(server, quorum=1) as poll:
        server.forward(60)
        laptop, phone = (home_of(tmp_path / n, keys_of(poll, "github.com/m1")) for n in ("laptop", "phone"))
        for home in (laptop, phone):
            assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        server.forward(DAY)
        for found in (UNSIGNED, "counted"):
            replaced, counted = [
                await vote(server, poll, each, "--check", "--json") for each in (laptop, phone)
            ]
            assert [each["found"] for each in json.loads(replaced.stdout)] == [ELSEWHERE]
            assert [each["found"] for each in json.loads(counted.stdout)] == [found]
            if found == UNSIGNED:
                await poll.decide((1, 2))
        kept = receipts.kept_receipts(laptop, poll.phi)
        assert kept is not None
        (tmp_path / "one.json").write_bytes(kept.receipts[0])
        line = ["poll", "check-receipt", str(tmp_path / "one.json"), "--server", server.base, "--json"]
        told = await asyncio.to_thread(CliRunner().invoke, main, line)
        assert (told.exit_code, json.loads(told.stdout)["found"]) == (0, ELSEWHERE)


async def test_what_is_damaged_hides_no_receipt_and_accuses_no_server(
    server: TimedServer, tmp_path: Path
) -> None:
    """A changed byte in one receipt, or in the file's copy of the manifest: the others are checked all the same."""
    async with prepared(server, quorum=1) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        for _ in range(2):
            assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        server.forward(DAY)
        kept = receipts.kept_receipts(home, poll.phi)
        assert kept is not None
        first, last = kept.receipts
        other = kept.manifest.replace(b"question", b"quest1on")
        ends = (kept.manifest, (first.replace(b'"page":', b'"page":1'), last)), (other, (first, last))
        for (manifest, texts), found in zip(
            ends, ([UNSIGNED], [Found.REPLACED.value, UNSIGNED]), strict=True
        ):
            file = receipts.file_of(home, poll.phi)
            file.write_bytes(msgspec.json.encode(receipts.Kept(manifest, texts, kept.heads)))
            checked = await vote(server, poll, home, "--check", "--json")
            line = ["poll", "check-receipt", str(file), "--server", server.base, "--json"]
            elsewhere = await asyncio.to_thread(CliRunner().invoke, main, line)
            assert [each["found"] for each in json.loads(checked.stdout)] == found
            assert [each["found"] for each in json.loads(elsewhere.stdout)["receipts"]] == found
            for told in (checked, elsewhere):
                assert ("1 of the 2 receipts in the file are damaged" in told.stderr) == (len(found) == 1)
                assert told.exit_code == (3 if len(found) == 1 else 0)


async def test_a_first_receipt_that_cannot_be_read_ends_no_check(server: TimedServer, tmp_path: Path) -> None:
    """Which poll a file is of is said in it more than once; where no receipt can be read, that is said."""
    async with prepared(server, quorum=1) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        for _ in range(2):
            assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        kept = receipts.kept_receipts(home, poll.phi)
        assert kept is not None
        first, last = kept.receipts
        junk, strange = first[1:], first.replace(poll.phi.hex().encode(), b"ab" * 32)
        for texts, name, left in (
            ((junk, last), "some", 1),
            ((strange, last), "some", 1),
            ((strange,), poll.phi.hex(), 0),
            ((junk, junk), "some", 0),
        ):
            file = tmp_path / f"{name}.json"
            file.write_bytes(msgspec.json.encode(receipts.Kept(kept.manifest, texts, kept.heads)))
            line = ["poll", "check-receipt", str(file), "--server", server.base]
            told = await asyncio.to_thread(CliRunner().invoke, main, line)
            said = "its page is not sealed yet" if left else "No receipt in the file can be read."
            assert (told.exit_code, said in told.stdout) == (3, True), told.output
            assert f"{len(texts) - left} of the {len(texts)} receipts in the file are damaged" in told.stderr
        file.write_bytes(msgspec.json.encode(receipts.Kept(b"{", (junk,))))
        told = await asyncio.to_thread(CliRunner().invoke, main, line)
        assert (told.exit_code, "nothing in this file can be read" in told.stderr) == (3, True)
