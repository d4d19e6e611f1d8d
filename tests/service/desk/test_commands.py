"""`sottovoce desk` against the real server, as typed: every command, with right and with wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crypto.codes import ReplyCode
from crypto.entropy import system
from service.cases.answers import Answers
from service.cases.reports import File, Person
from service.desk.cli import KEY_FILE
from tests.support.desk_typists import Handler
from tests.support.disks import full_disk
from tests.support.reporters import Reporter
from tests.support.server import RunningServer


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


def test_no_file_is_called_as_standard_output_is(ada: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever types `-` looks for it there, and finds nothing."""
    ada.does("sync")
    monkeypatch.chdir(ada.folder)
    [row] = json.loads(ada.does("list", "--json"))
    to, text = ("--group", ada.other.id.hex(), "--to", "Dan"), ada.text("A question.")
    for act in (
        ("extract", row["id"], 0, "-"),
        ("plot", "github:mallory", "-"),
        ("consult", row["id"], *to, "--text-file", text, "--out", "-"),
    ):
        refused = ada.type(*act)
        assert (refused.exit_code, "name a new one" in refused.output) == (3, True), refused.output
    assert not (ada.folder / "-").exists()


def test_nothing_is_done_with_a_report_after_stepping_out_of_it(ada: Handler) -> None:
    """Other desks would show it below that; until the sync the report can still be read here."""
    ada.does("sync")
    [row] = json.loads(ada.does("list", "--json"))
    case, text = row["id"][:8], ada.text("Too late.")
    why = ("--reason-file", text)
    other = ada.other.id.hex()
    ada.does("recuse", case, *why)
    for act in (
        ("reply", case, "--text-file", text),
        ("ask", case, "--text-file", text),
        ("note", case, "--text-file", text),
        ("triage", case, "P2"),
        ("check", case, 1, "unclear", "--note-file", text),
        ("verify-link", case, 1, "confirmed", "--note-file", text),
        ("merge", case, "github:mallory", "gitlab:mallory"),
        ("state", case, "looking"),
        ("forward", case, "--to-group", other, "--to", "Dan", *why),
        ("consult", case, "--group", other, "--to", "Dan", "--text-file", text, "--out", ada.folder / "q"),
        ("recuse", case, *why),
    ):
        refused = ada.type(*act)
        assert (refused.exit_code, "you stepped out of this report" in refused.output) == (3, True), act
    assert not (ada.folder / "q").exists()
    assert "It happened here." in ada.does("show", case)
    assert json.loads(ada.does("sync", "--json"))["sent"] == 2  # the entry that says so, and the recusal


def test_a_file_is_looked_at_as_a_link_is(ada: Handler) -> None:
    """What `subjects` says to check next takes a finding, by that name or by its number in `show`."""
    ada.does("sync")
    case = json.loads(ada.does("list", "--json"))[0]["id"]

    def to_check() -> list[str]:
        [one] = json.loads(ada.does("subjects", "--json"))
        return [check["evidence"] for check in one["score"]["checks"] if check["kind"] == "file"]

    [file] = to_check()
    ada.does("check", case, "file 0", "verified")
    assert to_check() == []
    assert "Corroborated by 1 piece of evidence" in ada.does("subjects")
    assert f"checked {file}: verified" in ada.does("show", case)
    ada.does("check", case, file, "withdrawn")
    assert to_check() == [file]
    for wrong in ("file 1", "0", file[:-1]):
        refused = ada.type("check", case, wrong, "verified")
        assert (refused.exit_code, "no such link, file or witness" in refused.output) == (3, True)


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
        (("check", case, "somebody else", "verified"), 3, "no such link, file or witness"),
        (("check", case, "https://example.org/2", "verified"), 3, "no such link, file or witness"),
        (("check", case, "99", "verified"), 3, "no such link, file or witness"),
        (("check", case, "0000001", "verified"), 3, "no such link, file or witness"),
        (("check", case, "", "verified"), 3, "no such link, file or witness"),
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


@pytest.mark.usefixtures("quick_key_files")
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
