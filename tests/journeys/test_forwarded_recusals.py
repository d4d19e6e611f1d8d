"""Who steps out of a report that was handed on is handed nothing more, and reads nothing of what follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from crypto.codes import ReplyCode, from_words
from crypto.entropy import system
from crypto.errors import Refused
from service.desk import actions
from service.wire.client import Client
from tests.support.desks import synced
from tests.support.server import RunningServer, running_server
from tests.support.two_groups import TwoGroups

pytestmark = pytest.mark.xdist_group("forwarded recusals")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With these tests' groups alone: who reads a mailbox fetches the lists of all that a server has."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, server: RunningServer, client: Client) -> Iterator[TwoGroups]:
    with ExitStack() as stack:
        yield TwoGroups(tmp_path, server, client, stack)


def test_when_all_recipients_stepped_out_the_wider_body_goes_on(world: TwoGroups) -> None:
    """Their letters go out, and what the reporter answers goes to them alone."""
    world.forward("Bo", world.other, "Dina", "Emil", "Gil")
    for name in ("Bo", "Cy"):
        world.do(name, actions.recuse, "I know them")
        world.desks.pop(name)
    world.write("Dina", "We go on with it.")
    world.do("Emil", actions.set_state, world.desks["Emil"].histories(), "looking")
    read = world.mailbox(message="Good.")
    assert [(letter["author"], letter["known"]) for letter in read["letters"]] == [
        ("Dina", True),
        ("Emil", True),
    ]
    assert read["recipients"] == "Borealis: Dina, Emil; Borealis: Gil"
    world.sync()
    world.sync()
    for name in ("Dina", "Emil", "Gil"):
        [case] = world.desks[name].cases().values()
        assert [held.headline for held in case.follow_ups] == ["Good."]
        assert case.state.state == "looking"
    world.reporter.code = from_words(" ".join(read["code"]))
    world.write("Gil", "One more thing.")
    read = world.mailbox()
    assert [(letter["text"], letter["known"]) for letter in read["letters"]] == [("One more thing.", True)]


def test_where_nobody_is_left_no_letter_is_written(world: TwoGroups) -> None:
    """A council member can be handed a report, and envelopes are sealed to handlers only."""
    world.forward("Bo", world.other, "Gil")
    for name in ("Bo", "Cy"):
        world.do(name, actions.recuse, "I know them")
    with pytest.raises(Refused, match="nobody is left to read an answer"):
        world.write("Gil", "Can you read this?")


def test_who_steps_out_is_handed_nothing_more(world: TwoGroups) -> None:
    """Nor named as a reader."""
    world.forward("Bo", world.other, "Dina", "Emil")
    world.do("Emil", actions.recuse, "I know them")
    world.write("Dina", "Hello.")
    assert world.mailbox(message="Yes.")["recipients"] == "Aurora: Bo, Cy; Borealis: Dina"
    world.sync()
    world.sync()
    assert world.desks["Emil"].cases() == {}


def test_who_stepped_out_reads_nothing_of_what_follows(world: TwoGroups) -> None:
    """A letter of before still names Bo: what its reporter answers comes to his desk and is not kept."""
    world.write("Cy", "Who saw it?")
    world.do("Bo", actions.recuse, "he is my brother")
    read = world.mailbox(message="Tom saw it; please don't tell Bo's brother.")
    assert read["recipients"] == "Aurora: Bo, Cy"
    bo = world.desks["Bo"]
    result = synced(bo, world.client, world.now_s)
    assert (result.new_follow_ups, result.sent, bo.cases(), bo.outbox()) == (0, 0, {}, [])
    world.reporter.code = from_words(" ".join(read["code"]))
    again = world.reporter.prepared(ReplyCode.draw(system), 0, "And Ann.", to=("Bo", "Cy"))
    assert world.reporter.burn(again, 0)
    world.sync()
    assert bo.cases() == {}
    [case] = world.desks["Cy"].cases().values()
    assert [held.headline for held in case.follow_ups][1:] == ["And Ann."]


def test_what_comes_while_a_recusal_waits_is_left_too(world: TwoGroups) -> None:
    """Bo steps out offline; the reporter writes before his desk says so to the server."""
    bo = world.desks["Bo"]
    [case] = bo.cases().values()
    bo.enqueue(actions.recuse(bo.desk(world.now_s), case, "I know them"))
    prepared = world.reporter.prepared(ReplyCode.draw(system), 0, "One thing more.", to=("Bo", "Cy"))
    assert world.reporter.burn(prepared, 0)
    result = synced(bo, world.client, world.now_s)
    assert (result.new_follow_ups, bo.cases(), bo.outbox()) == (0, {}, [])
