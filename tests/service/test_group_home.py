"""The folder of a group's root key: what a disk or somebody changed in its chain is called that, and not used."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from crypto.errors import Refused
from service.cli import main
from service.group_home import CHAIN_FILE, read_chain, verified, write_chain
from service.wire.registry_pins import save_chain
from service.wire.shapes import RosterChain
from tests.support.groups import Group
from tests.support.members import make_keeper


@pytest.fixture
def group(tmp_path: Path) -> Group:
    drawn = Group.draw()
    write_chain(tmp_path, drawn.id, drawn.chain)
    return drawn


def test_what_is_written_is_read(tmp_path: Path, group: Group) -> None:
    assert verified(read_chain(tmp_path)).latest == group.roster


def test_a_registrys_chain_is_not_a_damaged_group(tmp_path: Path) -> None:
    """Whoever names the registry's folder with --home has nothing to restore."""
    keeper = make_keeper(3)
    save_chain(tmp_path / CHAIN_FILE, keeper.id, keeper.statements)
    with pytest.raises(Refused, match=r"or no group's: .* name the group's folder with --home"):
        read_chain(tmp_path)


def test_ids_are_taken_in_capitals(tmp_path: Path, quick_key_files: None) -> None:
    """As everywhere else; what is signed has small letters."""
    (tmp_path / "pass").write_text("correct horse battery staple", encoding="utf-8")
    group = ["group", "--home", str(tmp_path / "group"), "--passphrase-file", str(tmp_path / "pass")]
    for typed in (
        ["create", "--name", "Aurora", "--language", "en", "--alternate", "AB" * 16],
        ["settings", "--name", "Borealis"],
        ["members", "--registry", " " + "CD" * 32],
    ):
        done = CliRunner().invoke(main, [*group, *typed])
        assert done.exit_code == 0, done.output
    now = verified(read_chain(tmp_path / "group")).latest
    assert (now.name, now.alternate, now.registry) == ("Borealis", b"\xab" * 16, b"\xcd" * 32)


@pytest.mark.parametrize(
    "typed",
    [
        ["settings", "--name", "Aurora", "--minimum", "2", "--language", "en", "--alternate", "none"],
        ["members", "--none"],
        ["policy"],
    ],
)
def test_what_the_group_says_already_is_not_signed_again(
    tmp_path: Path, quick_key_files: None, typed: list[str]
) -> None:
    """A chain has room for so many statements, and every desk reads them all: none of them says nothing."""
    (tmp_path / "pass").write_text("correct horse battery staple", encoding="utf-8")
    group = ["group", "--home", str(tmp_path / "group"), "--passphrase-file", str(tmp_path / "pass")]
    for prepared in (["create", "--name", "Aurora", "--language", "en", "--minimum", "2"], ["policy"]):
        assert CliRunner().invoke(main, [*group, *prepared]).exit_code == 0
    before = (tmp_path / "group" / CHAIN_FILE).read_bytes()
    refused = CliRunner().invoke(main, [*group, *typed])
    assert refused.exit_code == 3, refused.output
    assert "says that already, so nothing was signed" in refused.stderr
    assert (tmp_path / "group" / CHAIN_FILE).read_bytes() == before


def test_a_changed_chain_is_said_to_be_changed(tmp_path: Path, group: Group) -> None:
    """It is the file on one's own disk: nobody forged anything, and a backup mends it."""
    path = tmp_path / CHAIN_FILE
    whole = msgspec.json.decode(path.read_bytes(), type=RosterChain)
    first, *_, last = whole.statements
    for statements in (
        (*whole.statements[:-1], last[:-1] + bytes([last[-1] ^ 1])),
        (first[:40] + b"x" + first[41:], *whole.statements[1:]),
        (first[:-100], *whole.statements[1:]),
        whole.statements[1:],
        (first, last),
    ):
        path.write_bytes(msgspec.json.encode(RosterChain(whole.group, statements)))
        with pytest.raises(
            Refused, match=r"^chain\.json is damaged, or somebody changed it: .* from a backup$"
        ):
            read_chain(tmp_path)
    path.write_bytes(msgspec.json.encode(RosterChain("0" * 32, whole.statements)))
    with pytest.raises(Refused, match="or somebody changed it"):
        read_chain(tmp_path)
