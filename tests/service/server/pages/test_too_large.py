"""Forms that are too large: without scripts nobody said so before; what was typed is not lost over a picture."""

from __future__ import annotations

import pytest

from crypto.codes import ReplyCode, to_words
from crypto.entropy import system
from service.server import bodies
from service.server.pages import forms
from service.server.pages.forms import MAX_FORM, MAX_SKIMMED, MAX_TEXTS
from service.wire import calls
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.letters import posting, sealed_letter
from tests.support.pages import Visitor

PICTURE = ("big.jpg", bytes(MAX_FORM))
STORY = "It happened. " * 5_000


async def test_what_was_typed_comes_back_without_the_files(world: World, group: Group) -> None:
    """With both sentences at the files, and the ticket unspent: a smaller file goes through."""
    visitor = Visitor(world.http)
    path = f"groups/{group.id.hex()}/report/conduct"
    fields = {**(await visitor.get(path)).carried, "what": STORY, "wants": "Peace."}
    page = await visitor.post(path, fields, [("small.txt", b"one"), PICTURE])
    assert (page.status, page.words) == (422, [])
    assert [field for field, _ in page.errors] == ["files", "files"]
    assert "over 8 MB" in page.errors[0][1]
    assert "choose them again" in page.errors[1][1]
    assert (page.value("what"), page.value("wants")) == (STORY.strip(), "Peace.")
    assert (await visitor.post(path, fields, [("small.txt", b"one")])).status == 200


async def test_a_form_sent_before_is_not_taken_for_the_one_with_a_large_file(
    world: World, group: Group
) -> None:
    """Gone back, a large file added, sent again: the code of the first would say that the file is there too."""
    visitor = Visitor(world.http)
    path = f"groups/{group.id.hex()}/report/conduct"
    fields = {**(await visitor.get(path)).carried, "what": "It happened."}
    assert (await visitor.post(path, fields, [])).words
    page = await visitor.post(path, fields, [PICTURE])
    assert (page.status, page.words, page.value("what")) == (422, [], "It happened.")


async def test_an_answer_comes_back_too(world: World, group: Group) -> None:
    """The letters are there again, the new code is the same, nothing is burned."""
    code = ReplyCode.draw(system)
    letter = sealed_letter(code, group, "Ada", "Are you safe?")
    await world.client.do(calls.batch(group.signer("Ada"), posting(code, [letter])))
    visitor = Visitor(world.http)
    opened = await visitor.open(to_words(code))
    page = await visitor.answer(opened, STORY, [PICTURE])
    assert (page.status, page.letters, page.words) == (422, ["Are you safe?"], opened.words)
    assert "over 8 MB" in page.errors[0][1]
    assert page.value("message") == STORY.strip()
    assert (await visitor.open(to_words(code))).letters == ["Are you safe?"]


@pytest.mark.parametrize(
    ("skimmed", "places", "status"),
    [(MAX_FORM, 1, Kind.TOO_LARGE.status), (MAX_SKIMMED, 0, Kind.BUSY.status)],
)
async def test_what_is_beyond_the_limits_is_refused_unread(
    world: World, group: Group, monkeypatch: pytest.MonkeyPatch, skimmed: int, places: int, status: int
) -> None:
    """Too large even to be skimmed, or with all places for that taken: it is said, and the connection closes."""
    monkeypatch.setattr(forms, "MAX_SKIMMED", skimmed)
    monkeypatch.setattr(bodies, "_skimmed", bodies.Places(places))
    monkeypatch.setattr(bodies, "WAITS_S", 0.05)
    page = await Visitor(world.http).report(group.id, files=[PICTURE], what=STORY)
    assert (page.status, page.headers["connection"]) == (status, "close")


@pytest.mark.parametrize("files", [[], [PICTURE]], ids=["held", "skimmed"])
async def test_texts_have_a_limit_of_their_own(
    world: World, group: Group, files: list[tuple[str, bytes]]
) -> None:
    """They are shown again, escaped: a text as large as a file may be would take the server's memory and time."""
    visitor = Visitor(world.http)
    assert (await visitor.report(group.id, files=files, what="'" * (MAX_TEXTS + 1))).status == 413
    page = await visitor.report(group.id, files=files, what="'" * (MAX_TEXTS - 4_096))
    assert page.status == 422
    assert len(page.html) < 6 * MAX_TEXTS
