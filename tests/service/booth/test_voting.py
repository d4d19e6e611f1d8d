"""`sottovoce vote` as typed, against the real server: what is checked, what is cast, what becomes of receipts."""

from __future__ import annotations

import asyncio
import html
import json
import shlex
import shutil
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from crypto.entropy import system
from crypto.keyfiles import lock
from crypto.seal import KEY_ID_SIZE
from crypto.secrets import Passphrase
from polls.board import Found, check_receipt, credentials_on
from polls.casting import Receipt, read_receipt
from polls.encoding import hash_hex
from polls.manifest import Urgent
from service.booth import receipts, voting
from service.booth.page import BoothPage, serve
from service.booth.vote_cli import check_command
from service.cases.rosters import Members
from service.cases.summaries import WRAP_SIZE, recipients_of
from service.cli import main
from service.demo import LIGHT
from service.member_home import NEXT_KEY, NEXT_STATE, STATE, MemberHome, MemberState
from service.member_keys import FILE, HOME, KIND, MemberKeys
from service.server.records import poll_partition
from service.storage import Committed, Delete, open_store
from service.wire import calls, poll_calls
from service.wire.admitting import Admission
from service.wire.calls import BadAnswer, Call
from service.wire.client import AsyncClient, Client, Declined
from service.wire.poll_boards import card_words
from service.wire.poll_shapes import DefineBoard, TrusteeCard
from service.wire.poll_views import PollView
from service.wire.problems import Kind
from service.wire.registry_pins import save_chain
from tests.support.groups import Group
from tests.support.poll_world import World
from tests.support.server_polls import DAY, SUMMARY, Community, ServerPoll
from tests.support.timed_server import TimedServer, timed_server

BOARD = DefineBoard("The board", 2, (TrusteeCard("Ana", bytes(32)),) * 3)
PASSPHRASE = "correct horse"
ELSEWHERE = "replaced by a later ballot with your key, whose receipt is not here"
UNSIGNED = "on the board; the trustees have not signed its outcome yet"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimedServer]:
    with timed_server(tmp_path_factory.mktemp("booth")) as running:
        yield running


@asynccontextmanager
async def prepared(server: TimedServer, members: int = 7, **options: object) -> AsyncIterator[ServerPoll]:
    """A poll among `members`, not open yet."""
    community, group = Community.draw(members + 1), Group.draw(council=["Zoe"])
    group.say(Members(registry=community.id.hex()))
    async with AsyncClient(server.base, clock=server.clock) as client:
        for statement in group.chain.statements:
            await client.do(calls.append_statement(group.id, statement.raw))
        await community.publish(client)
        yield await ServerPoll.ready(client, server.clock, group, community, **options)


def home_of(folder: Path, keys: MemberKeys) -> Path:
    """A member's folder with a key file and the passphrase beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = lock(keys.payload(), Passphrase(PASSPHRASE), LIGHT, entropy=system, kind=KIND)
    (folder / FILE).write_bytes(raw)
    (folder / "passphrase").write_text(PASSPHRASE)
    return folder


def keys_of(poll: ServerPoll, account: str) -> MemberKeys:
    return MemberKeys(*poll.community.keys[account])


async def vote(server: TimedServer, poll: ServerPoll, home: Path, *words: str, typed: str = "") -> Result:
    """Type `sottovoce vote`."""
    line = ["vote", poll.phi.hex(), "--server", server.base, "--home", str(home)]
    line += ["--passphrase-file", str(home / "passphrase"), *words]
    return await asyncio.to_thread(CliRunner().invoke, main, line, input=typed)


async def test_a_member_votes_changes_their_mind_and_checks(server: TimedServer, tmp_path: Path) -> None:
    """Summary and options are shown, the choice is asked, a second vote replaces the first, receipts tell it later."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        first = await vote(server, poll, home, typed="1\ny\n")
        assert first.exit_code == 0, first.output
        for said in (
            SUMMARY,
            "0. No action",
            "3. Abstain",
            "Nobody learns which of them",
            "Of the members in the snapshot 'spring', left out: github.com/m0.",
            "vote again until",
            "2 of these 3 trustees together can open ballots",
            *(
                f"  {place}. {card_words(card)}\n     named {card.name}\n"
                for place, card in enumerate(poll.definition.trustees, 1)
            ),
        ):
            assert said in first.output
        assert first.stdout.splitlines()[-1] == f"  {check_command(poll.phi.hex(), server.base, None, home)}"
        second = await vote(server, poll, home, "--yes", "--json", typed="3\n")
        assert second.exit_code == 0, second.output
        assert json.loads(second.stdout)["page"] >= 0
        early = await vote(server, poll, home, "--check", "--json")
        assert [each["found"] for each in json.loads(early.stdout)] == ["its page is not sealed yet"] * 2
        server.forward(2 * 3_600)
        await asyncio.sleep(0)
        sealed = await vote(server, poll, home, "--check", "--json")
        assert {each["found"] for each in json.loads(sealed.stdout)} <= {
            "its page is not sealed yet",
            "the head of its page is signed",
        }
        for n in (2, 3):
            await poll.cast(f"github.com/m{n}", 1)
        server.forward(DAY)
        waiting = await vote(server, poll, home, "--check", "--json")
        found = [each["found"] for each in json.loads(waiting.stdout)]
        assert found == ["replaced by your later ballot", UNSIGNED]
        await poll.decide((1, 2))
        late = await vote(server, poll, home, "--check", "--json")
        assert [e["found"] for e in json.loads(late.stdout)] == ["replaced by your later ballot", "counted"]
        closed = await vote(server, poll, home, "--yes", typed="1\n")
        assert (closed.exit_code, "nobody can vote in it now" in closed.stderr) == (3, True)
        (kept_file,) = (home / "receipts").iterdir()
        assert kept_file.stat().st_mode & 0o077 == 0
        told = CliRunner().invoke(
            main, ["poll", "check-receipt", str(kept_file), "--server", server.base, "--json"]
        )
        assert [e["found"] for e in json.loads(told.stdout)["receipts"]] == [
            "replaced by your later ballot",
            "counted",
        ]


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


