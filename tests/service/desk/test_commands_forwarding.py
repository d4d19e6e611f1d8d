"""Forwarding as typed: to groups old and new, by name where it must be, and never to whom a reporter left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.entropy import system
from crypto.errors import Refused
from service.cases.answers import Answers
from service.wire import calls
from service.wire.client import Client
from tests.support.desk_typists import PASSPHRASE, Handler
from tests.support.desks import desk_at, home_of
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer


class Refusing:
    """Somebody at a terminal who is asked, and didn't mean it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, question: str) -> None:
        self.asked.append(question)
        raise Refused("nothing was done")


def test_nothing_is_handed_over_or_recorded_that_was_not_meant(
    ada: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a terminal a question is put first, with the people who would read it: neither can be taken back."""
    no = Refusing()
    monkeypatch.setattr("service.desk.handing_cli.sure", no)
    ada.does("sync")
    [row] = json.loads(ada.does("list", "--json"))
    assert ada.type("forward", row["id"], "--to-group", ada.other.id.hex()).exit_code == 3
    (ada.folder / "report.toml").write_text('what = "told me"\n')
    record = ("record", "--file", ada.folder / "report.toml", "--leave-out", "Cy")
    refused = ada.type(*record)
    assert (refused.exit_code, "It goes to: Ada, Bo.\n" in refused.stderr) == (3, True), refused.output
    hand, file = no.asked
    assert (f"“{row['headline']}”, to Dan, Eve (Borealis)?" in hand, file) == (True, "File it?"), hand
    assert json.loads(ada.does("sync", "--json"))["sent"] == 0
    assert json.loads(ada.does("sync", "--json"))["new_reports"] == 0
    monkeypatch.undo()
    told = json.loads(ada.does(*record, "--json"))
    assert (told["recipients"], told["to_alternate"]) == (["Ada", "Bo"], False)


def test_a_report_is_forwarded_to_nobody_whom_its_reporter_left_out(
    tmp_path: Path, server: RunningServer
) -> None:
    """Without names they are passed over and told; named they are refused, and nothing of it is kept or logged."""
    with Client(server.base) as client:
        other = Group.draw("Borealis", ["Dan", "Eve"])
        group = Group.draw(alternate=other.id)
        other.add(replace(group.member("Cy"), name="Quin", id=system(16)))
        for one in (other, group):
            one.found(client)
        (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
        home_of(tmp_path / "Ada", server.base, group, "Ada", PASSPHRASE)
        reporter = Reporter(client, group)
        reporter.report(Answers(what="About Cy."), to=("Ada", "Bo"))
    ada = Handler(tmp_path, group, other, reporter)
    ada.does("sync")
    case = json.loads(ada.does("list", "--json"))[0]["id"][:8]
    for to, name in ((other, "Quin"), (group, "Cy")):
        refused = ada.type("forward", case, "--to-group", to.id.hex(), "--to", name)
        assert (refused.exit_code, "left out" in refused.output) == (3, True), refused.output
    assert json.loads(ada.does("show", case, "--json"))["log"] == []
    told = ada.does("forward", case, "--to-group", other.id.hex())
    assert "Not to Quin, whom the reporter left out." in told
    refused = ada.type("forward", case, "--to-group", group.id.hex())
    assert (refused.exit_code, "by the reporter already" in refused.output) == (3, True), refused.output
    log = json.loads(ada.does("show", case, "--json"))["log"]
    assert [entry["said"] for entry in log] == ["forwarded to Dan, Eve"]
    assert json.loads(ada.does("sync", "--json"))["warnings"] == []


def test_a_report_is_forwarded_to_a_group_that_is_new_to_this_desk(
    ada: Handler, tmp_path: Path, server: RunningServer
) -> None:
    """Its list is fetched then, and never again for that; a group that isn't there is a sentence."""
    third, missing = Group.draw("Citadel", ["Tom", "Una"]), Group.draw("Missing")
    with Client(server.base) as client:
        third.found(client)
    home_of(tmp_path / "Tom", server.base, third, "Tom", PASSPHRASE)
    ada.does("sync")
    case = json.loads(ada.does("list", "--json"))[0]["id"]
    for wrong, said in ((missing.id.hex(), "no such group"), ("12", "32"), ("zz" * 16, "32")):
        refused = ada.type("forward", case, "--to-group", wrong)
        assert (refused.exit_code, said in refused.output) == (3, True), refused.output
    ada.does("forward", case, "--to-group", third.id.hex(), "--to", "tom")
    setup = tmp_path / "Ada" / "desk.json"
    online = setup.read_bytes()
    setup.write_bytes(online.replace(server.base.encode(), b"http://localhost:1"))
    ada.does("forward", case, "--to-group", third.id.hex(), "--to", "una")
    assert ada.type("forward", case, "--to-group", missing.id.hex()).exit_code == 5
    setup.write_bytes(online)
    assert json.loads(ada.does("sync", "--json"))["warnings"] == []
    result = ada.type("sync", "--json", home="Tom")
    assert (result.exit_code, json.loads(result.stdout)["new_reports"]) == (0, 1), result.output


def test_a_report_goes_back_to_named_people_only(tmp_path: Path, server: RunningServer) -> None:
    """Who leaves out too many of a group comes to its alternate group; the report doesn't say whom they left out."""
    with Client(server.base) as client:
        other = Group.draw("Borealis", ["Dan", "Eve"])
        group = Group.draw(alternate=other.id)
        for one in (other, group):
            one.found(client)
        (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
        home_of(tmp_path / "Dan", server.base, other, "Dan", PASSPHRASE)
        Reporter(client, other).report(Answers(what="About two of them."))
        with desk_at(tmp_path / "Dan", other, "Dan") as desk:
            chain = client.do(calls.roster(group.id))
            desk.keep_chain(group.id, [s.raw for s in group.chain.statements], chain)
    dan = Handler(tmp_path, other, group, Reporter(client, other), "Dan")
    dan.does("sync")
    case = json.loads(dan.does("list", "--json"))[0]["id"][:8]
    refused = dan.type("forward", case, "--to-group", group.id.hex())
    assert (refused.exit_code, "--to" in refused.output) == (3, True), refused.output
    dan.does("forward", case, "--to-group", group.id.hex(), "--to", "Ada")


def test_a_recorded_report_passes_by_who_was_left_out(tmp_path: Path, server: RunningServer) -> None:
    """Too few remain, so it goes to the other group; who was left out and is in that one too doesn't get it."""
    other = Group.draw("Borealis", ["Dan", "Eve", "Ada"])
    group = Group.draw(alternate=other.id)
    with Client(server.base) as client:
        for one in (other, group):
            one.found(client)
        cy = Handler(tmp_path, group, other, Reporter(client, group), "Cy")
        (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
        for home, of, name in (("Cy", group, "Cy"), ("Dan", other, "Dan"), ("Ada", other, "Ada")):
            home_of(tmp_path / home, server.base, of, name, PASSPHRASE)
        (tmp_path / "report.toml").write_text('what = "It was Ada."\n')
        told = cy.type(
            "record", "--file", tmp_path / "report.toml", "--leave-out", "Ada", "--leave-out", "Bo"
        )
    assert told.exit_code == 0, told.output
    assert "to its alternate group instead.\nIt goes to: Dan, Eve (Borealis).\n" in told.stderr
    found = {home: json.loads(cy.type("sync", "--json", home=home).stdout) for home in ("Dan", "Ada", "Cy")}
    assert {home: each["new_reports"] for home, each in found.items()} == {"Dan": 1, "Ada": 0, "Cy": 0}
