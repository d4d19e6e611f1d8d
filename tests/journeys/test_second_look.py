"""A committee that did not decide looks again at a decided case, as docs/review.md says, by the commands alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crypto.codes import ReplyCode
from crypto.entropy import system
from service.cases.answers import Answers
from service.cli import main
from service.wire.client import Client
from tests.support.desks import home_of
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer


class Desks:
    """Folders of desks, and what is typed at each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "passphrase").write_text("open sesame\n")

    def __call__(self, name: str, *arguments: str, text: str | None = None) -> Result:
        home = ["--home", str(self.folder / name), "--passphrase-file", str(self.folder / "passphrase")]
        if text is not None:
            (self.folder / "text").write_text(text)
            arguments = (*arguments, str(self.folder / "text"))
        done = CliRunner().invoke(main, ["desk", *home, *arguments])
        assert done.exit_code == 0, (name, arguments, done.output)
        return done

    def case(self, name: str) -> dict[str, Any]:
        """Sync, and show the one case."""
        self(name, "sync")
        [row] = json.loads(self(name, "list", "--json").stdout)
        shown: dict[str, Any] = json.loads(self(name, "show", row["id"], "--json").stdout)
        return shown


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    return Desks(tmp_path)


def test_who_did_not_decide_looks_again_and_says_so(
    desks: Desks, server: RunningServer, client: Client
) -> None:
    """It reads the report and all that was done, takes the case up, and writes to the reporter in its own name."""
    committee = Group.draw("Review committee", ["Rada", "Sten"])
    group = Group.draw("Aurora", ["Ada", "Bo", "Cy"], alternate=committee.id)
    for founded in (committee, group):
        founded.found(client)
        for member in founded.handlers:
            home_of(desks.folder / member.name, server.base, founded, member.name, "open sesame")
    reporter = Reporter(client, group)
    reporter.report(Answers(what="Cy shouted at me."), to=("Ada", "Bo"))
    report = str(desks.case("Ada")["id"])
    desks("Ada", "note", report, "--text-file", text="Two saw it; a warning is enough.")
    desks("Ada", "state", report, "decided")
    desks("Ada", "sync")
    assert len(reporter.letters()) == 1
    new = ReplyCode.draw(system)
    assert reporter.burn(reporter.prepared(new, 1, "You asked nobody who was there.", to=("Ada", "Bo")), 1)
    desks("Bo", "sync")
    desks(
        "Bo",
        "forward",
        report,
        "--to-group",
        committee.id.hex(),
        "--reason-file",
        text="Asked to look again.",
    )
    desks("Bo", "sync")
    taken = desks.case("Rada")
    said = [entry["said"] for entry in taken["log"]]
    assert "note: Two saw it; a warning is enough." in said
    assert any(entry.startswith("set the case to decided") or "(decided)" in entry for entry in said), said
    [turn] = [one for one in taken["conversation"] if one["who"] == "reporter"]
    assert turn["text"] == "You asked nobody who was there."
    desks("Rada", "state", report, "looking", "--quietly")
    desks("Rada", "reply", report, "--text-file", text="We did not decide this. We look at it again.")
    desks("Rada", "sync")
    assert desks.case("Ada")["state"] == "looking"
    letters = reporter.letters()
    assert [letter.text for letter in letters] == ["We did not decide this. We look at it again."]
    assert [letter.author for letter in letters] == ["Rada"]
    assert [handed.group for letter in letters for handed in letter.handed_to] == [committee.id.hex()]
    desks("Cy", "sync")
    assert json.loads(desks("Cy", "list", "--json").stdout) == []