async def test_who_is_left_out_cannot_vote(server: TimedServer, tmp_path: Path) -> None:
    """The accused, and a stranger's key: refused on the voter's own machine, by name; nothing is sent."""
    async with prepared(server) as poll:
        server.forward(60)
        accused = home_of(tmp_path / "m0", keys_of(poll, "github.com/m0"))
        stranger = home_of(tmp_path / "stranger", MemberKeys.draw(system))
        for home in (accused, stranger):
            result = await vote(server, poll, home, "--yes", typed="1\n")
            assert result.exit_code == 3
            assert "not among the poll's voters" in result.stderr
            assert not (home / "receipts").exists()


@pytest.mark.parametrize(
    ("words", "typed", "code", "said"),
    [
        (["--yes"], "9\n", 3, "no number of an option"),
        (["--yes"], "", 3, "no number of an option"),
        ([], "mild\n", 3, "no number of an option"),
        ([], "1\nn\n", 3, "nothing was sent"),
        (["--option", "1"], "", 2, "No such option"),
        (["--check"], "", 3, "no receipt of this poll"),
    ],
)
async def test_wrong_input_is_named(
    server: TimedServer, tmp_path: Path, words: list[str], typed: str, code: int, said: str
) -> None:
    """A sentence, an exit code, and no ballot."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        result = await vote(server, poll, home, *words, typed=typed)
        assert (result.exit_code, said in result.stderr) == (code, True), result.output


async def test_before_it_opens_and_with_a_wrong_passphrase(server: TimedServer, tmp_path: Path) -> None:
    """Each says what is the matter."""
    async with prepared(server) as poll:
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        early = await vote(server, poll, home, "--yes", typed="1\n")
        assert (early.exit_code, "the poll is waiting" in early.stderr) == (3, True)
        server.forward(60)
        (home / "passphrase").write_text("wrong")
        assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 4
        bad = CliRunner().invoke(main, ["vote", "xyz", "--server", server.base, "--home", str(home)])
        assert bad.exit_code == 3


async def test_a_dropped_ballot_is_proved_by_its_receipt(server: TimedServer, tmp_path: Path) -> None:
    """The server loses a ballot that it gave a receipt for: the voter's own machine says so, with an exit code."""
    async with prepared(server, manifest={"quorum": 1}) as poll:
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
        credentials = credentials_on(board, await poll.client.do(poll_calls.ballots(poll.phi)))
        assert check_receipt(board, mine, credentials) is Found.DROPPED
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
    async with prepared(server, manifest={"quorum": 1}) as poll:
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
    async with prepared(server, manifest={"quorum": 1}) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
        server.forward(DAY)
        kept = receipts.kept_receipts(home, poll.phi)
        assert kept is not None
        receipts.keep(home, poll.manifest, msgspec.structs.replace(kept, heads={0: "00" * 32}))
        result = await vote(server, poll, home, "--check")
        assert (result.exit_code, "showed another board before" in result.stderr) == (3, True)


