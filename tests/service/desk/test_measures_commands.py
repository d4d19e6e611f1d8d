"""`sottovoce desk measures | reviewed`, as a council member types them, offline."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cases.rosters import verified_history
from service.cli import main
from service.desk.measures import Decision
from tests.support.desks import desk_at, home_of
from tests.support.groups import Group

PASSPHRASE = "open sesame"
SOON, LATER = "ab" * 32, "cd" * 32


NOW = 1_900_000_000
TODAY = NOW // 86_400


def named(ahead: int) -> str:
    """The day so many days from now, as a person writes it."""
    return (date(1970, 1, 1) + timedelta(days=TODAY + ahead)).isoformat()


class Council:
    """The desks of a council member, Zoe, and a handler, Ada, as of a sync: two measures, one ended 3 days ago."""

    def __init__(self, folder: Path) -> None:
        self.folder, group = folder, Group.draw(council=["Zoe"])
        (folder / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
        raw = [each.raw for each in group.chain.statements]
        for name in ("Zoe", "Ada"):
            home_of(folder / name, "http://localhost:1", group, name, PASSPHRASE)
            with desk_at(folder / name, group, name) as session:
                session.keep_chain(group.id, raw, verified_history(group.id, raw))
                for poll, measure, review, ends in (
                    (LATER, "Written warning", TODAY + 40, None),
                    (SOON, "Three-month suspension\x1b[2J", TODAY + 10, TODAY - 3),
                ):
                    kept = Decision(poll, "archived", "Which action?", measure, review, ends, recorded=True)
                    session.vault.put("decision", bytes.fromhex(poll), kept)

    def type(self, *arguments: str, name: str = "Zoe") -> Result:
        options = ["--home", str(self.folder / name), "--passphrase-file", str(self.folder / "passphrase")]
        return CliRunner().invoke(main, ["desk", *options, *arguments])

    def does(self, *arguments: str) -> str:
        result = self.type(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.does("measures", "--json"))
        return found


@pytest.fixture
def council(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Council:
    monkeypatch.setattr("time.time", lambda: NOW + 0.5)
    return Council(tmp_path)


def test_measures_are_listed_with_what_is_due(council: Council) -> None:
    """The nearest day first, in lines that fit a terminal, and nothing of them steers it."""
    assert council.does("measures").splitlines() == [
        "Three-month suspension\ufffd[2J",
        f"  DUE: ends on {named(-3)}, 3 days ago. Lift it, and invite them back.",
        "  Which action?",
        f"  Poll {SOON}",
        "Written warning",
        f"  to be looked at again on {named(40)}, in 40 days.",
        "  Which action?",
        f"  Poll {LATER}",
        "When it is done: `sottovoce desk reviewed POLL --ended`, or `--again DAY`.",
    ]
    assert [(one["poll"], one["due"], one["ahead"]) for one in council.listed()] == [
        (SOON, True, [{"what": "ends", "on": named(-3)}]),
        (LATER, False, [{"what": "review", "on": named(40)}]),
    ]


def test_what_is_done_is_said_at_this_desk(council: Council) -> None:
    """It ended, or it goes on until a day that is named; then nothing is due until that day is near."""
    told = council.does("reviewed", LATER, "--again", named(5))
    assert told.splitlines() == [
        "Kept, at this desk only.",
        f"Ahead: to be looked at again on {named(5)}, in 5 days.",
        f"Ahead: to be looked at again on {named(40)}, in 40 days.",
    ]
    assert [one["due"] for one in council.listed()] == [True, True]
    assert json.loads(council.does("reviewed", SOON, "--ended", "--json"))["ahead"] == []
    assert [one["poll"] for one in council.listed()] == [LATER]
    council.does("reviewed", LATER, "--again", named(60))
    assert [one["due"] for one in council.listed()] == [False]
    council.does("reviewed", LATER, "--ended")
    assert council.does("measures") == "No measure has an end or a review ahead.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("reviewed", SOON), "say either --ended"),
        (("reviewed", SOON, "--ended", "--again", "2999-01-01"), "say either --ended"),
        (("reviewed", SOON, "--again", "soon"), "a day is like 2026-12-31"),
        (("reviewed", SOON, "--again", "2020-01-01"), "a day to come"),
        (("reviewed", "ef" * 32, "--ended"), "desk sync"),
        (("reviewed", "ab", "--ended"), "64 hexadecimal"),
    ],
)
def test_what_can_not_be_said_is_refused(council: Council, arguments: tuple[str, ...], words: str) -> None:
    """With a sentence, and nothing changes."""
    refused = council.type(*arguments)
    assert (refused.exit_code, words in refused.stderr) == (3, True), refused.output
    assert len(council.listed()) == 2


@pytest.mark.parametrize("arguments", [("measures",), ("reviewed", SOON, "--ended")])
def test_other_desks_follow_no_measures(council: Council, arguments: tuple[str, ...]) -> None:
    """And say so, rather than that there is nothing."""
    refused = council.type(*arguments, name="Ada")
    assert (refused.exit_code, "desks of the council" in refused.stderr) == (3, True), refused.output
