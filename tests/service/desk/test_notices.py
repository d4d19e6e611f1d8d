"""Measures in force across projects: told from council to council, in files that tell nobody else anything."""

from __future__ import annotations

import json
from copy import copy
from pathlib import Path
from shutil import copytree
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from crypto.errors import Refused
from crypto.signatures import BadSignature
from service.cases.notices import (
    MAX_FILE,
    MAX_TOLD,
    Notice,
    open_notice,
    read_notice,
    seal_notice,
    sign_notice,
)
from service.cases.receipts import day_of
from service.cases.rosters import HandlerCard, Rotate
from service.cli import main
from service.desk.notices import EXAMPLE
from service.wire.client import Client
from tests.support.desks import home_of
from tests.support.groups import Group, Member
from tests.support.server import RunningServer

pytestmark = pytest.mark.xdist_group("notices")

BAN = EXAMPLE.replace("until = 2026-06-09", "until = 2999-06-09").replace(
    "github:someone", "https://github.com/Mallory"
)


class Councils:
    """Two groups, and what is typed at the desks of their people."""

    def __init__(self, folder: Path, server: RunningServer, client: Client) -> None:
        self.folder = folder
        self.aurora = Group.draw("Aurora", council=["Gil", "Hedy"])
        self.boreal = Group.draw("Borealis", ["Dina", "Emil"], council=["Zoe"])
        (folder / "passphrase").write_text("open sesame\n")
        for group, names in ((self.aurora, ("Ada", "Gil", "Hedy")), (self.boreal, ("Dina", "Zoe"))):
            group.found(client)
            for name in names:
                home_of(folder / name, server.base, group, name, "open sesame")
                assert self(name, "sync").exit_code == 0

    def __call__(self, name: str, *arguments: str) -> Result:
        options = ["--home", str(self.folder / name), "--passphrase-file", str(self.folder / "passphrase")]
        return CliRunner().invoke(main, ["desk", *options, *arguments])

    def share(self, name: str, to: Group, toml: str, out: str) -> Result:
        """Have somebody write a notice for a group."""
        (self.folder / "measure.toml").write_text(toml, encoding="utf-8-sig")  # as some editors save it
        where = ("--to-group", to.id.hex(), "--out", str(self.folder / out))
        return self(name, "share-measure", "--file", str(self.folder / "measure.toml"), *where)

    def take(self, name: str, file: str) -> dict[str, Any]:
        done = self(name, "take-measure", str(self.folder / file), "--json")
        assert done.exit_code == 0, done.output
        taken: dict[str, Any] = json.loads(done.stdout)
        return taken

    def in_force(self, name: str, *account: str) -> list[dict[str, Any]]:
        done = self(name, "in-force", *account, "--json")
        assert done.exit_code == 0, done.output
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory, server: RunningServer) -> Councils:
    """Where nothing was told yet."""
    with Client(server.base) as client:
        return Councils(tmp_path_factory.mktemp("councils"), server, client)


@pytest.fixture
def councils(tmp_path: Path, founded: Councils) -> Councils:
    """Desks of one's own; the groups, and what the server knows of them, are everybody's."""
    here = copy(founded)
    here.folder = copytree(founded.folder, tmp_path / "councils")
    return here


def test_a_council_finds_what_another_project_decided(councils: Councils) -> None:
    """By any spelling of the account; what ended or was lifted holds no more; the file names nobody."""
    told = councils.share("Gil", councils.boreal, BAN, "ban")
    assert (told.exit_code, "council of Borealis" in told.stdout) == (0, True), told.output
    raw = (councils.folder / "ban").read_bytes()
    assert not any(word in raw for word in (b"allory", b"Temporary", b"spring-1", b"Gil"))
    taken = councils.take("Zoe", "ban")
    assert (taken["group_name"], taken["measure"], taken["told_by"]) == ("Aurora", "Temporary ban", "Gil")
    again = councils("Zoe", "take-measure", str(councils.folder / "ban")).stdout
    assert "this desk has it already" in again
    assert councils.take("Zoe", "ban") == {**taken, "kept": False}
    for account in ("github:mallory", "github.com/mallory", "https://github.com/MALLORY/"):
        [found] = councils.in_force("Zoe", account)
        assert (found["until"], found["where"]) == ("2999-06-09", "All places and events of Aurora")
    assert councils.in_force("Zoe", "github:alice") == []
    [own] = councils.in_force("Gil")
    assert own["name"] == "spring-1"
    councils.share("Gil", councils.boreal, BAN + "lifted = true\n", "lifted")
    assert "It was lifted" in councils("Zoe", "take-measure", str(councils.folder / "lifted")).stdout
    assert councils.in_force("Zoe") == councils.in_force("Gil") == []
    assert "knows something newer" in councils("Zoe", "take-measure", str(councils.folder / "ban")).stdout
    assert councils.in_force("Zoe") == []


