"""What a reporter is told about their voice, by which ring it is made, and what keeps them from giving one."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from abuse.voices import MAX_VOICES, hear_voice
from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import system
from crypto.errors import Refused
from crypto.members import MemberKey
from service.cases.answers import Answers
from service.cases.reports import Person, Report, Unsealed, voice_binding
from service.cases.speaking import NotAMember
from service.cases.voices import contexts_of, voices_in
from service.reporter.report_cli import _with_voice
from service.reporter.voicing import FEW, Speaker, _registry
from service.wire.registry_pins import RegistryRolledBack, save_chain
from tests.support.groups import Group
from tests.support.members import Keeper, account, make_keeper
from tests.support.registry_server import RegistryServer
from tests.support.reporters import TODAY

pytestmark = pytest.mark.xdist_group("voicing")

PEOPLE = (
    Person(platform="github", handle="mallory"),
    Person(platform="irc", handle="trent"),
    Person(platform="a place nobody knows", handle="peggy"),
)
CODE = ReplyCode(bytes(16))


@pytest.fixture(scope="module")
def keeper() -> Keeper:
    return make_keeper(25)


@pytest.fixture(scope="module")
def group() -> Group:
    return Group.draw()


def speaker(keeper: Keeper, group: Group, key: MemberKey | None = None) -> Speaker:
    roster = replace(group.roster, registry=keeper.id)
    return Speaker.of(key or keeper.keys[account(3)].member, roster, keeper.registry)


def report(*who: Person) -> Report:
    return Answers(what="It happened.", who=who).to_report((), TODAY)


def test_a_voice_holds_for_the_sealed_report_and_each_person(keeper: Keeper, group: Group) -> None:
    """What is sealed carries one voice for each account, bound to the mailbox of the code."""
    spoken = speaker(keeper, group).speak(report(*PEOPLE), CODE, system)
    mailbox = mailbox_of(CODE).public_key()
    again = Unsealed.from_bytes(Unsealed(spoken, (), address_of(claim_of(CODE)), mailbox).to_bytes())
    assert isinstance(again.content, Report)
    binding = voice_binding(again.content, again.mailbox_address, again.mailbox_key)
    contexts = contexts_of(group.root.verify_key(), PEOPLE)
    voices = voices_in(again.content.voice or "")
    assert {voice.context for voice in voices} == set(contexts)
    assert len(voices) == 2
    for voice in voices:
        hear_voice(voice, rings=keeper.registry.voice_rings(), contexts=contexts, binding=binding)


def test_the_reporter_is_told_what_it_proves_and_reveals(keeper: Keeper, group: Group) -> None:
    """The number of members, the snapshot and registry, about whom, and about whom not; few members are a warning."""
    told = speaker(keeper, group)
    text = told.explained()
    assert "one of 25 members" in text
    assert "“first”" in text
    assert "CAREFUL" not in text
    assert told.about(PEOPLE) == (["github: mallory", "irc: trent@libera"], ["peggy"])
    small = make_keeper(FEW - 1, b"a small one")
    assert "CAREFUL: 19 members are few" in speaker(small, group).explained()
    assert keeper.keys[account(3)].member.reveal().hex() not in repr(told)


def test_eight_people_have_a_voice_and_the_ninth_is_told(keeper: Keeper, group: Group) -> None:
    """The reporter is told about whom none is possible, before it is sent."""
    many = tuple(Person(platform="github", handle=f"person{number}") for number in range(MAX_VOICES + 1))
    told = speaker(keeper, group)
    assert told.about(many)[1] == ["github: person8"]
    assert len(voices_in(told.speak(report(*many), CODE, system).voice or "")) == MAX_VOICES


def test_eight_voices_by_the_largest_ring_fit(group: Group) -> None:
    """255 members, eight people: the report can be sealed and read."""
    many = tuple(Person(platform="github", handle=f"person{number}") for number in range(MAX_VOICES))
    told = speaker(make_keeper(255), group)
    assert len(told.ring) == 255
    spoken = told.speak(report(*many), CODE, system)
    raw = Unsealed(spoken, (), bytes(32), mailbox_of(CODE).public_key()).to_bytes()
    assert Unsealed.from_bytes(raw).content == spoken


def test_who_can_give_no_voice_is_told_why(keeper: Keeper, group: Group) -> None:
    """No member, a replaced key, no snapshot, joined too late, another registry than the group's, nobody named."""
    rotated = make_keeper(3, b"rotated")
    old = rotated.keys[account(0)].member
    rotated.rotate(account(0))
    late = make_keeper(3, b"late")
    new = late.join("github.com/late").member
    unfrozen = Keeper.start(b"unfrozen")
    unfrozen.join(account(0))
    for kept, key, reason in (
        (keeper, MemberKey.draw(system), "no member"),
        (rotated, old, "replaced"),
        (late, new, "next one on"),
        (unfrozen, unfrozen.keys[account(0)].member, "frozen no snapshot"),
    ):
        with pytest.raises(NotAMember, match=reason):
            speaker(kept, group, key)
    with pytest.raises(Refused, match="not the registry"):
        Speaker.of(old, replace(group.roster, registry=keeper.id), rotated.registry)
    for who in ((), PEOPLE[2:]):
        with pytest.raises(Refused, match="about somebody"):
            speaker(keeper, group).speak(report(*who), CODE, system)


def test_a_typed_report_outlives_a_voice_that_is_not_possible(
    keeper: Keeper, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """About nobody: it goes on without the voice, or people are named for it; from a file it is refused."""
    told, about_nobody = speaker(keeper, group), report()
    for typed, who, voiced in (("y\n", (), False), ("n\nmallory\ngithub\n\n", PEOPLE[:1], True)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        written, speaking = _with_voice(told, about_nobody, CODE, asking=True)
        assert written.who == who
        assert (written.voice is not None, speaking is not None) == (voiced, voiced)
        assert written.what == about_nobody.what
    with pytest.raises(Refused, match="about somebody"):
        _with_voice(told, about_nobody, CODE, asking=False)


def test_the_server_learns_nothing_of_what_a_speaker_has_of_the_registry(
    keeper: Keeper, tmp_path: Path
) -> None:
    """Whatever the member's folder keeps, the same is asked for, right before the report; and it is compared."""
    server, file = RegistryServer(keeper.id, keeper.statements), tmp_path / f"{keeper.id.hex()}.json"
    with server.client() as client:
        _registry(client, keeper.id, tmp_path)
        whole = list(server.asked)
        for known in (1, 5, len(keeper.statements)):
            save_chain(file, keeper.id, keeper.statements[:known])
            server.asked.clear()
            assert _registry(client, keeper.id, tmp_path) == keeper.registry
            assert server.asked == whole
        server.statements = keeper.statements[:-1]
        with pytest.raises(RegistryRolledBack):
            _registry(client, keeper.id, tmp_path)
