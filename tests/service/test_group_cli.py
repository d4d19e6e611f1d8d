"""`sottovoce group …` and `sottovoce serve`: what a person types, and what a person is told."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from crypto.codes import fingerprint_words
from crypto.entropy import system
from service.cases import rosters
from service.cli import main
from service.group_home import CHAIN_FILE, KEY_FILE
from service.wire import calls
from service.wire.client import Client
from tests.support.groups import Member
from tests.support.server import RunningServer

pytestmark = pytest.mark.usefixtures("quick_key_files")

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pass").write_text(PASSPHRASE + "\n", encoding="utf-8")
    return tmp_path / "group"


def run(home: Path, *arguments: str, passphrase: str | None = None) -> Result:
    """Run `sottovoce group --home … arguments`."""
    file = home.parent / "pass"
    if passphrase is not None:
        file = home.parent / "other"
        file.write_text(passphrase, encoding="utf-8")
    return CliRunner().invoke(
        main, ["group", "--home", str(home), "--passphrase-file", str(file), *arguments]
    )


def card(home: Path, name: str) -> str:
    path = home.parent / f"{name}-{system(4).hex()}.json"
    path.write_bytes(msgspec.json.encode(Member.draw(name).card()))
    return str(path)


def created(home: Path) -> str:
    result = run(home, "create", "--name", "Aurora", "--language", "en", "--minimum", "1", "--json")
    assert result.exit_code == 0, result.output
    group: str = json.loads(result.output)["group"]
    return group


def test_a_group_is_made_grown_and_shown(home: Path) -> None:
    """Create, add, rotate, retire, settings, policy: each signs a statement, and show tells the result."""
    group = created(home)
    for arguments in (
        ("add", "--card", card(home, "Ada")),
        ("add", "--card", card(home, "Bo")),
        ("add", "--card", card(home, "Zoe"), "--role", "council"),
        ("rotate", "ada", "--card", card(home, "Ada")),
        ("retire", "Bo"),
        ("settings", "--minimum", "2", "--language", "en", "--language", "de"),
        ("policy",),
        ("members", "--registry", "ab" * 32),
        ("members", "--none"),
        ("members", "--registry", "cd" * 32),
    ):
        result = run(home, *arguments)
        assert result.exit_code == 0, result.output
    shown = json.loads(run(home, "show", "--json").output)
    assert (shown["group"], shown["statements"], shown["minimum"]) == (group, 11, 2)
    assert [(p["name"], p["role"], p["active"]) for p in shown["people"]] == [
        ("Ada", "handler", True),
        ("Bo", "handler", False),
        ("Zoe", "council", True),
    ]
    assert shown["registry"] == "cd" * 32
    assert len(shown["fingerprint"].split()) == 8
    assert "Ada (handler)" in run(home, "show").output


def test_a_group_with_too_few_handlers_is_said_to_get_no_report(home: Path) -> None:
    """When somebody is retired as when it begins: reporters would learn it first, with a report written."""
    created(home)
    assert run(home, "settings", "--minimum", "2").exit_code == 0
    few = "Reports need 2 handlers to go to, and there are 1"
    assert few in run(home, "add", "--card", card(home, "Ada")).stderr
    assert few in run(home, "add", "--card", card(home, "Zoe"), "--role", "council").stderr
    assert few in run(home, "show").stdout
    assert "Reports need" not in run(home, "add", "--card", card(home, "Bo")).stderr
    assert "Reports need" not in run(home, "show").stdout
    assert few in run(home, "retire", "Bo", "--json").stderr
    assert f"{few}: nobody can file one yet." in run(home, "show").stdout
    assert f"{few}: all go to the alternate" in run(home, "settings", "--alternate", "ab" * 16).stderr
    assert "Reports need" not in run(home, "settings", "--minimum", "1").stderr


def test_a_cards_words_are_shown_before_it_is_signed(home: Path) -> None:
    """Those that `desk init` printed: else nobody could compare them."""
    created(home)
    path = card(home, "Ada")
    key = msgspec.json.decode(Path(path).read_bytes(), type=rosters.HandlerCard).verify_key
    words = " ".join(fingerprint_words(key))
    added = run(home, "add", "--card", path, "--json")
    assert json.loads(added.stdout)["cards"] == [{"name": "Ada", "words": words}]
    assert f"  {words}\n     named Ada\n" in added.stderr
    rotated = run(home, "rotate", "Ada", "--card", card(home, "Ada"))
    assert "     named Ada\n" in rotated.stderr
    assert words not in rotated.stderr


def test_a_policy_starts_from_the_printed_baseline(home: Path) -> None:
    """Printed without a group; published as it is; a word missing in it is named."""
    example = CliRunner().invoke(main, ["group", "policy", "--example"])
    assert example.exit_code == 0, example.output
    created(home)
    file = home.parent / "policy.json"
    policy = json.loads(example.output)
    policy["issues"].append({"id": "doxxing", "title": "Doxxing", "text": "Publishing where somebody lives."})
    file.write_text(json.dumps(policy), encoding="utf-8")
    published = run(home, "policy", "--file", str(file), "--json")
    assert published.exit_code == 0, published.output
    del policy["issues"][-1]["text"]
    file.write_text(json.dumps(policy), encoding="utf-8")
    refused = run(home, "policy", "--file", str(file))
    assert (refused.exit_code, "missing required field `text`" in refused.output) == (3, True), refused.output


def test_a_name_that_reads_like_anothers_is_not_signed(home: Path) -> None:
    """Nor one that holds what can't be seen: a reporter could leave out the wrong person."""
    created(home)
    assert run(home, "add", "--card", card(home, "José")).exit_code == 0
    before = (home / CHAIN_FILE).read_bytes()
    twin = run(home, "add", "--card", card(home, "Jose\u0301"))
    old = home.parent / "old.json"
    old.write_bytes(msgspec.json.encode(Member.draw("Alice\u2028Bob").old_card()))
    for refused in (
        twin,
        run(home, "add", "--card", str(old)),
        run(home, "settings", "--name", "Au\u200brora"),
    ):
        assert refused.exit_code == 3
    assert "same name" in twin.output
    assert (home / CHAIN_FILE).read_bytes() == before
    assert run(home, "retire", "JOSE\u0301").exit_code == 0


