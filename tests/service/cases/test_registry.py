"""A registry's chain: one form, one order, one root, and the same registry at once or statement by statement."""

from __future__ import annotations

import msgspec
import pytest

from crypto.chains import Broken, Forged, append, empty, verify_chain
from crypto.errors import Refused
from crypto.labels import Label
from crypto.signatures import SigningKey
from service.cases.registry import GrowingRegistry, registry_root
from service.cases.registry_statements import (
    ByRegistrar,
    Found,
    Leave,
    decode_application,
    decode_statement,
    encode_statement,
)
from tests.support.registry_chains import (
    DAY,
    ID,
    LATER,
    REGISTRAR,
    ROOT,
    Chain,
    application,
    folded,
    join,
    three,
)


def test_the_first_statement_founds_and_no_other() -> None:
    """An empty chain, one that starts otherwise, a second founding, and another root are refused."""
    three().refuses(Found(DAY, "Again", ROOT.verify_key().raw), match="twice")
    for statements in ([], [join("alice")], [Found(DAY, "Other", REGISTRAR.verify_key().raw)]):
        with pytest.raises(Refused):
            Chain(list(statements)).folded()


def test_a_forged_cut_or_reordered_chain_is_refused() -> None:
    """Another root, a changed statement, one left out or moved: refused by name, whatever the statements say."""
    raw = three().raw()
    mine = SigningKey(b"\3" * 32)
    founded_by_me = Chain([Found(DAY, "Mine", mine.verify_key().raw), join("alice")])
    changed = [*raw[:2], raw[2].replace(b"github.com/bob", b"github.com/bib"), raw[3]]
    for statements, error in (
        (founded_by_me.raw(mine), Forged),
        (changed, Forged),
        ([raw[0], raw[2], raw[3]], Broken),
        ([raw[0], raw[2], raw[1], raw[3]], Broken),
        ([*raw, raw[3]], Broken),
        ([], Refused),
    ):
        with pytest.raises(error):
            folded(statements)
    with pytest.raises(Refused):
        folded([*raw[:-1], raw[-1][:-1]])


def test_another_kind_of_chain_is_no_registry() -> None:
    """A roster's chain under the same root key, even with a registry's payloads, is refused."""
    chain = empty(ROOT.verify_key(), Label.ROSTER)
    for statement in three().statements:
        chain = append(chain, encode_statement(statement), ROOT)
    with pytest.raises(Forged):
        folded([statement.raw for statement in chain.statements])


def test_a_registry_names_its_last_link() -> None:
    """Its number and digest are those of the chain's last statement, which every longer chain has at that place."""
    chain = three()
    raw = chain.raw()
    registry, longer = folded(raw), GrowingRegistry.start(chain.add(join("dora")).raw(), ROOT.verify_key())
    head = verify_chain(raw, ROOT.verify_key(), Label.REGISTRY).head
    assert (registry.seq, registry.head) == (len(raw) - 1, head)
    assert longer.links[registry.seq] == head != folded(raw[:-1]).head


def test_days_go_forward_and_exist() -> None:
    """A statement dated before the one it follows could revive an invitation."""
    Chain().add(join("alice", on=LATER)).refuses(join("bob", on=DAY), match="dated before")
    Chain().refuses(join("alice", on="2026-02-30"), match="no such day")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[" * 5000,
        b'{"do":"found"}',
        b'{"do":"elect","on":"2026-03-01"}',
        encode_statement(Chain().statements[0]) + b" ",
        encode_statement(Chain().statements[0]).replace(b'"on"', b' "on"'),
        encode_statement(Chain().statements[0]).replace(b"}", b',"more":1}'),
        b'"' + b"x" * 40_000 + b'"',
    ],
)
def test_statements_have_one_form(payload: bytes) -> None:
    """Anything but what `encode_statement` writes is refused."""
    with pytest.raises(Refused):
        decode_statement(payload)


def test_applications_travel_as_files() -> None:
    """A would-be member's file reads back; rubbish is refused."""
    made = application("dora")
    assert decode_application(msgspec.json.encode(made)) == made
    for rubbish in (b"", b"null", b"{}", b"\xff", b"[" * 3000, b" " * 40_000):
        with pytest.raises(Refused):
            decode_application(rubbish)


def test_a_growing_registry_is_the_registry() -> None:
    """Statement by statement or all at once: the same registry; and growing one leaves the earlier one as it was."""
    raw = three().add(Leave(DAY, "github.com/bob", ByRegistrar("asked to")), join("bob", 1)).raw()
    growing = GrowingRegistry.start(raw[:1], ROOT.verify_key())
    seen = [growing]
    for statement in raw[1:]:
        seen.append(seen[-1].grown([statement]))
    assert seen[-1].registry == folded(raw)
    for length, earlier in enumerate(seen, 1):
        assert earlier.registry == folded(raw[:length])
        assert len(earlier.links) == length
    assert growing.grown(raw[1:]).links == seen[-1].links


def test_what_is_refused_leaves_a_growing_registry_as_it_was() -> None:
    """A batch whose last statement can't follow, a broken link, a forged signature, a mere check: no trace."""
    base = three()
    raw = base.raw()
    growing = GrowingRegistry.start(raw, ROOT.verify_key())
    before = growing.registry
    twice = Chain([*base.statements, join("dave"), join("dave")]).raw()
    with pytest.raises(Refused, match="member already"):
        growing.grown(twice[4:])
    with pytest.raises(Broken):
        growing.grown(twice[5:])
    with pytest.raises(Broken):
        growing.grown(raw[3:])
    with pytest.raises(Forged):
        growing.grown(three().add(join("dave")).raw(REGISTRAR)[4:])
    used = join("erin")
    growing.check(used)
    growing.check(used)
    with pytest.raises(Refused, match="member already"):
        growing.check(join("alice"))
    after = growing.grown(twice[4:5])
    assert after.registry.member("github.com/dave")
    assert growing.registry == before == folded(raw)


def test_a_registry_id_stands_for_its_root() -> None:
    """The root is found in the first statement; another id, another statement, another chain: refused."""
    raw = three().raw()
    others = Chain([Found(DAY, "Example project", REGISTRAR.verify_key().raw)]).raw(REGISTRAR)[0]
    assert registry_root(ID, raw[0]) == ROOT.verify_key()
    for registry, first in ((bytes(32), raw[0]), (ID, raw[1]), (ID, b""), (ID, others)):
        with pytest.raises(Refused):
            registry_root(registry, first)
