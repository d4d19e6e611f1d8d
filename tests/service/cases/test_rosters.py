"""Rosters: a fold that the same statements always bring to the same group, and that refuses what can't follow."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import chains
from crypto.entropy import seeded, system
from crypto.errors import Refused
from crypto.labels import Label
from crypto.seal import SealingKey
from crypto.signatures import BadSignature, SigningKey
from service.cases import rosters
from service.cases.policies import Policy, baseline
from service.cases.rosters import Add, Found, HandlerCard, Publish, Retire, Rotate, Settings
from tests.support.groups import Group, Member

ROOT = SigningKey(seeded(b"root")(32))
LINK = bytes(32)


def found(**changes: object) -> Found:
    base = Found("Aurora", ("en", "de"), 2, None, ROOT.verify_key().raw)
    return msgspec.structs.replace(base, **changes)


def folded(*statements: rosters.Statement) -> rosters.Roster:
    links = [(rosters.encode_statement(s), bytes([n]) * 32) for n, s in enumerate(statements)]
    return rosters.fold(links, ROOT.verify_key()).latest


def added(name: str = "Ada", role: rosters.Role = "handler", member: Member | None = None) -> Add:
    who = member or Member.draw(name, role)
    return Add(who.id.hex(), role, who.card())


ADA, BO = Member.draw("Ada"), Member.draw("Bo")
ADD_ADA, ADD_BO = added(member=ADA), added(member=BO)


def test_a_group_grows_as_its_root_says() -> None:
    """Founding, adding, rotating, retiring and settings give the roster in force, with keys of then and now."""
    fresh = Member.draw("Ada Lovelace")
    roster = folded(
        found(),
        ADD_ADA,
        ADD_BO,
        added("Zoe", "council"),
        Rotate(ADA.id.hex(), fresh.card()),
        Retire(BO.id.hex()),
        Settings("Aurora 2", ("en",), 1, "ab" * 16),
        Publish(baseline()),
    )
    assert (roster.name, roster.languages, roster.minimum, roster.alternate) == (
        "Aurora 2",
        ("en",),
        1,
        bytes.fromhex("ab" * 16),
    )
    assert [handler.pseudonym for handler in roster.active] == ["Ada Lovelace", "Zoe"]
    assert [handler.pseudonym for handler in roster.recipients] == ["Ada Lovelace"]
    assert roster.by_key(ADA.key_id) == roster.by_key(fresh.key_id)
    assert roster.by_verify_key(ADA.signing.verify_key().raw) == roster.handlers[0]
    assert roster.policy == baseline()
    assert (roster.seq, roster.digest) == (7, b"\x07" * 32)


def test_a_group_names_whose_voices_count() -> None:
    """Its root names a registry, another one, or none any more; before that, there is none."""
    first, second = rosters.Members("ab" * 32), rosters.Members("cd" * 32)
    assert folded(found()).registry is None
    assert folded(found(), first, second, ADD_ADA).registry == bytes.fromhex("cd" * 32)
    assert folded(found(), first, rosters.Members(None)).registry is None


def test_older_rosters_are_found_by_digest() -> None:
    """A report sealed before a change is checked against the roster of then."""
    said: list[rosters.Statement] = [found(), ADD_ADA, ADD_BO]
    links = [(rosters.encode_statement(s), bytes([n]) * 32) for n, s in enumerate(said)]
    history = rosters.fold(links, ROOT.verify_key())
    then = history.at(b"\x01" * 32)
    assert then is not None
    assert [handler.pseudonym for handler in then.active] == ["Ada"]
    assert history.at(b"\x09" * 32) is None


THIEF = Member.draw("Thief")
REFUSED: dict[str, tuple[rosters.Statement, ...]] = {
    "nothing": (),
    "not_founded": (ADD_ADA,),
    "founded_twice": (found(), found()),
    "founded_by_another_root": (found(root=THIEF.signing.verify_key().raw),),
    "language_twice": (found(languages=("en", "en")),),
    "name_with_a_newline": (found(name="Au\nrora"),),
    "name_with_spaces_around": (found(name=" Aurora"),),
    "name_with_a_direction_override": (found(name="Aur\u202eora"),),
    "own_alternate": (found(alternate=rosters.group_id_of(ROOT.verify_key()).hex()),),
    "own_alternate_later": (
        found(),
        Settings("A", ("en",), 1, rosters.group_id_of(ROOT.verify_key()).hex()),
    ),
    "added_twice": (found(), ADD_ADA, ADD_ADA),
    "same_key_under_another_id": (found(), ADD_ADA, Add("01" * 16, "handler", ADD_ADA.card)),
    "same_name": (found(), ADD_ADA, added("ada")),
    "same_signing_key": (
        found(),
        ADD_ADA,
        Add("01" * 16, "handler", rosters.make_card("Eve", ADA.signing, SealingKey(system(32)).public_key())),
    ),
    "card_of_another": (
        found(),
        Add("01" * 16, "handler", msgspec.structs.replace(ADD_ADA.card, pseudonym="Eve")),
    ),
    "card_with_another_sealing_key": (
        found(),
        Add("01" * 16, "handler", msgspec.structs.replace(ADD_ADA.card, seal_key=ADD_BO.card.seal_key)),
    ),
    "rotating_a_stranger": (found(), Rotate("01" * 16, ADD_ADA.card)),
    "rotating_to_the_same_key": (found(), ADD_ADA, Rotate(ADA.id.hex(), ADD_ADA.card)),
    "rotating_to_a_name_in_use": (found(), ADD_ADA, ADD_BO, Rotate(ADA.id.hex(), Member.draw("BO").card())),
    "retiring_a_stranger": (found(), Retire("01" * 16)),
    "retiring_twice": (found(), ADD_ADA, Retire(ADA.id.hex()), Retire(ADA.id.hex())),
    "rotating_the_retired": (
        found(),
        ADD_ADA,
        Retire(ADA.id.hex()),
        Rotate(ADA.id.hex(), Member.draw("Ada").card()),
    ),
    "coming_back_with_an_old_key": (
        found(),
        ADD_ADA,
        Retire(ADA.id.hex()),
        Add("01" * 16, "handler", ADD_ADA.card),
    ),
    "policy_below_the_baseline": (found(), Publish(Policy(1, (), baseline().criteria, baseline().ladder))),
}


@pytest.mark.parametrize("statements", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_follow_is_refused(statements: tuple[rosters.Statement, ...]) -> None:
    """Nothing is skipped: one statement that can't follow refuses the whole chain."""
    with pytest.raises(Refused):
        folded(*statements)


