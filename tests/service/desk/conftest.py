"""What tests of the desk's commands stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cases.answers import Answers
from service.cases.reports import File, Person
from service.wire.client import Client
from tests.support.desk_typists import PASSPHRASE, Handler
from tests.support.desks import home_of
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer


@pytest.fixture
def ada(tmp_path: Path, server: RunningServer) -> Iterator[Handler]:
    with Client(server.base) as client:
        other = Group.draw("Borealis", ["Dan", "Eve"])
        other.found(client)
        group = Group.draw(alternate=other.id)
        group.found(client)
        (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
        for name in ("Ada", "Bo"):
            home_of(tmp_path / name, server.base, group, name, PASSPHRASE)
        reporter = Reporter(client, group)
        who = (Person(platform="github", handle="mallory"),)
        answers = Answers(
            what="It happened here.", who=who, links=("https://example.org/1",), witnesses=("Some Body",)
        )
        reporter.report(answers, [File("note.txt", "text/plain", b"what I saw")])
        yield Handler(tmp_path, group, other, reporter)
