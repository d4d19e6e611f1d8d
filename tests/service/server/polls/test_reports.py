"""Verifiers' reports: how long and how many, until when they are taken, and that all of them are in what remains."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import Refused
from service import poll_reports
from service.wire import poll_calls
from service.wire.failures import Declined
from service.wire.poll_council_shapes import MAX_REPORT_JSON, MAX_REPORT_TEXT, MAX_REPORTS
from service.wire.problems import Kind
from tests.support.communities import Community
from tests.support.inprocess import World
from tests.support.kept_polls import KeptPoll
from tests.support.server_polls import DAY, ServerPoll, refused

REMAINS = 1_024 * 1_024
"""What every client takes of `PollShape.remains`."""

LONGEST = {
    "ascii": "x" * MAX_REPORT_TEXT,
    "two bytes a character": "é" * (MAX_REPORT_TEXT // 2),
    "four bytes a character": "\U0001f600" * (MAX_REPORT_TEXT // 4),
    "quotation marks": '"' * (MAX_REPORT_JSON // 2 - 1),
    "control characters": "\x01" * (MAX_REPORT_JSON // 6 - 1),
}
PAIRS = {"x": "y", "é": "è", "\U0001f600": "\U0001f601", '"': "\\", "\x01": "\x02"}
"""For each of these characters another one that is as long, in UTF-8 and in JSON."""
TOO_LONG = {name: text + text[0] for name, text in LONGEST.items()}
TOO_LONG["as many characters as bytes are allowed"] = "\U0001f600" * MAX_REPORT_TEXT


def cases(texts: dict[str, str]) -> pytest.MarkDecorator:
    """One test for each text."""
    return pytest.mark.parametrize("text", texts.values(), ids=texts.keys())


@pytest.fixture(scope="module")
def community() -> Community:
    return Community.draw(6)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, community: Community) -> KeptPoll:
    """A server with a poll that is decided."""

    async def made(world: World) -> ServerPoll:
        await world.know(community)
        group = community.group()
        await world.found(group)
        poll = await ServerPoll.ready(world.client, world.clock, group, community)
        world.clock.forward(61)
        for n in range(1, 5):
            await poll.cast(f"github.com/m{n}", n % 4)
        world.clock.forward(DAY)
        await poll.decide((1, 2))
        return poll

    return KeptPoll.make(tmp_path_factory.mktemp("kept") / "server", made)


async def file(poll: ServerPoll, text: str) -> tuple[str, ...]:
    """File a report; gives all that the poll has."""
    return (await poll.client.do(poll_calls.file_report(poll.signer, poll.phi, text))).reports


async def archive(world: World) -> None:
    """Let the cooling-off pass, and what has to go be destroyed."""
    world.clock.forward(40 * DAY)
    await world.keep_house()


async def remaining(poll: ServerPoll) -> list[str]:
    """The reports in what remains of an archived poll."""
    view = await poll.view()
    assert view.state == "archived"
    assert view.shape.remains is not None
    assert len(view.shape.remains) <= REMAINS
    assert view.remains is not None
    return view.remains.reports


def _numbered(text: str, n: int) -> str:
    """Give one of many texts, as long as `text` to the byte."""
    return text[: len(text) - 5] + "".join(text[0] if n >> at & 1 else PAIRS[text[0]] for at in range(5))


@cases(LONGEST)
async def test_32_of_the_longest_reports_leave_an_archived_poll_readable(
    world: World, poll: ServerPoll, text: str
) -> None:
    """Whatever is in them, every client still reads the poll, its remains, and the reports."""
    texts = {_numbered(text, n) for n in range(MAX_REPORTS)}
    for each in texts:
        filed = await file(poll, each)
    assert set(filed) == texts
    await refused(Kind.TOO_MANY, file(poll, "one more"))
    await archive(world)
    assert set(await remaining(poll)) == texts
    assert set((await poll.client.do(poll_calls.reports(poll.phi))).reports) == texts


@cases(LONGEST)
async def test_the_longest_report_is_taken(poll: ServerPoll, tmp_path: Path, text: str) -> None:
    """16 KiB of UTF-8, or 24 KiB as JSON, to the byte: by the command and by the server."""
    path = tmp_path / "report.txt"
    path.write_bytes(text.encode())
    assert poll_reports._text(path) == text
    assert await file(poll, text) == (text,)


@cases(TOO_LONG)
async def test_a_report_is_measured_in_bytes(poll: ServerPoll, tmp_path: Path, text: str) -> None:
    """One character more is refused, by the command before anything is sent, and by the server."""
    path = tmp_path / "report.txt"
    path.write_bytes(text.encode())
    with pytest.raises(Refused, match="bytes"):
        poll_reports._text(path)
    await refused(Kind.TOO_LARGE, file(poll, text))
    assert (await poll.client.do(poll_calls.reports(poll.phi))).reports == ()


async def test_no_report_is_taken_of_an_archived_poll(world: World, poll: ServerPoll) -> None:
    """What remains is final; the report that is in it may be sent again, after a lost answer."""
    await file(poll, "held")
    await archive(world)
    await refused(Kind.POLL_ARCHIVED, file(poll, "did not hold"))
    assert await file(poll, "held") == ("held",)
    assert await remaining(poll) == ["held"]


async def test_no_report_is_taken_of_a_poll_that_lapsed(world: World, poll: ServerPoll) -> None:
    """Nobody voted in it: there is nothing to verify."""
    other = ServerPoll(world.client, world.clock, poll.group, poll.community, matter=bytes(32))
    other.board, other.seeds, other.keys = poll.board, poll.seeds, poll.keys
    other.trustees, other.transcript = poll.trustees, poll.transcript
    await other.create(await other.make_manifest())
    world.clock.forward(61)
    await refused(Kind.POLL_LAPSED, file(other, "held"))


async def test_a_report_filed_while_the_remains_are_written_is_in_them(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes in after the reports were read and before the destruction begins: taken, and kept with the others."""
    await file(poll, "held")
    commit = world.deps.store.commit

    async def late(partition: str, changes: Any) -> Any:
        if any(getattr(change, "name", b"") == b"remains" for change in changes):
            monkeypatch.setattr(world.deps.store, "commit", commit, raising=False)
            await file(poll, "held too")
        return await commit(partition, changes)

    monkeypatch.setattr(world.deps.store, "commit", late, raising=False)
    await archive(world)
    assert sorted(await remaining(poll)) == ["held", "held too"]


