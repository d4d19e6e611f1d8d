"""`sottovoce desk` says that a letter is due: on the real server, whose clock the desks share."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cases.answers import Answers
from service.cli import main
from service.wire.client import Client
from tests.support.desks import home_of
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.timed_server import TimedServer

PASSPHRASE = "open sesame"
DAY = 86_400
DUE = "A letter is due: 12 days without a word to its reporter."


class Desks:
    """Three handlers' folders, and a report of 12 days ago, one of 6, one of today, and one of danger today."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")

    def does(self, name: str, *arguments: str) -> str:
        options = ["--home", str(self.folder / name), "--passphrase-file", str(self.folder / "passphrase")]
        result = CliRunner().invoke(main, ["desk", *options, *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    def rows(self, name: str, *more: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.does(name, "list", "--json", *more))
        return found


@pytest.fixture
def desks(tmp_path: Path, forwarded_server: TimedServer, monkeypatch: pytest.MonkeyPatch) -> Desks:
    server, real = forwarded_server, time.time

    def now() -> float:
        return real() + float(server.shift.read_text(encoding="ascii"))

    server.forward((DAY / 2 - now()) % DAY)  # noon: no midnight comes between a report and a look
    monkeypatch.setitem(Client.__init__.__kwdefaults__ or {}, "clock", now)
    monkeypatch.setattr(time, "time", now)
    group = Group.draw()
    with Client(server.base) as client:
        group.found(client)
        for days, what in ((0, "long ago"), (6, "last week"), (6, "today")):
            server.forward(days * DAY)
            Reporter(client, group).report(Answers(what=what))
        Reporter(client, group).report(Answers(what="danger", urgency="danger"))
    server.forward(60)  # what is urgent is released by the minute
    for name in ("Ada", "Bo", "Cy"):
        home_of(tmp_path / name, server.base, group, name, PASSPHRASE)
    return Desks(tmp_path)


def test_a_letter_that_is_due_is_said_until_it_was_written(desks: Desks) -> None:
    """At sync, in the list under its case, in the case, and as JSON; at every desk, until anybody's letter is there."""
    for name in ("Ada", "Bo"):
        assert "Letters due: 1, after a week or longer without a word. See `sottovoce desk list`." in (
            desks.does(name, "sync").splitlines()
        )
        rows = desks.rows(name)
        assert [(row["headline"], row["letter_due"], row["days_without_letter"]) for row in rows] == [
            ("danger", False, 0),
            ("long ago", True, 12),
            ("last week", False, 6),
            ("today", False, 0),
        ]
        lines = desks.does(name, "list").splitlines()
        assert [("danger" in lines[0], "long ago" in lines[1], lines[2].strip())] == [(True, True, DUE)]
        assert len(lines) == 5
    case, other = rows[1]["id"], rows[2]["id"]
    _none_is_due_once_it_is_closed(desks, case)
    assert DUE in desks.does("Ada", "show", case).splitlines()[2]
    assert "A letter is due" not in desks.does("Ada", "show", other)
    view = json.loads(desks.does("Ada", "show", case, "--json"))
    assert (view["letter_due"], view["days_without_letter"]) == (True, 12)
    desks.does("Bo", "state", case, "looking")
    assert json.loads(desks.does("Bo", "sync", "--json"))["letters_due"] == 1
    (desks.folder / "text").write_text("We are looking at it.", encoding="utf-8")
    desks.does("Bo", "reply", case, "--text-file", str(desks.folder / "text"))
    assert desks.rows("Bo")[-1]["days_without_letter"] == 0
    assert json.loads(desks.does("Ada", "sync", "--json"))["letters_due"] == 1  # it waits at Bo's desk
    assert "Letters due" not in desks.does("Bo", "sync")
    assert "Letters due" not in desks.does("Ada", "sync")
    assert "A letter is due" not in desks.does("Ada", "list")
    assert not any(row["letter_due"] for row in desks.rows("Ada"))


def _none_is_due_once_it_is_closed(desks: Desks, case: str) -> None:
    """Nor is it said where `list --all` shows it; taken up again it is due a week later, and not at once. Unsent."""
    desks.does("Cy", "sync")
    for state in ("closed", "looking"):
        desks.does("Cy", "state", case, state, "--quietly")
        [row] = (row for row in desks.rows("Cy", "--all") if row["id"] == case)
        assert (row["state"], row["letter_due"], row["days_without_letter"]) == (state, False, 12)
        assert "A letter is due" not in desks.does("Cy", "list", "--all")
