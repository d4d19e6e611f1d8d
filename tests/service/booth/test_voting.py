"""`sottovoce vote` as typed, against the real server: who can vote in what, and what they see before."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner

from crypto import chains
from crypto.entropy import system
from crypto.labels import Label
from crypto.seal import KEY_ID_SIZE
from polls.encoding import hash_hex
from polls.manifest import Urgent
from service.booth import receipts, voting
from service.booth.page import BoothPage, serve
from service.booth.vote_cli import check_command
from service.cases.registry_statements import ByRegistrar, Leave, encode_statement
from service.cases.summaries import WRAP_SIZE, recipients_of
from service.cli import main
from service.member_home import NEXT_KEY, NEXT_STATE, STATE, MemberHome, MemberState
from service.member_keys import FILE, MemberKeys
from service.wire.admitting import Admission
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.poll_boards import card_words
from service.wire.registry_pins import save_chain
from tests.support.booths import BOARD, UNSIGNED, home_of, keys_of, prepared, vote
from tests.support.communities import ON
from tests.support.server_polls import DAY, SUMMARY
from tests.support.timed_server import TimedServer


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
                        target=serve,
                        args=arguments,
                        kwargs={"moment": str, "sent": "…", "check": "…"},
                        daemon=True,
                    )
                    thread.start()
                    while not printed:
                        time.sleep(0.01)
                    address = printed[0].rsplit("http://", 1)[1].strip()
                    page = httpx.get(f"http://{address}")
                    cast = f"http://{address}cast"
                    done = httpx.post(cast, data={"option": "3"}, timeout=60, follow_redirects=True)
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
        chain = chains.verify_chain(community.statements, community.root.verify_key(), Label.REGISTRY)
        left = encode_statement(Leave(ON, "github.com/m5", ByRegistrar("moved on")))
        longer = [each.raw for each in chains.append(chain, left, community.root).statements]
        save_chain(home / f"{community.id.hex()}.json", community.id, longer)
        hidden = await vote(server, poll, home, "--yes", typed="1\n")
        assert (hidden.exit_code, "older list of members" in hidden.stderr) == (3, True)


async def test_who_cannot_open_the_summary_is_told_and_can_vote(server: TimedServer, tmp_path: Path) -> None:
    """The maker sealed noise to one member, which no server can see: it is said, and they vote like the others."""
    async with prepared(server) as poll:
        poll.matter = system(32)
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
        check="",
        voters="",
        board=BOARD,
    ).answer("GET", "/s/", {"host": "h"}, b"")
    assert (
        'class="errors"><p dir="auto">WARNING: the mediator&#39;s summary does not open' in page.body.decode()
    )


async def test_an_urgent_poll_needs_no_summary(server: TimedServer, tmp_path: Path) -> None:
    """Members vote in it like in any other, and read that there is none and what holds meanwhile."""
    async with prepared(server) as poll:
        poll.matter = system(32)
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
