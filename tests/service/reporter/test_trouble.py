"""What `sottovoce report` keeps of a reporter's work when something goes wrong around it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result

from service.cases.filing import Filed, file_report
from service.cases.reports import Report
from service.chain_files import write_private
from service.cli import main
from service.reporter import answering, mailbox_cli, report_cli
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.failures import Unreachable
from service.wire.patience import TRIES, patiently
from tests.support.groups import Group
from tests.support.server import RunningServer

T = TypeVar("T")
ANEW = "y\n\n"
"""Typed where no letter waits: write all the same, and leave nobody out."""


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    file = tmp_path / "report.toml"
    file.write_text('what = "It happened."\n', encoding="utf-8")
    return file


class Breaking(Client):
    """A client whose connection breaks `breaks` times when it sends a report, after the server took it when `late`."""

    breaks = 0
    late = False
    sends = "/reports"
    asked_for_the_key = 0

    def do(self, call: Call[T]) -> T:
        mine = type(self)
        if call.target == "/v1/server":
            mine.asked_for_the_key += 1
        if not (call.method == "POST" and call.target.endswith(mine.sends)) or not mine.breaks:
            return super().do(call)
        mine.breaks -= 1
        if mine.late:
            super().do(call)
        raise Unreachable


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> type[Breaking]:
    """A new kind of client for one test, whose patience takes no time."""

    class Now(Breaking):
        pass

    for command in (report_cli, mailbox_cli):
        monkeypatch.setattr(command, "Client", Now)
    for sends in (report_cli, answering):
        monkeypatch.setattr(sends, "patiently", partial(patiently, sleep=lambda _: None))
    return Now


def run(
    server: RunningServer, group: Group, *arguments: object, typed: str | None = None, name: str = "report"
) -> Result:
    options = ["--server", server.base, "--group", group.id.hex()]
    return CliRunner().invoke(main, [name, *options, *map(str, arguments)], input=typed)


def test_a_receipt_that_cannot_be_kept_is_told_before_anything_is_asked(
    tmp_path: Path, server: RunningServer, group: Group
) -> None:
    """A file that exists, a folder that can't be made: refused first, and the file stays as it is."""
    kept = tmp_path / "receipt.json"
    kept.write_text("an older receipt")
    for place in (kept, kept / "receipt.json"):
        refused = run(server, group, "--receipt-file", place, typed="\n")
        assert refused.exit_code == 3, refused.output
        assert "receipt" in refused.stderr
        assert "What brings you here" not in refused.stderr
        assert "Leave out" not in refused.stderr
    assert kept.read_text() == "an older receipt"


