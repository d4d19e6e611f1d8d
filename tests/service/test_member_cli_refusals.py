"""What the commands of a registry and of its members refuse, and how they explain it: a lying server, a wrong word."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto import chains
from crypto.entropy import seeded
from crypto.labels import Label
from crypto.signatures import SigningKey
from service.cases.asking import AskJoin
from service.cases.registry_statements import Application, ByRegistrar, BySsh, Leave, encode_statement
from service.registry_granting import _described
from service.registry_home import CHAIN_FILE
from service.wire.registry_pins import load_chain, save_chain, verified
from tests.support.server import RunningServer, running_server
from tests.support.ssh import SshSigner
from tests.support.typists import Person, id_of, invited, joined

pytestmark = pytest.mark.usefixtures("quick_key_files")


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
        (("registrars",), "--none"),
        (("registrars", "--none", "--key", "ab" * 32), "--none"),
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


PROOF = ("--ssh-key", "PUB", "--published-at", "https://example.org/ann.keys")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("apply",), "give --invitation"),
        (("apply", "--registry", "ab", "--account", "a.org/x"), "64 hexadecimal"),
        (("apply", "--registry", "ab" * 32, "--account", "Alice"), "where and who"),
        (("apply", "--signature", "NONSENSE"), "needs --ssh-key"),
        (("apply", "--invitation", "NONSENSE", "--out", "OUT"), "not an invitation"),
        (("apply", "--invitation", "MOVED", "--out", "OUT"), "signature does not hold"),
        (("apply", "--invitation", "INVITATION"), "where the request goes"),
        (("apply", "--invitation", "NOWHERE", "--out", "OUT"), "--invitation: a file can't be read: No such"),
        (("apply", "--signature", "NOWHERE", *PROOF, "--out", "OUT"), "--signature: a file can't be read"),
        (
            ("apply", "--signature", "NONSENSE", "--ssh-key", "PRIVATE", *PROOF[2:], "--out", "OUT"),
            "ends in .pub",
        ),
        (("apply", "--signature", "NONSENSE", *PROOF, "--out", "OUT"), "prepare"),
        *(
            (("apply", "--signature", "NONSENSE", *PROOF[:3], address, "--out", "OUT"), "no web address")
            for address in ("", "nonsense", "github.com/ann.keys", "https://", "https://a b.org", "http://[x")
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
        "PRIVATE": str(ssh.path),
    }
    assert said in ann.refused("member", *(names.get(each, each) for each in arguments))
    assert not (tmp_path / "out.json").exists()


def test_keys_that_are_listed_are_asked_for_nowhere_else(
    keeper: Person, tmp_path: Path, server: RunningServer
) -> None:
    """The folder would forget where; who left, or was not listed yet, may ask as somebody else."""
    at = ("--server", server.base)
    ann = joined(keeper, tmp_path / "ann", "github.com/ann")
    keeper.does("registry", "publish", *at)
    ann.does("member", "check", *at)
    other = Person.at(tmp_path / "other keeper")
    other.does("registry", "create", "--name", "Other")
    for home, account in ((keeper, "github.com/bea"), (other, "github.com/ann")):
        invitation = str(home.folder / "for ann.json")
        home.does("registry", "invite", "--account", account, "--until", "2099-12-31", "--out", invitation)
        asked = ("--invitation", invitation, "--out", str(tmp_path / f"{home.folder.name}.bin"))
        assert "a folder of its own" in ann.refused("member", "apply", *asked)
        there = ("--registry", id_of(home), "--account", account)
        assert "a folder of its own" in ann.refused("member", "apply", *there)
    assert ann.does("member", "show")["account"] == "github.com/ann"
    keeper.does("registry", "remove", "--account", "github.com/ann", "--reason", "she asked for it")
    keeper.does("registry", "publish", *at)
    ann.does("member", "check", *at)
    ann.does("member", "apply", *asked)
    assert ann.does("member", "show")["registry"] == id_of(other)


def test_the_command_to_sign_can_be_copied(tmp_path: Path, keeper: Person) -> None:
    """Also where the folder's name has spaces in it."""
    ann = Person.at(tmp_path / "Ann's keys")
    ann.does("member", "new")
    printed = ann.run("member", "apply", "--registry", id_of(keeper), "--account", "a.org/ann").output
    (line,) = (each for each in printed.splitlines() if "ssh-keygen -Y sign" in each)
    assert shlex.split(line)[-1] == str(ann.home / "to-sign.txt")


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
    proof = (
        "--ssh-key",
        str(ssh.public),
        "--published-at",
        "https://example.org/ann.keys",
        "--signature",
        str(signature),
    )
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
    assert f"\nregistrar {key}\n" in keeper.run("registry", "list").output
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


def test_no_request_passes_for_two() -> None:
    """Anybody may ask to join; where they say that their key is published is one line to who looks at requests."""
    forged = f"https://a.example/b.keys\n{'0' * 64}\n  join github.com/ann: the member's own consent"
    application = Application("0" * 64, "github.com/bo", bytes(32), bytes(1216), bytes(64))
    told = _described(AskJoin(application, BySsh("ssh-ed25519 AAAA", forged, "")))
    assert told["evidence"].endswith(f"b.keys {'0' * 64} join github.com/ann: the member's own consent")
