"""Voices at the desk: each member counts once about a person, and nothing else counts for as much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cases.log import SubjectMerged
from service.cases.registry import Registry
from service.cases.registry_statements import Freeze, Rotate
from service.cases.reports import Person
from service.cases.voices import voices_in
from service.desk import actions
from service.desk.reading import Listened
from service.desk.voices import Hearing
from tests.support.brigades import text
from tests.support.registry_chains import DAY, application, invitation
from tests.support.voiced_desk import LOOKALIKE, MALLORY, TRENT, VoicedDesk, chain, voiced_desk


@pytest.fixture(scope="module")
def registry() -> Registry:
    return chain().folded()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[VoicedDesk]:
    with voiced_desk(tmp_path) as desk:
        yield desk


def test_three_members_corroborate_and_the_same_member_is_one(world: VoicedDesk, registry: Registry) -> None:
    """One member five times is one voice; two are not enough; the third makes it corroborated."""
    for _ in range(5):
        world.put(registry, member="alice")
    world.listen(registry)
    one = world.about().score
    assert (one.voiced, one.members, one.corroborated) == (5, 1, False)
    assert one.d_v == pytest.approx(1)
    world.put(registry, member="bob")
    world.listen(registry)
    assert not world.about().score.corroborated
    world.put(registry, member="carol")
    assert world.listen(registry) == Listened(1, 0, 0)
    three = world.about()
    assert three.score.members == 3
    assert three.score.d_v >= 2
    assert three.score.corroborated
    assert "7 used a voice (3 members for certain)" in three.sentences()[0]


def test_sixty_copies_without_a_voice_stay_below_two(world: VoicedDesk, registry: Registry) -> None:
    """However many, beside one member's voice: not corroborated."""
    for number in range(60):
        world.put(registry, words=text(("copied", number % 7)))
    assert world.about().score.d < 2
    world.put(registry, member="alice")
    world.listen(registry)
    score = world.about().score
    assert (score.voiced, score.d_v) == (1, 1)
    assert score.d_u < 2
    assert not score.corroborated


def test_a_name_written_with_look_alike_letters_is_the_same_person(
    world: VoicedDesk, registry: Registry
) -> None:
    """A member who reports twice, once with a Cyrillic letter in a profile address, still has one voice."""
    world.put(registry, (MALLORY,), "alice")
    world.put(registry, (LOOKALIKE,), "alice")
    world.put(registry, (LOOKALIKE,), "bob")
    world.listen(registry)
    assert world.about().score.voiced == 3
    assert world.about().score.members == 2


def test_two_people_named_by_one_member_share_nothing_the_desk_holds(
    world: VoicedDesk, registry: Registry
) -> None:
    """About Mallory and about Trent, in two reports: no value of one voice is in the other but the ring's name."""
    records = [world.put(registry, (MALLORY,), "alice"), world.put(registry, (TRENT,), "alice")]
    world.listen(registry)
    hearings = [
        world.session.vault.get("hearing", bytes.fromhex(record.id), Hearing) for record, _ in records
    ]
    first, second = (hearing.spoken[0] for hearing in hearings if hearing is not None)
    assert first.ring == second.ring
    assert first.context != second.context
    assert first.tag != second.tag
    raws = [voices_in(report.voice or "")[0].signature for _, report in records]
    parts = [{raw.raw[at : at + 32] for at in range(0, len(raw.raw), 32)} for raw in raws]
    assert not parts[0] & parts[1]


@pytest.mark.parametrize(
    ("platform", "address"),
    [
        ("Facebook", "https://www.facebook.com/profile.php?id="),
        ("X", "https://x.com/i/user/"),
        ("name", "https://forum.example.org/profile.php?id="),
    ],
)
def test_addresses_of_one_shape_are_different_people(
    world: VoicedDesk, registry: Registry, platform: str, address: str
) -> None:
    """One member's voices about two of them can't be linked, and neither gets the other's reports."""
    people = [Person(platform=platform, handle=f"{address}{number}") for number in (1, 2)]
    tags = [voices_in(world.put(registry, (one,), "alice")[1].voice or "")[0].signature.tag for one in people]
    world.listen(registry)
    assert tags[0] != tags[1]
    assert [world.about(one.handle).score.reports for one in people] == [1, 1]
    assert [world.about(one.handle).score.voiced for one in people] == [1, 1]


def test_a_report_about_two_people_has_a_voice_for_each(world: VoicedDesk, registry: Registry) -> None:
    """And each counts for its person only."""
    world.put(registry, (MALLORY, TRENT), "alice")
    world.put(registry, (MALLORY,), "bob")
    world.listen(registry)
    assert world.about().score.voiced == 2
    assert world.about("irc:trent").score.voiced == 1


def test_merged_names_are_not_added_up(world: VoicedDesk, registry: Registry) -> None:
    """Alice under one name and Alice under another, merged by a handler: one member for certain, below two."""
    first, _ = world.put(registry, (MALLORY,), "alice")
    world.put(registry, (TRENT,), "alice")
    world.listen(registry)
    act = SubjectMerged(subject="github:mallory", other="irc:trent")
    world.session.enqueue([actions.log(world.session.desk(1), first, act)])
    score = world.about().score
    assert (score.reports, score.voiced, score.members) == (2, 2, 1)
    assert score.d_v < 2


def test_replacing_a_key_gives_no_second_voice(world: VoicedDesk) -> None:
    """Alice speaks by the spring's ring and, with a new key, by the summer's: one member; Bob is the second."""
    before = chain().folded()
    made = application("alice", 1)
    after = chain().add(Rotate(DAY, made, invitation("alice")), Freeze(DAY, "summer", "x")).folded()
    world.put(before, member="alice")
    world.put(after, member="alice", turn=1)
    world.listen(after)
    assert world.about().score.members == 1
    world.put(after, member="bob")
    world.listen(after)
    score = world.about().score
    assert score.voiced == 3
    assert score.members == 2
    assert score.d_v <= 2
