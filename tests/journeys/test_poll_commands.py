"""The commands of a poll against a real server: from trustees' keys to an acknowledged result and a verified export."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from crypto.errors import Refused
from polls.archive import read
from polls.encoding import hash_hex
from service.booth.trustees import Contradiction, TrusteeHome
from service.desk.measures import Decision
from service.wire.client import AsyncClient, Client
from service.wire.registry_pins import load_chain, save_chain
from tests.support import belenios
from tests.support.desks import desk_at, home_of
from tests.support.poll_commands import MEMBERS, PASSPHRASE, PollTypists
from tests.support.server_polls import DAY
from tests.support.timed_server import TimedServer


@pytest.fixture
def server(forwarded_server: TimedServer) -> TimedServer:
    """One for all: each test has a group, members, a board and a poll of its own, at times after what is now."""
    return forwarded_server


@pytest.fixture
def world(
    tmp_path: Path, server: TimedServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> PollTypists:
    """A world whose commands share the server's clock, and stretch passphrases little."""
    from crypto import keyfiles

    monkeypatch.setattr(keyfiles.lock, "__defaults__", (keyfiles.Stretching(64, 1, 1),))
    real = time.time

    def now() -> float:
        return real() + float(server.shift.read_text(encoding="ascii"))

    for made in (Client.__init__, AsyncClient.__init__):
        assert made.__kwdefaults__ is not None
        monkeypatch.setitem(made.__kwdefaults__, "clock", now)
    monkeypatch.setattr("service.booth.trustee_cli.now_s", lambda: int(now()))
    return PollTypists(server, tmp_path, getattr(request, "param", MEMBERS))


@pytest.mark.slow
def test_from_keys_to_an_acknowledged_result_and_a_verified_export(
    world: PollTypists, tmp_path: Path
) -> None:
    """Each command does its part, says what it waits for, and refuses by name what isn't due."""
    desk, server = world.desk, world.server
    phi = world.create(world.ceremony(), quorum=3)
    world.shows_trustees("trustee", world.trustee(1), "prove", "--poll", phi)
    world.shows_trustees("poll", desk, "status", phi)
    assert "it is waiting" in world.refused("trustee", world.trustee(1), "decrypt", "--poll", phi)
    assert "only an open poll closes" in world.refused("poll", desk, "close", phi)
    assert "opens by itself" in world.run("poll", desk, "open", phi, "--server", server.base).output
    server.forward(700)
    receipts = [world.vote(phi, f"github.com/m{n}", option) for n, option in enumerate((1, 1, 2, 3, 0), 1)]
    told = world.at("poll", desk, "status", phi)
    assert (told["state"], told["waits"], told["options"][0]) == (
        "open",
        "It waits for its close.",
        "No action",
    )
    assert (
        "Quorum: 3. So few ballots" in world.run("poll", desk, "status", phi, "--server", server.base).output
    )
    assert "needs a poll that has closed" in world.refused("poll", desk, "tally", phi)
    server.forward(DAY)
    assert world.at("poll", desk, "tally", phi)["ballots"] == 5
    _all_agree_before_one_decrypts(world, phi)
    assert "no threshold" in _refused_desk(world, "result", phi)
    world.at("trustee", world.trustee(3), "decrypt", "--poll", phi)
    world.at("poll", desk, "deliver", phi, "--trustee-home", str(world.trustee(1)))
    result = world.does("desk", desk, "result", phi)
    assert result["sentence"] == (
        "5 of 6 voted. Only the outcome is told of this poll. Outcome: Written warning."
    )
    assert (result["counts"], result["signed_by"]) == (None, [1, 3])
    review = (datetime.fromtimestamp(server.clock(), UTC).date() + timedelta(days=90)).isoformat()
    assert result["review_on"] == review
    assert f"Looked at again on {review}.\n" in world.run("desk", desk, "result", phi).output
    done = tmp_path / "done.txt"
    done.write_text("A written warning was given.", encoding="utf-8")
    assert "acknowledge`" in _refused_desk(world, "implemented", phi, "--text-file", str(done))
    assert _awaited(world, f"`sottovoce desk result {phi}`") == [{"poll": phi, "word": "acknowledge"}]
    taken = world.run("desk", desk, "acknowledge", phi)
    assert (taken.exit_code, f"`sottovoce desk rollout {phi}`" in taken.stdout) == (0, True), taken.output
    assert world.does("desk", desk, "acknowledge", phi)["state"] == "acknowledged"
    rollout = world.does("desk", desk, "rollout", phi)
    assert (rollout["measure"], rollout["issues"]) == ("Written warning", ["Harassment"])
    letters = f"`sottovoce desk implemented {phi} --text-file …`; `desk rollout` has the letters."
    assert _awaited(world, letters) == [{"poll": phi, "word": "implemented"}]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.desk.polls_cli.sure", _no)
        said = _refused_desk(world, "implemented", phi, "--text-file", str(done))
    assert "Everyone will see this with the poll:\n\n    A written warning was given.\n" in said
    with _seen_as_done(world, phi):
        said = _refused_desk(world, "implemented", phi, "--text-file", str(done))
    assert "the server no longer shows what the council said" in said
    recorded = world.run("desk", desk, "implemented", phi, "--text-file", str(done))
    assert "after the next `sottovoce desk sync`" in recorded.stdout, recorded.output
    assert world.does("desk", desk, "implemented", phi, "--text-file", str(done))["state"] == "implemented"
    told = world.at("poll", desk, "status", phi)
    assert (told["acknowledged"]["by"], told["implemented"]["by"]) == ("Zoe", "Zoe")
    assert told["implemented"]["text"] == "A written warning was given."
    assert "A written warning was given.\nNo day is named on which it ends." in (
        world.run("poll", desk, "status", phi, "--server", server.base).output
    )
    assert _awaited(world, "items sent") == []
    assert world.does("desk", desk, "sync")["measures_due"] == 0
    [measure] = json.loads(world.run("desk", desk, "measures", "--json").stdout)
    assert (measure["poll"], measure["ahead"]) == (phi, [{"what": "review", "on": review}])
    _the_measure_ends(world, phi)
    paper = tmp_path / "receipt.json"
    paper.write_bytes(receipts[0])
    assert world.at("poll", desk, "check-receipt", str(paper))["found"] == "counted"
    files = world.at("poll", desk, "export", phi, "--out", str(tmp_path / "out"))
    judged = ["verify", files["archive"], "--manifest", files["manifest"], "--registry", files["registry"]]
    verified = world.does("poll", desk, *judged)
    assert (verified["passed"], verified["registry"]) == (True, world.community.id.hex())
    assert verified["registry_words"] in world.run("poll", desk, *judged).output
    _files_a_report(world, phi, tmp_path)
    evidence = Path(files["evidence"])
    evidence.write_bytes(evidence.read_bytes().replace(b'"outcome":1', b'"outcome":2'))
    assert world.run("poll", desk, *judged).exit_code == 3
    members = Path(files["registry"])
    registry, statements = load_chain(members) or (b"", ())
    save_chain(members, registry, (*statements[:-1], statements[-1][:-1] + bytes([statements[-1][-1] ^ 1])))
    said = world.run("poll", desk, *judged).output
    assert "did not sign it as it stands" in said
    assert "server" not in said