def test_a_group_of_an_unseen_name_is_not_made(home: Path) -> None:
    result = run(home, "create", "--name", "Au\u2028rora", "--language", "en")
    assert result.exit_code == 3
    assert not (home / KEY_FILE).exists()


def test_the_key_file_is_its_owners(home: Path) -> None:
    """The root key is readable by its owner only and holds nothing in the clear."""
    created(home)
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600
    assert PASSPHRASE.encode() not in (home / KEY_FILE).read_bytes()


def test_nothing_is_signed_with_a_wrong_passphrase(home: Path) -> None:
    """Exit code 4, a sentence, and the chain as it was."""
    created(home)
    before = (home / CHAIN_FILE).read_bytes()
    result = run(home, "add", "--card", card(home, "Ada"), passphrase="wrong")
    assert result.exit_code == 4
    assert "passphrase is wrong" in result.output
    assert (home / CHAIN_FILE).read_bytes() == before


def test_a_group_is_made_before_anything_else(home: Path) -> None:
    """Said as such, and not as a file that can't be read; a chain that is lost is not called a new start."""
    for arguments in (
        ("show",),
        ("publish", "--server", "http://127.0.0.1:1"),
        ("retire", "Ada"),
        ("policy",),
    ):
        early = run(home, *arguments)
        assert (early.exit_code, "`sottovoce group create` makes one" in early.output) == (3, True), (
            early.output
        )
    created(home)
    (home / CHAIN_FILE).unlink()
    lost = run(home, "show")
    assert (lost.exit_code, "restore it from a backup" in lost.output) == (3, True), lost.output


