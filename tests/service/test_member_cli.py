"""`sottovoce registry …` and `sottovoce member …` over a real server, with the real ssh-keygen."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crypto import chains
from crypto.entropy import seeded
from crypto.keyfiles import WrongPassphrase
from crypto.labels import Label
from crypto.secrets import Passphrase
from crypto.signatures import SigningKey
from service import member_keys
from service.cases.registry_statements import ByRegistrar, Leave, encode_statement
from service.cli import main
from service.registry_home import CHAIN_FILE, REGISTRAR_FILE, ROOT_FILE
from service.wire.registry_pins import load_chain, save_chain, verified
from tests.support.server import RunningServer, running_server
from tests.support.ssh import SshSigner

pytestmark = pytest.mark.usefixtures("quick_key_files")

PASSPHRASE = "correct horse battery staple"
KEYS_URL = "https://git.example/dana.keys"


@dataclass(frozen=True)
class Person:
    """Somebody at their own machine: a folder for each face, and a passphrase file."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Person:
        folder.mkdir()
        (folder / "pass").write_text(PASSPHRASE + "\n", encoding="utf-8")
        return cls(folder)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self, face: str, *arguments: str, passphrase: str | None = None) -> Result:
        """Run `sottovoce FACE --home … arguments`."""
        file = self.folder / "pass"
        if passphrase is not None:
            file = self.folder / "other"
            file.write_text(passphrase, encoding="utf-8")
        return CliRunner().invoke(
            main, [face, "--home", str(self.home), "--passphrase-file", str(file), *arguments]
        )

    def does(self, face: str, *arguments: str) -> dict[str, Any]:
        """Run it, see that it worked, and give its JSON."""
        result = self.run(face, *arguments, "--json")
        assert result.exit_code == 0, result.output
        read: dict[str, Any] = json.loads(result.output)
        return read

    def refused(self, face: str, *arguments: str, exit_code: int = 3) -> str:
        """Run it, see that it was refused, and give the sentence."""
        result = self.run(face, *arguments, "--json")
        assert result.exit_code == exit_code, result.output
        problem = json.loads(result.output)
        assert problem["exit"] == exit_code
        said: str = problem["error"]
        return said


@pytest.fixture
def keeper(tmp_path: Path) -> Person:
    """Who holds the root key of a new registry."""
    person = Person.at(tmp_path / "keeper")
    person.does("registry", "create", "--name", "Example project")
    return person


def id_of(keeper: Person) -> str:
    registry: str = keeper.does("registry", "list")["registry"]
    return registry


def invited(keeper: Person, folder: Path, account: str) -> Person:
    """A person with keys and an invitation, who has asked for nothing yet."""
    person = Person.at(folder)
    invitation = person.folder / "invitation.json"
    keeper.does("registry", "invite", "--account", account, "--until", "2099-12-31", "--out", str(invitation))
    person.does("member", "new")
    return person


def joined(keeper: Person, folder: Path, account: str) -> Person:
    """A member by invitation, over files."""
    person = invited(keeper, folder, account)
    invitation, request = person.folder / "invitation.json", person.folder / "request.json"
    person.does("member", "apply", "--invitation", str(invitation), "--out", str(request))
    keeper.does("registry", "admit", str(request))
    return person


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
        "x",
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
    keeper.does("registry", "registrars")
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


# --- lies -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A second server, which is shown another history."""
    with running_server(tmp_path_factory.mktemp("liar")) as running:
        yield running


def test_a_server_that_hides_or_forks_the_registry_is_found_out(
    keeper: Person, tmp_path: Path, server: RunningServer, liar: RunningServer
) -> None:
    """A shorter chain, or another one by the same root: exit code 3, and what was accepted stays accepted."""
    ann = joined(keeper, tmp_path / "ann", "github.com/ann")
    joined(keeper, tmp_path / "bo", "github.com/bo")
    early = (keeper.home / CHAIN_FILE).read_bytes()
    keeper.does("registry", "publish", "--server", liar.base)
    keeper.does("registry", "remove", "--account", "github.com/bo", "--reason", "left the project")
    keeper.does("registry", "publish", "--server", server.base)
    assert ann.does("member", "check", "--server", server.base)["members"] == 1
    assert "older list of members" in ann.refused("member", "check", "--server", liar.base)
    (keeper.home / CHAIN_FILE).write_bytes(early)
    keeper.does("registry", "remove", "--account", "github.com/bo", "--reason", "another reason")
    keeper.does("registry", "publish", "--server", liar.base)
    assert "contradicts" in ann.refused("member", "check", "--server", liar.base)
    assert ann.does("member", "check", "--server", server.base)["members"] == 1
    assert "another holder" in keeper.refused("registry", "publish", "--server", server.base)


