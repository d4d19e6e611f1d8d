"""`sottovoce desk measures | reviewed --only-here`, as a council member types them, offline; no server is there."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from service.cases.rosters import verified_history
from service.cli import main
from service.desk.measures import Decision
from service.wire.poll_decisions import Looked
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
        self.folder, self.group = folder, Group.draw(council=["Zoe"])
        group = self.group
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

    def keep(self, poll: str, *said: Looked) -> None:
        """Let a sync have brought in what the council said in public of a measure."""
        with desk_at(self.folder / "Zoe", self.group, "Zoe") as session:
            known = session.vault.get("decision", bytes.fromhex(poll), Decision)
            assert known is not None
            session.vault.put("decision", bytes.fromhex(poll), msgspec.structs.replace(known, reviewed=said))

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
        "What to do, and the letters for it: `sottovoce desk rollout POLL`. "
        "When it is done: `sottovoce desk reviewed POLL --ended`, or `--again DAY`.",
    ]
    assert [(one["poll"], one["due"], one["ahead"]) for one in council.listed()] == [
        (SOON, True, [{"what": "ends", "on": named(-3)}]),
        (LATER, False, [{"what": "review", "on": named(40)}]),
    ]


def test_what_is_done_is_said_at_this_desk(council: Council) -> None:
    """It ended, or it goes on until a day that is named; then nothing is due until that day is near."""
    told = council.does("reviewed", LATER, "--again", named(5), "--only-here")
    assert told.splitlines() == [
        "Kept, at this desk only.",
        f"Ahead: to be looked at again on {named(5)}, in 5 days.",
        f"Ahead: to be looked at again on {named(40)}, in 40 days.",
    ]
    assert [one["due"] for one in council.listed()] == [True, True]
    assert json.loads(council.does("reviewed", SOON, "--ended", "--only-here", "--json"))["ahead"] == []
    assert [one["poll"] for one in council.listed()] == [LATER]
    council.does("reviewed", LATER, "--again", named(60), "--only-here")
    assert [one["due"] for one in council.listed()] == [False]
    council.does("reviewed", LATER, "--ended", "--only-here")
    assert council.does("measures") == "No measure has an end or a review ahead.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("reviewed", SOON), "say either --ended"),
        (("reviewed", SOON, "--ended", "--again", "2999-01-01"), "say either --ended"),
        (("reviewed", SOON, "--again", "soon"), "a day is like 2026-12-31"),
        (("reviewed", SOON, "--again", "2020-01-01"), "a day to come"),
        (("reviewed", "ef" * 32, "--ended", "--only-here"), "desk sync"),
        (("reviewed", SOON, "--ended", "--only-here", "--text-file", "-"), "a text is for everyone"),
        (("reviewed", SOON, "--again", "2020-01-01", "--only-here"), "a day to come"),
        (("reviewed", "ab", "--ended"), "64 hexadecimal"),
    ],
)
def test_what_can_not_be_said_is_refused(council: Council, arguments: tuple[str, ...], words: str) -> None:
    """With a sentence, and nothing changes."""
    refused = council.type(*arguments)
    assert (refused.exit_code, words in refused.stderr) == (3, True), refused.output
    assert len(council.listed()) == 2


def test_what_the_council_said_in_public_is_listed(council: Council) -> None:
    """Who said that it goes on, in the place of the days that it replaces; what has ended is listed no more."""
    for poll, again in ((SOON, TODAY + 300), (LATER, None)):
        council.keep(poll, Looked("Yan\x1b[2J", TODAY - 1, again, "Not yet.\n  Poll 00"))
    assert council.does("measures").splitlines() == [
        "Three-month suspension\ufffd[2J",
        f"  to be looked at again on {named(300)}, in 300 days.",
        f"  It goes on, and is looked at again on {named(300)}: signed by Yan\ufffd[2J, {named(-1)}.",
        "  Which action?",
        f"  Poll {SOON}",
    ]
    [listed] = council.listed()
    assert [(one["again"], one["ended"]) for one in listed["reviewed"]] == [(named(300), False)]
    for arguments in (("--ended",), ("--again", named(60))):
        refused = council.type("reviewed", LATER, *arguments, "--only-here")
        assert (refused.exit_code, "in public that this measure has ended" in refused.stderr) == (3, True)


def test_without_a_server_nothing_is_published_and_nothing_changes(council: Council) -> None:
    """It says so; kept at this desk only is what --only-here says."""
    failed = council.type("reviewed", SOON, "--ended")
    assert (failed.exit_code, "can't be reached" in failed.stderr) == (5, True), failed.output
    assert len(council.listed()) == 2


@pytest.mark.parametrize("arguments", [("measures",), ("reviewed", SOON, "--ended")])
def test_other_desks_follow_no_measures(council: Council, arguments: tuple[str, ...]) -> None:
    """And say so, rather than that there is nothing."""
    refused = council.type(*arguments, name="Ada")
    assert (refused.exit_code, "desks of the council" in refused.stderr) == (3, True), refused.output
