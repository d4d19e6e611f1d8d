"""The whole loop over real HTTP, on both stores: a sealed report goes in, an answer comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from crypto.codes import ReplyCode, mailbox_of
from crypto.entropy import system
from service.cases.answers import Answers
from service.cases.attachments import clean
from service.cases.log import Note
from service.cases.reports import File, Person, Report
from service.desk import actions
from service.desk.readers import readers
from service.wire import calls
from service.wire.client import Client
from service.wire.failures import Declined
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.photographs import photograph
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

WORDS = (
    "أرسل إليّ رسائل تهديد كل ليلة.\n"
    "毎晩、脅迫のメッセージを送ってきます。\n"
    "Er schickt mir jede Nacht Drohungen – und ich weiß nicht, wem ich trauen kann."
)
NOW = 1_900_000_000


@pytest.fixture
def server(server_on_each_store: RunningServer) -> RunningServer:
    return server_on_each_store


def test_a_report_is_answered_and_whoever_was_left_out_learns_nothing(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """Three scripts, a photograph, one handler left out; answer, new code, answer to it; the old code opens nothing."""
    original = photograph()
    assert len(original) > 4_500_000
    cleaned = clean(original)
    assert "place (GPS)" in cleaned.removed
    assert b"CANARYPHONE" not in cleaned.content
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Bo") as bo,
        desk_of(tmp_path, server.base, group, "Cy") as cy,
    ):
        synced(cy, client, NOW)
        before = seen_by(client, group, "Cy")
        reporter = Reporter(client, group)
        answers = Answers(what=WORDS, who=(Person(platform="github", handle="somebody"),), language="de")
        reporter.report(answers, [File("picture.jpg", cleaned.media_type, cleaned.content)], to=("Ada", "Bo"))

        assert synced(ada, client, NOW).new_reports == 1
        assert synced(bo, client, NOW).new_reports == 1
        case = next(iter(ada.cases().values()))
        body = ada.body_of(case.first).content
        assert isinstance(body, Report)
        assert body.what == WORDS
        assert ada.file_of(case.first, 0) == cleaned.content
        assert next(iter(bo.cases().values())).first.id == case.first.id

        ada.enqueue(
            actions.write_letter(
                ada.desk(NOW + 1), case, group.histories, "Danke. Sind Sie sicher?", question=True
            )
        )
        bo.enqueue([actions.log(bo.desk(NOW + 1), case.first, Note(text="I know the channel."))])
        synced(ada, client, NOW + 2)
        synced(bo, client, NOW + 2)
        synced(ada, client, NOW + 3)
        mine, theirs = next(iter(ada.cases().values())), next(iter(bo.cases().values()))
        assert [e.id for e in mine.state.entries] == [e.id for e in theirs.state.entries]
        assert len(mine.state.notes) == len(mine.state.letters) == 1
        with desk_of(
            tmp_path / "new", server.base, group, "Bo"
        ) as elsewhere:  # which fetches all of it an hour later
            synced(elsewhere, client, NOW + 3_600)
            cases = (mine, theirs, next(iter(elsewhere.cases().values())))
            assert not any(one.waiting_for_answer for one in cases)

        [letter] = reporter.letters()
        assert letter.text == "Danke. Sind Sie sicher?"
        assert group.roster.by_verify_key(bytes.fromhex(letter.author_key)) is not None
        assert set(letter.recipients) == {group.member(name).key_id.hex() for name in ("Ada", "Bo")}

        used, new = reporter.code, ReplyCode.draw(system)
        assert reporter.burn(reporter.prepared(new, 1, "Ja, heute Nacht.", to=("Ada", "Bo")), 1) is not None
        assert reporter.letters(used) == []

        assert synced(ada, client, NOW + 5).new_follow_ups == 1
        case = next(iter(ada.cases().values()))
        assert len(case.follow_ups) == 1
        assert case.waiting_for_answer
        ada.enqueue(actions.set_state(ada.desk(NOW + 6), case, group.histories, "looking"))
        synced(ada, client, NOW + 7)
        [told] = reporter.letters()
        assert told.state == "looking"

        assert synced(cy, client, NOW + 9).new_reports == 0
        assert seen_by(client, group, "Cy") == before


def seen_by(client: Client, group: Group, name: str) -> list[object]:
    """All that the server ever answers to one handler, byte for byte."""
    signer = group.signer(name)
    lists = (calls.feed(signer), calls.activity(signer), calls.roster(group.id), calls.groups())
    answers: list[object] = [client.do(replace(call, parse=bytes)) for call in lists]  # type: ignore[arg-type]
    for report in (bytes(16), b"\1" * 16):
        for call in (calls.fetch_report(signer, group.id, report), calls.read_log(signer, group.id, report)):
            with pytest.raises(Declined) as problem:
                client.do(call)
            answers.append((problem.value.kind, problem.value.status))
    return answers


def test_nobody_gives_a_reporter_s_mailbox_another_key(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """Bo knows the mailbox's address, and files reports that give it a key of his: letters open with the code still."""
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        reporter = Reporter(client, group)
        reporter.report(Answers(what="It happened again."))
        synced(ada, client, NOW)
        case = next(iter(ada.cases().values()))
        for number in range(8):
            false = msgspec.structs.replace(
                case.first,
                id=f"{number:032x}",
                mailbox_key=mailbox_of(ReplyCode.draw(system)).public_key().raw.hex(),
            )
            ada.vault.put("held", bytes.fromhex(false.id), false)
        ada.enqueue(actions.write_letter(ada.desk(NOW), case, group.histories, "first"))
        lost = msgspec.structs.replace(ada.outbox()[0], item="0" * 32, report="9" * 32)
        ada.vault.put("outbox", bytes(16), lost)
        assert [told for told in synced(ada, client, NOW).warnings if "not at this desk" in told]
        assert [letter.text for letter in reporter.letters()] == ["first"]
        assert [item.item for item in ada.outbox()] == [lost.item]


