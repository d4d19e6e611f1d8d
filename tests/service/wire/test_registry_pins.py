"""Downloading a registry: whole and verified, and no server can hide, change or add anything that was signed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from crypto import chains
from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.labels import Label
from crypto.signatures import SigningKey
from service.cases.joining import invite
from service.cases.registry_statements import ByRegistrar, Join, Leave, encode_statement
from service.member_keys import MemberKeys
from service.wire.calls import BadAnswer
from service.wire.client import Client
from service.wire.registry_pins import (
    LOCK_FILE,
    RegistryForged,
    RegistryForked,
    RegistryRolledBack,
    fetch,
    load_chain,
    save_chain,
)
from tests.support.members import DAY, UNTIL, Keeper, account, make_keeper
from tests.support.registry_server import PAGE, RegistryServer

draw = seeded(b"pins")


@pytest.fixture
def keeper() -> Keeper:
    return make_keeper(5)  # eight statements


def grown(keeper: Keeper, *accounts: str) -> list[bytes]:
    """The chain of another copy of the root key, which goes on from the same statements by itself."""
    other = Keeper(keeper.root, seeded(b"other copy"), keeper.chain)
    for each in accounts:
        other.join(each)
    return other.statements


def test_a_registry_is_downloaded_whole_whatever_is_known_of_it(keeper: Keeper) -> None:
    """In pages, from the first statement: what is asked for is the same for a newcomer and for who has all of it."""
    server = RegistryServer(keeper.id, keeper.statements)
    for known in (0, 1, 4, 8):
        server.asked.clear()
        assert server.download(keeper.statements[:known]).registry == keeper.registry
        assert server.asked == [0, 3, 6]


def test_who_is_named_anyway_asks_for_what_is_new(keeper: Keeper) -> None:
    """In pages; the second time from the last known statement on."""
    server = RegistryServer(keeper.id, keeper.statements)
    first = server.follow()
    assert (list(first.statements), first.registry) == (keeper.statements, keeper.registry)
    assert server.asked == [0, 3, 6]
    assert server.follow(first.statements).registry == keeper.registry
    assert server.asked[3:] == [7]
    keeper.join("github.com/late")
    server.statements = keeper.statements
    later = server.follow(first.statements)
    assert (list(later.statements), later.registry) == (keeper.statements, keeper.registry)


def rogue_join(keeper: Keeper, at: int) -> list[bytes]:
    """A member whom the operator adds: signed with a key of theirs, linked where it would go."""
    rogue = SigningKey(draw(32))
    own = chains.VerifiedChain(Label.REGISTRY, rogue.verify_key(), keeper.chain.statements[:at])
    application = keeper.application("github.com/sock", MemberKeys.draw(draw))
    join = Join(DAY, application, invite(rogue, keeper.id, "github.com/sock", until=UNTIL, entropy=draw))
    forged = chains.append(own, encode_statement(join), rogue).statements[-1].raw
    return [*keeper.statements[:at], forged, *keeper.statements[at:]]


def flipped(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


@pytest.mark.parametrize(
    "forge",
    [
        lambda k: rogue_join(k, len(k.statements)),
        lambda k: rogue_join(k, 3),
        lambda k: [*k.statements[:2], *k.statements[3:]],
        lambda k: [*k.statements[:2], k.statements[3], k.statements[2], *k.statements[4:]],
        lambda k: [*k.statements, k.statements[-1]],
        lambda k: [*k.statements[:4], flipped(k.statements[4]), *k.statements[5:]],
        lambda k: [*k.statements, *Keeper.start(b"another").statements],
        lambda k: [],
    ],
    ids=["added", "inserted", "left out", "swapped", "repeated", "altered", "another's", "empty"],
)
def test_what_the_root_did_not_sign_is_refused(
    keeper: Keeper, forge: Callable[[Keeper], list[bytes]]
) -> None:
    """An operator who adds a member, leaves one out, moves or alters a statement: refused, in words for a person."""
    server = RegistryServer(keeper.id, forge(keeper))
    with pytest.raises(RegistryForged, match="did not sign"):
        server.download()


@pytest.mark.parametrize(
    "bad",
    [
        lambda k: Keeper.start(b"another").statements,
        lambda k: k.statements[1:],
        lambda k: [b"junk"],
        lambda k: [*k.statements, b"junk"],
        lambda k: [*k.statements, k.say(Leave(DAY, "github.com/nobody", ByRegistrar("x")))],
    ],
    ids=["another registry", "headless", "junk", "junk at the end", "signed nonsense"],
)
def test_what_is_no_registry_of_this_id_is_refused(
    keeper: Keeper, bad: Callable[[Keeper], list[bytes]]
) -> None:
    """Another root's chain, junk, and what even the root can't say."""
    with pytest.raises(Refused):
        RegistryServer(keeper.id, bad(keeper)).download()


@pytest.mark.parametrize("length", [1, 4, 7])
def test_a_rolled_back_registry_is_refused(keeper: Keeper, length: int) -> None:
    """A server that hides the last statements is found out by what was kept."""
    known = RegistryServer(keeper.id, keeper.statements).download()
    server = RegistryServer(keeper.id, keeper.statements[:length])
    with pytest.raises(RegistryRolledBack, match="older list of members"):
        server.download(known.statements)
    with pytest.raises(RegistryRolledBack, match="older list of members"):
        server.follow(known.statements)


def test_a_forked_registry_is_refused_however_long(keeper: Keeper) -> None:
    """Two histories signed by the same root: refused by what was kept."""
    base = keeper.chain
    keeper.join("github.com/mine")
    known = RegistryServer(keeper.id, keeper.statements).download()
    rival = Keeper(keeper.root, seeded(b"rival"), base)
    for name in ("one", "two", "three"):
        rival.join(f"github.com/{name}")
        server = RegistryServer(keeper.id, rival.statements)
        with pytest.raises(RegistryForked, match="contradicts"):
            server.download(known.statements)
        with pytest.raises(RegistryForked, match="contradicts"):
            server.follow(known.statements)


def test_a_shorter_fork_is_no_rollback(keeper: Keeper) -> None:
    """What contradicts is named so, also where it is shorter than what was seen."""
    base = keeper.chain
    for name in ("one", "two"):
        keeper.join(f"github.com/{name}")
    rival = Keeper(keeper.root, seeded(b"rival"), base)
    rival.join("github.com/other")
    with pytest.raises(RegistryForked, match="contradicts"):
        RegistryServer(keeper.id, rival.statements).download(keeper.statements)


def test_a_server_that_never_ends_is_left(keeper: Keeper) -> None:
    """More and more of nothing is a bad answer, not a loop."""
    with pytest.raises(BadAnswer):
        RegistryServer(keeper.id, keeper.statements, more=True).download()


def test_junk_is_not_gathered(keeper: Keeper) -> None:
    """A server that sends junk without end is left at the first page of it, before it fills the memory."""
    server = RegistryServer(keeper.id, [*keeper.statements[:PAGE], *[b"junk"] * 10_000])
    with pytest.raises(Refused):
        server.download()
    assert server.asked == [0, PAGE]


def test_a_folder_remembers_the_chain(keeper: Keeper, tmp_path: Path) -> None:
    """`fetch` keeps what it verified, goes on from it, and keeps it when a server lies."""
    path = tmp_path / f"{keeper.id.hex()}.json"
    server = RegistryServer(keeper.id, keeper.statements)
    with server.client() as client:
        assert fetch(client, keeper.id, tmp_path) == keeper.registry
    kept = path.read_bytes()
    assert load_chain(path) == (keeper.id, tuple(keeper.statements))
    server.statements = keeper.statements[:4]
    with server.client() as client, pytest.raises(RegistryRolledBack):
        fetch(client, keeper.id, tmp_path)
    assert path.read_bytes() == kept
    assert {each.name for each in tmp_path.iterdir()} == {path.name, LOCK_FILE}
    server.statements = grown(keeper, "github.com/late")
    with server.client() as client:
        assert len(fetch(client, keeper.id, tmp_path).members) == 6
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_commands_at_once_remember_the_longer_chain(keeper: Keeper, tmp_path: Path) -> None:
    """While one waits for the server, another keeps a newer chain: it stays; one that contradicts is found out."""
    shown = RegistryServer(keeper.id, keeper.statements[:4])
    other = grown(keeper, "github.com/theirs")
    keeper.join("github.com/ours")
    newer = RegistryServer(keeper.id, keeper.statements)

    def meanwhile(request: httpx.Request) -> httpx.Response:
        with newer.client() as second:
            fetch(second, keeper.id, tmp_path)
        return shown.handle(request)

    def slow() -> Client:
        return Client("http://localhost:1", transport=httpx.MockTransport(meanwhile))

    with slow() as client:
        fetch(client, keeper.id, tmp_path)
    path = tmp_path / f"{keeper.id.hex()}.json"
    assert load_chain(path) == (keeper.id, tuple(keeper.statements))
    path.unlink()
    shown.statements = other
    with slow() as client, pytest.raises(RegistryForked):
        fetch(client, keeper.id, tmp_path)
    assert load_chain(path) == (keeper.id, tuple(keeper.statements))


def test_a_tampered_memory_is_refused(keeper: Keeper, tmp_path: Path) -> None:
    """A chain file that was cut, altered or replaced by junk is no memory to go on from."""
    path = tmp_path / f"{keeper.id.hex()}.json"
    server = RegistryServer(keeper.id, keeper.statements)
    with server.client() as client:
        fetch(client, keeper.id, tmp_path)
        whole = path.read_bytes()
        for bad in (b"", b"{}", whole[:-2], whole.replace(b'"statements"', b'"statement"')):
            path.write_bytes(bad)
            with pytest.raises(Refused, match="damaged, or is none"):
                fetch(client, keeper.id, tmp_path)


def test_a_memory_that_was_changed_accuses_no_server(keeper: Keeper, tmp_path: Path) -> None:
    """Where the folder's own chain is not as its key signed it, that is said, and not that the server lies."""
    path = tmp_path / f"{keeper.id.hex()}.json"
    with RegistryServer(keeper.id, keeper.statements).client() as client:
        fetch(client, keeper.id, tmp_path)
        changed = (
            *keeper.statements[:-1],
            keeper.statements[-1][:-1] + bytes([keeper.statements[-1][-1] ^ 1]),
        )
        for bad in (changed, (*keeper.statements, changed[-1])):
            save_chain(path, keeper.id, bad)
            with pytest.raises(Refused, match="did not sign it as it stands"):
                fetch(client, keeper.id, tmp_path)


@pytest.mark.slow
def test_a_thousand_members_are_published_and_downloaded(tmp_path: Path, client: Client) -> None:
    """Over a real server: all of them, verified, in seven rings by the beacon; later all of them again."""
    keeper = make_keeper(1_000, b"a thousand")
    keeper.publish(client)
    registry = fetch(client, keeper.id, tmp_path)
    assert len(registry.members) == 1_000
    assert len(registry.snapshots[0].rings()) == 7
    assert registry.member(account(999)) is not None
    keeper.leave(account(7))
    keeper.publish(client)
    assert len(fetch(client, keeper.id, tmp_path).members) == 999