def _the_measure_ends(world: PollTypists, phi: str) -> None:
    """One member of the council says it in public, after a look at what everybody will see; all others learn it."""
    zoe, yan = world.desk, home_of(world.folder / "yan", world.server.base, world.group, "Yan", PASSPHRASE)
    world.does("desk", yan, "sync")
    assert len(json.loads(world.run("desk", yan, "measures", "--json").stdout)) == 1
    text = world.folder / "back.txt"
    text.write_text("Welcome back.", encoding="utf-8")
    world.does("desk", yan, "reviewed", phi, "--again", "2090-01-31")
    ended = ("reviewed", phi, "--ended", "--text-file", str(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.desk.measures_cli.sure", _no)
        said = _refused_desk(world, *ended)
    assert "Everyone will see this with the poll:\n\n  The measure has ended: signed by Zoe, " in said
    assert "\n    Welcome back.\n" in said
    status = world.at("poll", zoe, "status", phi)
    assert [(one["by"], one["again"]) for one in status["reviewed"]] == [("Yan", "2090-01-31")]
    assert world.run("desk", zoe, *ended).stdout == "Published.\n"
    assert "Zoe has said just that" in world.run("desk", zoe, *ended).stdout
    for home in (zoe, yan):
        world.does("desk", home, "sync")
        assert json.loads(world.run("desk", home, "measures", "--json").stdout) == []
    assert "has ended: nothing more is said of it (Zoe, " in world.run("desk", yan, *ended[:3]).stderr
    stranger = world.run("poll", zoe, "status", phi, "--server", world.server.base).output
    assert "It goes on, and is looked at again on 2090-01-31: signed by Yan, " in stranger
    assert "\nThe measure has ended: signed by Zoe, " in stranger
    assert stranger.endswith("\n  Welcome back.\n")


def test_a_damaged_prepared_poll_and_a_path_without_a_name_are_refused(world: PollTypists) -> None:
    """A sentence and an exit code; the damaged file stays, since the server may have its poll."""
    world.create(world.ceremony(), quorum=3)
    (kept,) = (world.desk / "polls").iterdir()
    again = ["create", "--file", str(world.folder / "poll-3.toml")]
    for damage in (bytes(100), b"{}", b'{"manifest":"\xff"}'):
        kept.write_bytes(damage)
        done = world.run("poll", world.desk, *again)
        assert (done.exit_code, f"polls/{kept.name}" in done.stderr) == (3, True), done.output
        assert kept.read_bytes() == damage
    for name in ("", "/", "."):
        done = world.run("poll", world.desk, "verify", name, "--manifest", "x", "--registry", "y")
        assert (done.exit_code, done.exception.__class__) in {(3, SystemExit), (2, SystemExit)}, done.output


@pytest.mark.slow
def test_below_the_quorum_trustees_decrypt_nothing(world: PollTypists) -> None:
    """They verify, decrypt nothing, and sign that no action is the outcome."""
    phi = world.create(world.ceremony(), quorum=4)
    world.server.forward(700)
    world.vote(phi, "github.com/m1", 2)
    world.server.forward(DAY)
    for n in (1, 2, 3, 1):
        told = world.at("trustee", world.trustee(n), "decrypt", "--poll", phi)
    assert any("nothing was decrypted" in each for each in told["did"])
    assert told["waits"] == []
    result = world.does("desk", world.desk, "result", phi)
    assert (result["quorum_met"], result["outcome"]) == (False, "No action")
    status = world.at("poll", world.desk, "status", phi)
    assert (status["agreed"], status["decrypted"]) == ([1, 2, 3], [])


def _twenty_vote(world: PollTypists) -> str:
    """Hold a poll of twenty to its end; gives its id."""
    phi = world.create(world.ceremony(), quorum=3)
    world.server.forward(700)
    for n, option in enumerate((1, 1, 2, 3), 1):
        world.vote(phi, f"github.com/m{n}", option)
    world.server.forward(DAY)
    _two_go_on_without_the_third(world, phi)
    return phi


@pytest.mark.slow
@pytest.mark.parametrize("world", [21], indirect=True)
def test_of_twenty_members_the_council_alone_learns_the_counts(world: PollTypists, tmp_path: Path) -> None:
    """In a sentence and a plot, and in its export with decryptions."""
    desk = world.desk
    phi = _twenty_vote(world)
    picture = tmp_path / "plot.svg"
    result = world.does("desk", desk, "result", phi, "--plot", str(picture))
    assert result["sentence"] == (
        "4 of 20 voted. At least Written warning: 3 of 3; at least Three-month suspension: 1 of 3. "
        "Abstained: 1. Outcome: Written warning."
    )
    drawn = picture.read_text(encoding="utf-8")
    assert drawn.startswith("<svg ")
    assert drawn.endswith("</svg>\n")
    assert "Written warning (outcome)" in drawn
    everyone = world.at("poll", desk, "export", phi, "--out", str(tmp_path / "everyone"))
    council = world.at("poll", desk, "export", phi, "--out", str(tmp_path / "council"), "--council")
    for files, counts in ((everyone, False), (council, True)):
        judged = [
            "verify",
            files["archive"],
            "--manifest",
            files["manifest"],
            "--registry",
            files["registry"],
        ]
        checks = world.does("poll", desk, *judged)["checks"]
        # What everybody can export has no counts; they rest on the trustees' signatures.
        assert any(each["name"] == "counts" for each in checks) is counts
        assert (read(Path(files["archive"]).read_bytes()).result is not None) is counts


@pytest.fixture
def ed25519_tool() -> str:
    return belenios.ed25519_tool()


@pytest.mark.slow
@pytest.mark.parametrize("world", [21], indirect=True)
def test_belenios_tool_accepts_what_is_exported(
    ed25519_tool: str, world: PollTypists, tmp_path: Path
) -> None:
    """Everybody's export, and the council's with its decryptions."""
    phi = _twenty_vote(world)
    for name, more in (("everyone", ()), ("council", ("--council",))):
        world.at("poll", world.desk, "export", phi, "--out", str(tmp_path / name), *more)
        belenios.check_accepted(ed25519_tool, tmp_path / name)


def test_a_trustee_says_nothing_twice_in_two_ways(tmp_path: Path) -> None:
    """A second message of a step, tally or outcome is refused, also after a restart; the same again is not."""
    home, other = TrusteeHome(tmp_path, None), hash_hex(b"other")
    home.will_say(bytes(16), "certificate", hash_hex(b"one"))
    home.will_tell(bytes(32), tally=hash_hex(b"one"))
    home.will_tell(bytes(32), agreement=hash_hex(b"one"))
    home.will_tell(bytes(32), outcome=hash_hex(b"one"))
    again = TrusteeHome(tmp_path, None)
    again.will_say(bytes(16), "certificate", hash_hex(b"one"))
    again.will_tell(bytes(32), tally=hash_hex(b"one"), outcome=hash_hex(b"one"))
    with pytest.raises(Contradiction):
        again.will_say(bytes(16), "certificate", other)
    with pytest.raises(Contradiction):
        again.will_tell(bytes(32), tally=other)
    with pytest.raises(Contradiction):
        again.will_tell(bytes(32), agreement=other)
    with pytest.raises(Contradiction):
        again.will_tell(bytes(32), outcome=other)


def _all_agree_before_one_decrypts(world: PollTypists, phi: str) -> None:
    """Of two of three all three have to verify the same board; the words are the same for all, and shown again."""
    told = [world.at("trustee", world.trustee(n), "decrypt", "--poll", phi) for n in (1, 3)]
    assert [each["waits"] for each in told] == [
        [f"Waits for {missing} to verify the same board. Run this again then."]
        for missing in ("2 more trustees", "1 more trustee")
    ]
    status = world.at("poll", world.desk, "status", phi)
    assert (status["agreed"], status["decrypted"]) == ([1, 3], [])
    shown = world.run("poll", world.desk, "status", phi, "--server", world.server.base).output
    assert "Trustees who verified the board: 1, 3\nTrustees who decrypted: none\n" in shown
    summed = world.run("poll", world.desk, "tally", phi, "--server", world.server.base).output
    assert "2 trustees have verified the board; 1 more is needed: `sottovoce trustee decrypt`." in summed
    last = world.at("trustee", world.trustee(2), "decrypt", "--poll", phi)
    assert last["waits"] == ["Waits for 1 more trustee to decrypt. Run this again then."]
    assert len(last["words"].split()) == 16
    assert {each["words"] for each in told} == {last["words"]}
    assert world.does("trustee", world.trustee(1), "status")["polls"][phi] == {
        "decrypted or verified": True,
        "agreed": True,
        "signed": False,
        "words": last["words"],
    }


def _two_go_on_without_the_third(world: PollTypists, phi: str) -> None:
    """One trustee's seed is lost. The others read the words to each other, and each of them says so."""
    command = ("decrypt", "--poll", phi)
    assert "not shown here yet" in world.refused("trustee", world.trustee(2), *command, "--words-compared")
    for n in (2, 3, 2):
        assert "to verify the same board" in world.at("trustee", world.trustee(n), *command)["waits"][0]
    assert world.at("poll", world.desk, "status", phi)["decrypted"] == []
    for n in (2, 3):
        told = world.at("trustee", world.trustee(n), *command, "--words-compared")
        assert any("On your word that you compared its words" in each for each in told["did"])
    assert world.at("trustee", world.trustee(2), *command)["waits"] == []


def _files_a_report(world: PollTypists, phi: str, folder: Path) -> None:
    """A verifier's report is kept word for word, once; what is no report is refused before anything is sent."""
    assert world.at("poll", world.desk, "reports", phi)["reports"] == []
    report = folder / "report.txt"
    for wrong, told in ((b"", "characters"), (b"\xff", "UTF-8"), (("é" * 16_385).encode(), "characters")):
        report.write_bytes(wrong)
        assert told in world.run("poll", world.desk, "file-report", phi, "--text-file", str(report)).stderr
    report.write_text("All of it holds.\n-----BEGIN SSH SIGNATURE-----\n", encoding="utf-8")
    for _ in range(2):
        filed = world.does("poll", world.desk, "file-report", phi, "--text-file", str(report))
        assert filed["reports"] == 1
    told_again = world.at("poll", world.desk, "reports", phi)["reports"]
    assert told_again == ["All of it holds.\n-----BEGIN SSH SIGNATURE-----\n"]


def _awaited(world: PollTypists, said: str) -> list[dict[str, str]]:
    """Sync the council's desk, see that it says so, and give what waits for the council."""
    assert said in world.run("desk", world.desk, "sync").output
    found: list[dict[str, str]] = world.does("desk", world.desk, "sync")["results_waiting"]
    return found


def _no(_question: str) -> None:
    raise Refused("nothing was done")


@contextmanager
def _seen_as_done(world: PollTypists, phi: str) -> Iterator[None]:
    """What the desk has kept is as if it had seen a colleague's word on what was done, which the server then hides."""
    with desk_at(world.desk, world.group, "Zoe") as zoe:
        kept = zoe.vault.get("decision", bytes.fromhex(phi), Decision)
        assert kept is not None
        zoe.vault.put("decision", bytes.fromhex(phi), msgspec.structs.replace(kept, recorded=True))
        yield
        zoe.vault.put("decision", bytes.fromhex(phi), kept)


def _refused_desk(world: PollTypists, *arguments: str) -> str:
    done = world.run("desk", world.desk, *arguments)
    assert done.exit_code == 3, done.output
    return done.stderr
