"""The registry of members: every join is evidence that anyone can check, and nobody is in it twice."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from abuse.voices import distinct_voices, give_voice, hear_voice
from crypto.chains import Broken, Forged, append, empty, verify_chain
from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.group import IDENTITY
from crypto.hashing import digest
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.ring import verify
from crypto.seal import PublicKey, SealingKey
from crypto.signatures import SigningKey
from crypto.torsion import SMALL_ORDER
from service.cases import registry as registry_
from service.cases.joining import (
    NAMESPACE,
    application_text,
    apply,
    consent_to_leave,
    consent_to_replace,
    invite,
    registry_id_of,
)
from service.cases.registry import GrowingRegistry, Registry, registry_root
from service.cases.registry_statements import (
    Application,
    Beacon,
    ByInvitation,
    ByRegistrar,
    BySsh,
    Found,
    Freeze,
    Join,
    Leave,
    Registrars,
    Rotate,
    Statement,
    decode_application,
    decode_statement,
    encode_statement,
)
from service.cases.speaking import Spoken, moments_of

ROOT = SigningKey(b"\1" * 32)
REGISTRAR = SigningKey(b"\2" * 32)
ID = registry_id_of(ROOT.verify_key())
DAY, LATER, TOO_LATE = "2026-03-01", "2026-03-15", "2026-04-01"
draw = seeded(b"registry tests")


def member_key(name: str, turn: int = 0) -> MemberKey:
    return MemberKey(digest(Label.KEY_ID, name.encode(), bytes([turn])))


def seal_key(name: str, turn: int = 0) -> PublicKey:
    return SealingKey.derived(member_key(name, turn)).public_key()


def application(name: str, turn: int = 0) -> Application:
    account = f"github.com/{name}"
    return apply(ID, account, member_key(name, turn), seal_key(name, turn), entropy=draw)


def invitation(name: str, *, by: SigningKey = ROOT, registry: bytes = ID, until: str = LATER) -> ByInvitation:
    return invite(by, registry, f"github.com/{name}", until=until, entropy=draw)


def join(name: str, turn: int = 0, on: str = DAY) -> Join:
    return Join(on, application(name, turn), invitation(name))


def folded(statements: Sequence[bytes]) -> Registry:
    """The registry that a raw chain under ROOT makes."""
    return GrowingRegistry.start(statements, ROOT.verify_key()).registry


@dataclass
class Chain:
    """Statements as they would be in the signed chain, folded on demand."""

    statements: list[Statement] = field(
        default_factory=lambda: [Found(DAY, "Example project", ROOT.verify_key().raw)]
    )

    def add(self, *statements: Statement) -> Chain:
        self.statements += statements
        return self

    def raw(self, root: SigningKey = ROOT) -> list[bytes]:
        """Sign them, as the registrar's tool does."""
        chain = empty(root.verify_key(), Label.REGISTRY)
        for statement in self.statements:
            chain = append(chain, encode_statement(statement), root)
        return [statement.raw for statement in chain.statements]

    def folded(self) -> Registry:
        return folded(self.raw())

    def refuses(self, *statements: Statement, match: str = ".") -> None:
        self.folded()
        with pytest.raises(Refused, match=match):
            Chain([*self.statements, *statements]).folded()


def three() -> Chain:
    return Chain().add(join("alice"), join("bob"), join("carol"))


# --- joining ----------------------------------------------------------------------------------------


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


@pytest.fixture(scope="module")
def ssh_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], tuple[str, str]]:
    """Sign with a key of the real ssh-keygen; give the public line and the armored signature."""
    binary = shutil.which("ssh-keygen")
    if binary is None:
        pytest.fail("ssh-keygen is missing: install openssh-client, these tests need the real one")
    path: Path = tmp_path_factory.mktemp("registry") / "id"
    subprocess.run(
        [binary, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True, timeout=20
    )

    def sign(message: bytes, namespace: str = NAMESPACE) -> tuple[str, str]:
        command = [binary, "-q", "-Y", "sign", "-n", namespace, "-f", str(path)]
        done = subprocess.run(command, input=message, capture_output=True, check=True, timeout=20)
        return path.with_suffix(".pub").read_text().strip(), done.stdout.decode()

    return sign


Sign = Callable[..., tuple[str, str]]


def by_ssh(sign: Sign, made: Application, namespace: str = NAMESPACE) -> BySsh:
    line, signature = sign(application_text(made), namespace)
    return BySsh(line, "https://github.com/dora.keys", signature)


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


# --- replacing and leaving --------------------------------------------------------------------------


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


# --- snapshots, beacons, rings ----------------------------------------------------------------------


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


# --- the chain's form -------------------------------------------------------------------------------


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


# --- growing ----------------------------------------------------------------------------------------


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
