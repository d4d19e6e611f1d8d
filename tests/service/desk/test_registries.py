"""The members' registry at the desk: fetched in parts, kept, and no server can take back or change what was seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import pytest

from crypto.chains import VerifiedChain
from service.cases.roster_statements import Members
from service.desk.registries import GONE, pull_registries
from service.desk.session import Chain as KeptChain
from service.desk.sync_failures import Failures
from service.wire.client import Client
from service.wire.problems import Kind
from service.wire.registry_shapes import StatementsPage
from tests.support.desks import desk_of
from tests.support.groups import Group
from tests.support.members import Keeper, account, make_keeper
from tests.support.voiced_desk import VoicedDesk

PAGE = 4


@dataclass
class Server:
    """Serves a registry's statements, or lies about them."""

    keeper: Keeper
    statements: list[bytes] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    gone: bool = False

    def __post_init__(self) -> None:
        self.statements = self.keeper.statements

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.gone:
            body = msgspec.json.encode({"type": Kind.NOT_FOUND.type, "title": "", "status": 404})
            return httpx.Response(404, stream=httpx.ByteStream(body))
        after = int(request.url.params["after"])
        self.asked.append(after)
        part = tuple(self.statements[after : after + PAGE])
        more = after + PAGE < len(self.statements)
        page = StatementsPage(self.keeper.id.hex(), after, part, more)
        return httpx.Response(200, stream=httpx.ByteStream(msgspec.json.encode(page)))

    def pull(self, world: VoicedDesk) -> list[str]:
        transport = httpx.MockTransport(self.handle)
        with Client("http://localhost:1", transport=transport) as client:
            return pull_registries(world.session, client, Failures())[1]


@pytest.fixture
def keeper() -> Keeper:
    return make_keeper(6)


@pytest.fixture
def world(tmp_path: Path, keeper: Keeper) -> Iterator[VoicedDesk]:
    group = Group.draw()
    group.say(Members(registry=keeper.id.hex()))
    with desk_of(tmp_path, "http://localhost:1", group, "Ada") as session:
        statements = tuple(statement.raw for statement in group.chain.statements)
        session.vault.put("chain", group.id, KeptChain(group.id.hex(), statements))
        yield VoicedDesk(session, group)


def speak(world: VoicedDesk, keeper: Keeper, number: int) -> None:
    world.put(keeper.registry, key=keeper.keys[account(number)].member)


def test_it_is_fetched_whole_once_and_then_what_is_new(world: VoicedDesk, keeper: Keeper) -> None:
    """In pages; the second time only the last statement is asked for, and voices heard before stay heard."""
    server = Server(keeper)
    speak(world, keeper, 0)
    assert server.pull(world) == []
    assert server.asked == [0, 4, 8]
    assert world.about().score.voiced == 1
    server.asked.clear()
    assert server.pull(world) == []
    assert server.asked == [len(keeper.statements) - 1]
    keeper.join("github.com/new-one")
    keeper.freeze("second")
    server.statements = keeper.statements
    speak(world, keeper, 1)
    assert server.pull(world) == []
    assert world.about().score.members == 2


def test_offline_afterwards(world: VoicedDesk, keeper: Keeper) -> None:
    """With the server gone, what was heard counts as before, and the handler is told once."""
    server = Server(keeper)
    for number in range(3):
        speak(world, keeper, number)
    server.pull(world)
    server.gone = True
    assert server.pull(world) == [GONE]
    assert world.about().score.corroborated


def forked(keeper: Keeper, at: int) -> list[bytes]:
    """Another history under the same root key, from statement `at` on."""
    chain = VerifiedChain(keeper.chain.label, keeper.chain.root, keeper.chain.statements[:at])
    other = Keeper(keeper.root, keeper.draw, chain)
    while len(other.statements) < len(keeper.statements) + 2:
        other.join(f"github.com/made-up-{len(other.statements)}")
    return other.statements


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ("rolled back", "older list of members"),
        ("rolled back to nothing", "older list of members"),
        ("last statement changed", "contradicts the one"),
        ("forked before", "contradicts the one"),
        ("a statement left out", "did not sign"),
        ("a statement made up", "statement"),
    ],
)
def test_a_server_that_lies_is_told_of_and_no_voice_is_heard_by_it(
    world: VoicedDesk, keeper: Keeper, lie: str, told: str
) -> None:
    """What counted before still counts; the new voice waits until the server shows the true registry again."""
    server = Server(keeper)
    speak(world, keeper, 0)
    assert server.pull(world) == []
    known = list(server.statements)
    keeper.freeze("second")
    speak(world, keeper, 1)
    server.statements = {
        "rolled back": known[:-2],
        "rolled back to nothing": [],
        "last statement changed": forked(keeper, len(known) - 1),
        "forked before": forked(keeper, len(known) - 3),
        "a statement left out": [*known, *keeper.statements[len(known) + 1 :]],
        "a statement made up": [*known, b"made up"],
    }[lie]
    [warning] = server.pull(world)
    assert re.search(told, warning)
    assert (world.about().score.voiced, world.about().waiting) == (1, 1)
    server.statements = keeper.statements
    assert server.pull(world) == []
    assert (world.about().score.voiced, world.about().waiting) == (2, 0)


@pytest.mark.parametrize("lie", ["another registry", "nothing", "forged"])
def test_a_first_download_that_is_not_the_named_registry_is_refused(
    world: VoicedDesk, keeper: Keeper, lie: str
) -> None:
    """The group's root named the registry by its root key: no server can put its own members in the place."""
    server = Server(keeper)
    last = keeper.statements[-1]
    server.statements = {
        "another registry": make_keeper(6, b"another").statements,
        "nothing": [],
        "forged": [*keeper.statements[:-1], last[:-1] + bytes([last[-1] ^ 1])],
    }[lie]
    speak(world, keeper, 0)
    assert len(server.pull(world)) == 1
    assert world.about().score.voiced == 0
    assert world.session.vault.read("registry", world.group.id) is None


def test_a_group_that_names_another_registry_starts_anew(world: VoicedDesk, keeper: Keeper) -> None:
    """Signed by the group's root; the voices by the old registry's members don't count any more."""
    speak(world, keeper, 0)
    Server(keeper).pull(world)
    assert world.about().score.voiced == 1
    other = make_keeper(5, b"another")
    world.group.say(Members(registry=other.id.hex()))
    statements = tuple(statement.raw for statement in world.group.chain.statements)
    world.session.vault.put("chain", world.group.id, KeptChain(world.group.id.hex(), statements))
    world.session._histories.clear()
    assert Server(other).pull(world) == []
    assert (world.about().score.voiced, world.about().unheard) == (0, 1)
