"""Whom a forwarded report reaches: a real desk and a real server, with colleagues who forward as they please."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crypto.codes import ReplyCode
from crypto.entropy import system
from crypto.opening import open_grant
from service.cases import rosters
from service.cases.answers import Answers
from service.cases.log import Forwarded
from service.desk import actions
from service.desk.session import Session, handlers_named
from service.wire import calls
from service.wire.client import Client
from tests.support.desks import desk_of, synced
from tests.support.groups import Group, Member
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

NOW = 1_900_000_000


def to_cy(group: Group, desk: Session, at_s: int) -> None:
    """Forward to Cy as a desk did that asked nobody."""
    [case] = desk.cases().values()
    [cy] = (handler for handler in group.roster.active if handler.pseudonym == "Cy")
    told = Forwarded(group=group.id.hex(), handlers=("Cy",), key_ids=(cy.key_id.hex(),), reason="please help")
    desk.enqueue(
        [
            actions.log(desk.desk(at_s), case.first, told),
            actions.grant_to(desk.desk(at_s), case.first, group.id.hex(), cy.seal_key),
        ]
    )


def test_a_refused_grant_is_told_and_waits_no_longer(
    tmp_path: Path, server: RunningServer, client: Client
) -> None:
    """The server knows better than an old desk; and no other desk hands Cy what follows."""
    group = Group.draw()
    group.found(client)
    reporter = Reporter(client, group)
    reporter.report(Answers(what="About Cy."), to=("Ada", "Bo"))
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Bo") as bo,
        desk_of(tmp_path, server.base, group, "Cy") as cy,
    ):
        synced(ada, client, NOW)
        to_cy(group, ada, NOW + 1)
        result = synced(ada, client, NOW + 2)
        assert result.waiting == 0
        [warning] = result.warnings
        assert "nothing was handed to Cy" in warning
        reporter.burn(reporter.prepared(ReplyCode.draw(system), 0, "and then", to=("Ada", "Bo")), 0)
        for desk in (ada, bo):
            result = synced(desk, client, NOW + 3)
            assert (result.new_follow_ups, result.waiting, result.warnings) == (1, 0, [])
        assert synced(cy, client, NOW + 4).new_reports == 0
        assert cy.cases() == {}


def test_follow_ups_reach_everybody_it_was_forwarded_to(
    tmp_path: Path, server: RunningServer, client: Client
) -> None:
    """Also who was told later, in the same group; who has new keys by then; and whatever the clocks say."""
    other = Group.draw("Borealis", ["Dan", "Eve"])
    group = Group.draw(alternate=other.id)
    for one in (other, group):
        one.found(client)
    reporter = Reporter(client, group)
    reporter.report(Answers(what="It happened."))
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Bo") as bo,
    ):
        for desk in (ada, bo):
            synced(desk, client, NOW)
        for ahead, name in ((NOW + 9_000, "Dan"), (NOW + 9_001, "Eve")):
            [case] = ada.cases().values()
            groups, theirs = ada.histories(), ada.history_of(other.id)
            wanted = handlers_named(theirs.latest, [name])
            ada.enqueue(actions.forward(ada.desk(ahead), case, groups, theirs, wanted, ""))
            synced(ada, client, NOW + 1)
            reporter.burn(reporter.prepared(ReplyCode.draw(system), 0, f"after {name}"), 0)
            synced(bo, client, NOW + 2)
        new = Member.draw("Dan")
        other.say(rosters.Rotate(handler=other.member("Dan").id.hex(), card=new.card()))
        other.found(client)
        reporter.burn(reporter.prepared(ReplyCode.draw(system), 0, "after all"), 0)
        synced(bo, client, NOW + 3)
        assert synced(bo, client, NOW + 4).waiting == 0
    other.handlers[0] = replace(new, id=other.member("Dan").id)
    for name, by_this_key in (("Dan", 1), ("Eve", 4)):
        signer, member = other.signer(name), other.member(name)
        granted = [entry for entry in client.do(calls.feed(signer)).entries if entry.granted]
        assert [entry.follow_up for entry in granted].count("first") == 3
        reports = [bytes.fromhex(entry.report) for entry in granted]
        grants = [client.do(calls.fetch_grant(signer, group.id, report)) for report in reports]
        assert [grant.key_id for grant in grants].count(member.key_id.hex()) == by_this_key
        for report, grant in zip(reports, grants, strict=True):
            if grant.key_id == member.key_id.hex():
                open_grant(member.sealing, grant.sealed, report)
