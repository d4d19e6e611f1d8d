"""`sottovoce vote` as typed, against the real server: who can't vote, and wrong input. A sentence, and no ballot."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from crypto.entropy import system
from service.cli import main
from service.member_keys import FILE, MemberKeys
from tests.support.booths import home_of, keys_of, prepared, vote
from tests.support.timed_server import TimedServer


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
        ([], "1\n", 130, "nothing was sent"),
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


async def test_a_folder_without_keys_stays_as_it_is(server: TimedServer, tmp_path: Path) -> None:
    """A mistyped --home is said before the server is asked: its pins and chains would be left there."""
    async with prepared(server) as poll:
        server.forward(60)
        home = home_of(tmp_path / "m1", keys_of(poll, "github.com/m1"))
        (home / FILE).rename(tmp_path / "trustee.key")
        for way in ((), ("--web",)):
            refused = await vote(server, poll, home, "--yes", *way, typed="1\n")
            assert (refused.exit_code, "no member's key file in that folder" in refused.stderr) == (3, True)
        assert [each.name for each in home.iterdir()] == ["passphrase"]
        none = await vote(server, poll, tmp_path / "none", "--yes", typed="1\n")
        assert (none.exit_code, (tmp_path / "none").exists()) == (3, False)
        # One that was replaced may be listed.
        (tmp_path / "trustee.key").rename(home / "old-0123456789abcdef.key")
        refused = await vote(server, poll, home, "--yes", typed="1\n")
        assert "make one with `sottovoce member new`" in refused.stderr