def test_a_response_lost_at_any_step_loses_nothing(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """Every request of opening and burning is sent twice, as after a lost answer: letters stay, the way stays open."""
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        reporter = Reporter(client, group)
        reporter.report(Answers(what="It happened again."))
        synced(ada, client, NOW)
        case = next(iter(ada.cases().values()))
        ada.enqueue(actions.write_letter(ada.desk(NOW), case, group.histories, "first"))
        synced(ada, client, NOW)
        assert [letter.text for letter in reporter.letters()] == ["first"]
        assert [letter.text for letter in reporter.letters()] == ["first"]  # the answer to opening was lost

        new = ReplyCode.draw(system)
        early = reporter.prepared(new, 1, "thank you")
        ada.enqueue(actions.write_letter(ada.desk(NOW + 1), case, group.histories, "second"))
        synced(ada, client, NOW + 1)
        assert reporter.burn(early, 1) is None  # a letter came meanwhile: nothing was burned
        assert [letter.text for letter in reporter.letters()] == ["first", "second"]

        used = reporter.code
        burning = reporter.prepared(new, 2, "thank you")
        first = reporter.burn(burning, 2)
        reporter.code = used  # the answer to burning was lost: the same request goes out again
        assert reporter.burn(burning, 2) == first
        assert reporter.code == new
        assert synced(ada, client, NOW + 2).new_follow_ups == 1

        case = next(iter(ada.cases().values()))
        ada.enqueue(actions.write_letter(ada.desk(NOW + 3), case, group.histories, "third"))
        synced(ada, client, NOW + 3)
        assert [letter.text for letter in reporter.letters()] == ["third"]


def test_a_letter_written_before_the_new_code_was_known_follows_the_reporter(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """The desk wrote to a mailbox that was burned meanwhile: the letter waits and goes to the next one."""
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        reporter = Reporter(client, group)
        reporter.report(Answers(what="Something else."))
        synced(ada, client, NOW)
        case = next(iter(ada.cases().values()))
        ada.enqueue(actions.write_letter(ada.desk(NOW + 1), case, group.histories, "are you there?"))
        reporter.burn(reporter.prepared(ReplyCode.draw(system), 0, "one more thing"), 0)
        [said] = synced(ada, client, NOW + 2).warnings
        assert "sync again to send it there" in said
        assert synced(ada, client, NOW + 3).warnings == []
        assert [letter.text for letter in reporter.letters()] == ["are you there?"]
        assert ada.outbox() == []


def test_a_used_code_in_other_hands_cannot_take_over_a_case(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """A follow-up sent with a used code is kept and marked; letters go on to the real reporter."""
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        reporter = Reporter(client, group)
        reporter.report(Answers(what="The truth."))
        thief = Reporter(client, group, reporter.code)
        assert reporter.burn(reporter.prepared(ReplyCode.draw(system), 0, "still me"), 0) is not None
        assert thief.burn(thief.prepared(ReplyCode.draw(system), 0, "I take it all back"), 0) is not None
        synced(ada, client, NOW)
        case = next(iter(ada.cases().values()))
        assert len(case.follow_ups) == len(case.doubtful) == 1
        ada.enqueue(actions.write_letter(ada.desk(NOW + 1), case, group.histories, "hello"))
        synced(ada, client, NOW + 1)
        assert [letter.text for letter in reporter.letters()] == ["hello"]
        assert thief.letters() == []


def test_recusal_and_forwarding(tmp_path: Path, server: RunningServer, client: Client) -> None:
    """Who stepped out has nothing left; another group's member reads report, log and what follows."""
    other = Group.draw("Borealis", ["Dan", "Eve"])
    other.found(client)
    group = Group.draw(alternate=other.id)
    group.found(client)
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Bo") as bo,
        desk_of(tmp_path, server.base, other, "Dan") as dan,
    ):
        reporter = Reporter(client, group)
        reporter.report(Answers(what="About a friend of Bo's."))
        synced(ada, client, NOW)
        synced(bo, client, NOW)
        synced(dan, client, NOW)
        bo.enqueue(actions.recuse(bo.desk(NOW + 1), next(iter(bo.cases().values())), "a friend"))
        synced(bo, client, NOW + 1)
        assert bo.cases() == {}
        assert synced(bo, client, NOW + 2).new_reports == 0

        synced(ada, client, NOW + 3)
        case = next(iter(ada.cases().values()))
        assert group.member("Bo").signing.verify_key().raw.hex() in case.state.recused
        groups, theirs = ada.histories(), ada.history_of(other.id)
        ada.enqueue(actions.forward(ada.desk(NOW + 4), case, groups, theirs, None, "too close"))
        synced(ada, client, NOW + 4)
        assert synced(dan, client, NOW + 5).new_reports == 1
        handed = next(iter(dan.cases().values()))
        body = dan.body_of(handed.first).content
        assert isinstance(body, Report)
        assert body.what == "About a friend of Bo's."
        assert len(handed.state.forwarded) == 1

        case = next(iter(ada.cases().values()))
        assert readers(case, group.histories) == tuple(
            sorted(group.member(name).key_id.hex() for name in ("Ada", "Cy"))
        )
        reporter.burn(reporter.prepared(ReplyCode.draw(system), 0, "and then", to=("Ada", "Cy")), 0)
        synced(ada, client, NOW + 6)
        assert synced(dan, client, NOW + 7).new_follow_ups == 1
        assert len(next(iter(dan.cases().values())).follow_ups) == 1