SPELT = [("José", "Jose\u0301"), ("Ada", "Ａｄａ"), ("علیرضا", "علی\u200cرضا")]


@pytest.mark.parametrize(("name", "again"), SPELT)
def test_nobody_new_gets_a_name_that_reads_like_anothers(name: str, again: str) -> None:
    """Added or rotated; oneself and the retired are no others."""
    ada = Member.draw(name)
    now = folded(found(), added(member=ada), ADD_BO)
    for refused in (added(again), Rotate(BO.id.hex(), Member.draw(again).card())):
        with pytest.raises(Refused, match="same name"):
            rosters.check_new(now, refused)
    rosters.check_new(now, Rotate(ada.id.hex(), Member.draw(again).card()))
    retired = folded(found(), added(member=ada), ADD_BO, Retire(ada.id.hex()))
    rosters.check_new(retired, added(again))


@pytest.mark.parametrize("name", ["Alice\u2028Bob", "Ali\u200bce", "Alice\u200f", "\u3164"])
def test_an_unseen_character_is_refused_in_what_is_new_and_read_in_what_is_old(name: str) -> None:
    """Of a group, a handler, and a handler's new card; the chain that holds it stays readable and can grow."""
    old = Member.draw(name)
    said = Add(old.id.hex(), "handler", old.old_card())
    now = folded(found(), ADD_BO)
    with pytest.raises(Refused):
        rosters.make_card(name, old.signing, old.sealing.public_key())
    for roster, refused in (
        (None, found(name=name)),
        (now, Settings(name, ("en",), 1, None)),
        (now, said),
        (now, Rotate(BO.id.hex(), old.old_card())),
    ):
        with pytest.raises(Refused):
            rosters.check_new(roster, refused)
    held = folded(found(name=name), ADD_BO, said)
    assert [handler.pseudonym for handler in held.active] == ["Bo", name]
    for allowed in (
        Settings(name, ("en",), 1, None),  # its languages change, its name stays
        Settings("Aurora", ("en",), 1, None),
        Retire(old.id.hex()),
        Rotate(old.id.hex(), Member.draw("Alice").card()),
    ):
        rosters.check_new(held, allowed)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b'{"do":"crown"}',
        b'{"do":"members"}',
        b'{"do":"members","registry":"' + b"0" * 32 + b'"}',
        b'{"do":"retire","handler":"' + b"0" * 31 + b'"}',
        b'{"do":"retire","handler":"' + b"A" * 32 + b'"}',
        b'{ "do":"retire","handler":"' + b"0" * 32 + b'"}',
        b'{"handler":"' + b"0" * 32 + b'","do":"retire"}',
        b'{"do":"retire","handler":"' + b"0" * 32 + b'","x":1}',
        b'{"do":"retire","do":"retire","handler":"' + b"0" * 32 + b'"}',
        b'{"do":"retire","handler":"' + b"0" * 32 + b'"}\n',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_statement_has_one_form(payload: bytes) -> None:
    """Other spacing, order, repeated or unknown members, depth, encoding: not a statement."""
    with pytest.raises(Refused):
        rosters.decode_statement(payload)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused_or_canonical(payload: bytes) -> None:
    """Whatever is decoded encodes to the same bytes."""
    try:
        statement = rosters.decode_statement(payload)
    except Refused:
        return
    assert rosters.encode_statement(statement) == payload


