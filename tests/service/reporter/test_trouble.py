"""What `sottovoce report` keeps of a reporter's work when something goes wrong around it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.console import write_private
from service.reporter import report_cli
from service.wire.client import Client
from tests.support.groups import Group
from tests.support.server import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def group(server: RunningServer) -> Group:
    group = Group.draw()
    with Client(server.base) as client:
        group.found(client)
    return group


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    file = tmp_path / "report.toml"
    file.write_text('what = "It happened."\n', encoding="utf-8")
    return file


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
    tmp_path: Path, server: RunningServer, group: Group
) -> None:
    """No file, one that can't be cleaned, too much of them, no language tag, no key file: nothing was typed by then."""
    (tmp_path / "blob.bin").write_bytes(b"\x00\x01")
    (tmp_path / "large.txt").write_bytes(b"a" * (7 << 20))
    (tmp_path / "line\nbreak\x07.txt").write_bytes(b"a")
    for options, told in (
        (("--attach", tmp_path / "none.jpg"), "can't be read"),
        (("--attach", tmp_path / "blob.bin"), "can't be cleaned"),
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
