"""The folder of a trustee: what is made, what is remembered, and what is missing or asked twice at once."""

from __future__ import annotations

import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from crypto.errors import Refused
from polls.agreement import board_words
from polls.encoding import hash_hex
from service.booth.trustees import (
    CARD_FILE,
    KEY_FILE,
    LOCK_FILE,
    MEMORY_FILE,
    Contradiction,
    Memory,
    PollMemory,
    TrusteeHome,
)
from service.cli import main

pytestmark = pytest.mark.usefixtures("quick_key_files")

BOARD, PHI, ONE, OTHER = bytes(16), bytes(32), hash_hex(b"one"), hash_hex(b"other")


@pytest.fixture
def home(tmp_path: Path) -> TrusteeHome:
    """A trustee's folder, just made."""
    (tmp_path / "passphrase").write_text("open sesame\n")
    made = TrusteeHome(tmp_path / "trustee", tmp_path / "passphrase")
    made.new("Ana")
    return made


def typed(home: TrusteeHome, *arguments: str) -> Result:
    """Run `sottovoce trustee --home … arguments`."""
    options = ["--home", str(home.folder), "--passphrase-file", str(home.passphrase_file)]
    return CliRunner().invoke(main, ["trustee", *options, *arguments])


@pytest.mark.parametrize(
    "between",
    [
        Memory({BOARD.hex(): {"certificate": OTHER}}, {}),
        Memory({}, {PHI.hex(): PollMemory(tally=OTHER)}),
        Memory({}, {PHI.hex(): PollMemory(tally=ONE, agreement=OTHER)}),
    ],
    ids=["said", "told", "agreed"],
)
def test_two_commands_at_once_say_one_thing(home: TrusteeHome, between: Memory) -> None:
    """While another command has the folder, this one waits, and then finds what the other said."""
    handle = os.open(home.folder / LOCK_FILE, os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as second:
        if between.said:
            says = second.submit(home.will_say, BOARD, "certificate", ONE)
        else:
            says = second.submit(home.will_tell, PHI, tally=ONE, agreement=ONE)
        with pytest.raises(StillWaiting):
            says.result(0.1)
        (home.folder / MEMORY_FILE).write_bytes(msgspec.json.encode(between))
        os.close(handle)
        with pytest.raises(Contradiction):
            says.result(10)
    assert home.memory() == between


def test_a_memory_without_agreements_is_still_read(home: TrusteeHome) -> None:
    """What a version before them wrote is remembered, and bounds what is agreed to from now on."""
    known = {"tally": ONE, "outcome": OTHER, "counts": None}
    (home.folder / MEMORY_FILE).write_bytes(json.dumps({"said": {}, "polls": {PHI.hex(): known}}).encode())
    assert home.memory().polls[PHI.hex()] == PollMemory(tally=ONE, outcome=OTHER)
    with pytest.raises(Contradiction):
        home.will_tell(PHI, tally=OTHER, agreement=ONE)
    assert home.memory().polls[PHI.hex()].agreement is None
    home.will_tell(PHI, tally=ONE, agreement=ONE)
    home.will_tell(PHI, outcome=OTHER)  # saying less forgets nothing
    for again in ({"agreement": OTHER}, {"agreement": OTHER, "tally": ONE}):
        with pytest.raises(Contradiction):
            home.will_tell(PHI, **again)
    assert home.memory().polls == {PHI.hex(): PollMemory(tally=ONE, outcome=OTHER, agreement=ONE)}


def test_status_shows_the_words_again(home: TrusteeHome) -> None:
    """Without passphrase and server: which boards were agreed to, and the words that are read to each other."""
    home.will_tell(PHI, tally=ONE)
    assert f"poll {PHI.hex()}: verified, not signed yet" in typed(home, "status").output
    home.will_tell(PHI, agreement=ONE)
    words = " ".join(board_words(ONE))
    told = typed(home, "status").output
    assert f"poll {PHI.hex()}: board agreed to, not signed yet" in told
    assert f"words: {words}" in told
    poll = json.loads(typed(home, "status", "--json").stdout)["polls"][PHI.hex()]
    assert poll == {"decrypted or verified": True, "agreed": True, "signed": False, "words": words}


def test_the_flag_is_explained_where_people_look(home: TrusteeHome) -> None:
    """--help says what giving it claims, and what rests on it."""
    told = " ".join(typed(home, "decrypt", "--help").output.split())
    assert "I have compared this board's words by voice with every trustee who will decrypt" in told
    assert "protects single votes only if all who decrypt did so" in told


def test_a_missing_memory_is_not_an_empty_one(home: TrusteeHome) -> None:
    """With the key and without trustee.json nothing is said, and the person is told what an old backup does."""
    assert home.memory() == Memory()
    home.will_say(BOARD, "certificate", ONE)
    (home.folder / MEMORY_FILE).unlink()
    for refuses in (
        home.memory,
        lambda: home.will_say(BOARD, "certificate", OTHER),
        lambda: home.will_tell(PHI, tally=ONE),
    ):
        with pytest.raises(Refused, match="forget what was said"):
            refuses()
    assert not (home.folder / MEMORY_FILE).exists()
    told = typed(home, "status")
    assert (told.exit_code, "is missing: restore the newest backup" in told.output) == (3, True)
    (home.folder / MEMORY_FILE).write_bytes(b"[" * 100_000)
    assert typed(home, "status").exit_code == 3


def test_a_memory_outlives_a_new_key(home: TrusteeHome) -> None:
    """Whoever loses the key and makes another has still said what they said."""
    home.will_say(BOARD, "certificate", ONE)
    for name in (KEY_FILE, CARD_FILE):
        (home.folder / name).unlink()
    assert typed(home, "new", "--name", "Ana").exit_code == 0
    with pytest.raises(Contradiction):
        home.will_say(BOARD, "certificate", OTHER)


@pytest.mark.parametrize("name", ["\udcff", "", "x" * 121, "Ana\n  2. Ben", "Ana\t", "Ana\u200b", " Ana"])
def test_a_name_that_is_none_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    """A byte that is no UTF-8 comes as a lone surrogate: refused before there is a key without a card."""
    (tmp_path / "passphrase").write_text("open sesame\n")
    home = TrusteeHome(tmp_path / "trustee", tmp_path / "passphrase")
    refused = typed(home, "new", "--name", name)
    assert (refused.exit_code, "a name" in refused.output) == (3, True), refused.output
    assert not home.folder.exists()


def test_a_missing_card_is_made_again_from_the_key(home: TrusteeHome) -> None:
    """By `new`, which otherwise touches nothing that is there."""
    before = {path.name: path.read_bytes() for path in home.folder.iterdir()}
    again = typed(home, "new", "--name", "Eve")
    assert (again.exit_code, "not touched" in again.output) == (3, True)
    (home.folder / CARD_FILE).unlink()
    missing = typed(home, "status")
    assert (missing.exit_code, "makes it again" in missing.output) == (3, True)
    made = typed(home, "new", "--name", "Ana", "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["key"] == home.card().key.hex()
    assert {path.name: path.read_bytes() for path in home.folder.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Refused, match="can't be written"):
        TrusteeHome(tmp_path / "file", None).will_say(BOARD, "certificate", ONE)
