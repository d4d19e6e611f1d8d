"""Reading and burning a mailbox that a rogue recipient writes to as well: no honest letter is hidden or lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crypto.codes import ReplyCode, claim_of, to_words
from crypto.entropy import system
from service.cli import main
from service.reporter import answering
from service.reporter.mailboxes import NO_GROUP, read_mailbox, read_next
from service.wire import calls
from service.wire.admitting import Admission
from service.wire.client import Client
from tests.support.groups import Group, burned
from tests.support.letters import junk, posting, sealed_letter
from tests.support.server import RunningServer, running_server

pytestmark = pytest.mark.xdist_group("mailboxes")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With these tests' groups alone: who reads a mailbox fetches the lists of all that a server has."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def code() -> ReplyCode:
    return ReplyCode.draw(system)


def put(client: Client, group: Group, code: ReplyCode, *letters: bytes) -> None:
    """Post letters as Bo, who read the report."""
    answer = client.do(calls.batch(group.signer("Bo"), posting(code, letters)))
    assert {outcome.outcome for outcome in answer.outcomes} == {"done"}


def read(client: Client, code: ReplyCode) -> tuple[list[str], int]:
    with Admission(client, NO_GROUP, "mailbox") as admission:
        letters, seen = read_mailbox(client, code, admission)
    return [letter.text for letter in letters], seen


def invoke(
    server: RunningServer,
    group: Group,
    code: ReplyCode,
    folder: Path,
    *options: str,
    typed: str | None = None,
) -> Result:
    """`sottovoce mailbox` with the code in a file; `My answer.` is in message.txt."""
    (folder / "code.txt").write_text(" ".join(to_words(code)))
    (folder / "message.txt").write_text("My answer.")
    words = [
        "mailbox", "--server", server.base, "--group", group.id.hex(), "--code-file", folder / "code.txt",
        "--yes-i-wrote-it-down", *options,
    ]  # fmt: skip
    return CliRunner().invoke(main, [str(word) for word in words], input=typed)


def run(server: RunningServer, group: Group, code: ReplyCode, folder: Path, *options: str) -> dict[str, Any]:
    """`sottovoce mailbox` with an answer; what it printed."""
    done = invoke(
        server, group, code, folder, "--json", "--message-file", str(folder / "message.txt"), *options
    )
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def received(client: Client, group: Group) -> dict[str, int]:
    """How many follow-ups each handler of a group is shown."""
    return {m.name: len(client.do(calls.feed(group.signer(m.name))).entries) for m in group.handlers}


def test_a_letter_behind_a_page_of_junk_is_read(client: Client, group: Group, code: ReplyCode) -> None:
    """Eight pieces of junk fill the first page; the letter is on the second, another one on the last."""
    put(client, group, code, *(junk() for _ in range(8)), sealed_letter(code, group, "Ada", "Are you safe?"))
    assert read(client, code) == (["Are you safe?"], 9)
    put(client, group, code, *(junk() for _ in range(54)), sealed_letter(code, group, "Ada", "And now?"))
    assert read(client, code) == (["Are you safe?", "And now?"], 64)


def test_an_empty_a_full_and_a_wrong_mailbox_are_asked_for_alike(
    client: Client, group: Group, code: ReplyCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pages in the same order, so that what the server sees doesn't tell whether answers came."""
    put(client, group, code, sealed_letter(code, group, "Ada", "One."))
    asked: list[int] = []
    real = calls.open_mailbox

    def noted(claim: Any, page: int = 0, *, admission: str) -> Any:
        asked.append(page)
        return real(claim, page, admission=admission)

    monkeypatch.setattr(calls, "open_mailbox", noted)
    assert read(client, code) == (["One."], 1)
    with_letters = list(asked)
    asked.clear()
    assert read(client, ReplyCode.draw(system)) == ([], 0)
    assert asked == with_letters
    assert sorted(asked) == list(range(8))


def test_unread_means_one_slot_more_and_it_is_looked_at(
    client: Client, group: Group, code: ReplyCode
) -> None:
    """Junk behind the last letter costs a request each; a letter among it is found, and all before it is counted."""
    put(client, group, code, sealed_letter(code, group, "Ada", "One."), junk(), junk())
    assert read(client, code) == (["One."], 1)
    put(client, group, code, sealed_letter(code, group, "Ada", "Two."), junk())
    with Admission(client, NO_GROUP, "mailbox") as admission:
        came, seen = read_next(client, code, 1, admission)
        assert ([letter.text for letter in came], seen) == (["Two."], 4)
        assert burned(client, group, claim_of(code), seen, group.seal()) is None
        assert read_next(client, code, seen, admission) == ([], 5)
    assert burned(client, group, claim_of(code), 5, group.seal()) is not None


