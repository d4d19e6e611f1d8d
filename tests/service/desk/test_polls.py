"""What a poll.toml may not say, refused before any key or server is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.errors import Refused
from polls.manifest import Conduct, Urgent
from service.cases.policies import baseline
from service.desk import polls
from tests.support.groups import Group


def read(folder: Path, text: str) -> polls.PollFile:
    folder.joinpath("poll.toml").write_text(text, encoding="utf-8")
    folder.joinpath("summary.txt").write_text("What happened.", encoding="utf-8")
    return polls._read(folder.joinpath("poll.toml").read_bytes(), folder)[0]


def test_the_example_is_a_poll_file(tmp_path: Path) -> None:
    """It lacks only the board and the snapshot."""
    file = read(tmp_path, polls.example("ab" * 32))
    assert (file.matter, file.rule, file.conduct) == ("ab" * 32, "median", ["harassment"])
    assert [each.text for each in file.measures] == ["Written warning", "Three-month suspension"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("question =", "question", "is not TOML"),
        ("quorum = 10", "quorum = " + "1" * 5_000, "is not TOML"),
        ("quorum = 10", "quorum = " + "[" * 5_000 + "]" * 5_000, "is not TOML"),
        ("quorum = 10", 'quorum = "ten"', "of another kind"),
        ("quorum = 10", "", "lacks a field"),
        ("quorum = 10", "quorum = 10\nwinner = 1", "of another kind"),
        ('rule = "median"', 'rule = "loudest"', "of another kind"),
        ('"summary.txt"', '"other.txt"', "can't be read"),
        ('"summary.txt"', '"other\\u0000.txt"', "can't be read"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, old: str, new: str, words: str) -> None:
    """And the sentence says what is wrong, without repeating the file."""
    with pytest.raises(Refused, match=words):
        read(tmp_path, polls.example("ab" * 32).replace(old, new, 1))


def test_conduct_issues_are_published_ones_or_it_is_urgent(tmp_path: Path) -> None:
    """One that the group doesn't publish, none at all, or both reasons at once are refused."""
    roster, text = Group.draw().roster, polls.example("ab" * 32)
    published = {item.id: item.title for item in baseline().issues}
    found = polls._basis(read(tmp_path, text), roster)
    assert found == Conduct((published["harassment"],))
    urgent = '[urgent]\nmeasure = "Out of the chat"\nends_at = 2026-03-15T12:00:00Z\n'
    for conduct in ('conduct = ["rudeness"]', "conduct = []"):
        with pytest.raises(Refused, match="published"):
            polls._basis(read(tmp_path, text.replace('conduct = ["harassment"]', conduct)), roster)
    with pytest.raises(Refused, match="not both"):
        polls._basis(read(tmp_path, text + urgent), roster)
    only = text.replace('conduct = ["harassment"]', "") + urgent
    assert isinstance(polls._basis(read(tmp_path, only), roster), Urgent)


def test_a_time_without_its_zone_is_refused(tmp_path: Path) -> None:
    """Nobody should have to guess when a poll closes."""
    file = read(tmp_path, polls.example("ab" * 32).replace("12:00:00Z", "12:00:00"))
    with pytest.raises(Refused, match="zone"):
        polls._seconds(file.closes_at)
