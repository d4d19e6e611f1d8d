"""What was heard is kept: heard again only for a reason, in parts, and forgotten with its report."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from abuse.subjects import read_subject
from service.cases.registry import Registry
from service.cases.registry_statements import Freeze
from service.cases.reports import Report
from service.desk.reading import Listened, _Kept, reading_of, remember
from service.desk.records import Held
from service.desk.subjects import Remembered
from service.desk.voices import Hearing
from tests.support.registry_chains import DAY, join
from tests.support.voiced_desk import VoicedDesk, chain, voiced_desk


@pytest.fixture(scope="module")
def registry() -> Registry:
    return chain().folded()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[VoicedDesk]:
    with voiced_desk(tmp_path) as desk:
        yield desk


def test_what_was_heard_is_not_heard_again(world: VoicedDesk, registry: Registry) -> None:
    """Neither what held nor what didn't; only a ring that was unknown is looked for when the registry has grown."""
    world.put(registry, member="alice")
    world.put(registry, voice="AAAA")
    later = chain().add(join("eve"), Freeze(DAY, "summer", "drand round 2")).folded()
    early, _ = world.put(later, member="eve")
    assert world.listen(registry) == Listened(3, 2, 0)
    assert world.why(early) == ["unknown_ring"]
    assert world.listen(registry) == Listened(0, 0, 0)
    assert world.listen(later) == Listened(1, 0, 0)
    assert world.why(early) == []
    assert world.about().score.members == 2
    assert world.listen(later) == Listened(0, 0, 0)


def test_what_an_older_program_heard_is_heard_again(world: VoicedDesk, registry: Registry) -> None:
    """It read the names of accounts in another way, so what it found to be about nobody may be about somebody."""
    record, _ = world.put(registry, member="alice")
    older = {
        "report": record.id,
        "registry": registry.id.hex(),
        "head": registry.head.hex(),
        "spoken": [],
        "unheard": [{"context": "00" * 32, "why": "other_person"}],
    }
    world.session.vault.put("hearing", bytes.fromhex(record.id), msgspec.convert(older, Hearing))
    assert world.why(record) == ["other_person"]
    assert world.listen(registry) == Listened(1, 0, 0)
    assert world.why(record) == []
    assert world.about().score.voiced == 1
    assert world.listen(registry) == Listened(0, 0, 0)


def test_what_was_shown_by_an_older_program_lowers_nothing(world: VoicedDesk, registry: Registry) -> None:
    """Its record of an account is beside the new one; the one that says more counts, whichever comes first."""
    for member in ("alice", "bob", "carol"):
        world.put(registry, member=member)
    world.listen(registry)
    remember(world.session, [world.about()])
    account = read_subject("github:mallory")
    [kept] = world.session.vault.every("shown", _Kept)
    for name in (b"\0" * 5, b"\1" * 5, b"\2" * 5):
        world.session.vault.put("shown", name, _Kept(account, Remembered(0.5, 0.0, (), ())))
    assert reading_of(world.session).remembered == {account: kept.shown}


def test_another_registry_makes_old_voices_count_for_nothing(world: VoicedDesk, registry: Registry) -> None:
    """When the group names another registry, voices by the old one are heard anew, and are by an unknown ring."""
    record, _ = world.put(registry, member="alice")
    other = replace(registry, id=bytes(32), snapshots=())
    for used, heard, why in ((registry, 1, []), (other, 0, ["unknown_ring"]), (registry, 1, [])):
        assert world.listen(used) == Listened(1, len(why), 0)
        assert world.about().score.voiced == heard
        assert world.why(record) == why


def test_a_flood_of_false_voices_is_heard_in_parts(world: VoicedDesk, registry: Registry) -> None:
    """A round of hearing does a bounded amount of work, oldest first, and says what is left."""
    first, _ = world.put(registry, member="alice")
    for _ in range(4):
        world.put(registry, voice="A" * 400)
    cost = len(urlsafe_b64decode((first_voice(world, first)) + "==")) // 32
    assert world.listen(registry, rounds=cost + 10) == Listened(2, 1, 3)
    assert world.about().waiting == 3
    assert world.listen(registry, rounds=0) == Listened(1, 1, 2)
    assert world.listen(registry) == Listened(2, 2, 0)
    assert world.about().waiting == 0


def first_voice(world: VoicedDesk, record: Held) -> str:
    content = world.session.body_of(record).content
    assert isinstance(content, Report)
    return content.voice or ""


def test_stepping_out_of_a_report_forgets_its_voice(world: VoicedDesk, registry: Registry) -> None:
    """With everything else that was opened of it."""
    from service.desk.leaving import forget

    record, _ = world.put(registry, member="alice")
    world.listen(registry)
    forget(world.session, {record.id})
    assert world.session.vault.read("hearing", bytes.fromhex(record.id)) is None
