"""The report page without scripts: what counts as sent before, and which room a report goes through."""

from __future__ import annotations

from typing import Any

import pytest

from abuse.routes import Route
from crypto.codes import ReplyCode, to_words
from crypto.entropy import system
from service.cases.reports import Report
from service.server.admission import BULK_FROM
from service.server.records import Report as Stored
from service.server.records import decode
from service.wire import calls
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.letters import posting, sealed_letter
from tests.support.pages import Visitor


async def reports(world: World, group: Group, name: str) -> list[str]:
    """What happened, in all reports that a handler can read."""
    found = []
    for opened in await world.opened(group, name):
        assert isinstance(opened.content, Report)
        found.append(opened.content.what)
    return found


@pytest.mark.parametrize(
    ("changed", "files"),
    [
        ({"what": "It happened. And the weapon is in room 5."}, [("a.txt", b"one")]),
        ({"leave_out": "Ada"}, [("a.txt", b"one")]),
        ({}, [("a.txt", b"two")]),
        ({}, [("b.txt", b"one")]),
        ({}, []),
    ],
)
async def test_a_form_that_was_changed_is_another_one(
    world: World, group: Group, visitor: Visitor, changed: dict[str, str], files: list[tuple[str, bytes]]
) -> None:
    """Sent, gone back, changed, sent again: it is not taken for received; it is said and kept, and can be sent."""
    path = f"groups/{group.id.hex()}/report/conduct"
    first: dict[str, Any] = {**(await visitor.get(path)).carried, "what": "It happened."}
    sent = await visitor.post(path, first, [("a.txt", b"one")])
    assert sent.status == 200
    if "leave_out" in changed:
        changed = {"leave_out": group.member("Ada").id.hex()}
    again = {**first, **changed}
    page = await visitor.post(path, again, files)
    assert (page.status, page.words) == (422, [])
    assert "sent before" in page.errors[0][1]
    assert page.value("what") == again["what"]
    assert len(await reports(world, group, "Cy")) == 1
    done = await visitor.post(path, {**again, "ticket": page.hidden("ticket")}, files)
    assert (done.status, done.words != sent.words) == (200, True)
    assert sorted(await reports(world, group, "Cy")) == sorted(["It happened.", again["what"]])
    assert len(await reports(world, group, "Ada")) == (1 if "leave_out" in changed else 2)


async def test_the_same_form_with_a_file_is_sent_once(world: World, group: Group, visitor: Visitor) -> None:
    """A reload sends the file again too: same code, one report."""
    path = f"groups/{group.id.hex()}/report/conduct"
    fields = {**(await visitor.get(path)).carried, "what": "It happened."}
    first, again = [await visitor.post(path, fields, [("a.txt", b"one")]) for _ in range(2)]
    assert first.words == again.words
    assert len(await reports(world, group, "Ada")) == 1


@pytest.fixture
def sizes(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes for which the pages ask admission."""
    admission = world.deps.gate.admission
    real, asked = admission.admit_patiently, list[int]()

    async def noted(group: bytes, route: Route, token: str | None, *, size: int = 0) -> Any:
        if token is not None:
            asked.append(size)
        return await real(group, route, token, size=size)

    monkeypatch.setattr(admission, "admit_patiently", noted)
    return asked


async def stored(world: World, group: Group) -> list[int]:
    """Lengths of a group's envelopes."""
    rows = await world.rows(f"g:{group.id.hex()}")
    found: list[int] = []
    for name, value in rows.items():
        if name.startswith(b"report/") and not name.endswith(b"/envelope"):
            inside = decode(value, Stored).envelope
            found.append(len(inside or rows[name + b"/envelope"]))
    return found


@pytest.mark.parametrize(
    ("fields", "files", "asked"),
    [
        ({"what": "short"}, [], ["small"]),
        ({"what": "字" * 100_000}, [], ["bulk"]),
        ({"what": "x", "links": "\n".join(["\U0001f600" * 1_900] * 50)}, [("a.txt", b"x")], ["bulk"]),
        ({"what": "short"}, [("a.txt", b"x" * 100_000)], ["bulk"]),
        ({"what": '"' * 60_000}, [], ["small", "bulk"]),
    ],
)
async def test_a_report_goes_through_the_room_for_what_is_stored(
    world: World, group: Group, visitor: Visitor, sizes: list[int],
    fields: dict[str, str], files: list[tuple[str, bytes]], asked: list[str],
) -> None:  # fmt: skip
    """Long texts are as large as files; what grows when it is sealed goes through the room for bulk as well."""
    assert (await visitor.report(group.id, files=files, **fields)).status == 200
    assert ["bulk" if size >= BULK_FROM else "small" for size in sizes] == asked
    assert [length >= BULK_FROM for length in await stored(world, group)] == [asked[-1] == "bulk"]


@pytest.mark.parametrize(
    ("message", "asked"),
    [("Yes.", ["small"]), ("字" * 90_000, ["bulk"]), ('"' * 60_000, ["small", "bulk"])],
)
async def test_an_answer_goes_through_the_room_for_what_is_stored(
    world: World, group: Group, visitor: Visitor, sizes: list[int], message: str, asked: list[str]
) -> None:
    """The same for what is written from the mailbox."""
    code = ReplyCode.draw(system)
    letter = sealed_letter(code, group, "Ada", "Are you safe?")
    await world.client.do(calls.batch(group.signer("Ada"), posting(code, [letter])))
    mailbox = await visitor.open(to_words(code))
    sizes.clear()
    assert (await visitor.answer(mailbox, message)).heading == "Done"
    assert ["bulk" if size >= BULK_FROM else "small" for size in sizes] == asked
    assert [length >= BULK_FROM for length in await stored(world, group)] == [asked[-1] == "bulk"]