def test_a_key_is_never_overwritten(home: Path) -> None:
    """Creating twice in one folder is refused and touches nothing."""
    created(home)
    before = (home / KEY_FILE).read_bytes()
    result = run(home, "create", "--name", "Other", "--language", "en")
    assert result.exit_code == 3
    assert (home / KEY_FILE).read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retire", "Nobody"), "nobody of that name"),
        (("rotate", "Nobody", "--card", "CARD"), "nobody of that name"),
        (("add", "--card", "MISSING"), "can't be read"),
        (("add", "--card", "NOT A CARD"), "card can't be read"),
        (("add", "--card", "FORGED"), "signature does not hold"),
        (("settings",), "say what to change"),
        (("settings", "--name", ""), "wrong form (name)"),
        (("settings", "--alternate", ""), "a group's id is 32 hexadecimal digits"),
        (("settings", "--alternate", "xyz"), "a group's id is 32 hexadecimal digits"),
        (("settings", "--alternate", "OWN"), "own alternate"),
        (("settings", "--language", "Klingon!"), "wrong form (languages)"),
        (("members", "--registry", "ab" * 16), "a registry's id is 64 hexadecimal digits"),
        (("members", "--registry", "ab" * 32, "--none"), "either"),
        (("members",), "either"),
        (("policy", "--file", "NOT A CARD"), "not a policy"),
        (("policy", "--file", "NOT TEXT"), "it is not UTF-8 text"),
        (("policy", "--file", "LOW"), "baseline"),
    ],
)
def test_mistakes_are_explained(home: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 3, a sentence about what is wrong, as JSON when asked for, and nothing signed."""
    from service.cases.policies import baseline

    group = created(home)
    nonsense, forged, low, binary = (home.parent / name for name in ("nonsense", "forged", "low", "binary"))
    nonsense.write_bytes(b"[]")
    binary.write_bytes(b"\xff\x00")
    ada = Member.draw("Ada").card()
    forged.write_bytes(msgspec.json.encode(msgspec.structs.replace(ada, pseudonym="Eve")))
    low.write_bytes(msgspec.json.encode(msgspec.structs.replace(baseline(), issues=())))
    names = {
        "CARD": card(home, "Ada"),
        "MISSING": str(home / "missing"),
        "NOT A CARD": str(nonsense),
        "NOT TEXT": str(binary),
        "FORGED": str(forged),
        "LOW": str(low),
        "OWN": group,
    }
    before = (home / CHAIN_FILE).read_bytes()
    result = run(home, *(names.get(a, a) for a in arguments), "--json")
    assert result.exit_code == 3, result.output
    problem = json.loads(result.output)
    assert said in problem["error"]
    assert problem["exit"] == 3
    assert (home / CHAIN_FILE).read_bytes() == before


def test_a_secret_in_an_argument_is_not_an_option() -> None:
    """There is no option that takes a passphrase itself."""
    for arguments in (["group"], ["group", "create"], ["group", "add"], ["serve"]):
        shown = CliRunner().invoke(main, [*arguments, "--help"]).output
        assert "--passphrase " not in shown
        assert "--password" not in shown


def test_publishing_sends_what_is_missing(home: Path, server: RunningServer) -> None:
    """The first time all, later the new ones, and nothing when there is nothing."""
    group = created(home)
    run(home, "add", "--card", card(home, "Ada"))

    def sent() -> int:
        result = run(home, "publish", "--server", server.base, "--json")
        assert result.exit_code == 0, result.output
        count: int = json.loads(result.output)["sent"]
        return count

    assert sent() == 2
    run(home, "retire", "Ada")
    assert [sent(), sent()] == [1, 0]
    with Client(server.base) as client:
        assert client.do(calls.roster(bytes.fromhex(group))).latest.active == ()


def test_two_holders_of_the_root_are_not_mixed_up(home: Path, server: RunningServer) -> None:
    """When another copy of the folder signed and published, publishing stops and says so."""
    created(home)
    first = (home / CHAIN_FILE).read_bytes()
    run(home, "add", "--card", card(home, "Ada"))
    run(home, "publish", "--server", server.base)
    (home / CHAIN_FILE).write_bytes(first)
    assert run(home, "publish", "--server", server.base).exit_code == 3
    run(home, "add", "--card", card(home, "Bo"))
    result = run(home, "publish", "--server", server.base)
    assert result.exit_code == 3
    assert "another holder" in result.output


def test_a_server_that_is_not_there_is_said(home: Path) -> None:
    """Exit code 5."""
    created(home)
    result = run(home, "publish", "--server", "http://127.0.0.1:1")
    assert result.exit_code == 5
    assert "can't be reached" in result.output
