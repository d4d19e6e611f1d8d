"""Voices from the member's key file to the handler's screen, over real HTTP, on both stores, as typed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgspec
import pytest
from click.testing import CliRunner, Result

from crypto.codes import ReplyCode
from crypto.entropy import system
from crypto.keyfiles import Stretching, lock
from crypto.secrets import Passphrase
from service.cases.filing import file_report
from service.cases.reports import Report
from service.cases.roster_statements import Members
from service.cli import main
from service.desk.voices import Hearing
from service.member_keys import KIND, MemberKeys
from service.wire import calls
from service.wire.client import Client
from service.wire.registry_pins import save_chain
from tests.support.brigades import text
from tests.support.desks import desk_at, home_of, synced
from tests.support.groups import Group, admitted, server_key
from tests.support.members import Keeper
from tests.support.reporters import recipients
from tests.support.server import RunningServer

PASSPHRASE = "correct horse"
HOUR = 3_600
NAMES = ("alice", "bob", "carol", "dan", "eve")


@pytest.fixture
def server(server_on_each_store: RunningServer) -> RunningServer:
    return server_on_each_store


@dataclass
class Town:
    """A group that names a registry, its members' key files, and one handler's desk."""

    folder: Path
    server: RunningServer
    client: Client
    group: Group
    keeper: Keeper
    hour: int = 0

    def run(self, *arguments: object, group: Group | None = None) -> Result:
        """`sottovoce report`, as typed."""
        chosen = (group or self.group).id.hex()
        options = ["report", "--server", self.server.base, "--group", chosen, "--yes", "--json"]
        options += ["--passphrase-file", str(self.folder / "passphrase")]
        return CliRunner().invoke(main, [*options, *map(str, arguments)])

    def key_file(self, name: str, keys: MemberKeys | None = None) -> Path:
        path = self.folder / f"{name}.key"
        if not path.exists() or keys is not None:
            keys = keys or self.keeper.keys[f"github.com/{name}"]
            cheap = Stretching(64, 1, 1)
            path.write_bytes(lock(keys.payload(), Passphrase(PASSPHRASE), cheap, entropy=system, kind=KIND))
        return path

    def file(self, words: str, handle: str = "mallory", voice: str | None = None) -> None:
        """File a report about one account, perhaps with a member's voice; the desk fetches it eight hours later."""
        answers = self.folder / "report.toml"
        answers.write_text(
            f'what = "{words}"\nwho = [{{platform = "github", handle = "{handle}"}}]\n'
            f'links = ["https://example.org/{handle}/{crc32(words.encode())}"]\n'
            f"voice = {str(voice is not None).lower()}\n",
            encoding="utf-8",
        )
        filed = self.run("--file", answers, *(("--voice", self.key_file(voice)) if voice else ()))
        assert filed.exit_code == 0, filed.output
        assert json.loads(filed.stdout)["voice"] is (voice is not None)

    def sync(self) -> list[str]:
        """Sync the desk, as eight hours after the last time: of one day, but apart."""
        today = int(time.time()) // 86_400 * 86_400
        with desk_at(self.folder / "home", self.group, "Ada") as ada:
            warnings = synced(ada, self.client, today + self.hour * HOUR).warnings
        self.hour += 7
        return warnings

    def desk(self, *arguments: str) -> Result:
        """`sottovoce desk`, as typed."""
        options = ["--home", str(self.folder / "home"), "--passphrase-file", str(self.folder / "passphrase")]
        result = CliRunner().invoke(main, ["desk", *options, *arguments])
        assert result.exit_code == 0, result.output
        return result

    def about(self, name: str = "github:mallory") -> dict[str, object]:
        found: dict[str, object] = json.loads(self.desk("subject", name, "--json").stdout)
        return found

    def hearings(self) -> dict[str, Hearing]:
        with desk_at(self.folder / "home", self.group, "Ada") as ada:
            return {hearing.report: hearing for hearing in ada.vault.every("hearing", Hearing)}


