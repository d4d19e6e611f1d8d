"""`sottovoce report` and `sottovoce mailbox` against the real server, as typed, with right and with wrong input."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from crypto.codes import ReplyCode, address_of, claim_of, from_words, mailbox_of
from crypto.entropy import system
from crypto.labels import Label
from crypto.letters import LETTER_PLAINTEXT, seal_letter
from crypto.seal import seal
from service.cli import main
from service.desk import actions
from service.wire import calls, shapes
from service.wire.client import Client
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.server import RunningServer

NOW = 1_900_000_000
REPORT = 'what = "It happened, and 再び."\nlanguage = "ja"\nwho = [{platform="irc", handle="x"}]\n'


@pytest.fixture(scope="module")
def groups(server: RunningServer) -> tuple[Group, Group]:
    with Client(server.base) as client:
        other = Group.draw("Borealis", ["Dan", "Ada", "Eve"])
        other.found(client)
        group = Group.draw(alternate=other.id)
        group.found(client)
    return group, other


def run(
    server: RunningServer, group: Group, name: str, *arguments: object, typed: str | None = None
) -> Result:
    options = ["--server", server.base, "--group", group.id.hex()]
    return CliRunner().invoke(main, [name, *options, *map(str, arguments)], input=typed)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    file = tmp_path / "report.toml"
    file.write_text(REPORT, encoding="utf-8")
    return file


def test_a_report_is_filed_answered_and_answered_again(
    tmp_path: Path, server: RunningServer, groups: tuple[Group, Group], answers: Path
) -> None:
    """File with a photograph, one left out; read the letter; new code; the old one opens nothing."""
    group, _ = groups
    exif = Image.Exif()
    exif[0x010F] = "CANARYPHONE"
    out = io.BytesIO()
    Image.new("RGB", (30, 20)).save(out, "JPEG", exif=exif)
    (tmp_path / "photo.jpg").write_bytes(out.getvalue())
    photo = tmp_path / "photo.jpg"
    filed = run(
        server, group, "report", "--file", answers, "--leave-out", "cy", "--attach", photo, "--yes", "--json",
        "--receipt-file", tmp_path / "receipt.json",
    )  # fmt: skip
    assert filed.exit_code == 0, filed.output
    told = json.loads(filed.stdout)
    assert told["recipients"] == "Ada, Bo"
    assert told["removed"] == ["camera"]
    assert json.loads((tmp_path / "receipt.json").read_text())["day"] == told["day"]
    with Client(server.base) as client, desk_of(tmp_path, server.base, group, "Ada") as ada:
        synced(ada, client, NOW)
        case = next(case for case in ada.cases().values() if case.first.language == "ja")
        assert b"CANARYPHONE" not in ada.file_of(case.first, 0)
        assert len(case.first.recipients) == 2
        ada.enqueue(
            actions.write_letter(
                ada.desk(NOW + 1), case, group.histories, "Who else was there?", question=True
            )
        )
        synced(ada, client, NOW + 1)
        words = " ".join(word[:4] for word in told["code"])
        for name, text in (("code.txt", words), ("message.txt", "Somebody called Q.")):
            (tmp_path / name).write_text(text, encoding="utf-8-sig")  # as some editors save it
        opened = run(
            server, group, "mailbox", "--code-file", tmp_path / "code.txt", "--message-file", tmp_path / "message.txt",
            "--yes-i-wrote-it-down", "--json", "--words", "spanish",
        )  # fmt: skip
        assert opened.exit_code == 0, opened.output
        read = json.loads(opened.stdout)
        assert [(letter["text"], letter["known"]) for letter in read["letters"]] == [
            ("Who else was there?", True)
        ]
        assert from_words(" ".join(read["code"]), "spanish") != from_words(" ".join(told["code"]))
        synced(ada, client, NOW + 2)
        case = next(
            case for case in ada.cases().values() if case.first.id == case.first.id and case.follow_ups
        )
        [answer] = case.follow_ups
        assert answer.headline == "Somebody called Q."

    as_json = ("--yes-i-wrote-it-down", "--json")
    again = run(server, group, "mailbox", "--code-file", tmp_path / "code.txt", *as_json)
    (tmp_path / "wrong.txt").write_text("abandon " * 11 + "about")
    never = run(server, group, "mailbox", "--code-file", tmp_path / "wrong.txt", *as_json)
    assert again.exit_code == never.exit_code == 0
    assert again.stdout == never.stdout


def test_what_is_no_letter_locks_nobody_out(
    tmp_path: Path, server: RunningServer, groups: tuple[Group, Group], answers: Path
) -> None:
    """A rogue handler fills a mailbox with what doesn't open, or opens and isn't padded or isn't a letter.

    The letter behind all of it is read, and the code is used up.
    """
    group, _ = groups
    told = json.loads(run(server, group, "report", "--file", answers, "--yes", "--json").stdout)
    code = from_words(" ".join(told["code"]))
    address = address_of(claim_of(code)).hex()
    noise = seal_letter(mailbox_of(ReplyCode(system(16))).public_key(), b"for somebody else")
    mailbox_key = mailbox_of(code).public_key()
    empty = seal_letter(mailbox_key, b"opens, and is no letter")
    unpadded = seal(mailbox_key, b"\xff" * LETTER_PLAINTEXT, label=Label.SEAL_LETTER, context=b"")
    with Client(server.base) as client, desk_of(tmp_path, server.base, group, "Bo") as bo:
        synced(bo, client, NOW)
        rogue = (*[empty] * 7, unpadded, noise)
        posts = [shapes.PostLetter(system(16).hex(), address, letter) for letter in rogue]
        client.do(calls.batch(group.signer("Ada"), posts))
        case = next(case for case in bo.cases().values() if case.mailbox_address == address)
        bo.enqueue(actions.write_letter(bo.desk(NOW + 1), case, group.histories, "An honest letter."))
        synced(bo, client, NOW + 1)
    (tmp_path / "code.txt").write_text(" ".join(told["code"]))
    (tmp_path / "message.txt").write_text("Thank you.")
    opened = run(
        server, group, "mailbox", "--code-file", tmp_path / "code.txt", "--message-file", tmp_path / "message.txt",
        "--yes-i-wrote-it-down", "--json",
    )  # fmt: skip
    assert opened.exit_code == 0, opened.output
    assert [letter["text"] for letter in json.loads(opened.stdout)["letters"]] == ["An honest letter."]


def test_the_questions_can_be_answered_on_a_terminal(
    server: RunningServer, groups: tuple[Group, Group]
) -> None:
    """Kind, what, and Enter for everything else; then the two words of the new code."""
    group, _ = groups
    typed = "\n".join(["", "1", "I need help.", ".", "", "", "", ".", ".", ".", ".", "1", "y", ""])
    filed = run(server, group, "report", typed=typed)
    assert filed.exit_code == 0, filed.output
    assert "Ada" in filed.output
    assert " 12. " in filed.output
    assert "shown once" in filed.output


def test_answers_too_long_together_are_shortened_and_not_lost(
    server: RunningServer, groups: tuple[Group, Group]
) -> None:
    """On a terminal only the longest is asked for again."""
    group, _ = groups
    wide = "\U00020000"
    links, others = [wide * 1_999] * 50, [wide * 299] * 50
    told = ["", "1", wide * 100_000, ".", "", "", "", *links, ".", *others, ".", ".", ".", "1"]
    typed = "\n".join([*told, "I need help.", ".", "y", ""])
    filed = run(server, group, "report", typed=typed)
    assert filed.exit_code == 0, filed.output
    assert "the others are kept" in filed.output
    assert "shown once" in filed.output


def test_too_few_left_goes_to_the_alternate_group(
    server: RunningServer, groups: tuple[Group, Group], answers: Path
) -> None:
    """And the reporter is told so before it goes. Who was left out and is in that group too stays out."""
    group, _ = groups
    filed = run(
        server,
        group,
        "report",
        "--file",
        answers,
        "--leave-out",
        "Ada",
        "--leave-out",
        "Bo",
        "--yes",
        "--json",
    )
    assert filed.exit_code == 0, filed.output
    assert json.loads(filed.stdout)["recipients"] == "Borealis instead (Dan, Eve)"


def test_wrong_input_gets_a_sentence_and_loses_nothing(
    tmp_path: Path, server: RunningServer, groups: tuple[Group, Group], answers: Path
) -> None:
    """Each with its exit code; no traceback, and no word that was typed is repeated."""
    group, _ = groups
    (tmp_path / "typo.txt").write_text("qqqzzz " + "abandon " * 11)
    (tmp_path / "short.txt").write_text("abandon about")
    (tmp_path / "bad.toml").write_text('what = "x"\nwhatt = "secretword"\n')
    (tmp_path / "language.toml").write_text('what = "x"\nlanguage = "no language"\n')
    (tmp_path / "blob.bin").write_bytes(b"\x00\x01")
    (tmp_path / "big.txt").write_bytes(b"a" * (8 << 20))
    file = ("--file", answers, "--yes")
    for name, arguments, code, told in (
        ("report", (*file, "--leave-out", "Zoe"), 3, "names to leave out"),
        (
            "report",
            ("--file", tmp_path / "bad.toml", "--yes"),
            3,
            "bad.toml: the file's answers don't fit: Object contains unknown field `whatt`",
        ),
        ("report", ("--file", tmp_path / "none.toml", "--yes"), 3, "can't be read"),
        ("report", (*file, "--attach", tmp_path / "blob.bin"), 3, "can't be cleaned"),
        ("report", (*file, "--attach", tmp_path / "big.txt"), 3, "8 MiB"),
        ("report", ("--file", tmp_path / "language.toml", "--yes"), 3, "language"),
        ("mailbox", ("--code-file", tmp_path / "typo.txt"), 3, "1"),
        ("mailbox", ("--code-file", tmp_path / "short.txt"), 3, "12 words"),
        ("mailbox", ("--code-file", tmp_path / "none.txt"), 3, "can't be read"),
    ):
        answer = run(server, group, name, *arguments)
        assert answer.exit_code == code, (arguments, answer.output)
        assert told in answer.output
        assert not any(word in answer.output for word in ("Traceback", "qqqzzz", "secretword"))
    options = ["--file", str(answers), "--yes"]
    no_group = CliRunner().invoke(main, ["report", "--server", server.base, "--group", "xyz", *options])
    assert no_group.exit_code == 3
    (tmp_path / "member").mkdir()
    (tmp_path / "member" / "member.key").touch()  # which is not looked into before the poll is
    for typed in (
        ["report", "--server", server.base, "--group", "0" * 32, *options],
        ["vote", "0" * 64, "--server", server.base, "--home", str(tmp_path / "member")],
        ["poll", "status", "0" * 64, "--server", server.base],
    ):
        missing = CliRunner().invoke(main, typed)
        assert missing.exit_code == 6
        assert "This server has no" in missing.output, (typed, missing.output)
    plain = CliRunner().invoke(
        main, ["report", "--server", "http://example.org", "--group", "0" * 32, *options]
    )
    assert plain.exit_code == 3
    assert "https" in plain.output


def test_the_example_can_be_filed(tmp_path: Path, server: RunningServer, groups: tuple[Group, Group]) -> None:
    """What --example prints is a report.toml."""
    group, _ = groups
    example = CliRunner().invoke(main, ["report", "--example"])
    assert example.exit_code == 0
    (tmp_path / "report.toml").write_text(example.output, encoding="utf-8")
    filed = run(server, group, "report", "--file", tmp_path / "report.toml", "--yes", "--json")
    assert filed.exit_code == 0, filed.output
