"""Voices under attack: by members who want two, by strangers who have none, by who wants others to lose theirs."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import pytest
from nacl.bindings import crypto_core_ed25519_add

from abuse.voices import Voice, give_voice
from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import seeded, system
from crypto.members import MemberKey
from crypto.ring import Ring
from crypto.torsion import SMALL_ORDER
from service.cases.registry import Registry
from service.cases.reports import voice_binding
from service.cases.voices import contexts_of, speak, text_of, voices_in
from service.desk.session import Chain as KeptChain
from tests.support.brigades import text
from tests.support.desks import desk_of
from tests.support.groups import Group
from tests.support.members import Keeper, account, make_keeper
from tests.support.voiced_desk import MALLORY, VoicedDesk


@pytest.fixture(scope="module")
def keeper() -> Keeper:
    return make_keeper(12)


@pytest.fixture(scope="module")
def registry(keeper: Keeper) -> Registry:
    return keeper.registry


@pytest.fixture
def world(tmp_path: Path) -> Iterator[VoicedDesk]:
    group = Group.draw()
    with desk_of(tmp_path, "http://localhost:1", group, "Ada") as session:
        statements = tuple(statement.raw for statement in group.chain.statements)
        session.vault.put("chain", group.id, KeptChain(group.id.hex(), statements))
        yield VoicedDesk(session, group)


def member(keeper: Keeper, number: int) -> MemberKey:
    return keeper.keys[account(number)].member


def next_code(world: VoicedDesk) -> ReplyCode:
    """The code that `VoicedDesk.put` gives its next report."""
    return ReplyCode(seeded(b"%d" % (world.number + 1))(16))


def forge(
    world: VoicedDesk, keeper: Keeper, ring: Ring, key: MemberKey, *, as_digest: bytes | None = None
) -> str:
    """A voice for the very next report, by any ring, under any ring's name."""
    code = next_code(world)
    words = text(world.number + 1)
    bare, _ = world.put(keeper.registry, words=words)
    report = world.session.body_of(bare).content
    world.session.vault.delete("held", bytes.fromhex(bare.id))
    world.number -= 1
    binding = voice_binding(report, address_of(claim_of(code)), mailbox_of(code).public_key())  # type: ignore[arg-type]
    [context] = contexts_of(world.group.root.verify_key(), (MALLORY,))
    voice = give_voice(ring, key, context=context, binding=binding, entropy=system)
    return text_of([Voice(as_digest or voice.ring_digest, voice.context, voice.signature)])


def test_a_member_cannot_make_a_second_tag_by_torsion(
    world: VoicedDesk, keeper: Keeper, registry: Registry
) -> None:
    """The tag moved by each point of small order, in an otherwise whole report: unreadable, and still one voice."""
    _, good = world.put(registry, key=member(keeper, 0))
    raw = bytearray(urlsafe_b64decode((good.voice or "") + "=="))
    at = 6 + 64
    for point in SMALL_ORDER[1:]:
        moved = (
            bytes(raw[:at]) + crypto_core_ed25519_add(bytes(raw[at : at + 32]), point) + bytes(raw[at + 32 :])
        )
        record, _ = world.put(registry, voice=urlsafe_b64encode(moved).rstrip(b"=").decode())
        world.listen(registry)
        assert world.why(record) == ["unreadable"]
    assert world.about().score.members == 1


def test_a_ring_of_ones_own_making_speaks_for_nobody(
    world: VoicedDesk, keeper: Keeper, registry: Registry
) -> None:
    """Keys drawn for the purpose, or two members picked out; under the ring's own name or a frozen one's."""
    mine = MemberKey.draw(system)
    real = next(iter(registry.voice_rings().values()))
    made_up = Ring.of(key.public() for key in (mine, *(MemberKey.draw(system) for _ in range(11))))
    chosen = Ring.of(member(keeper, number).public() for number in range(2))
    for ring, key in ((made_up, mine), (chosen, member(keeper, 0))):
        for digest, why in ((None, "unknown_ring"), (real.digest, "not_for_this_report")):
            voice = forge(world, keeper, ring, key, as_digest=digest)
            record, _ = world.put(registry, voice=voice)
            world.listen(registry)
            assert world.why(record) == [why]
    assert world.about().score.voiced == 0
    # The same way with the frozen ring and a member's key is heard: what is refused above is refused for its ring.
    record, _ = world.put(registry, voice=forge(world, keeper, real, member(keeper, 0)))
    world.listen(registry)
    assert world.why(record) == []


def test_a_voice_of_another_group_is_no_voice_here(
    world: VoicedDesk, keeper: Keeper, registry: Registry
) -> None:
    """The same person, the same registry, the same report and mailbox: the group's root is in the context."""
    other = Group.draw()
    code = next_code(world)
    bare, report = world.put(registry)
    world.session.vault.delete("held", bytes.fromhex(bare.id))
    world.number -= 1
    ring = next(iter(registry.voice_rings().values()))
    spoken = speak(report, code, other.root.verify_key(), ring, member(keeper, 0), system)
    record, _ = world.put(registry, words=report.what, voice=spoken.voice)
    world.listen(registry)
    assert world.why(record) == ["other_person"]


def test_one_member_behind_two_hundred_reports_is_one_voice(
    world: VoicedDesk, keeper: Keeper, registry: Registry
) -> None:
    """Each in words of its own, a day apart, by one key: D_v = 1, and with all the rest below three."""
    for number in range(200):
        world.put(registry, words=text(("insider", number)), key=member(keeper, 3) if number % 2 else None)
    world.listen(registry)
    score = world.about().score
    assert (score.voiced, score.members) == (100, 1)
    assert score.d_v == pytest.approx(1)
    assert not score.corroborated


def test_an_old_list_of_members_takes_no_voice_away(world: VoicedDesk) -> None:
    """Nine members replaced their keys since; one voice by the old list leaves the four by the new one as they are."""
    kept = make_keeper(10, b"old list")
    old_registry, insider = kept.registry, member(kept, 9)
    for number in range(9):
        kept.rotate(account(number))
    kept.freeze("second")
    for number in range(4):
        world.put(kept.registry, key=member(kept, number))
    world.listen(kept.registry)
    before = world.about().score
    assert (before.members, before.corroborated) == (4, True)
    world.put(old_registry, key=insider)
    world.listen(kept.registry)
    after = world.about().score
    assert after.members >= before.members
    assert after.d_v >= before.d_v - 1e-9
    assert after.corroborated


def test_false_voices_cost_the_desk_no_more_than_it_allows(
    world: VoicedDesk, keeper: Keeper, registry: Registry
) -> None:
    """A hundred reports with a voice cut out of another: work is bounded in each sync, and what is left is told."""
    ring = next(iter(registry.voice_rings().values()))
    [voice] = voices_in(forge(world, keeper, ring, member(keeper, 0)))
    for _ in range(100):
        world.put(registry, voice=text_of([voice]))
    since = process_time()
    done = world.listen(registry, rounds=200)
    taken = process_time() - since
    assert done.waiting > 80
    assert taken < 2.0