@pytest.fixture
def town(tmp_path: Path, server: RunningServer) -> Iterator[Town]:
    with Client(server.base) as client:
        keeper = Keeper.start(tmp_path.name.encode() + server.base.encode())
        for name in NAMES:
            keeper.join(f"github.com/{name}")
        keeper.freeze("spring")
        keeper.publish(client)
        group = Group.draw()
        group.say(Members(registry=keeper.id.hex()))
        group.found(client)
        (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
        home_of(tmp_path / "home", server.base, group, "Ada", PASSPHRASE)
        yield Town(tmp_path, server, client, group, keeper)


def test_three_members_corroborate_what_sixty_copies_do_not(town: Town) -> None:
    """Copies stay below two; one member twice, and under a look-alike spelling, is one; the third member decides."""
    for number in range(60):
        town.file(text(("agreed on", number % 3)), "trent")
    assert town.sync() == []
    copies = town.about("github:trent")["score"]
    assert copies["reports"] == 60  # type: ignore[index]
    assert copies["d"] < 2  # type: ignore[index]
    assert not copies["corroborated"]  # type: ignore[index]

    town.file(text("alice"), voice="alice")
    town.sync()
    town.file(text("alice again"), "m\u0430llory", voice="alice")  # with a Cyrillic letter
    town.file(text("bob"), voice="bob")
    town.sync()
    before = town.about()["score"]
    assert (before["reports"], before["voiced"], before["members"]) == (3, 3, 2)  # type: ignore[index]
    assert not before["corroborated"]  # type: ignore[index]

    town.file(text("carol"), voice="carol")
    assert town.sync() == []
    told = town.about()
    after = told["score"]
    assert (after["members"], after["corroborated"]) == (3, True)  # type: ignore[index]
    assert after["d_v"] >= 2  # type: ignore[index]
    assert sum(after["terms"].values()) == pytest.approx(after["score"])  # type: ignore[index]
    assert "4 used a voice (3 members for certain); 4 links unchecked: check next" in str(told["sentences"])
    listed = json.loads(town.desk("subjects", "--json").stdout)
    assert [one["subject"] for one in listed] == ["github: mallory", "github: trent"]


def test_a_voice_is_about_one_person_and_for_one_report(town: Town) -> None:
    """The same member about two people shares nothing; a voice cut out and put into another report is refused."""
    town.file(text("alice"), voice="alice")
    town.file(text("alice"), "trent", voice="alice")
    town.sync()
    spoken = [each for hearing in town.hearings().values() for each in hearing.spoken]
    assert len(spoken) == 2
    assert len({each.tag for each in spoken} | {each.context for each in spoken}) == 4

    with desk_at(town.folder / "home", town.group, "Ada") as ada:
        case = next(case for case in ada.cases().values() if case.first.who[0].handle == "mallory")
        mine = ada.body_of(case.first).content
    assert isinstance(mine, Report)
    for words in (mine.what, text("by somebody else")):
        stolen = msgspec.structs.replace(mine, what=words)
        filed = file_report(stolen, (), recipients(town.group), ReplyCode.draw(system), system)
        call = calls.submit(
            town.group.id,
            filed.envelope,
            server_key(town.client),
            admission=admitted(town.client, town.group.id),
        )
        town.client.do(call)
    town.sync()
    told = town.about()
    assert told["voices_refused"] == 2
    assert told["score"]["voiced"] == 1  # type: ignore[index]
    refused = next(report for report, hearing in town.hearings().items() if hearing.unheard)
    shown = town.desk("show", refused[:12]).stdout
    assert "REFUSED: a voice that doesn't hold" in shown
    heard = town.desk("show", case.first.id[:12]).stdout
    assert "a registered member speaks about github: mallory; which one, nobody can tell" in heard


def test_a_link_that_a_handler_confirmed_corroborates(town: Town) -> None:
    """By its number or its address; gone counts for nothing; what the report doesn't name is refused."""
    town.file(text("a lone voice"), "walter")
    town.sync()
    [case] = json.loads(town.desk("list", "--json").stdout)
    assert "1 link unchecked: check next" in town.desk("subject", "github:walter").stdout
    [link] = json.loads(town.desk("show", case["id"][:8], "--json").stdout)["report"]["links"]
    written = link.removeprefix("https://").replace("example.org", "EXAMPLE.org") + "/"
    checked = town.desk("verify-link", case["id"][:8], written, "gone", "--json")
    assert json.loads(checked.stdout)["link"] == link
    gone = town.about("github:walter")["score"]
    assert (gone["verified"], len(gone["checks"]), gone["corroborated"]) == (0, 0, False)  # type: ignore[index]
    town.desk("verify-link", case["id"][:8], "1", "confirmed")
    town.sync()
    assert town.about("github:walter")["score"]["corroborated"]  # type: ignore[index]
    town.desk("verify-link", case["id"][:8], "1", "withdrawn")
    assert not town.about("github:walter")["score"]["corroborated"]  # type: ignore[index]
    with pytest.raises(AssertionError, match="names no such link"):
        town.desk("verify-link", case["id"][:8], "https://example.org/elsewhere", "confirmed")


def test_whoever_can_give_no_voice_is_told_before_writing(town: Town, tmp_path: Path) -> None:
    """Each with a sentence and an exit code, and nothing is sent."""
    answers = tmp_path / "answers.toml"
    answers.write_text('what = "x"\nwho = [{platform = "irc", handle = "x"}]\n')
    asks = tmp_path / "asks.toml"
    asks.write_text('what = "x"\nvoice = true\n')
    nobody = tmp_path / "nobody.toml"
    nobody.write_text('what = "x"\n')
    old = town.key_file("old", town.keeper.keys["github.com/dan"])
    town.keeper.rotate("github.com/dan")
    late = town.key_file("late", town.keeper.join("github.com/late"))
    town.keeper.publish(town.client)
    stranger = town.key_file("stranger", MemberKeys.draw(system))
    damaged = tmp_path / "damaged.key"
    damaged.write_bytes(town.key_file("alice").read_bytes()[:-1])
    plain = Group.draw("Plain")
    plain.found(town.client)
    alice = town.key_file("alice")
    for arguments, group, code, told in (
        (("--file", answers, "--voice", stranger), None, 3, "no member"),
        (("--file", answers, "--voice", old), None, 3, "replaced"),
        (("--file", answers, "--voice", late), None, 3, "next one on"),
        (("--file", answers, "--voice", alice), plain, 3, "names no registry"),
        (("--file", answers, "--voice", tmp_path / "none.key"), None, 3, "no member's key file"),
        (("--file", answers, "--voice", damaged), None, 4, "damaged"),
        (("--file", nobody, "--voice", alice), None, 3, "about somebody"),
        (("--file", asks), None, 3, "--voice"),
    ):
        answer = town.run(*arguments, group=group)
        assert answer.exit_code == code, (arguments, answer.output)
        assert told in answer.output
    town.keeper.freeze("summer")
    save_chain(alice.parent / f"{town.keeper.id.hex()}.json", town.keeper.id, town.keeper.statements)
    hidden = town.run("--file", answers, "--voice", alice)
    assert hidden.exit_code == 3
    assert "older list of members" in hidden.output
    town.keeper.publish(town.client)
    (tmp_path / "passphrase").write_text("wrong\n")
    assert town.run("--file", answers, "--voice", alice).exit_code == 4
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    town.sync()
    assert json.loads(town.desk("list", "--json").stdout) == []
