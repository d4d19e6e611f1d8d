"""Texts that a handler writes: from a file or the editor, never in an argument, and none that is lost."""

from __future__ import annotations

import json
import stat

import pytest
from click.testing import CliRunner

from crypto.errors import Refused
from service.cli import main
from tests.support.desk_typists import PASSPHRASE, Handler


@pytest.mark.parametrize("editor", ["no-such-editor", "false"])
def test_an_editor_that_is_not_there_or_fails_is_said(
    ada: Handler, editor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the code of a refusal, and as JSON where that was asked for."""
    ada.does("sync")
    [row] = json.loads(ada.does("list", "--json"))
    monkeypatch.setenv("EDITOR", editor)
    refused = ada.type("note", row["id"][:8], "--json")
    assert refused.exit_code == 3, refused.output
    assert "set EDITOR" in json.loads(refused.stderr)["error"]


@pytest.mark.parametrize("name", ["check", "verify-link", "recuse", "forward"])
def test_what_is_confidential_is_no_argument(name: str) -> None:
    """Others on this machine see commands, and shells keep them."""
    told = CliRunner().invoke(main, ["desk", name, "--help"]).output
    assert "-file" in told
    assert "--note TEXT" not in told
    assert "--reason TEXT" not in told


def test_a_text_that_is_too_long_goes_back_to_the_editor(
    ada: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written there is not lost: the editor opens with it again, or the person is told and says no."""
    ada.does("sync")
    [row] = json.loads(ada.does("list", "--json"))
    editor = ada.folder / "editor"
    editor.write_text(
        '#!/bin/sh\nif [ -s "$1" ]; then head -c 4000 "$1" > "$1.cut"; mv "$1.cut" "$1"\n'
        'else head -c 6000 /dev/zero | tr "\\0" x > "$1"; fi\ntouch -d 2040-01-01 "$1"\n'
    )
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    options = ["--home", str(ada.folder / "Ada"), "--passphrase-file", str(ada.folder / "passphrase")]
    for act in ("note", "reply"):
        kept = CliRunner().invoke(main, ["desk", *options, act, row["id"]], input="y\n")
        assert kept.exit_code == 0, kept.output
        assert "is longer than" in kept.output
        for answer in ("n\n", ""):
            left = CliRunner().invoke(main, ["desk", *options, act, row["id"]], input=answer)
            assert left.exit_code == 3
            [kept_in] = (ada.folder / "Ada").glob("not-sent-*.txt")
            assert str(kept_in) in left.output
            assert stat.S_IMODE(kept_in.stat().st_mode) == 0o600
            assert kept_in.read_text() == "x" * 6_000
            kept_in.unlink()
    shown = json.loads(ada.does("show", row["id"], "--json"))
    assert [len(turn["text"]) for turn in shown["conversation"]] == [4_000]
    assert f"note: {'x' * 4_000}" in [one["said"] for one in shown["log"]]


def test_nobody_writes_a_letter_that_a_typo_loses(ada: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor opens when the id and the passphrase were right, and what it leaves empty is refused."""
    ada.does("sync")
    [row] = json.loads(ada.does("list", "--json"))
    editor = ada.folder / "editor"
    editor.write_text(f'#!/bin/sh\ntouch "{ada.folder}/opened"\necho > "$1"\ntouch -d 2040-01-01 "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    for act, what in (("reply", "letter"), ("ask", "letter"), ("note", "note")):
        assert ada.type(act, "ffff0000").exit_code == 3
        (ada.folder / "passphrase").write_text("wrong\n")
        assert ada.type(act, row["id"]).exit_code == 4
        (ada.folder / "passphrase").write_text(PASSPHRASE + "\n")
        assert not (ada.folder / "opened").exists()
        empty = ada.type(act, row["id"])
        assert (empty.exit_code, f"the {what} is empty" in empty.output) == (3, True), empty.output
        (ada.folder / "opened").unlink()
        assert list((ada.folder / "Ada").glob("not-sent-*")) == []


def test_the_mark_that_some_editors_put_first_is_not_sent(ada: Handler) -> None:
    """The reporter would get it, unseen, before the first word."""
    ada.does("sync")
    [row] = json.loads(ada.does("list", "--json"))
    ada.does("reply", row["id"], "--text-file", ada.text("\ufeffWe read it."))
    shown = json.loads(ada.does("show", row["id"], "--json"))
    assert [turn["text"] for turn in shown["conversation"]] == ["We read it."]
    refused = ada.type("reply", row["id"], "--text-file", ada.text("\ufeff\n"))
    assert (refused.exit_code, "is empty" in refused.output) == (3, True), refused.output


def test_what_was_written_is_not_lost_when_the_desk_fails(
    ada: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it is not the text that is at fault."""
    ada.does("sync")
    [row] = json.loads(ada.does("list", "--json"))
    monkeypatch.setattr("click.edit", lambda _text: "Dear reporter")
    for error, code in ((Refused("the disk is full"), 3), (RuntimeError("a bug"), 1)):

        def fails(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("service.desk.session.Session.enqueue", fails)
        refused = ada.type("reply", row["id"])
        [kept_in] = (ada.folder / "Ada").glob("not-sent-*.txt")
        assert (refused.exit_code, str(kept_in) in refused.output) == (code, True)
        assert kept_in.read_text() == "Dear reporter"
        kept_in.unlink()