async def test_a_ballot_replaced_from_another_machine_is_said_to_be(
    server: TimedServer, tmp_path: Path
) -> None:
    """One key on a laptop and a phone: one ballot counts, and the laptop says that it isn't the laptop's."""
    async with prepared(server, manifest={"quorum": 1}) as poll:
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


def page_after_cast(server: TimedServer, poll: ServerPoll, home: Path) -> str:
    """Cast option 1 as m1 in the booth's page; gives what it shows then."""
    keys = keys_of(poll, "github.com/m1")
    with Client(server.base, clock=server.clock) as client:
        checked = voting.check_poll(client, poll.phi, home)
        with Admission(client, poll.group.id, "casts") as admission:
            page = BoothPage(
                checked.manifest,
                voting.Summary(),
                lambda option: voting.cast(client, checked, keys, option, admission, home),
                host="h",
                secret="s",
                moment=str,
                sent="",
                voters="",
                board=BOARD,
            )
            return page.answer("POST", "/s/cast", {"host": "h"}, b"option=1").body.decode()


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
    receipts.keep_more(tmp_path, world.manifest, receipts.Kept(b"", (), {0: "00" * 32, 1: "11" * 32}))
    with pytest.raises(receipts.BoardChanged):
        receipts.keep_more(tmp_path, world.manifest, receipts.Kept(b"", (), {1: "22" * 32}))
    again = receipts.kept_receipts(tmp_path, world.manifest.phi)
    assert again == receipts.Kept(kept.manifest, kept.receipts, {0: "00" * 32, 1: "11" * 32})


async def test_voting_in_the_page_reaches_the_server(server: TimedServer, tmp_path: Path) -> None:
    """`--web` for real: the printed address is opened, the ballot cast, the receipt kept; Ctrl-C would end it."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        printed: list[str] = []

        def voted() -> tuple[str, str]:
            with Client(server.base, clock=server.clock) as client:
                checked = voting.check_poll(client, poll.phi, home)
                keys = keys_of(poll, "github.com/m1")
                summary = voting.read_summary(client, checked, keys)
                with Admission(client, poll.group.id, "casts") as admission:
                    arguments = (client, checked, keys, summary, admission, home, printed.append)
                    thread = threading.Thread(
                        target=serve, args=arguments, kwargs={"moment": str, "sent": "…"}, daemon=True
                    )
                    thread.start()
                    while not printed:
                        time.sleep(0.01)
                    address = printed[0].rsplit("http://", 1)[1].strip()
                    page = httpx.get(f"http://{address}")
                    done = httpx.post(f"http://{address}cast", data={"option": "3"}, timeout=60)
                    return page.text, done.text

        page, done = await asyncio.to_thread(voted)
        assert SUMMARY in page
        assert "left out: github.com/m0." in page
        for card in poll.definition.trustees:
            assert f"<li>{card_words(card)}<br>named <strong>{card.name}</strong></li>" in page
        assert "Your ballot is in" in done
        kept = receipts.kept_receipts(home, poll.phi)
        assert kept is not None
        assert len(kept.receipts) == 1


async def test_the_server_learns_nothing_of_what_a_voter_has_of_the_registry(
    server: TimedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looked early, late or never asks for the same, and what they had is still held against what comes."""
    asked: list[str] = []
    real = Client.do

    def do(self: Client, call: Call[Any]) -> Any:
        asked.append(f"{call.method} {call.target}")
        return real(self, call)

    async with prepared(server) as poll:
        server.forward(60)
        community, seen = poll.community, []
        monkeypatch.setattr(Client, "do", do)
        for n, length in ((1, 0), (2, 3), (3, 7), (4, len(community.statements))):
            home = home_of(tmp_path / f"m{n}", keys_of(poll, f"github.com/m{n}"))
            if length:
                save_chain(home / f"{community.id.hex()}.json", community.id, community.statements[:length])
            asked.clear()
            assert (await vote(server, poll, home, "--yes", typed="1\n")).exit_code == 0
            seen.append(list(asked))
        assert f"GET /v1/registries/{community.id.hex()}?after=0" in seen[0]
        assert seen == [seen[0]] * 4
        save_chain(home / f"{community.id.hex()}.json", community.id, (*community.statements, b"more"))
        hidden = await vote(server, poll, home, "--yes", typed="1\n")
        assert (hidden.exit_code, "older list of members" in hidden.stderr) == (3, True)


