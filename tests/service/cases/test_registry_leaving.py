"""Replacing keys and leaving: by consent or by who one is, and no published evidence undoes either."""

from __future__ import annotations

from service.cases.joining import consent_to_leave, consent_to_replace
from service.cases.registry_statements import ByRegistrar, Join, Leave, Rotate
from tests.support.registry_chains import (
    DAY,
    ID,
    Chain,
    Sign,
    application,
    by_ssh,
    draw,
    invitation,
    join,
    member_key,
    three,
)


def test_replacing_a_key_by_consent_or_by_identity(ssh_key: Sign) -> None:
    """With the old key, or, when it's lost, by proving who one is again."""
    made = application("alice", 1)
    consent = consent_to_replace(member_key("alice"), made, entropy=draw)
    for identity in (consent, invitation("alice"), by_ssh(ssh_key, made)):
        registry = three().add(Rotate(DAY, made, identity)).folded()
        now = registry.member("github.com/alice")
        assert now is not None
        assert now.member_key == member_key("alice", 1).public()
        assert len(registry.members) == 3
        before = registry.members_at(3)
        assert member_key("alice").public() in {m.member_key for m in before}


def test_replacing_needs_consent_for_these_keys() -> None:
    """Another's consent, consent to other keys, the same key again, and a stranger's key are refused."""
    made, other = application("alice", 1), application("alice", 2)
    three().refuses(Rotate(DAY, made, consent_to_replace(member_key("bob"), made, entropy=draw)))
    three().refuses(Rotate(DAY, made, consent_to_replace(member_key("alice"), other, entropy=draw)))
    leaving = consent_to_leave(member_key("alice"), ID, "github.com/alice", entropy=draw)
    three().refuses(Rotate(DAY, made, leaving))
    same = application("alice")
    three().refuses(
        Rotate(DAY, same, consent_to_replace(member_key("alice"), same, entropy=draw)), match="old one"
    )
    stranger = application("dora")
    three().refuses(Rotate(DAY, stranger, invitation("dora")), match="not a member")
    done = three().add(Rotate(DAY, made, consent_to_replace(member_key("alice"), made, entropy=draw)))
    again = consent_to_replace(member_key("alice"), other, entropy=draw)
    done.refuses(Rotate(DAY, other, again), match="proof of possession")


def test_published_evidence_brings_no_old_key_back(ssh_key: Sign) -> None:
    """Everybody can read what joined a member: it neither undoes a rotation nor joins again who has left."""
    made, fresh = application("alice"), application("alice", 1)
    published = by_ssh(ssh_key, made)
    joined = Chain().add(Join(DAY, made, published), join("bob"))
    consent = consent_to_replace(member_key("alice"), fresh, entropy=draw)
    rotated = Chain([*joined.statements]).add(Rotate(DAY, fresh, consent))
    rotated.refuses(Rotate(DAY, made, published), match="in force before")
    leaving = consent_to_leave(member_key("alice"), ID, "github.com/alice", entropy=draw)
    left = Chain([*joined.statements]).add(Leave(DAY, "github.com/alice", leaving))
    left.refuses(Join(DAY, made, published), match="in force before")
    anew = left.add(join("alice", 1))
    anew.refuses(Leave(DAY, "github.com/alice", leaving))


def test_leaving_needs_consent_or_a_reason() -> None:
    """Another's consent is refused; a removal shows its reason to everyone; who isn't in can't leave."""
    bobs = consent_to_leave(member_key("bob"), ID, "github.com/alice", entropy=draw)
    three().refuses(Leave(DAY, "github.com/alice", bobs))
    elsewhere = consent_to_leave(member_key("alice"), bytes(32), "github.com/alice", entropy=draw)
    three().refuses(Leave(DAY, "github.com/alice", elsewhere))
    three().refuses(Leave(DAY, "github.com/alice", ByRegistrar("x\x1b[0m")))
    three().refuses(Leave(DAY, "github.com/nobody", ByRegistrar("gone")), match="not a member")
    assert (
        len(three().add(Leave(DAY, "github.com/alice", ByRegistrar("left the project"))).folded().members)
        == 2
    )