def test_the_group_id_stands_for_its_root() -> None:
    """A chain under another root, spliced, cut, reordered or relabelled doesn't verify for the group's id."""
    group, thief = Group.draw(), Group.draw()
    raw = [s.raw for s in group.chain.statements]
    assert rosters.verified_history(group.id, raw).latest.name == "Aurora"
    forged = chains.append(
        chains.VerifiedChain(Label.ROSTER, thief.root.verify_key(), group.chain.statements),
        rosters.encode_statement(Retire(group.handlers[0].id.hex())),
        thief.root,
    )
    broken = {
        "another group's": (group.id, [s.raw for s in thief.chain.statements]),
        "another id": (thief.id, raw),
        "without the first": (group.id, raw[1:]),
        "without one inside": (group.id, [raw[0], *raw[2:]]),
        "reordered": (group.id, [raw[0], raw[2], raw[1], raw[3]]),
        "repeated": (group.id, [*raw, raw[-1]]),
        "empty": (group.id, []),
        "one bit changed": (group.id, [*raw[:-1], raw[-1][:-1] + bytes([raw[-1][-1] ^ 1])]),
        "signed by a thief": (group.id, [s.raw for s in forged.statements]),
        "truncated statement": (group.id, [*raw[:-1], raw[-1][:-1]]),
    }
    believed = []
    for what, (gid, statements) in broken.items():
        try:
            rosters.verified_history(gid, statements)
        except Refused:
            continue
        believed.append(what)
    assert believed == []


def test_a_chain_of_another_kind_is_no_roster() -> None:
    """Statements signed for the registry of members don't verify as a roster: the label is inside."""
    registry = chains.append(
        chains.empty(ROOT.verify_key(), Label.REGISTRY), rosters.encode_statement(found()), ROOT
    )
    with pytest.raises(Refused):
        rosters.verified_history(rosters.group_id_of(ROOT.verify_key()), [s.raw for s in registry.statements])


def test_a_card_proves_its_signing_key() -> None:
    """A card with anything changed, or with another's signature, is refused."""
    card = ADA.card()
    assert rosters.checked_card(card) == card
    for changed in (
        msgspec.structs.replace(card, pseudonym="Eve"),
        msgspec.structs.replace(card, verify_key=BO.card().verify_key),
        msgspec.structs.replace(card, seal_key=BO.card().seal_key),
        msgspec.structs.replace(card, proof=bytes(64)),
    ):
        with pytest.raises(BadSignature):
            rosters.checked_card(changed)
    with pytest.raises(Refused):
        rosters.checked_card(HandlerCard("A", bytes(32), card.seal_key, card.proof))


def test_rosters_are_values() -> None:
    """Two folds of the same links are equal; another digest is another roster."""
    one, two = folded(found(), ADD_ADA), folded(found(), ADD_ADA)
    assert one == two
    assert replace(one, digest=LINK) != two
