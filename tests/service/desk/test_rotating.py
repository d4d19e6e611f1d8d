"""A handler makes new keys: their cases stay, the file keeps the former keys, and no others are made by mistake."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crypto.codes import ReplyCode
from crypto.entropy import system
from crypto.errors import Refused
from crypto.keyfiles import Stretching, lock, unlock
from crypto.secrets import Passphrase
from service.cases.answers import Answers
from service.cases.filing import Recipients, file_report
from service.cli import main
from service.desk.keys import KIND, HandlerKey
from service.wire import calls
from service.wire.client import Client
from tests.support.desks import home_of, published
from tests.support.groups import Group, admitted, server_key
from tests.support.reporters import TODAY, Reporter, recipients
from tests.support.server import RunningServer

PASSPHRASE = "open sesame"
NEW_PASSPHRASE = "open wheat"


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key files that open fast; the command makes the same, with less memory."""

    def quick(payload: bytes, passphrase: Passphrase, **options: object) -> bytes:
        return lock(payload, passphrase, Stretching(8_192, 1, 1), entropy=system, kind=KIND)

    monkeypatch.setattr("service.desk.cli.lock", quick)


class Home:
    """Ada's folder, used as she types."""

    def __init__(self, folder: Path, server: RunningServer, group: Group) -> None:
        self.folder = home_of(folder / "ada", server.base, group, "Ada", PASSPHRASE)
        (folder / "right").write_text(PASSPHRASE)
        (folder / "wrong").write_text("open barley")
        (folder / "new").write_text(NEW_PASSPHRASE)

    def type(self, *arguments: object, wrong: bool = False, answers: str | None = None) -> Result:
        options = [
            "--home",
            str(self.folder),
            "--passphrase-file",
            str(self.folder.parent / ("wrong" if wrong else "right")),
        ]
        return CliRunner().invoke(main, ["desk", *options, *map(str, arguments), "--json"], input=answers)

    def does(self, *arguments: object) -> Any:
        result = self.type(*arguments)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def rotates(self) -> Any:
        """Make new keys under a new passphrase, which is used from then on."""
        told = self.does("rotate", "--new-passphrase-file", self.folder.parent / "new")
        (self.folder.parent / "right").write_text(NEW_PASSPHRASE)
        return told

    def key(self, passphrase: str = NEW_PASSPHRASE) -> HandlerKey:
        raw = (self.folder / "handler.key").read_bytes()
        return HandlerKey.from_payload(unlock(raw, Passphrase(passphrase), kind=KIND))


def send(client: Client, group: Group, what: str, to: Recipients) -> None:
    envelope = file_report(
        Answers(what=what).to_report((), TODAY), (), to, ReplyCode.draw(system), system
    ).envelope
    token = admitted(client, group.id)
    client.do(calls.submit(group.id, envelope, server_key(client), admission=token))


