"""Transparency reports: how much and of what kind, and not one report that somebody must not know of."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from crypto.errors import Refused
from service.cases.answers import Answers
from service.cases.log import LetterSent, Triaged
from service.cases.receipts import day_of, day_told
from service.cli import main
from service.desk import transparency
from service.desk.casebook import Case, assemble
from service.desk.transparency import counted, issues_of, lines, period_named, sections, told, view
from service.wire.client import Client
from tests.support.desk_records import held, line
from tests.support.desks import home_of
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

GROUP = Group.draw("Aurora", ["Ada", "Bo", "Cy"])
ISSUES = issues_of(GROUP.histories[GROUP.id.hex()])
TODAY = (date(2026, 11, 22) - date(1970, 1, 1)).days
Q2 = period_named("2026-Q2", TODAY)


def case(number: int, day: int = Q2.first, *, to: Sequence[str] = ("Ada", "Bo", "Cy")) -> Case:
    """A report of that day to these people."""
    first = held(
        number,
        f"{number:064x}",
        group=GROUP.id.hex(),
        roster=GROUP.roster.digest.hex(),
        recipients=tuple(GROUP.member(name).key_id.hex() for name in to),
        day=day,
        fetched_s=(day + 1) * 86_400,
    )
    return assemble([first], {})[first.id]


def changed(one: Case, **changes: object) -> Case:
    return replace(one, first=msgspec.structs.replace(one.first, **changes))


def chosen(*cases: Case) -> list[Case]:
    return counted(cases, GROUP.histories, GROUP.id.hex(), Q2)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2025", "2025-01-01", "2025-12-31"),
        ("2026-H1", "2026-01-01", "2026-06-30"),
        ("2025-H2", "2025-07-01", "2025-12-31"),
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2026-Q3", "2026-07-01", "2026-09-30"),
        ("2024-Q4", "2024-10-01", "2024-12-31"),
    ],
)
def test_a_period_is_a_whole_one_of_the_calendar(name: str, first: str, last: str) -> None:
    """First and last day, both of them in it."""
    told = view("Aurora", period_named(name, TODAY), [])
    assert (told["from"], told["to"]) == (first, last)


@pytest.mark.parametrize(
    "name",
    [
        "2026",
        "2026-H2",
        "2026-Q4",
        "2027",
        "2026-Q5",
        "2026-05",
        "26",
        "",
        "2026-Q2 ",
        "0000",
        "9999",
        "２０２５",
    ],
)
def test_what_is_no_period_or_not_over_is_refused(name: str) -> None:
    """Nor any span that somebody would like to choose: two that differ by a day would tell that day."""
    with pytest.raises(Refused):
        period_named(name, TODAY)
    assert period_named("2026-Q3", period_named("2026-Q3", TODAY).after).name == "2026-Q3"
    with pytest.raises(Refused, match="not over: it ends with 2026-09-30"):
        period_named("2026-Q3", period_named("2026-Q3", TODAY).after - 1)


def test_whoever_was_left_out_finds_their_own_count() -> None:
    """Cy can't tell from what is published, at any number, that there are reports without them."""
    everybody = [case(number) for number in range(1, 5)]
    for hidden in (0, 1, 2, 40):
        kept = [case(100 + number, to=("Ada", "Bo")) for number in range(hidden)]
        published = sections(chosen(*everybody, *kept), ISSUES)
        assert published == sections(chosen(*everybody), ISSUES)


def test_what_belongs_to_others_or_to_no_report_is_not_counted() -> None:
    """By day, by group, by whether it begins with a report, and by whether the list that its reporter saw is here."""
    ours = case(1)
    others = [
        case(2, Q2.first - 1),
        case(3, Q2.after),
        changed(ours, group="ff" * 16),
        changed(ours, forwarded=True),
        changed(ours, follows="00" * 32),
        changed(ours, roster="11" * 32),
    ]
    assert chosen(*others, ours, case(8, Q2.after - 1)) == [ours, case(8, Q2.after - 1)]


