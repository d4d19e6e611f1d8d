"""`sottovoce desk` against the real server, as typed: every command, with right and with wrong input."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crypto.codes import ReplyCode
from crypto.entropy import system
from crypto.errors import Refused
from service.cases.answers import Answers
from service.cases.reports import File, Person
from service.cli import main
from service.desk.cli import KEY_FILE
from service.wire import calls
from service.wire.client import Client
from tests.support.desks import desk_at, home_of
from tests.support.disks import full_disk
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

PASSPHRASE = "open sesame"


@dataclass
class Handler:
    """One handler's folder and one report by a reporter who waits."""

    folder: Path
    group: Group
    other: Group
    reporter: Reporter
    name: str = "Ada"

    def type(self, *arguments: object, home: str | None = None) -> Result:
        options = ["--home", str(self.folder / (home or self.name))]
        options += ["--passphrase-file", str(self.folder / "passphrase")]
        return CliRunner().invoke(main, ["desk", *options, *map(str, arguments)])

    def does(self, *arguments: object) -> str:
        result = self.type(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def text(self, words: str) -> Path:
        (self.folder / "text.txt").write_text(words, encoding="utf-8")
        return self.folder / "text.txt"


@pytest.fixture
def ada(tmp_path: Path, server: RunningServer) -> Iterator[Handler]:
    with Client(server.base) as client:
        other = Group.draw("Borealis", ["Dan", "Eve"])
        other.found(client)
        group = Group.draw(alternate=other.id)
        group.found(client)
        (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
        for name in ("Ada", "Bo"):
            home_of(tmp_path / name, server.base, group, name, PASSPHRASE)
        reporter = Reporter(client, group)
        who = (Person(platform="github", handle="mallory"),)
        answers = Answers(
            what="It happened here.", who=who, links=("https://example.org/1",), witnesses=("Some Body",)
        )
        reporter.report(answers, [File("note.txt", "text/plain", b"what I saw")])
        yield Handler(tmp_path, group, other, reporter)


def test_a_report_is_forwarded_to_nobody_whom_its_reporter_left_out(
    tmp_path: Path, server: RunningServer
) -> None:
    """Without names they are passed over and told; named they are refused, and nothing of it is kept or logged."""
    with Client(server.base) as client:
        other = Group.draw("Borealis", ["Dan", "Eve"])
        group = Group.draw(alternate=other.id)
        other.add(replace(group.member("Cy"), name="Quin", id=system(16)))
        for one in (other, group):
            one.found(client)
        (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
        home_of(tmp_path / "Ada", server.base, group, "Ada", PASSPHRASE)
        reporter = Reporter(client, group)
        reporter.report(Answers(what="About Cy."), to=("Ada", "Bo"))
    ada = Handler(tmp_path, group, other, reporter)
    ada.does("sync")
    case = json.loads(ada.does("list", "--json"))[0]["id"][:8]
    for to, name in ((other, "Quin"), (group, "Cy")):
        refused = ada.type("forward", case, "--to-group", to.id.hex(), "--to", name)
        assert (refused.exit_code, "left out" in refused.output) == (3, True), refused.output
    assert json.loads(ada.does("show", case, "--json"))["log"] == []
    told = ada.does("forward", case, "--to-group", other.id.hex())
    assert "Not to Quin, whom the reporter left out." in told
    refused = ada.type("forward", case, "--to-group", group.id.hex())
    assert (refused.exit_code, "by the reporter already" in refused.output) == (3, True), refused.output
    log = json.loads(ada.does("show", case, "--json"))["log"]
    assert [entry["said"] for entry in log] == ["forwarded to Dan, Eve"]
    assert json.loads(ada.does("sync", "--json"))["warnings"] == []


def test_a_report_is_forwarded_to_a_group_that_is_new_to_this_desk(
    ada: Handler, tmp_path: Path, server: RunningServer
) -> None:
    """Its list is fetched then, and never again for that; a group that isn't there is a sentence."""
    third, missing = Group.draw("Citadel", ["Tom", "Una"]), Group.draw("Missing")
    with Client(server.base) as client:
        third.found(client)
    home_of(tmp_path / "Tom", server.base, third, "Tom", PASSPHRASE)
    ada.does("sync")
    case = json.loads(ada.does("list", "--json"))[0]["id"]
    for wrong, said in ((missing.id.hex(), "no such group"), ("12", "32"), ("zz" * 16, "32")):
        refused = ada.type("forward", case, "--to-group", wrong)
        assert (refused.exit_code, said in refused.output) == (3, True), refused.output
    ada.does("forward", case, "--to-group", third.id.hex(), "--to", "tom")
    setup = tmp_path / "Ada" / "desk.json"
    online = setup.read_bytes()
    setup.write_bytes(online.replace(server.base.encode(), b"http://localhost:1"))
    ada.does("forward", case, "--to-group", third.id.hex(), "--to", "una")
    assert ada.type("forward", case, "--to-group", missing.id.hex()).exit_code == 5
    setup.write_bytes(online)
    assert json.loads(ada.does("sync", "--json"))["warnings"] == []
    result = ada.type("sync", "--json", home="Tom")
    assert (result.exit_code, json.loads(result.stdout)["new_reports"]) == (0, 1), result.output


def test_a_report_goes_back_to_named_people_only(tmp_path: Path, server: RunningServer) -> None:
    """Who leaves out too many of a group comes to its alternate group; the report doesn't say whom they left out."""
    with Client(server.base) as client:
        other = Group.draw("Borealis", ["Dan", "Eve"])
        group = Group.draw(alternate=other.id)
        for one in (other, group):
            one.found(client)
        (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
        home_of(tmp_path / "Dan", server.base, other, "Dan", PASSPHRASE)
        Reporter(client, other).report(Answers(what="About two of them."))
        with desk_at(tmp_path / "Dan", other, "Dan") as desk:
            chain = client.do(calls.roster(group.id))
            desk.keep_chain(group.id, [s.raw for s in group.chain.statements], chain)
    dan = Handler(tmp_path, other, group, Reporter(client, other), "Dan")
    dan.does("sync")
    case = json.loads(dan.does("list", "--json"))[0]["id"][:8]
    refused = dan.type("forward", case, "--to-group", group.id.hex())
    assert (refused.exit_code, "--to" in refused.output) == (3, True), refused.output
    dan.does("forward", case, "--to-group", group.id.hex(), "--to", "Ada")


def test_a_message_that_continues_no_report_is_read_and_answered(ada: Handler) -> None:
    """Whoever mistypes a code has it burned and gets another: their words are listed, and a letter reaches them."""
    reporter = Reporter(ada.reporter.client, ada.group)
    told = "He said he will come on Friday. Please help."
    file = File("note.txt", "text/plain", b"his words")
    reporter.burn(reporter.prepared(ReplyCode.draw(system), 0, told, files=(file,)), 0)
    ada.does("sync")
    [row] = (one for one in json.loads(ada.does("list", "--json")) if one["kind"] == "followup")
    case = row["id"][:8]
    assert "continues no report" in row["warnings"][0]
    assert f"lone message    {told}" in ada.does("list")
    shown = ada.does("show", case)
    assert told in shown
    assert "continues no report" in shown
    assert json.loads(ada.does("show", case, "--json"))["report"]["attachments"][0]["name"] == "note.txt"
    ada.does("extract", case, 0, ada.folder / "words.txt")
    ada.does("reply", case, "--text-file", ada.text("Call us."))
    ada.does("state", case, "closed", "--quietly")
    assert json.loads(ada.does("sync", "--json"))["waiting"] == 0
    assert [letter.text for letter in reporter.letters()] == ["Call us."]
    assert case not in ada.does("list")
    assert "lone message" in ada.does("list", "--all")


def test_what_does_not_open_is_listed_with_its_reason(ada: Handler) -> None:
    """It is told at the sync that brings it, and does not vanish after."""
    assert "could not be opened" not in ada.does("list", "--all").lower()
    ada.group.file(ada.reporter.client, b"no report at all")
    ada.does("sync")
    [row] = (one for one in json.loads(ada.does("list", "--json")) if one["kind"] == "unreadable")
    assert row["day"] is not None
    assert "Could not be opened: 1." in ada.does("list")
    assert f"can't be opened: {row['reason']}" in ada.does("list", "--all")
    refused = ada.type("show", row["id"][:8])
    assert (refused.exit_code, row["reason"] in refused.output) == (3, True), refused.output


def test_a_case_from_the_first_sync_to_its_end(ada: Handler) -> None:
    """List, show, extract, reply, ask, note, triage, check, state, forward, recuse: each shows in the case."""
    assert "1 new reports" in ada.does("sync")
    [row] = json.loads(ada.does("list", "--json"))
    case = row["id"][:8]
    assert case in ada.does("list")
    assert "1: https://example.org/1" in ada.does("show", case)
    assert json.loads(ada.does("extract", case, 0, ada.folder / "out.txt", "--json"))["bytes"] == 10
    assert (ada.folder / "out.txt").read_bytes() == b"what I saw"
    ada.does("reply", case, "--text-file", ada.text("We read it."))
    ada.does("ask", case, "--text-file", ada.text("Who else was there?"))
    ada.does("note", case, "--text-file", ada.text("I know the channel."))
    ada.does("triage", case, "P2")
    ada.does("check", case, "some  body", "unclear", "--note-file", ada.text("doesn't answer"))
    ada.does("verify-link", case, 1, "confirmed", "--note-file", ada.text("seen"))
    ada.does("state", case, "looking")
    why = ("--reason-file", ada.text("theirs too"))
    ada.does("forward", case, "--to-group", ada.other.id.hex(), "--to", "Dan", *why)
    assert json.loads(ada.does("sync", "--json"))["waiting"] == 0
    ada.does("check", case, 1, "unclear")
    ada.does("check", case, "example.org/1/", "verified")
    view = json.loads(ada.does("show", case, "--json"))
    assert (view["state"], view["priority"]) == ("looking", "P2")
    said = "\n".join(entry["said"] for entry in view["log"])
    for words in ("note: I know", "P2", "Some Body: unclear", "https://example.org/1: verified", "to Dan"):
        assert words in said
    for words in ("doesn't answer", "seen", "theirs too"):
        assert words in said
    assert [letter.text for letter in ada.reporter.letters()] == ["We read it.", "Who else was there?", ""]
    assert json.loads(ada.does("subject", "github:mallory", "--json"))["score"]["corroborated"]
    assert "Corroborated by 1 piece of evidence" in ada.does("subjects")
    ada.does("merge", case, "github:mallory", "irc:mallory")
    assert "irc: mallory@libera" in ada.does("subject", "irc:mallory")
    ada.does("merge", case, "irc:mallory", "github:mallory")
    ada.does("merge", case, "irc:mallory", "x:mal")
    through = ada.type("split", case, "github:mallory", "x:mal")
    assert (through.exit_code, "through other accounts" in through.output) == (3, True), through.output
    assert "merged irc:mallory and x:mal" in ada.does("show", case)
    ada.does("split", case, "github:mallory", "irc:mallory")
    assert "split github:mallory and irc:mallory" in ada.does("show", case)
    assert ada.type("subject", "irc:mallory").exit_code == 3
    ada.does("plot", "github:mallory", ada.folder / "plot.svg")
    assert (ada.folder / "plot.svg").read_text().startswith("<svg ")
    ada.does("recuse", case, "--reason-file", ada.text("a friend"))
    ada.does("sync")
    assert json.loads(ada.does("list", "--all", "--json")) == []


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


def test_a_recorded_report_passes_by_who_was_left_out(tmp_path: Path, server: RunningServer) -> None:
    """Too few remain, so it goes to the other group; who was left out and is in that one too doesn't get it."""
    other = Group.draw("Borealis", ["Dan", "Eve", "Ada"])
    group = Group.draw(alternate=other.id)
    with Client(server.base) as client:
        for one in (other, group):
            one.found(client)
        cy = Handler(tmp_path, group, other, Reporter(client, group), "Cy")
        (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
        for home, of, name in (("Cy", group, "Cy"), ("Dan", other, "Dan"), ("Ada", other, "Ada")):
            home_of(tmp_path / home, server.base, of, name, PASSPHRASE)
        (tmp_path / "report.toml").write_text('what = "It was Ada."\n')
        told = cy.type(
            "record", "--file", tmp_path / "report.toml", "--leave-out", "Ada", "--leave-out", "Bo"
        )
    assert told.exit_code == 0, told.output
    found = {home: json.loads(cy.type("sync", "--json", home=home).stdout) for home in ("Dan", "Ada", "Cy")}
    assert {home: each["new_reports"] for home, each in found.items()} == {"Dan": 1, "Ada": 0, "Cy": 0}


def test_recording_a_report_for_somebody_gives_their_code(ada: Handler) -> None:
    """It comes back at the next sync as recorded; a voice can't be recorded for anybody."""
    (ada.folder / "report.toml").write_text('what = "told me in the corridor"\n')
    told = json.loads(ada.does("record", "--file", ada.folder / "report.toml", "--json"))
    assert len(told["code"]) == 12
    ada.does("sync")
    rows = json.loads(ada.does("list", "--json"))
    assert len(rows) == 2
    recorded = [json.loads(ada.does("show", row["id"], "--json"))["report"] for row in rows]
    assert [one["recorded_for_someone"] for one in recorded].count(True) == 1
    (ada.folder / "report.toml").write_text('what = "x"\nvoice = true\n')
    refused = ada.type("record", "--file", ada.folder / "report.toml")
    assert refused.exit_code == 3
    assert "member's own" in refused.output


def test_two_reports_are_compared(ada: Handler) -> None:
    """A copy counts as one account; the terms are there."""
    for _ in range(2):
        Reporter(ada.reporter.client, ada.group).report(Answers(what="The very same words again and again."))
    ada.does("sync")
    rows = json.loads(ada.does("list", "--json"))
    same = [row["id"] for row in rows if row["headline"].startswith("The very same")]
    told = ada.does("compare", *same)
    assert "count" in told
    assert "both say “the very same”" in told
    terms = json.loads(ada.does("compare", *same, "--json"))
    assert (terms["kernel"], terms["likeness"], terms["phi"]) == (1, 1, 0.5)


def test_shared_wording_and_equal_handles_are_told(ada: Handler) -> None:
    """In text as with --json: what the reports of one wave say alike, and who has the same handle elsewhere."""
    for platform in ("github", "irc", "irc"):
        who = (Person(platform=platform, handle="mallory"),)
        Reporter(ada.reporter.client, ada.group).report(Answers(what="He mocks the newcomers.", who=who))
    ada.does("sync")
    hub, irc = sorted(ada.does("subjects").split("\n\n"), key=lambda text: "irc: mallory" in text[:20])
    assert "2 reports in a wave" in irc
    assert "2 share “he mocks the”" in irc or "2 share “mocks the newcomers”" in irc
    assert "share “" not in hub
    assert "same handle: irc: mallory@libera" in hub
    assert "same handle: github: mallory" in ada.does("subject", "irc:mallory")
    view = json.loads(ada.does("subject", "irc:mallory", "--json"))
    assert view["same_handle"] == ["github: mallory"]
    ada.does("merge", view["cases"][0], "irc:mallory", "github:mallory")
    assert "same handle" not in ada.does("subjects")


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


def test_wrong_input_gets_a_sentence_and_changes_nothing(ada: Handler) -> None:
    """Each with its exit code; no traceback, and nothing waits to be sent."""
    ada.does("sync")
    [row] = json.loads(ada.does("list", "--json"))
    case = row["id"][:8]
    (ada.folder / "empty.txt").write_text(" \n")
    (ada.folder / "bytes.txt").write_bytes(b"\xff\xfe")
    for arguments, code, told in (
        (("show", "abc"), 3, "four characters"),
        (("show", "ffff0000ffff"), 3, "no such report"),
        (("extract", case, 70_000, ada.folder / "x"), 2, "70000"),
        (("extract", case, 7, ada.folder / "x"), 3, "no such attachment"),
        (("extract", case, 0, ada.folder / "passphrase"), 3, "exists already"),
        (("reply", case, "--text-file", ada.folder / "empty.txt"), 3, "empty"),
        (("reply", case, "--text-file", ada.folder / "bytes.txt"), 3, "UTF-8"),
        (("reply", case, "--text-file", ada.folder / "none.txt"), 3, "can't be read"),
        (("triage", case, "P9"), 2, "P9"),
        (("state", case, "received"), 2, "received"),
        (("check", case, "x", "true"), 2, "true"),
        (("check", case, "somebody else", "verified"), 3, "no such link or witness"),
        (("check", case, "https://example.org/2", "verified"), 3, "no such link or witness"),
        (("check", case, "99", "verified"), 3, "no such link or witness"),
        (("check", case, "0000001", "verified"), 3, "no such link or witness"),
        (("check", case, "", "verified"), 3, "no such link or witness"),
        (("note", case, "--text-file", ada.folder / "empty.txt"), 3, "the note is empty"),
        (("verify-link", case, 2, "confirmed"), 3, "no such link"),
        (("verify-link", case, 0, "confirmed"), 3, "no such link"),
        (("verify-link", case, "https://example.org/2", "gone"), 3, "no such link"),
        (("verify-link", case, "https://example.org/1", "true"), 2, "true"),
        (("forward", case, "--to-group", "xyz"), 3, "32 hexadecimal"),
        (("forward", case, "--to-group", "0" * 32), 3, "no such group"),
        (("forward", case, "--to-group", ada.other.id.hex(), "--to", "Zoe"), 3, "not in that group"),
        (("merge", case, "nowhere.example: x y", ""), 3, ""),
        (("split", case, "github:mallory", "irc:x"), 3, "not merged"),
        (("subject", "github:nobody"), 3, "no report"),
        (("compare", case, "0000"), 3, "no such report"),
        (("plot", "github:nobody", ada.folder / "y.svg"), 3, "no report"),
        (("record", "--file", ada.folder / "none.toml"), 3, "can't be read"),
    ):
        answer = ada.type(*arguments)
        assert answer.exit_code == code, (arguments, answer.output)
        assert told in answer.output
        assert "Traceback" not in answer.output
    assert json.loads(ada.does("sync", "--json"))["sent"] == 0
    assert ada.type("list", home="nowhere").exit_code == 3
    setup = ada.folder / "Ada" / "desk.json"
    kept = setup.read_bytes()
    for damaged in (kept.replace(ada.group.id.hex().encode(), b"z" * 32), b"{", b"\xff", b"[" * 100_000):
        setup.write_bytes(damaged)
        refused = ada.type("list")
        assert (refused.exit_code, "desk.json is damaged" in refused.output) == (3, True), refused.output
    setup.write_bytes(kept)
    (ada.folder / "passphrase").write_text("wrong\n")
    assert ada.type("list").exit_code == 4


def test_a_desk_is_made_once(ada: Handler, server: RunningServer) -> None:
    """Key file and card; a second time nothing is touched; an unsafe address is refused before anything is written."""
    options = ("--server", server.base, "--group", ada.group.id.hex(), "--name", "New")
    with full_disk():
        refused = ada.type("init", *options, home="new")
    assert (refused.exit_code, "can't be written" in refused.output) == (3, True), refused.output
    made = ada.type("init", *options, "--json", home="new")
    assert made.exit_code == 0, made.output
    assert (ada.folder / "new" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert Path(json.loads(made.stdout)["card"]).exists()
    again = ada.type("init", *options, home="new")
    assert again.exit_code == 3
    assert "not touched" in again.output
    (ada.folder / "new" / "desk.json").unlink()  # as after a full disk
    finished = ada.type("init", *options, "--json", home="new")
    assert finished.exit_code == 0, finished.output
    assert json.loads(finished.stdout) == json.loads(made.stdout)
    unsafe = ("--server", "http://example.org", "--group", ada.group.id.hex(), "--name", "New")
    assert ada.type("init", *unsafe, home="unsafe").exit_code == 3
    assert not (ada.folder / "unsafe").exists()
    assert ada.type("init", "--server", server.base, "--group", "x", "--name", "New", home="x").exit_code == 3
