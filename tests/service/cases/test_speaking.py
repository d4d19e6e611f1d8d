"""Who may speak by which ring, and how many did for certain, while members come, go and replace their keys."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.voices import give_voice, hear_voice
from crypto.entropy import seeded
from crypto.hashing import digest
from crypto.labels import Label
from service.cases.joining import consent_to_leave
from service.cases.registry import Registry
from service.cases.registry_statements import Beacon, Freeze, Leave, Rotate
from service.cases.speaking import Moment, Moments, NotAMember, Spoken, moments_of, ring_to_speak_by
from tests.support.registry_chains import (
    DAY,
    ID,
    Chain,
    application,
    draw,
    invitation,
    join,
    member_key,
    three,
)

pytestmark = pytest.mark.xdist_group("speaking")

CONTEXT, OTHER = (digest(Label.SUBJECT, name) for name in (b"mallory", b"an alias of mallory"))


def rotate(name: str, turn: int) -> Rotate:
    return Rotate(DAY, application(name, turn), invitation(name))


def leave(name: str) -> Leave:
    account = f"github.com/{name}"
    return Leave(DAY, account, consent_to_leave(member_key(name), ID, account, entropy=draw))


def said(registry: Registry, moment: str, *keys: tuple[str, int], context: bytes = CONTEXT) -> list[Spoken]:
    """Real voices by one snapshot's ring, heard."""
    (ring,) = registry.snapshot(moment).rings()
    found = []
    for name, turn in keys:
        binding = digest(Label.VOICE, name.encode())
        voice = give_voice(
            ring, member_key(name, turn), context=context, binding=binding, entropy=seeded(b"x")
        )
        tag = hear_voice(voice, rings=registry.voice_rings(), contexts=[context], binding=binding)
        found.append(Spoken(tag.context.hex(), tag.tag.hex(), ring.digest.hex()))
    return found


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Three snapshots; alice and bob replace their keys between the first and the second, carol never does."""
    chain = three().add(join("dan"), Freeze(DAY, "one", "x"), rotate("alice", 1), rotate("bob", 1))
    return chain.add(Freeze(DAY, "two", "x"), join("eve"), Freeze(DAY, "three", "x")).folded()


def test_a_replaced_key_is_no_second_member(registry: Registry) -> None:
    """Alice by her old and her new key: one. With carol, who kept hers, speaking by both rings: two."""
    count = moments_of(registry).members_for_certain
    alice = [*said(registry, "one", ("alice", 0)), *said(registry, "two", ("alice", 1))]
    carol = [*said(registry, "one", ("carol", 0)), *said(registry, "two", ("carol", 0))]
    assert count(alice) == 1
    assert count([*alice, *carol]) == 2
    assert count([]) == 0


def test_an_old_ring_takes_nothing_away(registry: Registry) -> None:
    """Four members by today's ring are four; one more voice by the oldest ring, where keys differ, lowers nothing."""
    count = moments_of(registry).members_for_certain
    now = said(registry, "three", ("alice", 1), ("bob", 1), ("carol", 0), ("eve", 0))
    assert count(now) == 4
    for poison in (("alice", 0), ("bob", 0), ("dan", 0)):
        assert count([*now, *said(registry, "one", poison)]) == 4


def test_names_of_one_person_are_not_added_up(registry: Registry) -> None:
    """Voices about two names of one person can't be compared: only the name with more counts."""
    spoken = said(registry, "two", ("alice", 1), ("bob", 1))
    spoken += said(registry, "two", ("carol", 0), ("alice", 1), ("dan", 0), context=OTHER)
    assert moments_of(registry).members_for_certain(spoken) == 3


def test_a_ring_of_another_registry_counts_nobody(registry: Registry) -> None:
    """What this registry never froze is no voice here."""
    elsewhere = [Spoken("00" * 32, "11" * 32, "22" * 32)]
    assert moments_of(registry).members_for_certain(elsewhere) == 0


KEYS = st.integers(0, 3)


@settings(max_examples=150, deadline=None)
@given(
    holding=st.lists(st.lists(KEYS, min_size=5, max_size=5), min_size=1, max_size=5),
    spoken=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12),
)
def test_never_more_than_there_were_and_never_less_by_one_more(
    holding: Sequence[Sequence[int]], spoken: Sequence[tuple[int, int]]
) -> None:
    """Five accounts, each with any of four keys at each moment: at most who really spoke; adding a voice never lowers.

    A tag is the key's, so here (account, key) stands for it.
    """
    moments = Moments(
        "00" * 32,
        "00" * 32,
        tuple(
            Moment(f"m{at}", (f"{at:064x}",), tuple((who, 10 * who + key) for who, key in enumerate(keys)))
            for at, keys in enumerate(holding)
        ),
    )
    told: list[Spoken] = []
    members: set[int] = set()
    before = 0
    for at, who in spoken:
        if at < len(holding):
            told.append(Spoken("00" * 32, f"{10 * who + holding[at][who]:064x}", f"{at:064x}"))
            members.add(who)
            now = moments.members_for_certain(told)
            assert before <= now <= len(members)
            assert now >= 1
            before = now


def test_the_newest_ring_with_the_key_speaks(registry: Registry) -> None:
    """Eve only by the third; carol by the third too, though all three have her."""
    for name, turn in (("eve", 0), ("carol", 0), ("alice", 1)):
        snapshot, ring = ring_to_speak_by(registry, member_key(name, turn).public())
        assert snapshot.name == "three"
        assert member_key(name, turn).public() in ring


@pytest.mark.parametrize(
    ("name", "turn", "reason"),
    [("alice", 0, "replaced"), ("mallory", 0, "no member"), ("bob", 2, "no member")],
)
def test_a_key_that_holds_nothing_speaks_by_no_ring(
    registry: Registry, name: str, turn: int, reason: str
) -> None:
    """Replaced, never a member, never joined with."""
    with pytest.raises(NotAMember, match=reason):
        ring_to_speak_by(registry, member_key(name, turn).public())


def test_before_the_first_snapshot_and_after_leaving() -> None:
    """Nothing frozen, frozen before joining, frozen but waiting for its beacon, and a member who left."""
    early = three()
    late = three().add(Freeze(DAY, "one", "x"), join("eve"))
    gone = three().add(Freeze(DAY, "one", "x"), leave("bob"))
    for chain, name, reason in (
        (early, "alice", "frozen no snapshot"),
        (late, "eve", "after the registry's last snapshot"),
        (gone, "bob", "left"),
    ):
        with pytest.raises(NotAMember, match=reason):
            ring_to_speak_by(chain.folded(), member_key(name).public())


def test_above_255_members_wait_for_the_beacon() -> None:
    """260 members: no ring before; after it the member's own sub-ring of 130."""
    chain = Chain().add(*(join(f"m{number}") for number in range(260)), Freeze(DAY, "large", "drand round 9"))
    with pytest.raises(NotAMember, match="frozen no snapshot"):
        ring_to_speak_by(chain.folded(), member_key("m17").public())
    assert moments_of(chain.folded()).moments == ()
    registry = chain.add(Beacon(DAY, "large", "5a" * 32)).folded()
    _, ring = ring_to_speak_by(registry, member_key("m17").public())
    assert len(ring) == 130
    assert len(moments_of(registry).moments[0].rings) == 2
