"""Files sent without scripts: pictures unpack one form at a time, whatever pages they come from."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from crypto.codes import ReplyCode, to_words
from crypto.entropy import system
from service.cases.media_types import Cleaned
from service.server.pages import uploads
from service.server.pages.forms import Upload
from service.server.pages.uploads import Cleaner
from service.wire import calls
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.letters import posting, sealed_letter
from tests.support.pages import Visitor

FILE = [("a.txt", b"one")]


class Slow:
    """Stands for a picture that takes long: cleans nothing until it is let go, and counts how many are at it."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Event()
        self.now = self.most = self.done = 0
        self._lock = threading.Lock()

    def __call__(self, content: bytes) -> Cleaned:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.begun.set()
        self.go.wait(20)
        with self._lock:
            self.now -= 1
            self.done += 1
        return Cleaned(content, "text/plain", ())


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    cleaning = Slow()
    monkeypatch.setattr(uploads, "_cleaned", lambda content, *_: cleaning(content))
    yield cleaning
    cleaning.go.set()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


async def test_files_of_all_pages_are_cleaned_one_form_at_a_time(
    world: World, group: Group, slow: Slow
) -> None:
    """Three reports and an answer at once; a report without files is through before the first of them is."""
    code = ReplyCode.draw(system)
    letter = sealed_letter(code, group, "Ada", "Are you safe?")
    await world.client.do(calls.batch(group.signer("Ada"), posting(code, [letter])))
    answering = Visitor(world.http)
    mailbox = await answering.open(to_words(code))
    sent = [
        asyncio.create_task(Visitor(world.http).report(group.id, files=FILE, what="See.")) for _ in range(3)
    ]
    sent.append(asyncio.create_task(answering.answer(mailbox, "See.", FILE)))
    await until(slow.begun.is_set)
    assert (await Visitor(world.http).report(group.id, what="No file.")).status == 200
    originals = await Visitor(world.http).report(group.id, files=FILE, what="As it is.", original="1")
    assert originals.status == 200
    assert slow.done == 0
    slow.go.set()
    assert [page.status for page in await asyncio.gather(*sent)] == [200] * 4
    assert (slow.most, slow.done) == (1, 4)


@pytest.mark.parametrize("original", [False, True])
async def test_the_wish_to_keep_originals_outlives_a_mistake(
    world: World, group: Group, original: bool
) -> None:
    """Files have to be chosen again anyway: evidence that was then cleaned would be lost without a word."""
    visitor = Visitor(world.http)
    kept = {"original": "1"} if original else {}
    page = await visitor.report(group.id, files=FILE, what="", **kept)
    assert (page.status, page.ticked("original")) == (422, original)
    code = ReplyCode.draw(system)
    letter = sealed_letter(code, group, "Ada", "Are you safe?")
    await world.client.do(calls.batch(group.signer("Ada"), posting(code, [letter])))
    mailbox = await visitor.open(to_words(code))
    assert not mailbox.ticked("original")
    wrong = {**mailbox.carried, "message": "Yes.", **kept, "word1": "x", "word2": "y"}
    page = await visitor.post("mailbox/answer", wrong, FILE)
    assert (page.status, page.ticked("original")) == (422, original)
    refused = {**wrong, **visitor.typed(mailbox)}
    page = await visitor.post("mailbox/answer", refused, [("a.txt", b"x")] * 51)
    assert (page.status, page.ticked("original")) == (422, original)


async def test_too_many_files_are_called_too_many(world: World, group: Group) -> None:
    """And not too large: on the report and on an answer."""
    many = "These are too many. At most so many fit: 50"
    visitor, files = Visitor(world.http), [(f"{n}.txt", b"one") for n in range(51)]
    page = await visitor.report(group.id, files=files, what="See.")
    assert (page.status, page.errors[0]) == (422, ("files", many))
    code = ReplyCode.draw(system)
    letter = sealed_letter(code, group, "Ada", "Are you safe?")
    await world.client.do(calls.batch(group.signer("Ada"), posting(code, [letter])))
    page = await visitor.answer(await visitor.open(to_words(code)), "See.", files)
    assert (page.status, page.errors[0]) == (422, ("files", many))
    assert (await visitor.report(group.id, files=files[:50], what="See.")).status == 200


async def test_who_gives_up_waiting_frees_no_place_that_is_still_in_use(slow: Slow) -> None:
    """The thread goes on after its request ended; the next file waits for it."""
    cleaner, upload = Cleaner(), Upload("a.txt", b"one")
    given_up = asyncio.create_task(cleaner.attached([upload], original=False))
    await until(slow.begun.is_set)
    given_up.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await given_up
    following = asyncio.create_task(cleaner.attached([upload], original=False))
    await asyncio.sleep(0.05)
    assert (slow.most, slow.done) == (1, 0)
    slow.go.set()
    await following
    assert (slow.most, slow.done) == (1, 2)