def test_a_key_in_ones_name_is_noticed(keeper: Person, tmp_path: Path, server: RunningServer) -> None:
    """When the keeper lists somebody else's key under one's account, `check` says so, loudly."""
    ann = joined(keeper, tmp_path / "ann", "github.com/ann")
    impostor = invited(keeper, tmp_path / "impostor", "github.com/ann")
    request, invitation = str(tmp_path / "request.json"), str(impostor.folder / "invitation.json")
    impostor.does("member", "apply", "--replace", "--invitation", invitation, "--out", request)
    keeper.does("registry", "admit", request)
    keeper.does("registry", "publish", "--server", server.base)
    assert "joined in your name" in ann.refused("member", "check", "--server", server.base)


def test_a_chain_with_an_operators_member_is_not_accepted(keeper: Person, tmp_path: Path) -> None:
    """A statement that another key signed, put into the keeper's own file: no command goes on from it."""
    joined(keeper, tmp_path / "ann", "github.com/ann")
    stored = load_chain(keeper.home / CHAIN_FILE)
    assert stored is not None
    registry, statements = stored
    rogue = SigningKey(seeded(b"operator")(32))
    root = verified(registry, statements).registry.root
    whole = chains.verify_chain(statements, root, Label.REGISTRY)
    own = chains.VerifiedChain(Label.REGISTRY, rogue.verify_key(), whole.statements)
    said = Leave("2099-01-01", "github.com/ann", ByRegistrar("by the operator"))
    forged = chains.append(own, encode_statement(said), rogue).statements[-1].raw
    save_chain(keeper.home / CHAIN_FILE, registry, [*statements, forged])
    for arguments in (("list",), ("freeze", "--name", "x", "--beacon-source", "x")):
        assert "did not sign" in keeper.refused("registry", *arguments)


# --- mistakes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("remove", "--account", "github.com/nobody", "--reason", "x"), "not a member"),
        (("remove", "--account", "Nobody", "--reason", "x"), "wrong form"),
        (("remove", "--account", "github.com/ann", "--reason", ""), "wrong form"),
        (("freeze", "--name", "Q1!", "--beacon-source", "x"), "wrong form (name)"),
        (("freeze", "--name", "x", "--beacon-source", "x"), "two members"),
        (("beacon", "--name", "x", "--value", "ab" * 32), "no snapshot"),
        (("beacon", "--name", "x", "--value", "ab"), "wrong form (value)"),
        (("registrars", "--key", "ab"), "64 hexadecimal"),
        (("registrars", "--key", "zz"), "a registrar's key"),
        (("admit", "--digest", "zz", "--server", "SERVER"), "a request's digest"),
        (("dismiss", "--digest", "zz", "--server", "SERVER"), "a request's digest"),
        (("registrars", "--key", "00" * 32), "key"),
        (("invite", "--account", "alice", "--until", "2099-12-31", "--out", "OUT"), "where and who"),
        (("invite", "--account", "a.org/x", "--until", "2020-01-01", "--out", "OUT"), "over already"),
        (("invite", "--account", "a.org/x", "--until", "soon", "--out", "OUT"), "a day is like"),
        (("admit",), "no request"),
        (("admit", "--vouched"), "--server"),
        (("admit", "MISSING"), "can't be read"),
        (("admit", "NONSENSE"), "not a request"),
        (("admit", "FOREIGN"), "another registry"),
        (("admit", "USED", "USED"), "member already"),
    ],
)
def test_keepers_mistakes_are_explained(
    keeper: Person, tmp_path: Path, server: RunningServer, arguments: tuple[str, ...], said: str
) -> None:
    """Exit code 3, a sentence, nothing signed and nothing written."""
    other = Person.at(tmp_path / "other keeper")
    other.does("registry", "create", "--name", "Other")
    foreign = invited(other, tmp_path / "foreign", "github.com/foreign")
    ann = invited(keeper, tmp_path / "ann", "github.com/ann")
    for person in (foreign, ann):
        invitation, out = str(person.folder / "invitation.json"), str(person.folder / "request.json")
        person.does("member", "apply", "--invitation", invitation, "--out", out)
    (tmp_path / "nonsense").write_bytes(b"{}")
    names = {
        "OUT": str(tmp_path / "out.json"),
        "MISSING": str(tmp_path / "missing"),
        "NONSENSE": str(tmp_path / "nonsense"),
        "SERVER": server.base,
        "FOREIGN": str(foreign.folder / "request.json"),
        "USED": str(ann.folder / "request.json"),
    }
    before = (keeper.home / CHAIN_FILE).read_bytes()
    assert said in keeper.refused("registry", *(names.get(each, each) for each in arguments))
    assert (keeper.home / CHAIN_FILE).read_bytes() == before
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("name", ["", "  ", " Aurora", "Aurora\n", "\u200b", "\udcff", "x" * 121])
def test_a_registry_is_not_founded_without_a_name(tmp_path: Path, name: str) -> None:
    """Nothing that everybody will see as empty, or differently, is signed for good."""
    keeper = Person.at(tmp_path / "keeper")
    assert "name" in keeper.refused("registry", "create", "--name", name)
    assert not keeper.home.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("apply",), "give --invitation"),
        (("apply", "--registry", "ab", "--account", "a.org/x"), "64 hexadecimal"),
        (("apply", "--registry", "ab" * 32, "--account", "Alice"), "wrong form (account)"),
        (("apply", "--signature", "NONSENSE"), "needs --ssh-key"),
        (("apply", "--invitation", "NONSENSE", "--out", "OUT"), "not an invitation"),
        (("apply", "--invitation", "MOVED", "--out", "OUT"), "signature does not hold"),
        (("apply", "--invitation", "INVITATION"), "where the request goes"),
        (
            ("apply", "--signature", "NONSENSE", "--ssh-key", "PUB", "--published-at", "x", "--out", "OUT"),
            "prepare",
        ),
        (("leave", "--out", "OUT"), "no registry yet"),
        (("rotate", "--out", "OUT"), "no registry yet"),
        (("check", "--server", "http://127.0.0.1:1"), "no registry yet"),
    ],
)
def test_members_mistakes_are_explained(
    keeper: Person, tmp_path: Path, ssh: SshSigner, arguments: tuple[str, ...], said: str
) -> None:
    """Exit code 3, a sentence, and no request written."""
    ann = invited(keeper, tmp_path / "ann", "github.com/ann")
    (tmp_path / "nonsense").write_bytes(b"{}")
    invitation = ann.folder / "invitation.json"
    moved = json.loads(invitation.read_bytes())
    (tmp_path / "moved").write_text(json.dumps({**moved, "account": "github.com/core-dev"}), encoding="utf-8")
    names = {
        "OUT": str(tmp_path / "out.json"),
        "NONSENSE": str(tmp_path / "nonsense"),
        "MOVED": str(tmp_path / "moved"),
        "INVITATION": str(invitation),
        "PUB": str(ssh.public),
    }
    assert said in ann.refused("member", *(names.get(each, each) for each in arguments))
    assert not (tmp_path / "out.json").exists()