def test_an_end_that_is_over_and_none_at_all(councils: Councils, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no end is in force for good, after what has one; what has ended is not told any more."""
    forever = (
        BAN.replace("until = 2999-06-09", "")
        .replace("spring-1", "spring-2")
        .replace("review = 2026-06-01", "")
    )
    for number, toml in enumerate((forever, BAN)):
        assert councils.share("Gil", councils.boreal, toml, f"file{number}").exit_code == 0
        councils.take("Zoe", f"file{number}")
    assert [one["name"] for one in councils.in_force("Zoe")] == ["spring-1", "spring-2"]
    text = councils("Zoe", "in-force").stdout
    assert "until 2999-06-09, looked at again on 2026-06-01" in text
    assert "no end is set\n" in text
    other = councils("Zoe", "in-force", "github:somebody-else").stdout
    assert other == "This desk was told of no measure about that account that holds now.\n"
    monkeypatch.setattr("service.desk.notices_cli.day_of", lambda now_s: day_of(now_s) + 400_000)
    assert [one["name"] for one in councils.in_force("Zoe")] == ["spring-2"]
    over = councils.share("Gil", councils.boreal, EXAMPLE, "over")
    assert (over.exit_code, "it has ended" in over.output) == (3, True)


def test_only_councils_tell_and_are_told(councils: Councils) -> None:
    """A handler's desk does none of it, and a file opens for nobody else."""
    for name, arguments in (("Ada", ("in-force",)), ("Ada", ("take-measure", str(councils.folder / "ban")))):
        councils.share("Gil", councils.boreal, BAN, "ban")
        refused = councils(name, *arguments)
        assert (refused.exit_code, "desks of the council" in refused.output) == (3, True), refused.output
    assert councils.share("Ada", councils.boreal, BAN, "mine").exit_code == 3
    refused = councils("Hedy", "take-measure", str(councils.folder / "ban"))
    assert (refused.exit_code, "sealed to others" in refused.output) == (3, True)
    assert councils.share("Gil", councils.aurora, BAN, "ours").exit_code == 0
    assert councils.take("Hedy", "ours")["kept"]
    empty = Group.draw("Empty")
    with Client(_server_of(councils)) as client:
        empty.found(client)
    assert "no council that could be told" in councils.share("Gil", empty, BAN, "none").output


def test_what_the_telling_council_did_not_sign_is_not_believed(councils: Councils) -> None:
    """A handler of that group, a stranger, a notice for others sealed anew, one of tomorrow's tomorrow: refused."""
    zoe, gil, ada = (
        councils.boreal.member("Zoe"),
        councils.aurora.member("Gil"),
        councils.aurora.member("Ada"),
    )

    def file(by: Member, said_s: int = 1_790_000_000, **changes: Any) -> None:
        values = {
            "group": councils.aurora.id.hex(), "to": councils.boreal.id.hex(), "name": "forged", "author": by.name,
            "author_key": by.signing.verify_key().raw.hex(), "said_s": said_s, "about": ("github:alice",),
            "measure": "Ban", "where": "", "since": 20_000, "until": None, "review": None, "lifted": False,
        }  # fmt: skip
        raw = sign_notice(Notice(**{**values, **changes}), by.signing)
        sealed = seal_notice(raw, councils.aurora.id, councils.boreal.id, [zoe.sealing.public_key()])
        (councils.folder / "forged").write_bytes(sealed)

    for author, changes, words in (
        (ada, {}, "not on the council of Aurora"),
        (Member.draw("Gil", "council"), {}, "not on the council of Aurora"),
        (gil, {"author": "Hedy"}, "not on the council of Aurora"),
        (gil, {"to": councils.aurora.id.hex()}, "made for another group"),
        (gil, {"group": councils.boreal.id.hex()}, "made for another group"),
        (gil, {"said_s": 2**40}, "made in the future"),
    ):
        file(author, **changes)
        refused = councils("Zoe", "take-measure", str(councils.folder / "forged"))
        assert (refused.exit_code, words in refused.output) == (3, True), (changes, refused.output)
    assert councils.in_force("Zoe") == []
    file(
        gil, about=("github:alice", "://"), since=2**32 - 1, until=2**32 - 1
    )  # what no calendar has still lists
    councils.take("Zoe", "forged")
    file(
        gil,
        name="lines",
        measure="Ban\nThis desk was told of no measure that holds now.",
        about=("irc:x\ny",),
    )
    councils.take("Zoe", "forged")
    assert "irc:x y: Ban This desk was told" in councils("Zoe", "in-force").stdout
    assert councils.in_force("Zoe", "github:alice")[0]["until"] == "day 4294967295 since 1970"


@pytest.mark.usefixtures("quick_key_files")
def test_what_former_keys_signed_is_not_believed(
    tmp_path: Path, server: RunningServer, client: Client
) -> None:
    """They may have been changed because somebody else has them; with the new ones it is told again."""
    councils = Councils(tmp_path, server, client)
    councils.share("Gil", councils.boreal, BAN, "before")
    options = ("--new-passphrase-file", str(councils.folder / "passphrase"))
    assert councils("Gil", "rotate", *options).exit_code == 0
    raw = (councils.folder / "Gil" / "card.json").read_bytes()
    gil = councils.aurora.member("Gil").id.hex()
    councils.aurora.say(Rotate(handler=gil, card=msgspec.json.decode(raw, type=HandlerCard)))
    councils.aurora.found(client)
    refused = councils("Zoe", "take-measure", str(councils.folder / "before"))
    assert (refused.exit_code, "Gil has new keys since this was signed" in refused.output) == (3, True)
    assert councils("Gil", "sync").exit_code == 0
    councils.share("Gil", councils.boreal, BAN, "after")
    assert councils.take("Zoe", "after")["told_by"] == "Gil"


def test_a_damaged_file_is_refused(councils: Councils) -> None:
    """Cut, lengthened, changed anywhere, of another kind, or larger than any."""
    councils.share("Gil", councils.boreal, BAN, "ban")
    raw = (councils.folder / "ban").read_bytes()
    assert len(raw) < MAX_FILE
    keys = [councils.boreal.member("Zoe").sealing]
    assert open_notice(raw, keys).measure == "Temporary ban"
    step = len(raw) // 40
    for damaged in (
        b"", raw[:-1], raw + b"0", raw[:40], b"x" * 100, raw[:9] + b"\xff" * 33 + raw[42:],
        *(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in range(0, len(raw), step)),
    ):  # fmt: skip
        with pytest.raises(Refused):
            open_notice(damaged, keys)
    (councils.folder / "large").write_bytes(bytes(MAX_FILE + 1))
    assert councils("Zoe", "take-measure", str(councils.folder / "large")).exit_code == 3


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("name =", "nam =", "unknown field"),
        ('name = "spring-1"', 'name = "Spring 1"', "name"),
        ("about = [", "about = [] #", "about"),
        ("since = 2026-03-09", "since = 3026-03-09", "ends before it begins"),
        ("since = 2026-03-09", 'since = "soon"', "since"),
        ('"https://github.com/Mallory"', '""', ""),
        ('measure = "Temporary ban"', "measure = 7", "measure"),
        ('"Temporary ban"', '"Turned\\u202eround"', "control character"),
        ('"All places and events of Aurora"', '"' + "x" * 3_000 + '"', "where"),
        ("name", '"', "measure.toml"),
        ("since = 2026-03-09", "since = " + "9" * 4_301, "a huge number"),
    ],
)
def test_a_measure_that_cannot_be_is_refused(councils: Councils, was: str, now: str, words: str) -> None:
    """With a sentence, and no file is written."""
    refused = councils.share("Gil", councils.boreal, BAN.replace(was, now), "no")
    assert (refused.exit_code, words in refused.output) == (3, True), refused.output
    assert "Traceback" not in refused.output
    assert not (councils.folder / "no").exists()
    assert councils.in_force("Gil") == []


def test_the_limits_of_a_notice() -> None:
    """Its author's own key signs it; a council has 1 to 64; sixteen long accounts are too many for one."""
    gil, other = Member.draw("Gil", "council"), Member.draw("Hal", "council")
    key = gil.signing.verify_key().raw.hex()
    notice = Notice("00" * 16, "11" * 16, "it", "Gil", key, 1, ("irc:x",), "Ban", "", 1, None, None, False)
    with pytest.raises(Refused):
        sign_notice(notice, other.signing)
    raw = sign_notice(notice, gil.signing)
    with pytest.raises(BadSignature):
        read_notice(raw[:-1] + bytes([raw[-1] ^ 1]))
    theirs = other.sealing.public_key()
    for council in ([], [theirs] * (MAX_TOLD + 1)):
        with pytest.raises(Refused):
            seal_notice(raw, bytes(16), b"\x11" * 16, council)
    with pytest.raises(Refused, match="too long"):
        seal_notice(bytes(8 * 1_024), bytes(16), b"\x11" * 16, [theirs])


def _server_of(councils: Councils) -> str:
    return str(json.loads((councils.folder / "Gil" / "desk.json").read_text())["server"])
