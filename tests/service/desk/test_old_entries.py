"""Log entries of a form that a desk doesn't know, such as those that another version of it has stored."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crypto.entropy import system
from crypto.framing import part
from crypto.labels import Label
from crypto.opening import seal_entry
from crypto.secrets import SymmetricKey
from crypto.signatures import sign
from service.cases.answers import Answers
from service.cases.log import Note
from service.desk import actions
from service.desk.casebook import Case
from service.desk.records import LogLine
from service.desk.session import Session
from service.desk.show import list_view
from service.desk.sync_logs import judge_again
from service.wire.client import Client
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

NOW = 1_900_000_000


def old_advice(group: Group, author: str, report: bytes) -> bytes:
    """An entry `advised` as it was before it held the answer's signature, signed by a handler."""
    key = group.member(author).signing
    act = {
        "do": "advised", "consultation": "0" * 32, "asker_key": "1" * 64, "adviser": "Gil", "adviser_key": "2" * 64,
        "day": 20_000, "text": "Yes.",
    }  # fmt: skip
    entry = {
        "id": "3" * 32,
        "author": author,
        "author_key": key.verify_key().raw.hex(),
        "at_s": 1,
        "act": act,
    }
    body = msgspec.json.encode(entry)
    return part(body) + sign(key, Label.LOG_ENTRY, report, body)


def only_case(session: Session) -> Case:
    [case] = session.cases().values()
    return case


@pytest.mark.parametrize("trusted", [True, False])
def test_what_another_version_has_stored_is_not_trusted_and_stops_nothing(
    tmp_path: Path, server: RunningServer, client: Client, group: Group, trusted: bool
) -> None:
    """It is counted with what is not shown; the case is read, written to and synced as before."""
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        Reporter(client, group).report(Answers(what="It happened."))
        synced(ada, client, NOW)
        report = bytes.fromhex(only_case(ada).first.id)
        line = LogLine(report.hex(), 5, old_advice(group, "Bo", report), trusted=trusted)
        ada.vault.put("log", report + (5).to_bytes(8, "big"), line)
        judge_again(ada)
        ada.enqueue([actions.log(ada.desk(NOW), only_case(ada).first, Note(text="n"))])
        synced(ada, client, NOW + 1)
        case = only_case(ada)
        assert (case.untrusted, [entry.act for entry in case.state.entries]) == (1, [Note(text="n")])
        assert "1 log entries" in list_view(case, 20_001)["warnings"][0]


def test_one_that_a_colleague_s_older_desk_sends_is_not_trusted(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """It comes from the server like any other, and is signed by a handler."""
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Bo") as bo,
    ):
        Reporter(client, group).report(Answers(what="It happened."))
        for desk in (ada, bo):
            synced(desk, client, NOW)
        held = only_case(bo).first
        raw = old_advice(group, "Bo", bytes.fromhex(held.id))
        key = SymmetricKey(bytes.fromhex(held.content_key))
        item = actions.log(bo.desk(NOW), held, Note(text="n"))
        sealed = seal_entry(key, bytes.fromhex(held.id), raw, system)
        bo.enqueue([msgspec.structs.replace(item, payload=sealed, signed=raw)])
        assert only_case(bo).untrusted == 1  # while it waits, too
        for desk in (bo, ada):
            synced(desk, client, NOW + 1)
            assert (only_case(desk).untrusted, only_case(desk).state.entries) == (1, ())