async def test_a_report_that_comes_in_behind_the_destruction_is_not_kept(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poll is archived between the look at its state and the commit: refused, and no record stays."""
    commit = world.deps.store.commit

    async def late(partition: str, changes: Any) -> Any:
        if any(getattr(change, "name", b"").startswith(b"verification/") for change in changes):
            monkeypatch.setattr(world.deps.store, "commit", commit, raising=False)
            await archive(world)
        return await commit(partition, changes)

    monkeypatch.setattr(world.deps.store, "commit", late, raising=False)
    await refused(Kind.POLL_ARCHIVED, file(poll, "held"))
    assert await remaining(poll) == []
    assert not [name for name in await world.rows(poll.partition) if name.startswith(b"verification/")]


async def test_reports_that_come_at_once_are_never_too_many(
    world: World, poll: ServerPoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight at once where there is room for two: those that are answered for are kept, and never more than 32."""
    for n in range(MAX_REPORTS - 2):
        await file(poll, f"early {n}")
    scan, waiting = world.deps.store.scan, asyncio.Barrier(8)

    async def together(partition: str, prefix: bytes, *rest: Any, **named: Any) -> Any:
        rows = await scan(partition, prefix, *rest, **named)
        if prefix == b"verification/" and len(rows) == MAX_REPORTS - 2:
            await waiting.wait()  # all of them see the same room
        return rows

    monkeypatch.setattr(world.deps.store, "scan", together, raising=False)
    outcomes = await asyncio.gather(*(file(poll, f"late {n}") for n in range(8)), return_exceptions=True)
    monkeypatch.setattr(world.deps.store, "scan", scan, raising=False)
    refusals = [each.kind for each in outcomes if isinstance(each, Declined)]
    taken = {f"late {n}" for n, each in enumerate(outcomes) if not isinstance(each, BaseException)}
    assert set(refusals) == {Kind.TOO_MANY}
    assert len(refusals) + len(taken) == 8
    await archive(world)
    kept = await remaining(poll)
    assert {each for each in kept if each.startswith("late")} == taken
    assert len(kept) == MAX_REPORTS - 2 + len(taken) <= MAX_REPORTS
