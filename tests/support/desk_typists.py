"""A handler who types `sottovoce desk`: their folder, their group, and a reporter who waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from service.cli import main
from tests.support.groups import Group
from tests.support.reporters import Reporter

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
