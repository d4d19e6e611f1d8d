"""The mailbox pages without scripts: a rogue recipient hides no letter, and has none burned unread."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any

import pytest

from crypto.codes import ReplyCode, address_of, claim_of, from_words, prove, to_words
from crypto.entropy import system
from crypto.envelope import parse_envelope
from crypto.opening import open_report
from service.cases.reports import FollowUp, Unsealed
from service.cases.texts import LONG_TEXT
from service.server import mailboxes
from service.server.pages.tokens import COOKIE, open_token
from service.server.records import MAIL, MARK
from service.wire import calls
from tests.support.groups import Group, Member
from tests.support.inprocess import World
from tests.support.letters import junk, posting, sealed_letter
from tests.support.pages import Page, Visitor


@pytest.fixture
def code() -> ReplyCode:
    return ReplyCode.draw(system)


async def put(world: World, group: Group, code: ReplyCode, *letters: bytes) -> None:
    """Post letters as Bo, who read the report."""
    answer = await world.client.do(calls.batch(group.signer("Bo"), posting(code, letters)))
    assert {outcome.outcome for outcome in answer.outcomes} == {"done"}


async def test_a_letter_behind_a_page_of_junk_is_shown_and_burned(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """Eight pieces of junk on the first page, the letter on the second, and junk behind it: one answer burns all."""
    letters = [junk() for _ in range(8)] + [sealed_letter(code, group, "Ada", "Are you safe?")]
    await put(world, group, code, *letters, *(junk() for _ in range(10)))
    mailbox = await visitor.open(to_words(code))
    assert mailbox.letters == ["Are you safe?"]
    assert (await visitor.answer(mailbox, "Yes.")).heading == "Done"
    assert (await visitor.open(to_words(code))).letters == []


async def test_a_text_far_too_long_for_a_code_is_a_wrong_code(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """Its sender is told how many words a code has, and nothing is logged: anybody could fill the disk with that."""
    page = await visitor.open(("a" * 2_001,))
    assert (page.status, [field for field, _ in page.errors]) == (422, ["codewords"])
    assert page.errors == (await visitor.open(("a",))).errors
    assert not caplog.records


async def test_a_letter_that_comes_while_junk_is_counted_is_shown_and_not_burned_unread(
    world: World, group: Group, visitor: Visitor, code: ReplyCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late it comes: the page shows it, keeps the answer, and the next try goes through."""
    await put(world, group, code, sealed_letter(code, group, "Ada", "First."), *(junk() for _ in range(9)))
    mailbox = await visitor.open(to_words(code))
    real = mailboxes.burn
    burns = 0

    async def burn(*arguments: Any) -> Any:
        nonlocal burns
        burns += 1
        if burns in {2, 20}:
            await put(world, group, code, sealed_letter(code, group, "Ada", f"Before burn {burns}."))
        return await real(*arguments)

    monkeypatch.setattr(mailboxes, "burn", burn)
    page = await visitor.answer(mailbox, "My answer")
    assert (page.status, page.letters) == (422, ["First.", "Before burn 2."])
    assert page.value("message") == "My answer"
    assert (await visitor.answer(page, "My answer")).heading == "Done"
    assert (await visitor.open(to_words(code))).letters == []