def test_it_counts_what_the_group_said_of_each_report() -> None:
    """Priority and issues as last said, states, who was answered within a week; nothing said is counted as that."""
    written = [
        (Triaged("P2", ("threats", "stalking")), LetterSent("0" * 32, "1" * 64, "Hello.", False, "looking")),
        (Triaged("P3", ("threats",)), Triaged("P1"), LetterSent("0" * 32, "1" * 64, "", False, "closed")),
        (LetterSent("0" * 32, "1" * 64, "Late.", False, None),),
        (),
    ]
    cases: list[Case] = []
    for number, acts in enumerate(written, 1):
        first = case(number).first
        soon = (Q2.first + (7 if number == 1 else 8)) * 86_400
        log = [line(act, seq, at_s=soon, entry_id=seq) for seq, act in enumerate(acts)]
        cases += assemble([first], {first.id: log}).values()
    found = {section.name: dict(section.rows) for section in sections(cases, ISSUES)}
    assert found["Reports"] == {"In all": 4}
    assert found["What was asked for"]["Reports of conduct"] == 4
    grave = found["How grave, as the group saw it"]
    assert [grave["P1, safety"], grave["P2, serious"], grave["P3, usual"], grave["Not yet judged"]] == [
        1,
        1,
        0,
        2,
    ]
    about = found["About what, as the group saw it; a report may be about several"]
    names = ("Threats and violence", "Stalking", "Harassment", "Not yet said")
    assert [about[name] for name in names] == [2, 1, 0, 2]
    states = found["How far they are"]
    assert [states["Received"], states["Being looked at"], states["Closed"]] == [2, 1, 1]
    assert found["How soon"] == {"A letter with words within a week": 1}


def test_counts_are_told_in_steps_alone() -> None:
    """Two numbers of one step are told alike, in words and as JSON; every row is there, also where none is."""
    assert [told(count) for count in (0, 4, 5, 9, 10, 123)] == [
        "fewer than 5",
        "fewer than 5",
        "5 to 9",
        "5 to 9",
        "10 to 14",
        "120 to 124",
    ]
    few, many = (sections(chosen(*(case(n) for n in range(1, count))), ISSUES) for count in (6, 10))
    assert lines("Aurora", Q2, few) == lines("Aurora", Q2, many)
    assert view("Aurora", Q2, few) == view("Aurora", Q2, many)
    none = lines("Aurora", Q2, sections([], ISSUES))
    assert [line.split(":")[0] for line in none] == [line.split(":")[0] for line in lines("Aurora", Q2, few)]


def test_a_handler_publishes_what_the_group_had(
    tmp_path: Path, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sorted with its issue, synced, and a year later told by either desk alike; the council's desk has none."""
    group = Group.draw("Aurora", ["Ada", "Bo", "Cy"], council=["Gil"])
    (tmp_path / "passphrase").write_text("open sesame\n")

    def desk(name: str, *arguments: str) -> Result:
        options = ["--home", str(tmp_path / name), "--passphrase-file", str(tmp_path / "passphrase")]
        return CliRunner().invoke(main, ["desk", *options, *arguments])

    with Client(server.base) as client:
        group.found(client)
        reporter = Reporter(client, group)
        reporter.report(Answers(what="They threaten me."))
        reporter.report(Answers(what="About Cy."), to=("Ada", "Bo"))
        for name in ("Ada", "Cy", "Gil"):
            home_of(tmp_path / name, server.base, group, name, "open sesame")
            assert desk(name, "sync").exit_code == 0
    for row in json.loads(desk("Ada", "list", "--json").stdout):
        refused = desk("Ada", "triage", row["id"], "P1", "--issue", "threat")
        assert (refused.exit_code, "harassment, threats" in refused.output) == (3, True), refused.output
        assert desk("Ada", "triage", row["id"], "P1", "--issue", "threats").exit_code == 0
    assert "P1, threats" in desk("Ada", "show", row["id"]).stdout
    assert desk("Ada", "sync").exit_code == desk("Cy", "sync").exit_code == 0
    year = day_told(day_of(time.time()))[:4]
    assert desk("Ada", "transparency", year).exit_code == 3, "the year is not over"
    monkeypatch.setattr("service.desk.transparency_cli.day_of", lambda now_s: day_of(now_s) + 366)
    monkeypatch.setattr(transparency, "STEP", 1)  # exact, to be seen at all
    ada, cy = (json.loads(desk(name, "transparency", year, "--json").stdout) for name in ("Ada", "Cy"))
    assert ada == cy
    rows = {row["name"]: row["least"] for section in ada["sections"] for row in section["rows"]}
    assert (rows["In all"], rows["P1, safety"], rows["Threats and violence"]) == (1, 1, 1)
    council = desk("Gil", "transparency", year)
    assert (council.exit_code, "desks of the group's handlers" in council.output) == (3, True)
