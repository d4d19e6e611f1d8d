"""`sottovoce poll verify` reads four files: the sentence says which of them is missing, or is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.wire.registry_pins import save_chain
from tests.support.members import make_keeper


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (
            "poll.evidence.json",
            "the evidence (NAME.evidence.json, or --evidence): a file can't be read: No such",
        ),
        ("registry.json", "the registry (--registry): the file is not there"),
        ("poll.bel", "the archive (NAME.bel): a file can't be read: No such"),
        ("manifest.json", "the manifest (--manifest): a file can't be read: No such"),
    ],
)
def test_the_file_that_cannot_be_read_is_named(tmp_path: Path, spoiled: str, said: str) -> None:
    """Missing, each by what it is and how it is given; a folder in its place too."""
    keeper = make_keeper(3)
    save_chain(tmp_path / "registry.json", keeper.id, keeper.statements)
    for name in ("poll.evidence.json", "poll.bel", "manifest.json"):
        (tmp_path / name).touch()
    (tmp_path / spoiled).unlink()
    files = ["--manifest", str(tmp_path / "manifest.json"), "--registry", str(tmp_path / "registry.json")]
    done = CliRunner().invoke(main, ["poll", "verify", str(tmp_path / "poll.bel"), *files])
    assert (done.exit_code, said in done.stderr) == (3, True), done.output
    if spoiled != "poll.bel":  # which the command line's own reader refuses
        (tmp_path / spoiled).mkdir()
        done = CliRunner().invoke(main, ["poll", "verify", str(tmp_path / "poll.bel"), *files])
        assert (done.exit_code, "Is a directory" in done.stderr) == (3, True), done.output
        assert said.partition(":")[0] in done.stderr