def test_a_case_stays_before_and_after_new_keys_are_published(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """What was sealed to the old keys opens, also by a page that was loaded before; answers come to the new."""
    home, reporter, old_page = Home(tmp_path, server, group), Reporter(client, group), recipients(group)
    reporter.report(Answers(what="The first."))
    assert home.does("sync")["new_reports"] == 1
    [case] = home.does("list")
    text = tmp_path / "letter.txt"
    text.write_text("Where was it?")
    home.does("ask", case["id"], "--text-file", text)  # waits while the keys change
    first = home.rotates()
    assert first["former"] == 1
    published(group, client, "Ada", home.key())
    assert home.does("sync")["sent"] > 0
    [letter] = reporter.letters()
    assert (letter.text, letter.author_key) == ("Where was it?", home.key().signing.verify_key().raw.hex())

    send(client, group, "From an old page.", old_page)
    send(client, group, "From a new page.", recipients(group))
    reporter.burn(reporter.prepared(ReplyCode.draw(system), 1, "At home."), 1)
    came = home.does("sync")
    assert (came["new_reports"], came["new_follow_ups"], came["warnings"]) == (2, 1, [])
    assert [one["headline"] for one in home.does("list") if one["headline"] == "The first."] == ["The first."]
    assert "At home." in json.dumps(home.does("show", case["id"]))
    (home.folder / "desk.db").unlink()  # with nothing but the key file all of it comes again
    assert home.does("sync")["new_reports"] == 3
    assert len(home.does("list")) == 3


def test_rotating_again_before_it_is_published_makes_the_same_card(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """The desk works on with the keys in force; afterwards a rotation makes new ones. Nothing else is changed."""
    home = Home(tmp_path, server, group)
    home.does("sync")
    first = home.rotates()
    kept = home.key()
    assert home.does("sync")["warnings"] == []
    assert home.does("rotate") == first
    assert home.key().payload() == kept.payload()
    published(group, client, "Ada", kept)
    home.does("sync")
    assert home.rotates()["former"] == 2
    assert home.key().former[-1].key_id == kept.sealing.public_key().key_id
    assert (home.folder / "handler.key").stat().st_mode & 0o777 == 0o600
    before = (home.folder / "handler.key").read_bytes()
    assert home.type("rotate", wrong=True).exit_code == 4
    assert (home.folder / "handler.key").read_bytes() == before


def test_a_second_rotation_before_the_first_sync_makes_no_newer_keys(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """The list that it fetches has not got the first ones yet."""
    home = Home(tmp_path, server, group)
    assert home.rotates() == home.does("rotate")
    assert home.does("sync")["warnings"] == []
    assert home.does("rotate")["former"] == 1


def test_an_older_key_file_makes_no_other_keys(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """Its owner is told to copy the newer one; if that is lost, a new card can be made from the older."""
    home = Home(tmp_path, server, group)
    home.does("sync")
    old = (home.folder / "handler.key").read_bytes()
    home.rotates()
    published(group, client, "Ada", home.key())
    home.does("sync")
    newer = (home.folder / "handler.key").read_bytes()
    (home.folder / "handler.key").write_bytes(old)
    (tmp_path / "right").write_text(PASSPHRASE)
    for command in ("sync", "rotate"):
        refused = home.type(command)
        assert (refused.exit_code, "newer keys of yours" in refused.output) == (3, True)
    assert (home.folder / "handler.key").read_bytes() == old
    told = home.does("rotate", "--newer-is-lost", "--new-passphrase-file", tmp_path / "new")
    assert told["former"] == 1
    (tmp_path / "right").write_text(NEW_PASSPHRASE)
    assert home.type("sync").exit_code == 3
    published(group, client, "Ada", home.key())
    assert home.does("sync")["warnings"] == []
    (home.folder / "handler.key").write_bytes(newer)
    assert home.type("sync").exit_code == 3


def test_another_machine_that_did_not_sync_since_makes_no_other_keys(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """Published, they would leave no key file that has all: the list is asked for first, or nothing is done."""
    home = Home(tmp_path, server, group)
    home.does("sync")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(home.folder, elsewhere)
    home.rotates()
    published(group, client, "Ada", home.key())
    home.folder = elsewhere
    (tmp_path / "right").write_text(PASSPHRASE)
    before = (elsewhere / "handler.key").read_bytes()
    refused = home.type("rotate", "--new-passphrase-file", tmp_path / "new")
    assert (refused.exit_code, "newer keys of yours" in refused.stderr) == (3, True)
    setup = (elsewhere / "desk.json").read_bytes()
    (elsewhere / "desk.json").write_bytes(setup.replace(server.base.encode(), b"http://localhost:1"))
    assert home.type("rotate", "--newer-is-lost", "--new-passphrase-file", tmp_path / "new").exit_code == 5
    assert (elsewhere / "handler.key").read_bytes() == before


def test_new_keys_are_under_a_new_passphrase(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """It is asked for, twice; the former one opens the new file no more. While a card waits, only where it is given."""
    home = Home(tmp_path, server, group)
    home.does("sync")
    before = (home.folder / "handler.key").read_bytes()
    assert home.type("rotate", answers="").exit_code == 130
    assert (home.folder / "handler.key").read_bytes() == before
    result = home.type("rotate", answers="open rye\nopen rye\n")
    assert result.exit_code == 0, result.output
    assert home.type("sync").exit_code == 4
    assert home.type("rotate").exit_code == 4
    kept = home.key("open rye")
    (tmp_path / "right").write_text("open rye")
    home.does("rotate")
    home.rotates()
    assert home.key().payload() == kept.payload()
    assert home.does("sync")["warnings"] == []


def test_who_has_new_keys_and_no_card_is_told_which_passphrase_is_good(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """The disk is full behind the key file: what was typed first opens nothing any more, and again makes the card."""
    home = Home(tmp_path, server, group)
    home.does("sync")
    card = home.folder / "card.json"
    card.mkdir()
    (card / "in the way").touch()
    refused = home.type("rotate", "--new-passphrase-file", tmp_path / "new")
    assert refused.exit_code == 3
    assert "under the new passphrase" in refused.stderr
    assert home.type("sync").exit_code == 4
    (card / "in the way").unlink()
    card.rmdir()
    kept = home.key()
    (tmp_path / "right").write_text(NEW_PASSPHRASE)
    assert home.does("rotate")["former"] == 1
    assert home.key().payload() == kept.payload()


def test_former_keys_are_in_the_key_file_and_the_store_keeps_its_key() -> None:
    """Three pairs, newest first when they are used; another form of the file is refused."""
    key = HandlerKey.draw(system)
    twice = key.rotated(system).rotated(system)
    again = HandlerKey.from_payload(twice.payload())
    assert again.payload() == twice.payload()
    assert len(key.payload()) == 65
    assert len(twice.payload()) == 66 + 2 * 64
    assert [pair.key_id for pair in again.pairs][-1] == key.sealing.public_key().key_id
    assert again.store_key() == key.store_key()
    with_former, alone = twice.payload(), key.payload()
    for wrong in (
        with_former + b"\0",
        with_former[:-1],
        b"\x02" + alone[1:] + b"\0",
        b"\x02" + alone[1:],
        b"\x03" + with_former[1:],
        b"\x01" + with_former[1:],
    ):
        with pytest.raises(Refused):
            HandlerKey.from_payload(wrong)
    full = HandlerKey(key.signing, key.sealing, key.rotated(system).former * 255)
    with pytest.raises(Refused, match="no more"):
        full.rotated(system)
