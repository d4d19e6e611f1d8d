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
