"""A group, trustees and members, each with folders of their own, who type the commands of a poll."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from crypto.entropy import system
from polls.casting import make_cast
from polls.manifest import election_of
from service.cases.rosters import Members
from service.cli import main
from service.wire import calls, poll_calls
from service.wire.client import AsyncClient, Client
from service.wire.puzzles import solve
from tests.support.communities import Community
from tests.support.desks import home_of
from tests.support.groups import Group
from tests.support.server_polls import DAY
from tests.support.timed_server import TimedServer

PASSPHRASE = "correct horse battery staple"
MEMBERS = 7
POLL = """\
question = "Which action, if any, should the council take?"
matter = "{matter}"
board = "{board}"
snapshot = "spring"
left_out = ["github.com/m0"]
summary = "summary.txt"
conduct = ["harassment"]
quorum = {quorum}
opens_at = {opens}
closes_at = {closes}
[[measures]]
text = "Written warning"
review_after_days = 90
[[measures]]
text = "Three-month suspension"
review_after_days = 100
"""


class PollTypists:
    """A server, a council with desks, three trustees with folders, and everybody's passphrase in a file."""

    def __init__(self, server: TimedServer, folder: Path, members: int) -> None:
        self.server, self.folder = server, folder
        self.password = folder / "pass"
        self.password.write_text(PASSPHRASE, encoding="utf-8")
        self.community = Community.draw(members)
        self.group = Group.draw(council=["Zoe", "Yan"])
        self.group.say(Members(registry=self.community.id.hex()))
        asyncio.run(self._publish())
        with Client(server.base) as client:
            self.group.found(client)
        self.desk = home_of(folder / "zoe", server.base, self.group, "Zoe", PASSPHRASE)
        self.does("desk", self.desk, "sync")

    async def _publish(self) -> None:
        async with AsyncClient(self.server.base) as client:
            await self.community.publish(client)

    def run(self, face: str, home: Path, *arguments: str) -> Result:
        """Run `sottovoce FACE --home … arguments`."""
        return CliRunner().invoke(
            main, [face, "--home", str(home), "--passphrase-file", str(self.password), *arguments]
        )

    def does(self, face: str, home: Path, *arguments: str) -> dict[str, Any]:
        """Run it with --json; it has to succeed."""
        done = self.run(face, home, *arguments, "--json")
        assert done.exit_code == 0, done.output
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def at(self, face: str, home: Path, *arguments: str) -> dict[str, Any]:
        """The same, with the server's address."""
        return self.does(face, home, *arguments, "--server", self.server.base)

    def refused(self, face: str, home: Path, *arguments: str) -> str:
        """Run it; it has to be refused. Gives the sentence."""
        done = self.run(face, home, *arguments, "--server", self.server.base)
        assert done.exit_code == 3, done.output
        return done.stderr

    def trustee(self, place: int) -> Path:
        return self.folder / f"trustee-{place}"

    def ceremony(self) -> str:
        """Make a board of 2 of 3, each trustee stepping until nothing is waited for."""
        cards = [self.does("trustee", self.trustee(n), "new", "--name", f"T{n}")["card"] for n in (1, 2, 3)]
        named = [part for card in cards for part in ("--card", card)]
        made = self.does("poll", self.desk, "board", "--name", "The board", "--threshold", "2", *named)
        board: str = made["board"]
        assert [trustee["name"] for trustee in made["trustees"]] == ["T1", "T2", "T3"]
        file = self.folder / "early.toml"
        poll = POLL.format(
            matter="ab" * 32,
            board=board,
            quorum=3,
            opens="2100-01-01T00:00:00Z",
            closes="2100-01-02T00:00:00Z",
        )
        file.write_text(poll.replace('summary = "summary.txt"', ""), encoding="utf-8")
        assert "each trustee runs" in self.run("poll", self.desk, "create", "--file", str(file)).output
        for _ in range(4):
            told = [self.at("trustee", self.trustee(n), "step", "--board", board) for n in (1, 2, 3)]
        again = self.at("trustee", self.trustee(1), "step", "--board", board)
        self.shows_trustees("trustee", self.trustee(1), "step", "--board", board)
        assert told[-1]["waits"] == again["waits"] == []
        return board

    def shows_trustees(self, face: str, home: Path, *arguments: str) -> None:
        """Run it: everybody who holds the key is there, by name, under the words that are on their own card."""
        told, shown = (
            self.at(face, home, *arguments),
            self.run(face, home, *arguments, "--server", self.server.base),
        )
        own = [self.does("trustee", self.trustee(n), "status") for n in (1, 2, 3)]
        assert told["threshold"] == 2
        assert [(each["name"], each["key"], each["words"]) for each in told["trustees"]] == [
            (each["name"], each["key"], each["fingerprint"]) for each in own
        ]
        assert "2 of these 3 trustees together can open ballots" in shown.output
        for place, each in enumerate(own, 1):
            assert f"\n  {place}. {each['fingerprint']}\n     named {each['name']}\n" in shown.output

    def create(self, board: str, quorum: int) -> str:
        """Create a poll that opens in ten minutes and closes a day later, and let the trustees prove."""
        opens = int(self.server.clock()) + 600
        file = self.folder / f"poll-{quorum}.toml"
        times = [datetime.fromtimestamp(at, UTC).isoformat() for at in (opens, opens + DAY)]
        matter = system(32).hex()
        file.write_text(
            POLL.format(matter=matter, board=board, quorum=quorum, opens=times[0], closes=times[1]),
            encoding="utf-8",
        )
        (self.folder / "summary.txt").write_text("What happened.", encoding="utf-8")
        made = self.does("poll", self.desk, "create", "--file", str(file))
        again = self.does("poll", self.desk, "create", "--file", str(file))
        assert made == again  # a repeat makes no second poll
        phi: str = made["poll"]
        for n in (1, 2, 3):
            waits = {1: ["Waits for 2 more trustees."], 2: ["Waits for 1 more trustee."]}.get(n, [])
            shown = self.at("trustee", self.trustee(n), "prove", "--poll", phi)
            assert shown["waits"] == waits
            assert self.at("trustee", self.trustee(n), "prove", "--poll", phi)["waits"] == waits
            assert shown["did"][-1].endswith("left out: github.com/m0.")
            assert "members of the registry 'Example project'" in shown["did"][-1]
        return phi

    def vote(self, phi: str, account: str, option: int) -> bytes:
        """Cast as a member; gives the receipt."""
        with Client(self.server.base) as client:
            view = client.do(poll_calls.poll(bytes.fromhex(phi)))
            electorate = client.do(poll_calls.electorate(view.manifest)).electorate
            election = election_of(view.manifest, view.trustees)
            key = self.community.keys[account][0]
            raw = make_cast(view.manifest, election, electorate, key, option, system)
            token = solve(client.do(calls.challenge(self.group.id, "casts")))
            return client.do(poll_calls.cast(view.manifest, raw, admission=token))