def test_a_letter_that_comes_while_junk_is_counted_is_shown_and_not_burned_unread(
    tmp_path: Path, server: RunningServer, client: Client, group: Group, code: ReplyCode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Junk behind the last letter makes the server say "unread"; whenever an honest letter comes then, it is read."""
    put(client, group, code, sealed_letter(code, group, "Ada", "First."), *(junk() for _ in range(9)))
    real = answering._burn
    burns: list[bool] = []

    def burn(*arguments: Any) -> bool:
        if len(burns) in {1, 9, 10}:  # just before the request, after everything was looked at
            put(client, group, code, sealed_letter(code, group, "Ada", f"Before burn {len(burns)}."))
        burns.append(real(*arguments))
        return burns[-1]

    monkeypatch.setattr(answering, "_burn", burn)
    told = run(server, group, code, tmp_path)
    texts = [letter["text"] for letter in told["letters"]]
    assert texts[:2] == ["First.", "Before burn 1."]
    assert len(texts) == 1 + sum(len(burns) > at for at in (1, 9, 10))
    assert burns[-1]
    assert read(client, code) == ([], 0)
    feed = client.do(calls.feed(group.signer("Ada")))
    assert [entry.follow_up for entry in feed.entries] == ["first"]


def test_a_mailbox_full_of_junk_locks_nobody_out(
    tmp_path: Path, server: RunningServer, client: Client, group: Group, code: ReplyCode
) -> None:
    """All 64 slots are junk but the first: it takes longer, and the code is used up."""
    put(client, group, code, sealed_letter(code, group, "Ada", "First."), *(junk() for _ in range(63)))
    told = run(server, group, code, tmp_path)
    assert [letter["text"] for letter in told["letters"]] == ["First."]
    assert read(client, code) == ([], 0)


def test_no_later_letter_takes_an_answer_to_another_group(
    tmp_path: Path, server: RunningServer, client: Client, group: Group, code: ReplyCode
) -> None:
    """The answer goes where the first letter came from, to those whom its newest letter names, and says so."""
    other, missing = Group.draw("Borealis", ["Bo", "Xi"]), Group.draw("Missing")
    other.found(client)
    named = [group.member("Ada"), group.member("Cy")]
    put(
        client, group, code,
        sealed_letter(code, missing, "Ada", "From nowhere."),
        sealed_letter(code, group, "Ada", "Thank you."),
        sealed_letter(code, group, "Ada", "Bo stepped out.", named),
        sealed_letter(code, other, "Bo", "Tell me more.", [other.member("Bo")]),
    )  # fmt: skip
    told = run(server, group, code, tmp_path)
    assert [letter["known"] for letter in told["letters"]] == [False, True, True, True]
    assert told["recipients"] == "Aurora: Ada, Cy"
    entries = {
        name: len(client.do(calls.feed(of.signer(name))).entries)
        for of, name in ((group, "Ada"), (group, "Bo"), (group, "Cy"), (other, "Xi"))
    }
    assert entries == {"Ada": 1, "Bo": 0, "Cy": 1, "Xi": 0}


def test_an_answer_leaves_out_whom_the_reporter_names_whatever_a_letter_says(
    tmp_path: Path, server: RunningServer, client: Client, group: Group, code: ReplyCode
) -> None:
    """By name, in any spelling; somebody nobody knows, and leaving out all of them, is refused with nothing sent."""
    put(client, group, code, sealed_letter(code, group, "Bo", "Tell us all."))
    in_file = ("--json", "--message-file", str(tmp_path / "message.txt"))
    for names, reason in ((["Zoe"], "not in the list"), (["Ada", "Bo", "Cy"], "nobody is left")):
        options = [word for name in names for word in ("--leave-out", name)]
        refused = invoke(server, group, code, tmp_path, *in_file, *options)
        assert (refused.exit_code, refused.stdout) == (3, "")
        assert reason in refused.stderr
    assert run(server, group, code, tmp_path, "--leave-out", "cy")["recipients"] == "Aurora: Ada, Bo"
    assert received(client, group) == {"Ada": 1, "Bo": 1, "Cy": 0}


def test_with_no_letter_the_reporter_says_who_is_left_out_before_anything_is_written(
    tmp_path: Path, server: RunningServer, client: Client, group: Group, code: ReplyCode
) -> None:
    """Everybody is named first, and asked for; the one who was left out of the report is left out of the message."""
    typed = "y\nCy\n\nCy came to my house.\n.\ny\n"
    done = invoke(server, group, code, tmp_path, typed=typed)
    assert done.exit_code == 0, done.output
    told = done.stderr
    assert (
        told.index("  - Cy")
        < told.index("It goes to: Ada, Bo.")
        < told.index("Do you want to write something?")
    )
    assert "nothing shows that your code is right" in told
    assert received(client, group) == {"Ada": 1, "Bo": 1, "Cy": 0}


def test_with_no_letter_nothing_goes_unless_somebody_wants_it(
    tmp_path: Path, server: RunningServer, client: Client, group: Group, code: ReplyCode
) -> None:
    """To write at all, and to send it, are asked; Enter at the first ends there."""
    for typed, exit_code, told in (
        ("\n", 0, "Your code stays as it is."),
        ("y\n\n.\n", 0, "Your code stays as it is."),
        ("y\n\nHello.\n.\nn\ny\n", 3, "nothing was sent"),
    ):
        done = invoke(server, group, code, tmp_path, typed=typed)
        assert done.exit_code == exit_code, done.output
        assert told in done.output
    assert received(client, group) == {"Ada": 0, "Bo": 0, "Cy": 0}


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_with_no_letter_a_message_from_a_file_says_by_option_whom_it_leaves_out(
    tmp_path: Path,
    server: RunningServer,
    client: Client,
    group: Group,
    code: ReplyCode,
    json_too: tuple[str, ...],
) -> None:
    """Without one nothing is sent; both at once are wrong usage."""
    in_file = (*json_too, "--message-file", str(tmp_path / "message.txt"))
    refused = invoke(server, group, code, tmp_path, *in_file)
    assert refused.exit_code == 3
    assert "--to-everybody" in refused.stderr
    both = invoke(server, group, code, tmp_path, *in_file, "--to-everybody", "--leave-out", "Cy")
    assert both.exit_code == 2
    assert received(client, group) == {"Ada": 0, "Bo": 0, "Cy": 0}
    assert invoke(server, group, code, tmp_path, *in_file, "--leave-out", "Cy").exit_code == 0
    assert received(client, group) == {"Ada": 1, "Bo": 1, "Cy": 0}
    assert invoke(server, group, ReplyCode.draw(system), tmp_path, *in_file, "--to-everybody").exit_code == 0
    assert received(client, group) == {"Ada": 2, "Bo": 2, "Cy": 1}