def test_a_receipt_that_fails_at_the_end_costs_no_code(
    tmp_path: Path, server: RunningServer, group: Group, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up meanwhile: the code is shown all the same, and the rest is a warning."""
    place = tmp_path / "receipt.json"

    def meanwhile(path: Path, content: bytes) -> None:
        write_private(path, content)
        if content:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_cli, "write_private", meanwhile)
    filed = run(server, group, "--file", answers, "--yes", "--json", "--receipt-file", place)
    assert filed.exit_code == 0, filed.output
    assert len(json.loads(filed.stdout)["code"]) == 12
    assert "the receipt was not kept" in filed.stderr


def questions(*, what: str = "I need help.", send: str = "y") -> str:
    """What somebody types who leaves nobody out, says one thing and skips the rest."""
    return "\n".join(["", "1", what, ".", "", "", "", ".", ".", ".", ".", "1", send, ""])


def test_wrong_options_are_told_before_the_first_question(
    tmp_path: Path, server: RunningServer, group: Group, answers: Path
) -> None:
    """No file, one that can't be cleaned, too much of them, no language tag, no key file: nothing was typed by then."""
    (tmp_path / "blob.bin").write_bytes(b"\x00\x01")
    (tmp_path / "large.txt").write_bytes(b"a" * (7 << 20))
    (tmp_path / "line\nbreak\x07.txt").write_bytes(b"a")
    for options, told in (
        (("--attach", tmp_path / "none.jpg"), "none.jpg: it can't be read"),
        (
            ("--attach", answers, "--attach", tmp_path / "blob.bin"),
            "blob.bin: this kind of file can't be cleaned",
        ),
        (("--attach-original", tmp_path / "large.txt"), "7 MiB"),
        (("--attach", tmp_path / "line\nbreak\x07.txt"), "control character"),
        (("--language", "no language"), "language tag"),
        (("--voice", tmp_path / "none.key"), "no member's key file"),
        (("--voice", tmp_path), "can't be read"),
    ):
        refused = run(server, group, *options, typed=questions())
        assert refused.exit_code in {2, 3}, (options, refused.output)
        assert told in refused.stderr or "is a directory" in refused.stderr
        assert not any(asked in refused.stderr for asked in ("Leave out", "What brings you here"))


def test_saying_no_to_sending_loses_nothing_by_itself(server: RunningServer, group: Group) -> None:
    """Enter at the second question goes back to the first; only a yes discards."""
    kept = run(server, group, typed=questions(send="n\n\ny"))
    assert kept.exit_code == 0, kept.output
    assert "Discard what you wrote?" in kept.stderr
    assert " 12. " in kept.stdout
    discarded = run(server, group, typed=questions(send="n\ny"))
    assert discarded.exit_code == 3
    assert "nothing was sent" in discarded.stderr


def test_what_a_report_has_no_room_for_is_asked_for_again(server: RunningServer, group: Group) -> None:
    """51 links, a witness of 301 characters, a text of control characters only: nothing is refused at the end."""
    typed = ["", "1", "\x07", ".", "I need help.", ".", "", "", ""]
    typed += [*["https://example.org"] * 51, ".", "https://example.org", ".", "w" * 301, ".", "w" * 300, "."]
    filed = run(server, group, typed="\n".join([*typed, ".", ".", "1", "y", ""]))
    assert filed.exit_code == 0, filed.output
    for told in ("This one answer is needed", "room for 50 lines", "longer than 300 characters"):
        assert filed.stderr.count(told) == 1


def test_a_broken_connection_loses_nothing_that_was_typed(
    server: RunningServer, group: Group, breaking: type[Breaking]
) -> None:
    """One is not even noticed; when none gets through, what is in memory is sent again as often as asked for."""
    breaking.breaks = 1
    unnoticed = run(server, group, typed=questions())
    assert unnoticed.exit_code == 0, unnoticed.output
    assert "Try again?" not in unnoticed.stderr
    breaking.breaks = 2 * TRIES
    again = run(server, group, typed=questions(send="y\n\ny"))
    assert again.exit_code == 0, again.output
    assert again.stderr.count("Try again?") == 2
    assert again.stdout.count(" 12. ") == 1


def test_the_servers_key_is_asked_for_before_the_questions(
    server: RunningServer, group: Group, breaking: type[Breaking]
) -> None:
    """Nothing but the report itself is left to go wrong after somebody typed it."""
    stopped = run(server, group, typed="")
    assert stopped.exit_code != 0
    assert "What brings you here" not in stopped.stderr
    assert breaking.asked_for_the_key == 1


def test_who_gives_up_is_told_the_code_of_what_may_have_arrived(
    server: RunningServer, group: Group, answers: Path, breaking: type[Breaking]
) -> None:
    """The server took it and its answer was lost: the words open the answers, on a terminal and from a file."""
    breaking.late = True
    for options, typed in (((), questions(send="y\nn")), (("--file", answers, "--yes", "--json"), "")):
        breaking.breaks = TRIES
        given_up = run(server, group, *options, typed=typed)
        assert given_up.exit_code == 5
        assert given_up.stdout == ""
        assert "may have arrived" in given_up.stderr
        assert " 12. " in given_up.stderr


def test_an_interruption_has_its_own_exit_code_and_says_what_was_sent(
    server: RunningServer,
    group: Group,
    answers: Path,
    breaking: type[Breaking],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The input ends at a question: 130, nothing sent. Ctrl-C while it is being sent: 130, and the code."""
    for typed in ("", "\n1\nI need help.\n.\n", questions(send="")[:-1]):
        stopped = run(server, group, typed=typed)
        assert stopped.exit_code == 130, stopped.output
        assert "nothing was sent" in stopped.stderr
        assert "Aborted" not in stopped.stderr
    stopped = run(server, group, typed="", name="mailbox")
    assert stopped.exit_code == 130
    assert "interrupted" in stopped.stderr

    def impatient(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(report_cli, "patiently", partial(patiently, sleep=impatient))
    breaking.breaks = 1
    stopped = run(server, group, "--file", answers, "--yes")
    assert stopped.exit_code == 130
    assert "may have arrived" in stopped.stderr
    assert "nothing was sent" not in stopped.stderr


def test_the_language_of_the_command_line_holds_for_a_file_that_names_none(
    tmp_path: Path, server: RunningServer, group: Group, answers: Path
) -> None:
    """Two that differ are refused, and two that are the same are not."""
    written = []

    def noted(report: Report, *rest: Any) -> Filed:
        written.append(report.language)
        return file_report(report, *rest)

    english = tmp_path / "english.toml"
    english.write_text('what = "It happened."\nlanguage = "en"\n')
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(report_cli, "file_report", noted)
        for file, options in (
            (answers, ()),
            (answers, ("--language", "de")),
            (english, ("--language", "en")),
            (english, ()),
        ):
            filed = run(server, group, "--file", file, "--yes", *options)
            assert filed.exit_code == 0, filed.output
    assert written == ["en", "de", "en", "en"]
    refused = run(server, group, "--file", english, "--yes", "--language", "de")
    assert refused.exit_code == 3
    assert "two languages" in refused.stderr


def test_a_file_that_no_parser_can_hold_gets_a_sentence(
    tmp_path: Path, server: RunningServer, group: Group
) -> None:
    """A number of 5,000 digits, and 20,000 brackets."""
    for number, value in enumerate(("1" * 5_000, "[" * 20_000 + "]" * 20_000, "{a=" * 20_000)):
        file = tmp_path / f"{number}.toml"
        file.write_text(f'what = "It happened."\nwhen = {value}\n')
        refused = run(server, group, "--file", file, "--yes")
        assert refused.exit_code == 3, refused.output
        assert "the file is not a report" in refused.stderr


@pytest.fixture
def code(tmp_path: Path, server: RunningServer, group: Group, answers: Path) -> Path:
    """The file with the reply code of a report that was filed."""
    filed = run(server, group, "--file", answers, "--yes", "--json")
    file = tmp_path / "code.txt"
    file.write_text(" ".join(json.loads(filed.stdout)["code"]))
    return file


def test_json_asks_for_no_code_that_it_does_not_show(server: RunningServer, group: Group, code: Path) -> None:
    """Wrong usage, before anything else."""
    refused = run(server, group, "--code-file", code, "--json", name="mailbox")
    assert refused.exit_code == 2
    assert "--yes-i-wrote-it-down" in refused.stderr


def test_a_reporter_is_told_which_code_is_good(
    tmp_path: Path, server: RunningServer, group: Group, code: Path, breaking: type[Breaking]
) -> None:
    """The old one when nothing was sent; nobody knows when no answer came, and then the new one comes first."""
    stopped = run(server, group, "--code-file", code, typed=f"{ANEW}Hello.\n.\n\n", name="mailbox")
    assert stopped.exit_code == 130
    assert "Your old code is still good" in stopped.stderr

    breaking.sends = "/burn"
    breaking.breaks = 2 * TRIES
    again = ("--code-file", code, "--yes-i-wrote-it-down")
    given_up = run(server, group, *again, typed=f"{ANEW}Hello.\n.\n\ny\nn\n", name="mailbox")
    assert given_up.exit_code == 5, given_up.output
    assert given_up.stderr.count("Try again?") == 2
    assert "Keep both codes, and try the new one first" in given_up.stderr
    assert "old code is still good" not in given_up.stderr

    (tmp_path / "message.txt").write_text("Hello.")
    breaking.late, breaking.breaks = True, TRIES
    in_file = ("--message-file", tmp_path / "message.txt", "--to-everybody", "--json")
    lost = run(server, group, *again, *in_file, name="mailbox")
    assert lost.exit_code == 5, lost.output
    assert "Try again?" not in lost.stderr
    assert " 12. " in lost.stderr


def test_an_answer_is_sent_again_with_the_same_code(
    server: RunningServer, group: Group, code: Path, breaking: type[Breaking]
) -> None:
    """The server took it and its answers were lost; the next try finds that it was received."""
    breaking.sends, breaking.late, breaking.breaks = "/burn", True, TRIES
    sent = run(
        server,
        group,
        "--code-file",
        code,
        "--yes-i-wrote-it-down",
        typed=f"{ANEW}Hello.\n.\n\n\n",
        name="mailbox",
    )
    assert sent.exit_code == 0, sent.output
    assert sent.stdout.count(" 12. ") == 1
    assert "Done: the old code opens nothing any more." in sent.stdout
