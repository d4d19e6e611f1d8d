"""Whom a forwarded report reaches: a real desk and a real server, with colleagues who forward as they please."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.codes import ReplyCode
from crypto.entropy import system
from service.cases.answers import Answers
from service.cases.log import Forwarded
from service.desk import actions
from service.desk.session import Session
from service.wire.client import Client
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer, running_server

NOW = 1_900_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.base) as opened:
        yield opened


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
        assert "not handed to Cy" in warning
        reporter.burn(reporter.prepared(ReplyCode.draw(system), 0, "and then", to=("Ada", "Bo")), 0)
        for desk in (ada, bo):
            result = synced(desk, client, NOW + 3)
            assert (result.new_follow_ups, result.waiting, result.warnings) == (1, 0, [])
        assert synced(cy, client, NOW + 4).new_reports == 0
        assert cy.cases() == {}
