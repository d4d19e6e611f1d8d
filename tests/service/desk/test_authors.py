"""Who wrote a log entry: only the name that belongs to the key that signed it is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.entropy import system
from crypto.seal import SealingKey
from crypto.signatures import SigningKey
from service.cases import rosters
from service.cases.answers import Answers
from service.cases.log import Note
from service.desk import actions
from service.desk.casebook import Case
from service.desk.session import Session
from service.desk.show import list_view
from service.wire.client import Client
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

NOW = 1_900_000_000


@pytest.fixture
def group(client: Client, group: Group) -> Group:
    """With one report."""
    Reporter(client, group).report(Answers(what="It happened here."))
    return group


def only(session: Session) -> Case:
    [case] = session.cases().values()
    return case


def notes(session: Session) -> list[tuple[str, str]]:
    return [
        (entry.author, entry.act.text) for entry in only(session).state.notes if isinstance(entry.act, Note)
    ]


def test_nobody_writes_into_the_log_under_anothers_name(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """Bo signs with his own key and calls himself Ada, then himself: only the second is shown, at every desk."""
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Bo") as bo,
    ):
        synced(bo, client, NOW)
        for name, text in (("Ada", "I think the reporter lies."), ("Bo", "I called.")):
            author = actions.Author(name, bo.key.signing)
            bo.enqueue([actions.log(actions.Desk(author, NOW, system), only(bo).first, Note(text=text))])
        synced(bo, client, NOW)
        synced(ada, client, NOW)
        for desk in (ada, bo):
            assert notes(desk) == [("Bo", "I called.")]
            assert only(desk).untrusted == 1
            assert any("not shown" in warning for warning in list_view(only(desk), 0)["warnings"])


def test_what_somebody_wrote_under_a_former_name_stays_theirs(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """A desk that first syncs after a handler took another name and other keys shows what they wrote before."""
    with desk_of(tmp_path, server.base, group, "Bo") as bo:
        synced(bo, client, NOW)
        bo.enqueue([actions.log(bo.desk(NOW), only(bo).first, Note(text="I called."))])
        synced(bo, client, NOW)
    card = rosters.make_card("Robin", SigningKey(system(32)), SealingKey(system(32)).public_key())
    group.say(rosters.Rotate(handler=group.member("Bo").id.hex(), card=card))
    group.found(client)
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        synced(ada, client, NOW)
        assert notes(ada) == [("Bo", "I called.")]
        assert only(ada).untrusted == 0
