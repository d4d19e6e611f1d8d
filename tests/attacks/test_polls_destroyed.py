"""After a poll's end no file holds a ballot, and no crash or late request brings a second board about.

Against the real application, on SQLite and on a real Redis, in this process with a clock that the test moves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from polls.casting import read_receipt
from service.server import polls_pages, polls_shown
from service.storage import StoreUnavailable
from service.wire import poll_calls
from service.wire.problems import Kind, ProblemError
from tests.support.attacked_polls import ON_BOTH
from tests.support.inprocess import World
from tests.support.server_polls import DAY, ServerPoll, refused

KEPT = {
    "poll",
    "manifest",
    "trustees",
    "progress",
    "acknowledged",
    "implemented",
    "reviewed",
    "verification",
}


def files_with(folder: Path, wanted: bytes) -> list[str]:
    """Names of files that hold these bytes."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_socket() and wanted in path.read_bytes()
    ]


@ON_BOTH
async def test_after_the_end_no_file_holds_a_ballot(tmp_path: Path, world: World, poll: ServerPoll) -> None:
    """Ballots, tags, credentials, certificates, rings, salts, summary, agreements, decryptions: in the files, then not.

    The result, its signatures, the manifest and the digests are still there.
    """
    for n in range(1, 7):
        await poll.cast(f"github.com/m{n}", n % 4)
    await poll.cast("github.com/m1", 3)
    world.clock.forward(DAY)
    await poll.decide((1, 2))
    await poll.deliver((1, 2))
    await poll.acknowledge()
    await poll.implement("A written warning was given.", 22_000)
    await poll.review(1, 22_000, "She may come to the meeting in May.")
    await world.client.do(poll_calls.file_report(poll.group.signer("Zoe"), poll.phi, "all of it held"))
    wanted: dict[str, list[bytes]] = {}
    for name, value in (await world.rows(poll.partition)).items():
        kind = name.split(b"/")[0].decode("latin-1")
        if kind in KEPT:
            continue
        # Pieces of values, and the names that are tags, credentials and hashes.
        pieces = [value[at : at + 40] for at in range(0, len(value) - 40, 700)]
        if len(name) >= 40:
            pieces.append(name[-32:])
        wanted.setdefault(kind, []).extend(piece for piece in pieces if len(piece) >= 32)
    present = {kind for kind, pieces in wanted.items() if any(files_with(tmp_path, p) for p in pieces)}
    assert present >= {
        "ballot",
        "voter",
        "credential",
        "certificate",
        "summary",
        "rings",
        "agreement",
        "decryption",
        "verdict",
    }
    keeps = [poll.manifest.raw[200:240], b"all of it held", b"She may come to the meeting in May."]
    world.clock.forward(40 * DAY)
    await world.keep_house()
    view = await poll.view()
    assert view.state == "archived"
    for kind, pieces in wanted.items():
        for piece in pieces:
            assert not files_with(tmp_path, piece), kind
    for kept in keeps:
        assert files_with(tmp_path, kept)
    assert view.remains is not None
    assert view.remains.reports == ["all of it held"]
    await refused(Kind.POLL_ARCHIVED, world.client.do(poll_calls.electorate(poll.manifest)))
    left = {name.split(b"/")[0].decode() for name in await world.rows(poll.partition)}
    assert left == {*KEPT, "remains"}


async def test_a_crash_while_destroying_is_finished(world: World, poll: ServerPoll) -> None:
    """The store fails in the middle: the poll doesn't count as archived in silence, and the next round finishes."""
    for n in range(1, 5):
        await poll.cast(f"github.com/m{n}", n % 4)
    world.clock.forward(41 * DAY)
    purge, failures = world.deps.store.purge, 0

    async def failing(partition: str, names: Any) -> None:
        nonlocal failures
        failures += 1
        raise StoreUnavailable("The store is away.")

    world.deps.store.purge = failing  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await world.keep_house()
    listed = await world.rows("server")
    assert b"poll/" + poll.phi in listed
    world.deps.store.purge = purge  # type: ignore[method-assign]
    await world.keep_house()
    assert failures == 1
    assert b"poll/" + poll.phi not in await world.rows("server")
    assert (await poll.view()).state == "archived"


ARCHIVED = {b"poll", b"manifest", b"trustees", b"progress"}


async def rows_left(world: World, poll: ServerPoll) -> set[bytes]:
    """What kinds of records a poll has."""
    return {name.split(b"/")[0] for name in await world.rows(poll.partition)}


@ON_BOTH
async def test_whoever_asked_before_the_destruction_gets_no_second_board_after_it(
    world: World, poll: ServerPoll
) -> None:
    """A request that read where the poll stood, and goes on when its ballots are destroyed: nothing is sealed anew.

    Heads of a second, empty board would prove against an honest server that it dropped ballots with receipts.
    """
    receipt = read_receipt(poll.manifest, await poll.cast("github.com/m1", 1))
    world.clock.forward(DAY)
    board = (await world.client.do(poll_calls.opened_board(poll.manifest))).board
    assert receipt.ballot in board.pages[receipt.page].ballots
    world.clock.forward(38 * DAY)
    stale = await world.deps.polls.standing(poll.phi)
    assert stale.state == "closed"
    world.clock.forward(2 * DAY)
    await world.keep_house()
    with pytest.raises(ProblemError, match="poll-archived"):
        await polls_pages.opened(world.deps, stale)
    with pytest.raises(ProblemError, match="poll-archived"):
        await polls_pages.heads(world.deps, stale, 0)
    shown = await polls_shown.shown(world.deps, stale)
    assert (shown.state, shown.last_head) == ("archived", None)
    assert await rows_left(world, poll) == ARCHIVED


@ON_BOTH
@pytest.mark.parametrize("between", [b"salt/", b"chain"], ids=["salts are drawn", "heads are signed"])
@pytest.mark.parametrize("what", ["board", "heads", "", "house"])
async def test_nothing_is_sealed_once_the_destruction_has_begun(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch, between: bytes, what: str
) -> None:
    """The ballots are destroyed just before the commit that draws the salts, or the one that signs the heads.

    The one who asked is told that the poll is archived, and no record of a second board stays.
    """
    await poll.cast("github.com/m1", 1)
    world.clock.forward(39 * DAY)  # nobody asked since, so no page is sealed
    commit, destroyed = world.deps.store.commit, list[str]()

    async def late(partition: str, changes: Any) -> Any:
        if any(getattr(change, "name", b"").startswith(between) for change in changes):
            monkeypatch.setattr(world.deps.store, "commit", commit, raising=False)
            world.clock.forward(2 * DAY)
            await world.keep_house()
            destroyed.append((await poll.view()).state)
        return await commit(partition, changes)

    monkeypatch.setattr(world.deps.store, "commit", late, raising=False)
    if what == "house":
        await world.keep_house()
    else:
        answer = await world.http.get(f"/v1/polls/{poll.phi.hex()}/{what}".rstrip("/"))
        if what:
            assert answer.json()["type"] == Kind.POLL_ARCHIVED.type
        else:
            assert (answer.json()["state"], answer.json()["last_head"]) == ("archived", None)
    assert destroyed == ["archived"]
    assert await rows_left(world, poll) == ARCHIVED