async def test_another_code_in_the_same_form_opens_its_own_mailbox(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """Gone back and another code typed: the letters of the first are not shown for it."""
    await put(world, group, code, sealed_letter(code, group, "Ada", "First."))
    ticket = (await visitor.get("mailbox")).hidden("ticket")
    fields = {"ticket": ticket, "codewords": " ".join(to_words(code))}
    assert (await visitor.post("mailbox", fields)).letters == ["First."]
    other = {"ticket": ticket, "codewords": " ".join(to_words(ReplyCode.draw(system)))}
    page = await visitor.post("mailbox", other)
    assert (page.status, page.letters) == (422, [])
    assert (await visitor.post("mailbox", {**other, "ticket": page.hidden("ticket")})).letters == []


async def test_with_letters_and_without_the_same_cookie_is_set(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """Names, lengths and attributes of all headers are alike, and so is the length of the page."""
    await put(world, group, code, sealed_letter(code, group, "Ada", "First."))
    shapes = []
    for one in (code, ReplyCode.draw(system), ReplyCode.draw(system)):
        page = await Visitor(world.http).open(to_words(one))
        headers = [(name, len(value), value.partition(b";")[2]) for name, value in page.headers.raw]
        shapes.append((sorted(headers), len(page.html.encode())))
        assert "set-cookie" in page.headers
    assert shapes[0] == shapes[1] == shapes[2]


async def test_the_cookie_of_a_mailbox_without_letters_opens_none(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """It holds neither the code that was typed nor a new one: a letter that comes later is not in it."""
    form = {"ticket": (await visitor.get("mailbox")).hidden("ticket"), "codewords": " ".join(to_words(code))}
    assert (await visitor.post("mailbox", form)).letters == []
    await put(world, group, code, sealed_letter(code, group, "Ada", "First."))
    kept = open_token(world.deps.keys.cookie, visitor.cookies[COOKIE], "mailbox", world.deps.now_s())
    assert code.reveal() not in {kept.used, kept.new}
    again = await visitor.post("mailbox", form)
    assert (again.status, again.letters) == (422, [])
    assert (await visitor.open(to_words(code))).letters == ["First."]


def goes_to(page: Page) -> str:
    """To whom the page says that an answer goes."""
    [shown] = re.findall(r'<strong id="readers">(.*?)</strong>', page.html)
    return unescape(re.sub(r"</?bdi>", "", shown))


async def answers_to(world: World, group: Group, name: str) -> int:
    return len((await world.client.do(calls.feed(group.signer(name)))).entries)


async def test_a_letter_of_who_was_told_is_believed_and_says_who_reads_the_answer(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """Its author is in another group that it names; who reads the answer is shown, group by group."""
    other, stranger = Group.draw("Borealis", ["Dina", "Emil"]), Group.draw("Nowhere", ["Dina"])
    await world.found(other)
    await put(world, group, code, sealed_letter(code, group, "Dina", "Hello.", told=other))
    page = await visitor.open(to_words(code))
    assert (page.letters, "Careful" in page.html) == (["Hello."], False)
    assert "<bdi>Dina</bdi> (<bdi>Borealis</bdi>)" in page.html
    assert goes_to(page) == "Aurora: Ada, Bo, Cy; Borealis: Dina, Emil"
    await put(world, group, code, sealed_letter(code, group, "Dina", "Hello!", told=stranger))
    page = await Visitor(world.http).open(to_words(code))
    assert page.html.count("Careful") == 1
    assert goes_to(page) == "Aurora: Ada, Bo, Cy"


async def test_no_later_letter_takes_an_answer_to_another_group(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """Bo, who sits in another group too, asks from there: the answer goes where the first letter came from, by name."""
    other = Group.draw("Borealis", ["Bo", "Xi"])
    await world.found(other)
    await put(world, group, code, sealed_letter(code, group, "Ada", "Thank you."))
    await put(world, group, code, sealed_letter(code, other, "Bo", "Tell me more.", [other.member("Bo")]))
    mailbox = await visitor.open(to_words(code))
    assert mailbox.letters == ["Thank you.", "Tell me more."]
    assert goes_to(mailbox) == "Aurora: Ada, Bo, Cy"
    assert (await visitor.answer(mailbox, "My name is ...")).heading == "Done"
    assert await answers_to(world, group, "Ada") == 1
    assert await answers_to(world, other, "Bo") == 0


async def test_in_one_group_the_newest_letter_says_to_whom_and_the_page_names_them(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """Somebody stepped out, so the next letter names fewer; one that names nobody changes nothing."""
    names = [group.member("Ada"), group.member("Cy")]
    await put(world, group, code, sealed_letter(code, group, "Ada", "One."))
    await put(world, group, code, sealed_letter(code, group, "Ada", "Two.", names))
    await put(world, group, code, sealed_letter(code, group, "Bo", "Three.", [Member.draw("Nobody")]))
    mailbox = await visitor.open(to_words(code))
    assert goes_to(mailbox) == "Aurora: Ada, Cy"
    assert (await visitor.answer(mailbox, "Yes.")).heading == "Done"
    assert [await answers_to(world, group, name) for name in ("Ada", "Bo", "Cy")] == [1, 0, 1]


async def test_a_letter_that_names_who_is_no_handler_locks_nobody_out(
    world: World, visitor: Visitor, code: ReplyCode
) -> None:
    """Nothing is sealed to the council. It is still named: those who read the answer may hand it on to them."""
    group = Group.draw(council=["Zoe"])
    await world.found(group)
    ada, bo, zoe = (group.member(name) for name in ("Ada", "Bo", "Zoe"))
    rogue = sealed_letter(code, group, "Bo", "To us both.", [bo, zoe])
    await put(world, group, code, sealed_letter(code, group, "Ada", "To me.", [ada]), rogue)
    page = await visitor.open(to_words(code))
    assert goes_to(page) == "Aurora: Bo; Aurora: Zoe"
    assert (await visitor.answer(page, "Yes.")).heading == "Done"
    code = from_words(" ".join(page.words))
    await put(world, group, code, sealed_letter(code, group, "Ada", "To me.", [ada]))
    await put(world, group, code, sealed_letter(code, group, "Bo", "To the council.", [zoe]))
    page = await visitor.open(to_words(code))
    assert (await visitor.answer(page, "Yes.")).heading == "Done"


async def test_an_answer_goes_to_another_group_only_when_the_first_has_nobody_left(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """Those whom the first letter names have left, and a group that doesn't exist is passed over."""
    other, missing = Group.draw("Borealis", ["Nia", "Oto"]), Group.draw("Missing")
    await world.found(other)
    await put(world, group, code, sealed_letter(code, missing, "Ada", "Zero."))
    await put(world, group, code, sealed_letter(code, group, "Ada", "One.", [group.member("Ada")]))
    await put(world, group, code, sealed_letter(code, other, "Nia", "We took over."))
    assert goes_to(await visitor.open(to_words(code))) == "Aurora: Ada"
    group.retire("Ada")
    await world.found(group)
    mailbox = await visitor.open(to_words(code))
    assert goes_to(mailbox) == "Borealis: Nia, Oto"
    assert (await visitor.answer(mailbox, "Yes.")).heading == "Done"
    assert await answers_to(world, other, "Oto") == 1


async def followed(world: World, group: Group) -> list[str]:
    """The messages of all follow-ups that came to the handlers, in no order."""
    feed = await world.client.do(calls.feed(group.signer("Ada")))
    found = []
    for entry in feed.entries:
        raw = await world.client.do(
            calls.fetch_report(group.signer("Ada"), group.id, bytes.fromhex(entry.report))
        )
        plaintext = open_report(parse_envelope(raw), group.member("Ada").sealing).plaintext
        found.append(Unsealed.from_bytes(plaintext).content)
    return sorted(content.message for content in found if isinstance(content, FollowUp))


async def test_the_same_answer_sent_again_is_done_and_stored_once(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """The button was pressed twice at once, or after a lost page; or the page was shown again with another ticket."""
    await put(world, group, code, sealed_letter(code, group, "Ada", "Who saw it?"))
    mailbox = await visitor.open(to_words(code))
    other_tickets = await visitor.answer(mailbox, "x" * (LONG_TEXT + 1))
    assert (other_tickets.status, other_tickets.words) == (422, mailbox.words)
    await asyncio.gather(*(visitor.answer(mailbox, "Two friends.") for _ in range(2)))
    for page in (mailbox, other_tickets):
        assert (await visitor.answer(page, "Two friends.")).heading == "Done"
    assert await followed(world, group) == ["Two friends."]


async def test_a_code_opened_in_two_windows_loses_no_answer_in_silence(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """The first answer is received; the second is given back, and its words are said to be worth nothing."""
    await put(world, group, code, sealed_letter(code, group, "Ada", "Who saw it?"))
    one, two = [await visitor.open(to_words(code)) for _ in range(2)]
    assert one.words != two.words
    assert (await visitor.answer(one, "Two friends.")).heading == "Done"
    lost = await visitor.answer(two, "And he threatened <Ann>.")
    assert (lost.status, lost.value("message")) == (422, "And he threatened <Ann>.")
    assert "Only the new words that were shown with that answer" in lost.html
    assert not any(f"<li>{word}</li>" in lost.html for word in two.words)
    changed = await visitor.answer(one, "Three friends.")
    assert (changed.status, changed.value("message")) == (422, "Three friends.")
    empty = await visitor.answer(two)
    assert empty.status == 422
    assert "<textarea" not in empty.html
    assert await followed(world, group) == ["Two friends."]


async def test_of_two_answers_at_the_same_moment_one_is_received_and_the_other_given_back(
    world: World, group: Group, visitor: Visitor, code: ReplyCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both saw the letters; the other answer burns the mailbox just before this one does."""
    await put(world, group, code, sealed_letter(code, group, "Ada", "Who saw it?"))
    one, two = [await visitor.open(to_words(code)) for _ in range(2)]
    real, between = mailboxes.burn, [two]

    async def burn(*arguments: Any) -> Any:
        if between:
            assert (await visitor.answer(between.pop(), "First.")).heading == "Done"
        return await real(*arguments)

    monkeypatch.setattr(mailboxes, "burn", burn)
    lost = await visitor.answer(one, "Second.")
    assert (lost.status, lost.value("message")) == (422, "Second.")
    assert await followed(world, group) == ["First."]


async def test_an_answer_from_a_page_of_yesterday_is_given_back(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """To be copied: the code has to be opened again. Whether it was received before, nobody knows."""
    await put(world, group, code, sealed_letter(code, group, "Ada", "Who saw it?"))
    mailbox = await visitor.open(to_words(code))
    world.clock.forward(86_401)
    late = await visitor.answer(mailbox, "Two <friends>.")
    assert (late.status, late.words, late.value("message")) == (422, [], "Two <friends>.")
    assert [field for field, _ in late.errors] == ["codewords"]
    assert "Nothing was sent" not in late.summary
    assert (await visitor.answer(mailbox)).html.count("readonly") == 0
    again = await visitor.open(to_words(code))
    assert (await visitor.answer(again, late.value("message"))).heading == "Done"
    assert await followed(world, group) == ["Two <friends>."]


async def test_what_an_answer_leaves_leads_to_no_mailbox(
    world: World, group: Group, visitor: Visitor, code: ReplyCode
) -> None:
    """The mark of an answer holds neither code, nor what is derived from it; and it goes by the end of a day."""
    await put(world, group, code, sealed_letter(code, group, "Ada", "Who saw it?"))
    mailbox = await visitor.open(to_words(code))
    assert (await visitor.answer(mailbox, "Two friends.")).heading == "Done"
    [(name, value)] = [
        (name, value) for name, value in (await world.rows(MAIL)).items() if name.startswith(b"answered/")
    ]
    assert (len(name), value) == (len(b"answered/") + 32, MARK)
    for each in (code, from_words(" ".join(mailbox.words), "english")):
        derived = (prove(each).reveal(), claim_of(each).reveal(), address_of(claim_of(each)))
        assert not any(raw[:8] in name for raw in (each.reveal(), *derived))
    await world.deps.store.sweep((world.deps.now_s() // 86_400 + 2) * 86_400)
    assert not any(row.startswith(b"answered/") for row in await world.rows(MAIL))
