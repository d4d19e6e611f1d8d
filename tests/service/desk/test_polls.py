"""What a poll.toml may not say, refused before any key or server is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.errors import Refused
from polls.manifest import Conduct, Urgent
from service.cases.policies import baseline
from service.desk import polls, polls_file
from tests.support.groups import Group
from tests.support.members import SNAPSHOT, make_keeper


def read(folder: Path, text: str) -> polls_file.PollFile:
    folder.joinpath("poll.toml").write_text(text, encoding="utf-8")
    folder.joinpath("summary.txt").write_text("What happened.", encoding="utf-8")
    return polls_file.read_poll_file(folder.joinpath("poll.toml").read_bytes(), folder)[0]


def test_the_example_is_a_poll_file(tmp_path: Path) -> None:
    """It lacks only the board and the snapshot."""
    file = read(tmp_path, polls_file.example("ab" * 32))
    assert (file.matter, file.rule, file.conduct) == ("ab" * 32, "median", ["harassment"])
    assert [each.text for each in file.measures] == ["Written warning", "Three-month suspension"]


def test_the_mark_that_some_editors_put_first_is_no_part_of_a_poll(tmp_path: Path) -> None:
    """Every member of the electorate would be sent it."""
    tmp_path.joinpath("summary.txt").write_text("What happened.", encoding="utf-8-sig")
    marked = polls_file.example("ab" * 32).encode("utf-8-sig")
    assert polls_file.read_poll_file(marked, tmp_path)[1] == "What happened."


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("question =", "question", "is not TOML"),
        ("quorum = 10", "quorum = " + "1" * 5_000, "is not TOML"),
        ("quorum = 10", "quorum = " + "[" * 5_000 + "]" * 5_000, "is not TOML"),
        ("quorum = 10", 'quorum = "ten"', "`quorum` has to be a whole number"),
        ("quorum = 10", "", "the field `quorum` is missing"),
        ("quorum = 10", "quorum = 10\nwinner = 1", "`winner` is no field; they are question, matter, "),
        ("quorum = 10", 'quorum = 10\n"of `x - at" = 1', "a name is no field; they are question, matter, "),
        (
            "review_after_days = 100",
            "review = 1",
            r"`review` is no field of measures\[1\]; they are text, review_",
        ),
        ("review_after_days = 100", "", r"`review_after_days` of measures\[1\] is missing"),
        (
            "review_after_days = 90",
            'review_after_days = ""',
            r"`measures\[0\].review_after_days` has to be a whole",
        ),
        ('rule = "median"', 'rule = "loudest"', "`rule` has to be 'median' or 'plurality'"),
        ('rule = "median"', 'disclosure = "all"', "`disclosure` has to be 'outcome' or 'counts'"),
        ("left_out = []", "left_out = [7]", r"`left_out\[0\]` has to be a text in quotation marks"),
        ("left_out = []", 'left_out = "x"', "`left_out` has to be a list"),
        ("left_out = []", "urgent = 7", "`urgent` has to be a table"),
        ("left_out = []", "urgent = { measure = 'x' }", "the field `ends_at` of urgent is missing"),
        ("left_out = []", "urgent = { who = 'x' }", "`who` is no field of urgent; they are measure, ends_at"),
        ("2026-03-01T12:00:00Z", "2026-03-01", "`opens_at` has to be a time with its zone"),
        ("2026-03-01T12:00:00Z", '"tomorrow"', "`opens_at` has to be a time with its zone"),
        ('"summary.txt"', '"other.txt"', "summary: a file can't be read"),
        ('"summary.txt"', '"other\\u0000.txt"', "summary: a file can't be read"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, old: str, new: str, words: str) -> None:
    """And the sentence says what is wrong, without repeating the file."""
    with pytest.raises(Refused, match=words):
        read(tmp_path, polls_file.example("ab" * 32).replace(old, new, 1))


def test_conduct_issues_are_published_ones_or_it_is_urgent(tmp_path: Path) -> None:
    """One that the group doesn't publish, none at all, or both reasons at once are refused."""
    roster, text = Group.draw().roster, polls_file.example("ab" * 32)
    published = {item.id: item.title for item in baseline().issues}
    found = polls._basis(read(tmp_path, text), roster)
    assert found == Conduct((published["harassment"],))
    urgent = '[urgent]\nmeasure = "Out of the chat"\nends_at = 2026-03-15T12:00:00Z\n'
    for conduct in ('conduct = ["rudeness"]', "conduct = []"):
        with pytest.raises(Refused, match=r"at least one; they are .*harassment"):
            polls._basis(read(tmp_path, text.replace('conduct = ["harassment"]', conduct)), roster)
    with pytest.raises(Refused, match="not both"):
        polls._basis(read(tmp_path, text + urgent), roster)
    only = text.replace('conduct = ["harassment"]', "") + urgent
    assert isinstance(polls._basis(read(tmp_path, only), roster), Urgent)


def test_a_time_without_its_zone_is_refused(tmp_path: Path) -> None:
    """Nobody should have to guess when a poll closes."""
    file = read(tmp_path, polls_file.example("ab" * 32).replace("12:00:00Z", "12:00:00"))
    with pytest.raises(Refused, match="zone"):
        polls._seconds(file.closes_at)


def test_a_poll_that_opened_already_is_not_made(tmp_path: Path) -> None:
    """The example's own day is in the past: the server names five things that may be wrong, of which this is one."""
    file = read(tmp_path, polls_file.example("ab" * 32))
    opens_at = polls._seconds(file.opens_at)
    assert polls._opening(file, opens_at - 1) == opens_at
    with pytest.raises(Refused, match=r"poll.toml: opens_at is over already"):
        polls._opening(file, opens_at)


def test_who_is_left_out_is_in_the_snapshot(tmp_path: Path) -> None:
    """A mistyped account of the accused is told by its place, and a mistyped snapshot with those there are."""
    registry, text = make_keeper(3).registry, polls_file.example("ab" * 32)
    (account, *_) = (each.account for each in registry.snapshot(SNAPSHOT).members)
    text = text.replace('snapshot = ""', f'snapshot = "{SNAPSHOT}"')
    right = read(tmp_path, text.replace("left_out = []", f'left_out = ["{account}"]'))
    assert polls._frozen(registry, right).name == SNAPSHOT
    wrong = read(tmp_path, text.replace("left_out = []", f'left_out = ["{account}", "github.com/nobody"]'))
    with pytest.raises(Refused, match=r"left_out: of its accounts, number 2 is not in the snapshot"):
        polls._frozen(registry, wrong)
    other = read(tmp_path, text.replace(f'"{SNAPSHOT}"', '"other"'))
    with pytest.raises(Refused, match=f"snapshot: the registry has none of that name; it has {SNAPSHOT}$"):
        polls._frozen(registry, other)
