"""Joining a registry: every join is evidence that anyone can check, and nobody is in it twice."""

from __future__ import annotations

import msgspec
import pytest

from crypto.errors import Refused
from crypto.group import IDENTITY
from crypto.torsion import SMALL_ORDER
from service.cases.joining import application_text, apply, consent_to_leave
from service.cases.registry_statements import ByRegistrar, BySsh, Join, Leave, Registrars
from tests.support.registry_chains import (
    DAY,
    ID,
    LATER,
    REGISTRAR,
    TOO_LATE,
    Chain,
    Sign,
    application,
    by_ssh,
    draw,
    invitation,
    join,
    member_key,
    seal_key,
    three,
)


def test_members_join_leave_and_are_listed_by_moment() -> None:
    """Who was a member after which statement can be told for ever."""
    chain = three().add(
        Leave(DAY, "github.com/bob", consent_to_leave(member_key("bob"), ID, "github.com/bob", entropy=draw))
    )
    registry = chain.folded()
    assert [m.account for m in registry.members] == ["github.com/alice", "github.com/carol"]
    assert [len(registry.members_at(seq)) for seq in range(5)] == [0, 1, 2, 3, 2]
    assert registry.member("github.com/bob") is None
    alice = registry.member("github.com/alice")
    assert alice is not None
    assert alice.member_key == member_key("alice").public()
    assert alice.seal_key == seal_key("alice")
    with pytest.raises(Refused):
        registry.members_at(5)


def test_join_by_ssh(ssh_key: Sign) -> None:
    """A signature by ssh-keygen over the readable text is enough, with no invitation."""
    made = application("dora")
    assert made.member_key.hex() in application_text(made).decode()
    registry = three().add(Join(DAY, made, by_ssh(ssh_key, made))).folded()
    assert registry.member("github.com/dora") is not None


def test_ssh_evidence_serves_one_application_only(ssh_key: Sign) -> None:
    """Not other keys, not another account, not another purpose, not a second account by one SSH key."""
    made, other = application("dora"), application("dora", 1)
    good = by_ssh(ssh_key, made)
    three().refuses(Join(DAY, other, good), match="does not verify")
    three().refuses(Join(DAY, application("emil"), good), match="does not verify")
    three().refuses(Join(DAY, made, by_ssh(ssh_key, made, "git")), match="purpose")
    three().refuses(
        Join(DAY, made, BySsh(good.key + " x", good.published_at, good.signature)), match="one form"
    )
    joined = three().add(Join(DAY, made, good))
    second = application("dora-again")
    joined.refuses(Join(DAY, second, by_ssh(ssh_key, second)), match="two accounts")


def test_invitations_join_once_by_a_registrar_until_their_day() -> None:
    """For one account, one registry, once, in time, and only by who may invite at that moment."""
    made = application("dora")
    by_registrar = invitation("dora", by=REGISTRAR)
    three().refuses(Join(DAY, made, by_registrar), match="not by a registrar")
    named = three().add(Registrars(DAY, (REGISTRAR.verify_key().raw,)))
    named.add(Join(LATER, made, by_registrar)).folded()
    three().refuses(Join(TOO_LATE, made, invitation("dora")), match="no longer valid")
    three().refuses(Join(DAY, made, invitation("emil")), match="signature")
    three().refuses(Join(DAY, made, invitation("dora", registry=bytes(32))), match="signature")
    longer = msgspec.structs.replace(invitation("dora"), until=TOO_LATE)
    three().refuses(Join(DAY, made, longer), match="signature")
    revoked = three().add(Registrars(DAY, (REGISTRAR.verify_key().raw,)), Registrars(DAY, ()))
    revoked.refuses(Join(DAY, made, by_registrar), match="not by a registrar")


def test_a_used_invitation_is_spent() -> None:
    """Not even for the same account after it left."""
    token = invitation("dora")
    gone = three().add(
        Join(DAY, application("dora"), token), Leave(DAY, "github.com/dora", ByRegistrar("asked by mail"))
    )
    gone.refuses(Join(DAY, application("dora", 1), token), match="used before")
    assert gone.add(join("dora", 1)).folded().member("github.com/dora") is not None


def test_applications_must_prove_possession() -> None:
    """A proof for another account, registry or sealing key, a rogue key, torsion and the identity are refused."""
    made, other = application("dora"), application("emil")
    change = msgspec.structs.replace
    for bad in (
        change(made, proof=other.proof),
        change(made, proof=bytes(64)),
        change(made, member_key=other.member_key),
        change(made, seal_key=other.seal_key),
        change(made, seal_key=bytes(1216)),
        change(made, registry="00" * 32),
        change(made, member_key=IDENTITY.raw),
        *(change(made, member_key=torsion) for torsion in SMALL_ORDER),
    ):
        three().refuses(Join(DAY, bad, invitation("dora")))
    renamed = change(made, account="github.com/emil")
    three().refuses(Join(DAY, renamed, invitation("emil")), match="proof of possession")


def test_nobody_is_in_twice() -> None:
    """An account joins once, and a key, member's or sealing, never serves two accounts, also after leaving."""
    three().refuses(join("alice", 1), match="already")
    stolen = apply(ID, "github.com/dora", member_key("alice"), seal_key("dora"), entropy=draw)
    three().refuses(Join(DAY, stolen, invitation("dora")), match="two accounts")
    shared = apply(ID, "github.com/dora", member_key("dora"), seal_key("alice"), entropy=draw)
    three().refuses(Join(DAY, shared, invitation("dora")), match="two accounts")
    left = three().add(Leave(DAY, "github.com/alice", ByRegistrar("inactive")))
    left.refuses(Join(DAY, stolen, invitation("dora")), match="two accounts")


@pytest.mark.parametrize(
    "account",
    ["github.com/Alice", "alice", "github.com/ålice", "github.com/", "/x", "a b/c", "x/" + "y" * 120],
)
def test_accounts_have_one_form(account: str) -> None:
    """Capitals, spaces, other letters and missing halves are refused, so one account has one name."""
    made = msgspec.structs.replace(application("alice"), account=account)
    Chain().refuses(Join(DAY, made, invitation("alice")), match="not a statement")
