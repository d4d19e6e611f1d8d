"""Snapshots never change, only a beacon cuts a large one into rings, and nobody speaks twice by two of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from abuse.voices import distinct_voices, give_voice, hear_voice
from crypto.chains import append, empty
from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.ring import verify
from service.cases import registry as registry_
from service.cases.registry import GrowingRegistry
from service.cases.registry_statements import (
    Beacon,
    ByRegistrar,
    Found,
    Freeze,
    Leave,
    Rotate,
    Statement,
    encode_statement,
)
from service.cases.speaking import Spoken, moments_of
from tests.support.registry_chains import (
    DAY,
    ROOT,
    Chain,
    application,
    draw,
    invitation,
    join,
    member_key,
    three,
)


def test_a_snapshot_never_changes() -> None:
    """Who joins, leaves or replaces keys afterwards isn't in it or still is; it can't be frozen twice."""
    made = application("alice", 1)
    frozen = three().add(Freeze(DAY, "spring", "drand round 1"))
    ring = frozen.folded().snapshot("spring").rings()
    changed = frozen.add(
        join("dora"),
        Rotate(DAY, made, invitation("alice")),
        Leave(DAY, "github.com/bob", ByRegistrar("inactive")),
    )
    assert changed.folded().snapshot("spring").rings() == ring
    changed.refuses(Freeze(DAY, "spring", "another"), match="one name")
    changed.add(Freeze(DAY, "summer", "drand round 2"))
    assert changed.folded().snapshot("summer").rings() != ring == changed.folded().snapshot("spring").rings()
    with pytest.raises(Refused):
        changed.folded().snapshot("autumn")


def test_excluded_accounts_cannot_sign() -> None:
    """The accused and the recused are not in the ring; a misspelt exclusion is refused, not ignored."""
    snapshot = three().add(Freeze(DAY, "poll", "none needed")).folded().snapshot("poll")
    (ring,) = snapshot.rings({"github.com/bob"})
    assert member_key("bob").public() not in ring
    assert len(ring) == 2
    for exclude in ({"github.com/bobb"}, {"github.com/bob", "github.com/alice"}):
        with pytest.raises(Refused):
            snapshot.rings(exclude)


def test_beacons_follow_their_snapshot() -> None:
    """Said once, after the freeze, for a snapshot that is there."""
    value = "ab" * 32
    three().refuses(Beacon(DAY, "spring", value), match="no snapshot")
    frozen = three().add(Freeze(DAY, "spring", "drand round 1"), Beacon(DAY, "spring", value))
    assert frozen.folded().snapshot("spring").beacon == bytes.fromhex(value)
    frozen.refuses(Beacon(DAY, "spring", "cd" * 32), match="second")
    Chain().add(join("alice")).refuses(Freeze(DAY, "alone", "x"), match="two members")


def test_many_members_are_cut_only_by_the_beacon() -> None:
    """260 members: no ring before the beacon; after it two of 130, and voices by either are heard."""
    chain = Chain().add(*(join(f"m{number}") for number in range(260)))
    chain.add(Freeze(DAY, "large", "drand round 9"))
    with pytest.raises(Refused, match="beacon"):
        chain.folded().snapshot("large").rings()
    assert chain.folded().voice_rings() == {}
    registry = chain.add(Beacon(DAY, "large", "5a" * 32)).folded()
    assert [len(ring) for ring in registry.snapshot("large").rings()] == [130, 130]
    assert len(registry.snapshot("large").rings(exclude={f"github.com/m{n}" for n in range(5)})) == 1
    key = member_key("m17")
    ring = next(each for each in registry.voice_rings().values() if key.public() in each)
    context, binding = digest(Label.SUBJECT, b"s"), digest(Label.VOICE, b"r")
    voice = give_voice(ring, key, context=context, binding=binding, entropy=draw)
    hear_voice(voice, rings=registry.voice_rings(), contexts=[context], binding=binding)
    with pytest.raises(Refused):
        verify(ring, context, b"other", voice.signature)


def test_replacing_a_key_gives_no_second_voice() -> None:
    """Alice speaks with her old key in one ring and her new key in the next: still at least one, not two."""
    made = application("alice", 1)
    chain = three().add(
        Freeze(DAY, "one", "x"), Rotate(DAY, made, invitation("alice")), Freeze(DAY, "two", "x")
    )
    registry = chain.folded()
    rings = registry.voice_rings()
    context, binding = digest(Label.SUBJECT, b"s"), digest(Label.VOICE, b"r")
    heard, used = [], []
    for name, turn in (("one", 0), ("two", 1)):
        (ring,) = registry.snapshot(name).rings()
        voice = give_voice(ring, member_key("alice", turn), context=context, binding=binding, entropy=draw)
        heard.append(hear_voice(voice, rings=rings, contexts=[context], binding=binding))
        used.append(voice.ring_digest)
    assert distinct_voices(heard) == 2
    spoken = [
        Spoken(tag.context.hex(), tag.tag.hex(), ring.hex()) for tag, ring in zip(heard, used, strict=True)
    ]
    assert moments_of(registry).members_for_certain(spoken) == 1


def test_snapshots_have_only_so_many_members_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain half of members and half of snapshots would cost a square of its length; all else goes on."""
    monkeypatch.setattr(registry_, "MAX_FROZEN", 5)
    members: list[Statement] = [Found(DAY, "Aurora", ROOT.verify_key().raw), join("ana"), join("ben")]
    frozen = [Freeze(DAY, name, "a beacon") for name in ("one", "two", "three")]
    growing = grown_from([*members, *frozen[:2]])
    assert [len(each.members) for each in growing.registry.snapshots] == [2, 2]
    with pytest.raises(Refused, match="too many members together"):
        growing.check(frozen[2])
    growing.check(join("cleo"))


def grown_from(said: Sequence[Statement]) -> GrowingRegistry:
    chain = empty(ROOT.verify_key(), Label.REGISTRY)
    for each in said:
        chain = append(chain, encode_statement(each), ROOT)
    return GrowingRegistry.start([each.raw for each in chain.statements], ROOT.verify_key())
