"""Forms that did not get through: the page says how to send them again. Going back would lose what was typed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.server import bodies
from service.server.pages.messages import RELOAD
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.pages import Visitor

FILE = ("a.txt", b"x" * 100_000)


async def test_too_many_at_once(world: World, group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same form, sent by a reload, goes through when there is room; the page leads nowhere else."""
    visitor = Visitor(world.http)
    path = f"groups/{group.id.hex()}/report/conduct"
    fields = {**(await visitor.get(path)).carried, "what": "It happened."}
    monkeypatch.setattr(bodies, "WAITS_S", 0.01)
    room = bodies._large
    monkeypatch.setattr(bodies, "_large", bodies.Places(0))
    page = await visitor.post(path, fields, [FILE])
    assert (page.status, page.heading) == (429, "Not available just now")
    assert RELOAD in page.html
    assert "Many are writing just now." in page.html
    assert "go back, load" not in page.html
    assert "Nothing was sent" not in page.html
    main = page.html.split("<main")[1].split("</main>")[0]
    assert "<a " not in main
    monkeypatch.setattr(bodies, "_large", room)
    assert len((await visitor.post(path, fields, [FILE])).words) == 12


async def test_too_slowly(world: World, group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the language of the address."""
    monkeypatch.setattr(bodies, "CHUNK_S", 0.05)
    waiting = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="what"\r\n\r\nIt'
        await waiting.wait()

    answer = await world.http.post(
        f"/de/groups/{group.id.hex()}/report/conduct",
        content=stalling(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 408
    assert "Etwas ist schiefgegangen" in answer.text
    assert "Laden Sie diese Seite neu" in answer.text
    assert "Gehen Sie nicht zurück" in answer.text


async def test_without_a_store(world: World, group: Group) -> None:
    """A form is to be sent again; a page that was only asked for is not."""
    visitor = Visitor(world.http)
    path = f"groups/{group.id.hex()}/report/conduct"
    fields = {**(await visitor.get(path)).carried, "what": "It happened."}
    await world.deps.store.close()
    page = await visitor.post(path, fields, [])
    assert (page.status, RELOAD in page.html) == (503, True)
    assert (page.heading, "Nothing was sent" in page.html) == ("Not available just now", False)
    page = await visitor.get(path)
    assert (page.status, RELOAD in page.html) == (503, False)
