"""Ten thousand reports at one desk: the list, one report and one person are there within seconds."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.desk.records import Held
from tests.support.desks import desk_at, home_of
from tests.support.groups import Group
from tests.support.many import hold_many

pytestmark = pytest.mark.xdist_group("many at a desk")

REPORTS = 10_000
WITHIN_S = 5.0
"""Of the processor, for each command, unlocking included; measured 0.3 to 1.0 s on two shared cores."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Held]]:
    folder = tmp_path_factory.mktemp("desk")
    group = Group.draw()
    home = home_of(folder / "home", "http://localhost:1", group, "Ada", "open sesame")
    (folder / "passphrase").write_text("open sesame\n")
    with desk_at(home, group, "Ada") as session:
        held = hold_many(session, group, REPORTS)
    return folder, held


def timed(folder: Path, *arguments: str) -> Result:
    options = ["--home", str(folder / "home"), "--passphrase-file", str(folder / "passphrase")]
    since = process_time()
    result = CliRunner().invoke(main, ["desk", *options, *arguments])
    taken = process_time() - since
    assert result.exit_code == 0, result.output[-2_000:]
    assert taken < WITHIN_S
    return result


@pytest.mark.slow
def test_ten_thousand_reports_are_listed(desk: tuple[Path, list[Held]]) -> None:
    """As text and as JSON; each once, and under each that a letter is due, since nobody has written for years."""
    folder, held = desk
    rows = json.loads(timed(folder, "list", "--json").stdout)
    assert {row["id"] for row in rows} == {one.id for one in held}
    lines = timed(folder, "list").stdout.splitlines()
    due = [line for line in lines if line.startswith("            A letter is due: ")]
    assert (len(lines), len(due)) == (2 * REPORTS, REPORTS)


@pytest.mark.slow
def test_one_of_ten_thousand_is_shown(desk: tuple[Path, list[Held]]) -> None:
    """By the beginning of its id, with all that was written."""
    folder, held = desk
    one = held[REPORTS // 3]
    shown = json.loads(timed(folder, "show", one.id[:12], "--json").stdout)
    assert shown["id"] == one.id
    assert shown["report"]["who"] == [{"platform": one.who[0].platform, "handle": one.who[0].handle}]


@pytest.mark.slow
def test_one_person_of_ten_thousand_reports_is_scored(desk: tuple[Path, list[Held]]) -> None:
    """250 reports about one of forty people; none has a voice, so they stay below two."""
    folder, _ = desk
    score = json.loads(timed(folder, "subject", "github:person7", "--json").stdout)["score"]
    assert score["reports"] == REPORTS // 40
    assert 1 < score["d"] < 2
