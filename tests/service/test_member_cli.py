"""`sottovoce registry …` and `sottovoce member …` over a real server, with the real ssh-keygen."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from crypto.keyfiles import WrongPassphrase
from crypto.secrets import Passphrase
from service import member_keys
from service.cli import main
from service.registry_home import REGISTRAR_FILE, ROOT_FILE
from tests.support.server import RunningServer
from tests.support.ssh import SshSigner
from tests.support.typists import PASSPHRASE, Person, id_of, invited, joined

pytestmark = pytest.mark.usefixtures("quick_key_files")
KEYS_URL = "https://git.example/dana.keys"


# --- the whole way ----------------------------------------------------------------------------------


def test_members_join_by_invitation_and_by_ssh_rotate_and_leave(
    keeper: Person, tmp_path: Path, server: RunningServer, ssh: SshSigner
) -> None:
    """From an empty registry to a frozen one, over a server that only stores: each step as a person types it."""
    at = ("--server", server.base)
    registry = id_of(keeper)
    registrar = Person.at(tmp_path / "registrar")
    key = registrar.does("registry", "new-registrar")["key"]
    keeper.does("registry", "registrars", "--key", key)
    keeper.does("registry", "publish", *at)
    listed = {each["registry"]: each["name"] for each in keeper.does("registry", "find", *at)["registries"]}
    assert listed[registry] == "Example project"

    ann = Person.at(tmp_path / "ann")
    ann.does("member", "new")
    invitation = str(tmp_path / "invitation.json")
    registrar.does(
        "registry", "invite", "--registry", registry, "--account", "github.com/ann", "--until", "2099-12-31",
        "--out", invitation,
    )  # fmt: skip
    sent = ann.does("member", "apply", "--invitation", invitation, *at)["request"]

    dana = Person.at(tmp_path / "dana")
    dana.does("member", "new")
    to_sign = dana.does("member", "apply", "--registry", registry, "--account", "git.example/dana")
    assert "account: git.example/dana\n" in to_sign["text"]
    assert to_sign["namespace"] == "sottovoce-join@v1"
    signature = ssh.sign_file(Path(to_sign["file"]))
    proof = ("--signature", str(signature), "--ssh-key", str(ssh.public), "--published-at", KEYS_URL)
    by_ssh = dana.does("member", "apply", *proof, *at)["request"]

    waiting = {each["digest"]: each for each in keeper.does("registry", "applications", *at)["requests"]}
    assert waiting.keys() == {sent, by_ssh}
    assert KEYS_URL in waiting[by_ssh]["evidence"]
    assert "SHA256:" in waiting[by_ssh]["evidence"]
    assert key in waiting[sent]["evidence"]
    assert "--published" in keeper.refused("registry", "admit", *at, "--digest", by_ssh)
    assert keeper.does("registry", "admit", *at, "--vouched")["members"] == 1
    assert keeper.does("registry", "admit", *at, "--digest", by_ssh, "--published")["members"] == 2
    keeper.does("registry", "freeze", "--name", "2026-q1", "--beacon-source", "a public draw")
    keeper.does("registry", "publish", *at)
    assert keeper.does("registry", "applications", *at)["requests"] == []
    for person in (ann, dana):
        checked = person.does("member", "check", *at)
        assert (checked["status"], checked["members"], checked["snapshots"]) == ("member", 2, ["2026-q1"])
        assert checked["head"] == keeper.does("registry", "list")["head"]
        assert checked["head"] in person.run("member", "check", *at).output

    before = member_keys.read(ann.home / member_keys.FILE, Passphrase(PASSPHRASE))
    ann.does("member", "rotate", *at)
    assert ann.does("member", "check", *at)["status"] == "member"
    keeper.does("registry", "admit", *at, "--vouched")
    keeper.does("registry", "publish", *at)
    checked = ann.does("member", "check", *at)
    assert (checked["status"], checked["snapshots"]) == ("rotated", [])
    assert checked["snapshots_with_old_keys"] == ["2026-q1"]
    assert "key that you replaced: 2026-q1." in ann.run("member", "check", *at).output
    after = member_keys.read(ann.home / member_keys.FILE, Passphrase(PASSPHRASE))
    assert after.member != before.member
    (old,) = ann.home.glob("old-*.key")
    assert member_keys.read(old, Passphrase(PASSPHRASE)) == before
    assert ann.does("member", "check", *at)["status"] == "member"

    dana.does("member", "leave", *at)
    keeper.does("registry", "admit", *at, "--vouched")
    keeper.does("registry", "remove", "--account", "github.com/ann", "--reason", "two accounts of one person")
    assert keeper.does("registry", "publish", *at)["sent"] == 2
    for person in (ann, dana):
        assert person.does("member", "check", *at)["status"] == "absent"
    assert "the member's own" not in keeper.run("registry", "applications", *at).output


def test_a_lost_key_is_replaced_by_proving_who_one_is_again(
    keeper: Person, tmp_path: Path, ssh: SshSigner
) -> None:
    """New keys with --replace and an SSH signature take the place of lost ones; without it the account is taken."""
    joined(keeper, tmp_path / "ann", "github.com/ann")
    again = Person.at(tmp_path / "again")
    again.does("member", "new")
    file = again.does("member", "apply", "--registry", id_of(keeper), "--account", "github.com/ann")["file"]
    proof = (
        "--signature",
        str(ssh.sign_file(Path(file))),
        "--ssh-key",
        str(ssh.public),
        "--published-at",
        KEYS_URL,
    )
    again.does("member", "apply", *proof, "--out", str(tmp_path / "join.json"))
    said = keeper.refused("registry", "admit", "--published", str(tmp_path / "join.json"))
    assert "member already" in said
    again.does("member", "apply", "--replace", *proof, "--out", str(tmp_path / "rotate.json"))
    assert keeper.does("registry", "admit", "--published", str(tmp_path / "rotate.json"))["members"] == 1


def test_many_are_admitted_and_dealt_into_rings(keeper: Person, tmp_path: Path) -> None:
    """Several files at once are one signing; a beacon is said once, after its snapshot."""
    files = []
    for name in ("ann", "bo", "cy"):
        person = invited(keeper, tmp_path / name, f"github.com/{name}")
        files.append(str(person.folder / "request.json"))
        invitation = str(person.folder / "invitation.json")
        person.does("member", "apply", "--invitation", invitation, "--out", files[-1])
    assert keeper.does("registry", "admit", *files)["statements"] == 4
    frozen = ("registry", "freeze", "--name", "s", "--beacon-source", "b")
    keeper.does(*frozen)
    assert "two snapshots" in keeper.refused(*frozen)
    said = ("registry", "beacon", "--name", "s", "--value", "ab" * 32)
    keeper.does(*said)
    assert "second one" in keeper.refused(*said)
    listed = keeper.does("registry", "list")
    assert listed["members"] == ["github.com/ann", "github.com/bo", "github.com/cy"]
    assert listed["snapshots"] == [{"name": "s", "members": 3, "source": "b", "beacon": True}]
    assert "github.com/bo" in keeper.run("registry", "list").output


def test_what_cannot_be_granted_keeps_nothing_else_waiting(
    keeper: Person, tmp_path: Path, server: RunningServer
) -> None:
    """An invitation by a registrar who is none any more, and what was granted already, are left out and counted."""
    at = ("--server", server.base)
    registrar = Person.at(tmp_path / "registrar")
    keeper.does("registry", "registrars", "--key", registrar.does("registry", "new-registrar")["key"])
    keeper.does("registry", "publish", *at)
    ann, bo = (invited(keeper, tmp_path / name, f"github.com/{name}") for name in ("ann", "bo"))
    cy = Person.at(tmp_path / "cy")
    cy.does("member", "new")
    registrar.does(
        "registry", "invite", "--registry", id_of(keeper), "--account", "github.com/cy", "--until", "2099-12-31",
        "--out", str(cy.folder / "invitation.json"),
    )  # fmt: skip
    for person in (ann, bo, cy):
        person.does("member", "apply", "--invitation", str(person.folder / "invitation.json"), *at)
    keeper.does("registry", "registrars", "--none")
    told = keeper.does("registry", "applications", *at)["requests"]
    assert [bool(each["problem"]) for each in told] == [each["account"] == "github.com/cy" for each in told]
    admitted = keeper.does("registry", "admit", "--vouched", *at)
    assert (admitted["members"], admitted["skipped"]) == (2, 1)
    keeper.does("registry", "publish", *at)
    nothing = keeper.refused("registry", "admit", "--vouched", *at)
    assert "no request waits there that rests on an invitation" in nothing
    assert "1 that do can't be granted" in nothing
    [left] = keeper.does("registry", "applications", *at)["requests"]
    unknown = ("--digest", "ab" * 32)
    assert keeper.does("registry", "dismiss", "--digest", left["digest"], *at)["dropped"] == 1
    assert "1 of these requests did not wait" in keeper.refused("registry", "dismiss", *unknown, *at)
    gone = keeper.refused("registry", "dismiss", *unknown, "--digest", left["digest"], *at)
    assert "2 of these requests did not wait there, or no longer; 0 were dropped" in gone
    assert "can't be granted" not in keeper.refused("registry", "admit", "--vouched", *at)


def test_a_rotation_survives_a_crash_at_any_point(
    keeper: Person, tmp_path: Path, server: RunningServer
) -> None:
    """Whatever was moved when the machine stopped: `check` finishes it, and both keys are still there."""
    at = ("--server", server.base)
    for moved in range(3):
        name = f"ann-{moved}"
        ann = joined(keeper, tmp_path / name, f"github.com/{name}")
        keeper.does("registry", "publish", *at)
        ann.does("member", "rotate", *at)
        keeper.does("registry", "admit", "--vouched", *at)
        keeper.does("registry", "publish", *at)
        key = ann.does("member", "show")["member_key"]
        if moved > 0:
            (ann.home / member_keys.FILE).rename(ann.home / f"old-{key[:16]}.key")
        if moved > 1:
            (ann.home / "next.key").rename(ann.home / member_keys.FILE)
        assert ann.does("member", "check", *at)["status"] == "rotated"
        assert ann.does("member", "check", *at)["status"] == "member"
        for path in (ann.home / member_keys.FILE, ann.home / f"old-{key[:16]}.key"):
            member_keys.read(path, Passphrase(PASSPHRASE))
        shown = ann.does("member", "show")
        assert (shown["member_key"] == key, shown["next_key"]) == (False, None)


# --- secrets ----------------------------------------------------------------------------------------


def test_keys_are_their_owners_and_nothing_secret_is_in_the_clear(
    keeper: Person, tmp_path: Path, server: RunningServer
) -> None:
    """Key files are 0600; no seed and no passphrase is in any other file, in any output, or on the server."""
    keeper.does("registry", "publish", "--server", server.base)
    ann = invited(keeper, tmp_path / "ann", "github.com/ann")
    invitation = str(ann.folder / "invitation.json")
    outputs = [
        ann.run("member", "apply", "--invitation", invitation, "--server", server.base).output,
        ann.run("member", "rotate", "--server", server.base).output,
        ann.run("member", "show").output,
        keeper.run("registry", "list").output,
    ]
    keys = member_keys.read(ann.home / member_keys.FILE, Passphrase(PASSPHRASE))
    secrets = [PASSPHRASE.encode(), keys.member.reveal(), keys.sealing.reveal()]
    secrets += [secret.hex().encode() for secret in secrets[1:]]
    stored = [
        path
        for folder in (ann.home, keeper.home, server.data)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    for raw in (*(path.read_bytes() for path in stored), *(output.encode() for output in outputs)):
        assert not any(secret in raw for secret in secrets)
    for path in (ann.home / member_keys.FILE, keeper.home / ROOT_FILE, Path(invitation)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSPHRASE not in repr(keys)
    assert keys.member.reveal().hex() not in repr(keys)


def test_there_is_no_option_for_a_secret() -> None:
    """Passphrases come from a prompt, a file or standard input, on every command."""
    for face in ("member", "registry"):
        commands = getattr(main.get_command(None, face), "commands")  # type: ignore[arg-type]  # noqa: B009
        for name in ("", *commands):
            arguments = [face, *([name] if name else []), "--help"]
            shown = CliRunner().invoke(main, arguments).output
            assert "Usage" in shown
            assert not any(word in shown for word in ("--passphrase ", "--password", "--secret", "--seed"))


def test_nothing_is_done_with_a_wrong_passphrase(keeper: Person, tmp_path: Path) -> None:
    """Exit code 4, a sentence, and every file as it was."""
    ann = joined(keeper, tmp_path / "ann", "github.com/ann")
    before = {path: path.read_bytes() for path in (*keeper.home.iterdir(), *ann.home.iterdir())}
    out = str(tmp_path / "out.json")
    for person, arguments in (
        (keeper, ("registry", "remove", "--account", "github.com/ann", "--reason", "x")),
        (keeper, ("registry", "invite", "--account", "a.org/x", "--until", "2099-12-31", "--out", out)),
        (ann, ("member", "leave", "--out", out)),
        (ann, ("member", "rotate", "--out", out)),
    ):
        result = person.run(*arguments, passphrase="wrong")
        assert result.exit_code == 4, arguments
        assert "passphrase is wrong" in result.output
    assert {path: path.read_bytes() for path in (*keeper.home.iterdir(), *ann.home.iterdir())} == before
    assert not Path(out).exists()
    with pytest.raises(WrongPassphrase):
        member_keys.read(ann.home / member_keys.FILE, Passphrase("wrong"))


def test_keys_are_never_overwritten(keeper: Person, tmp_path: Path) -> None:
    """Making keys where some are is refused and touches nothing."""
    ann = invited(keeper, tmp_path / "ann", "github.com/ann")
    for person, arguments in (
        (ann, ("member", "new")),
        (keeper, ("registry", "create", "--name", "Other")),
    ):
        before = {path: path.read_bytes() for path in person.home.iterdir()}
        assert "already" in person.refused(*arguments)
        assert {path: path.read_bytes() for path in person.home.iterdir()} == before
    registrar = Person.at(tmp_path / "registrar")
    registrar.does("registry", "new-registrar")
    before_key = (registrar.home / REGISTRAR_FILE).read_bytes()
    assert "already" in registrar.refused("registry", "new-registrar")
    assert (registrar.home / REGISTRAR_FILE).read_bytes() == before_key
