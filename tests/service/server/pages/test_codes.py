"""Codes and tokens in the pages without scripts: what is said of wrong ones, and what each is good for."""

from __future__ import annotations

import re

import pytest

from crypto.codes import ReplyCode, to_words
from crypto.entropy import system
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.pages import Page, Visitor, write_letter


async def test_a_wrong_a_used_and_an_empty_code_look_the_same(
    world: World, group: Group, visitor: Visitor
) -> None:
    """Byte for byte, but for the ticket; and with letters the page has the same length."""
    sent = await visitor.report(group.id, what="It happened.")
    unread = await visitor.report(group.id, what="Another.")
    empty = await visitor.open(sent.words)
    for report in await world.opened(group):
        await write_letter(world, group, report, "Hello.")
    assert (await visitor.answer(await visitor.open(sent.words))).heading == "Done"
    used = await visitor.open(sent.words)
    wrong = await visitor.open(to_words(ReplyCode(system(16))))
    full = await visitor.open(unread.words)
    assert full.letters == ["Hello."]

    def shape(page: Page) -> tuple[int, str, list[str]]:
        bare = re.sub(r'name="ticket" value="[^"]*"', "", page.html)
        return page.status, bare, sorted(name for name in page.headers if name != "date")

    assert shape(empty) == shape(used) == shape(wrong)
    assert len(full.html.encode()) == len(wrong.html.encode())
    assert wrong.words == []
    assert "mailbox/answer" not in wrong.html


@pytest.mark.parametrize(
    ("codewords", "said"),
    [
        ("", "twelve words"),
        ("abandon " * 11, "twelve words"),
        ("abandon " * 11 + "zzzzzz", "counted from the first: 12"),
        ("abandon " * 12, "look again|do not belong together|counted from"),
    ],
)
async def test_typos_in_a_code_are_named_by_position(visitor: Visitor, codewords: str, said: str) -> None:
    """The words themselves never come back."""
    form = await visitor.get("mailbox")
    page = await visitor.post("mailbox", {"ticket": form.hidden("ticket"), "codewords": codewords})
    assert page.status == 422
    assert re.search(said, page.errors[0][1])
    assert "abandon" not in page.html
    assert page.summary
    assert "still here" not in page.summary


async def test_two_wrong_words_show_the_code_again(world: World, group: Group, visitor: Visitor) -> None:
    """Of a report and of a mailbox: nothing is burned, the message stays."""
    sent = await visitor.report(group.id, what="It happened.")
    wrong = await visitor.post("confirm", {"token": sent.hidden("token"), "word1": "x", "word2": "y"})
    assert (wrong.status, wrong.words, len(wrong.errors)) == (422, sent.words, 2)
    assert wrong.heading == "It was received"
    assert "Nothing was sent" not in wrong.summary
    (report,) = await world.opened(group)
    await write_letter(world, group, report, "Hello.")
    mailbox = await visitor.open(sent.words)
    fields = {"token": mailbox.hidden("token"), "ticket": mailbox.hidden("ticket"), "message": "kept"}
    page = await visitor.post("mailbox/answer", {**fields, "word1": "x", "word2": "y"}, [])
    assert (page.status, page.words, page.value("message")) == (422, mailbox.words, "kept")
    assert "Nothing was sent. What you typed is still here." in page.summary
    assert (await visitor.open(sent.words)).letters == ["Hello."]


async def test_tokens_serve_one_purpose_and_no_stranger(world: World, group: Group, visitor: Visitor) -> None:
    """Cut, changed, of the other page, or a day old: refused, with a way on, and no word that nothing was sent."""
    token = (await visitor.report(group.id, what="It happened.")).hidden("token")
    for bad in ("", "x", token[:-4], "A" + token[1:] if token[0] != "A" else "B" + token[1:], token * 20):
        assert (await visitor.post("confirm", {"token": bad, "word1": "a", "word2": "b"})).status == 422
    other = await visitor.post(
        "mailbox/answer", {"token": token, "ticket": "", "word1": "a", "word2": "b"}, []
    )
    assert (other.status, other.words) == (422, [])
    world.clock.forward(86_401)
    late = await visitor.post("confirm", {"token": token, "word1": "a", "word2": "b"})
    assert (late.status, late.words, late.heading) == (422, [], "It was received")
    assert "Nothing was sent" not in late.html