async def test_who_cannot_open_the_summary_is_told_and_can_vote(server: TimedServer, tmp_path: Path) -> None:
    """The maker sealed noise to one member, which no server can see: it is said, and they vote like the others."""
    async with prepared(server) as poll:
        poll.matter = bytes.fromhex("ce" * 32)
        manifest = await poll.make_manifest()
        key_id, raw = keys_of(poll, "github.com/m1").sealing.key_id, bytearray(poll.summary)
        entry = KEY_ID_SIZE + WRAP_SIZE
        wrap = 6 + recipients_of(poll.summary).index(key_id) * entry + KEY_ID_SIZE
        raw[wrap : wrap + WRAP_SIZE] = system(WRAP_SIZE)
        poll.summary = bytes(raw)
        await poll.create(msgspec.structs.replace(manifest, summary=hash_hex(poll.summary)))
        await poll.prove(range(1, 4))
        server.forward(61)
        said = {}
        for name in ("m1", "m2"):
            home = home_of(tmp_path / name, keys_of(poll, f"github.com/{name}"))
            done = await vote(server, poll, home, "--yes", typed="1\n")
            assert done.exit_code == 0, done.output
            said[name] = done.stderr
        assert "does not open with your key" in said["m1"]
        assert "You can vote all the same." in said["m1"]
        assert ("does not open" in said["m2"], SUMMARY in said["m2"]) == (False, True)
        assert "There is no summary." not in said["m1"]
    page = BoothPage(
        poll.manifest,
        voting.Summary(opens=False),
        lambda _: pytest.fail("nothing is cast"),
        host="h",
        secret="s",
        moment=str,
        sent="",
        voters="",
        board=BOARD,
    ).answer("GET", "/s/", {"host": "h"}, b"")
    assert 'class="errors"><p>WARNING: the mediator&#39;s summary does not open' in page.body.decode()


async def test_an_urgent_poll_needs_no_summary(server: TimedServer, tmp_path: Path) -> None:
    """Members vote in it like in any other, and read that there is none and what holds meanwhile."""
    async with prepared(server) as poll:
        poll.matter = bytes.fromhex("cd" * 32)
        basis = Urgent("Muted in the chat", int(server.clock()) + 7 * DAY)
        manifest = await poll.make_manifest(basis=basis, summary=hash_hex(b""))
        poll.summary = b""
        await poll.create(manifest)
        await poll.prove(range(1, 4))
        server.forward(61)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        done = await vote(server, poll, home, "--yes", typed="1\n")
        assert done.exit_code == 0, done.output
        assert "There is no summary." in done.stderr
        assert "Urgent. Until it is decided: Muted in the chat" in done.stderr


async def test_who_has_new_keys_votes_with_those_of_the_snapshot(server: TimedServer, tmp_path: Path) -> None:
    """The old key stays in the folder and is found by what is public; so are keys that `member check` has not seen."""
    async with prepared(server) as poll:
        server.forward(60)
        listed, other, account = keys_of(poll, "github.com/m1"), MemberKeys.draw(system), "github.com/m1"

        def state(keys: MemberKeys) -> bytes:
            shape = MemberState(keys.member.public().raw.hex(), poll.community.id.hex(), account)
            return msgspec.json.encode(shape)

        homes = [tmp_path / "rotated", tmp_path / "not checked yet"]
        for home, now, then in ((homes[0], listed, other), (homes[1], other, listed)):
            (home_of(tmp_path / "next", then) / FILE).rename(home_of(home, now) / NEXT_KEY)
            (home / STATE).write_bytes(state(now))
            (home / NEXT_STATE).write_bytes(state(then))
        homes.append(shutil.copytree(homes[0], tmp_path / "a crash between the files"))
        (homes[2] / FILE).rename(homes[2] / f"old-{listed.member.public().raw.hex()[:16]}.key")
        (homes[2] / NEXT_KEY).rename(homes[2] / FILE)
        MemberHome(homes[0], None).take_over()  # as `member check` does when the new key is listed
        for home in homes:
            done = await vote(server, poll, home, "--yes", typed="1\n")
            assert done.exit_code == 0, done.output
            assert SUMMARY in done.stderr  # opened with the old sealing key
            assert "lists another key of yours than the one in force" in done.stderr
        (homes[0] / f"old-{listed.member.public().raw.hex()[:16]}.key").unlink()
        gone = await vote(server, poll, homes[0], "--yes", typed="1\n")
        assert (gone.exit_code, "not among the poll's voters" in gone.stderr) == (3, True)
        kept = receipts.kept_receipts(homes[1], poll.phi)
        assert kept is not None
        assert len(kept.receipts) == 1