def test_an_ssh_signature_for_anything_else_joins_nobody(
    keeper: Person, tmp_path: Path, ssh: SshSigner
) -> None:
    """Another text, another namespace, another key, an altered application: refused before anything is sent."""
    ann = Person.at(tmp_path / "ann")
    ann.does("member", "new")
    registry = id_of(keeper)
    text = Path(
        ann.does("member", "apply", "--registry", registry, "--account", "a.org/ann")["file"]
    ).read_bytes()
    other = SshSigner.draw(tmp_path, "ecdsa")
    signature = tmp_path / "signature"
    proof = ("--ssh-key", str(ssh.public), "--published-at", "x", "--signature", str(signature))
    for armored in (
        ssh.sign(text.replace(b"a.org/ann", b"a.org/bob")),
        ssh.sign(text, "file"),
        other.sign(text),
        ssh.sign(text)[:-40],
    ):
        signature.write_text(armored, encoding="ascii")
        ann.refused("member", "apply", *proof, "--out", str(tmp_path / "out.json"))
    signature.write_text(ssh.sign(text), encoding="ascii")
    ann.does(
        "member", "apply", "--registry", registry, "--account", "a.org/ann2"
    )  # prepared anew: not what was signed
    ann.refused("member", "apply", *proof, "--out", str(tmp_path / "out.json"))
    assert not (tmp_path / "out.json").exists()


def test_what_the_server_says_no_to_is_said(keeper: Person, tmp_path: Path, server: RunningServer) -> None:
    """Exit code 6 for a registry the server doesn't have, 5 for a server that isn't there."""
    ann = joined(keeper, tmp_path / "ann", "github.com/ann")
    ann.refused("member", "check", "--server", server.base, exit_code=6)
    ann.refused("member", "leave", "--server", server.base, exit_code=6)
    ann.refused("member", "check", "--server", "http://127.0.0.1:1", exit_code=5)


def test_a_registrar_signs_no_statement(keeper: Person, tmp_path: Path, server: RunningServer) -> None:
    """With the chain but without the root key: nothing is signed; requests can be dismissed when the root said so."""
    registrar = Person.at(tmp_path / "registrar")
    key = registrar.does("registry", "new-registrar")["key"]
    keeper.does("registry", "registrars", "--key", key)
    keeper.does("registry", "publish", "--server", server.base)
    ann = invited(keeper, tmp_path / "ann", "github.com/ann")
    invitation = str(ann.folder / "invitation.json")
    sent = ann.does("member", "apply", "--invitation", invitation, "--server", server.base)["request"]
    (registrar.home / CHAIN_FILE).write_bytes((keeper.home / CHAIN_FILE).read_bytes())
    assert "root key" in registrar.refused("registry", "admit", "--vouched", "--server", server.base)
    registry = id_of(keeper)
    where = ("--registry", registry, "--server", server.base)
    stranger = Person.at(tmp_path / "stranger")
    stranger.does("registry", "new-registrar")
    stranger.refused("registry", "dismiss", "--digest", sent, *where, exit_code=6)
    assert len(stranger.does("registry", "applications", *where)["requests"]) == 1
    assert registrar.does("registry", "dismiss", "--digest", sent, *where)["dropped"] == 1
    assert stranger.does("registry", "applications", *where)["requests"] == []
