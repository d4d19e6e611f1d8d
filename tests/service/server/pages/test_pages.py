"""The pages of report and mailbox without scripts: what they take, keep and show alike."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crypto.codes import ReplyCode, address_of, claim_of, from_words, mailbox_of, to_words
from crypto.entropy import system
from crypto.envelope import envelope_length
from crypto.labels import Label
from crypto.letters import LETTER_PLAINTEXT, seal_letter
from crypto.seal import seal
from service.cases.reports import FollowUp, Report
from service.wire import calls, shapes
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.pages import Visitor, write_letter

PHOTO = b"\xff\xd8\xff\xe1\x00\x08Exif\x00\x00\xff\xda\x00\x02" + b"\x55" * 5_000 + b"\xff\xd9"


async def test_a_report_is_sealed_answered_and_answered_again(
    world: World, group: Group, visitor: Visitor
) -> None:
    """Report, code, letter, new code, follow-up, and the used code opens nothing."""
    sent = await visitor.report(
        group.id, "help", what="Hilfe!\r\nGrüße", when="gestern", language="de", urgency="soon",
        handle=["somebody", ""], platform=["github", ""], links="https://a.example/1\nhttps://a.example/2",
        leave_out=group.member("Cy").id.hex(), words="french",
    )  # fmt: skip
    assert (sent.status, len(sent.words)) == (200, 12)
    code = from_words(" ".join(sent.words))
    assert tuple(sent.words) == to_words(code, "french")
    assert (await visitor.confirm(sent)).heading == "Done"
    assert not visitor.cookies

    (report,) = await world.opened(group)
    assert await world.opened(group, "Cy") == []
    assert isinstance(report.content, Report)
    assert (report.content.what, report.content.language) == ("Hilfe!\nGrüße", "de")
    assert [(p.platform, p.handle) for p in report.content.who] == [("github", "somebody")]
    assert report.content.links == ("https://a.example/1", "https://a.example/2")
    assert report.mailbox_address == address_of(claim_of(code))

    await write_letter(world, group, report, "Who saw it?\n<script>alert(1)</script>")
    mailbox = await visitor.open(sent.words)
    assert mailbox.letters == ["Who saw it?\n<script>alert(1)</script>"]
    assert "<script>alert" not in mailbox.html
    assert "A question to you" in mailbox.html
    assert "Your report is being looked at." in mailbox.html
    assert (await visitor.answer(mailbox, "Two friends.")).heading == "Done"
    follow_up = next(r for r in await world.opened(group) if isinstance(r.content, FollowUp))
    assert isinstance(follow_up.content, FollowUp)
    assert follow_up.content.message == "Two friends."
    assert follow_up.content.address() == report.mailbox_address
    await write_letter(world, group, follow_up, "Thank you.")
    assert (await visitor.open(mailbox.words)).letters == ["Thank you."]
    assert (await visitor.open(sent.words)).letters == []


async def test_a_mistake_keeps_what_was_typed(world: World, group: Group, visitor: Visitor) -> None:
    """Every field comes back, the summary names the field, nothing is stored."""
    typed: dict[str, Any] = {
        "when": 'on "Monday"', "where": "<b>chat</b>", "links": "a\nb", "witnesses": "Zoë", "wants": "w", "fears": "f",
        "handle": ["x", "y", "z"], "platform": ["irc", "", "chat"],
    }  # fmt: skip
    page = await visitor.report(group.id, what="   ", **typed)
    assert page.status == 422
    assert page.errors == [("what", "Write at least one sentence about what happened.")]
    for name in ("when", "where", "links", "witnesses", "wants", "fears"):
        assert page.value(name) == typed[name]
    assert [page.value(f"handle{n}") for n in (1, 2, 3)] == ["x", "y", "z"]
    assert 'aria-invalid="true"' in page.html
    assert await world.opened(group) == []


async def test_texts_too_long_together_are_named_and_kept(
    world: World, group: Group, visitor: Visitor
) -> None:
    """Each within its limit and all in a script of four bytes a character: the longest says how much of it fits."""
    wide = "\U00020000"
    lists = {"links": "\n".join([wide * 1_999] * 50), "witnesses": "\n".join([wide * 300] * 50)}
    page = await visitor.report(
        group.id, what=wide * 100_000, links=lists["links"], witnesses=lists["witnesses"]
    )
    assert page.status == 422
    [(field, told)] = page.errors
    assert field == "what"
    assert page.value("what") == wide * 100_000
    for name, text in lists.items():
        assert page.value(name) == text
    fits = int(re.sub(r"\D", "", told))
    sent = await visitor.report(
        group.id, what=wide * fits, links=lists["links"], witnesses=lists["witnesses"]
    )
    assert sent.status == 200
    [report] = await world.opened(group)
    assert isinstance(report.content, Report)
    assert report.content.what == wide * fits


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"what": "x" * 100_001}, "what"),
        ({"when": "x" * 2_001}, "when"),
        ({"links": "\n".join(["a"] * 51)}, "links"),
        ({"witnesses": "x" * 301}, "witnesses"),
        ({"handle": ["h"] * 51, "platform": ["p"] * 51}, "who"),
        ({"handle": "h" * 301, "platform": "p"}, "who"),
        ({"urgency": "now"}, "urgency"),
        ({"leave_out": "00" * 16}, "leave_out"),
    ],
)
async def test_what_does_not_fit_is_named(
    world: World, group: Group, visitor: Visitor, fields: dict[str, Any], field: str
) -> None:
    """Too long, too many, not offered: 422, the field, and nothing stored."""
    page = await visitor.report(group.id, **{"what": "It happened.", **fields})
    assert (page.status, page.errors[0][0]) == (422, field)
    assert await world.opened(group) == []


async def test_too_few_readers_lead_to_the_other_group_only_with_consent(world: World) -> None:
    """The reporter is asked; agreed, all of the alternate group read it, and nobody of the first."""
    elders = Group.draw("Elders", ["Nia", "Oto"])
    group = Group.draw("Aurora", ["Ada", "Bo", "Cy"], alternate=elders.id)
    for one in (elders, group):
        await world.found(one)
    visitor = Visitor(world.http)
    out = [group.member(name).id.hex() for name in ("Ada", "Bo")]
    asked = await visitor.report(group.id, what="It was Ada.", leave_out=out)
    assert (asked.status, asked.errors[0][0]) == (422, "agreed")
    wrong = await visitor.report(group.id, what="It was Ada.", leave_out=out, agreed=group.id.hex())
    assert (wrong.status, wrong.errors[0][0]) == (422, "agreed")
    sent = await visitor.report(group.id, what="It was Ada.", leave_out=out, agreed=elders.id.hex())
    assert sent.status == 200
    assert len(await world.opened(elders, "Nia")) == 1
    assert await world.opened(group, "Cy") == []


async def test_who_is_in_both_groups_and_left_out_stays_out(world: World) -> None:
    """By name or by key: the alternate group's report goes to the others; and to nobody when too few are left there."""
    elders = Group.draw("Elders", ["Nia", "Oto", "Ada"], minimum=2)
    group = Group.draw("Aurora", ["Ada", "Bo", "Cy"], alternate=elders.id)
    for one in (elders, group):
        await world.found(one)
    visitor = Visitor(world.http)
    out = [group.member(name).id.hex() for name in ("Ada", "Bo")]
    sent = await visitor.report(group.id, what="It was Ada.", leave_out=out, agreed=elders.id.hex())
    assert sent.status == 200
    assert "Ada" not in sent.html
    assert len(await world.opened(elders, "Nia")) == 1
    assert await world.opened(elders, "Ada") == []
    small = Group.draw("Small", ["Nia", "Ada"], minimum=2)
    lone = Group.draw("Lone", ["Ada", "Bo"], alternate=small.id)
    for one in (small, lone):
        await world.found(one)
    refused = await visitor.report(
        lone.id, what="It was Ada.", leave_out=lone.member("Ada").id.hex(), agreed=small.id.hex()
    )
    assert (refused.status, refused.errors[0][0]) == (422, "leave_out")


async def test_nobody_writes_to_a_group_that_could_not_read_it(world: World) -> None:
    """Fewer handlers than its own minimum, and no other group, or too few there: said before anything is typed."""
    small = Group.draw("Small", ["Nia"], minimum=2)
    lone = Group.draw("Lone", ["Ada"], minimum=2, alternate=small.id)
    nowhere = Group.draw("Nowhere", ["Bo"], minimum=2, alternate=bytes(16))
    elders = Group.draw("Elders", ["Oto", "Pia"])
    led_on = Group.draw("Led on", ["Cy"], minimum=2, alternate=elders.id)
    groups = (small, lone, nowhere, elders, led_on)
    for one in groups:
        await world.found(one)
    answers = [(await world.http.get(f"/en/groups/{one.id.hex()}/report/conduct")) for one in groups]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 200, 200]
    assert all("No group takes reports here yet." in answer.text for answer in answers[:3])
    start = (await world.http.get("/en/")).text
    assert [f"/groups/{one.id.hex()}/report/" in start for one in groups] == [False, False, False, True, True]


async def test_without_an_alternate_too_few_is_an_error(world: World, group: Group, visitor: Visitor) -> None:
    """Nothing is sent to fewer than the minimum."""
    out = [group.member(name).id.hex() for name in ("Ada", "Bo")]
    page = await visitor.report(group.id, what="It was Ada.", leave_out=out)
    assert (page.status, page.errors[0][0]) == (422, "leave_out")
    assert await world.opened(group, "Cy") == []


async def test_sending_a_form_twice_shows_the_same_code_once_filed(
    world: World, group: Group, visitor: Visitor
) -> None:
    """A reload, or a lost answer: same code, one report. Without the cookie the form says so, and sends again."""
    path = f"groups/{group.id.hex()}/report/conduct"
    fields = {**(await visitor.get(path)).carried, "what": "Once."}
    first = await visitor.post(path, fields, [])
    again = await visitor.post(path, fields, [])
    assert first.words == again.words
    assert len(await world.opened(group)) == 1
    visitor.cookies.clear()
    blind = await visitor.post(path, fields, [])
    assert blind.status == 422
    assert blind.value("what") == "Once."
    assert "sent before" in blind.errors[0][1]
    retried = await visitor.post(path, {**blind.carried, "what": "Once."}, [])
    assert (retried.status, len(await world.opened(group))) == (200, 2)


async def test_a_reload_of_the_mailbox_shows_the_same_new_code(
    world: World, group: Group, visitor: Visitor
) -> None:
    """Somebody who wrote the first words down must not be shown others."""
    sent = await visitor.report(group.id, what="It happened.")
    (report,) = await world.opened(group)
    await write_letter(world, group, report, "Hello.")
    ticket = (await visitor.get("mailbox")).hidden("ticket")
    fields = {"ticket": ticket, "codewords": " ".join(sent.words)}
    first, again = await visitor.post("mailbox", fields), await visitor.post("mailbox", fields)
    assert first.words == again.words
    assert again.letters == ["Hello."]


async def test_letters_that_came_meanwhile_are_shown_before_burning(
    world: World, group: Group, visitor: Visitor
) -> None:
    """The answer is kept, nothing is burned, and the second try goes through."""
    sent = await visitor.report(group.id, what="It happened.")
    (report,) = await world.opened(group)
    await write_letter(world, group, report, "First.")
    mailbox = await visitor.open(sent.words)
    await write_letter(world, group, report, "Second.")
    page = await visitor.answer(mailbox, "My answer")
    assert (page.status, page.letters, page.value("message")) == (422, ["First.", "Second."], "My answer")
    assert page.words == mailbox.words
    assert (await visitor.answer(page, "My answer")).heading == "Done"


async def test_nobody_locks_a_reporter_out_with_noise(world: World, group: Group, visitor: Visitor) -> None:
    """A rogue handler's letter that doesn't open is no letter, and stops no burning."""
    sent = await visitor.report(group.id, what="It happened.")
    (report,) = await world.opened(group)
    await write_letter(world, group, report, "First.")
    junk = seal_letter(mailbox_of(ReplyCode(system(16))).public_key(), b"for somebody else")
    action = shapes.PostLetter(system(16).hex(), report.mailbox_address.hex(), junk)
    await world.client.do(calls.batch(group.signer("Bo"), [action]))
    mailbox = await visitor.open(sent.words)
    assert mailbox.letters == ["First."]
    assert (await visitor.answer(mailbox)).heading == "Done"
    assert (await visitor.open(sent.words)).letters == []


async def test_a_malformed_letter_hides_no_other(world: World, group: Group, visitor: Visitor) -> None:
    """What opens and isn't padded as a letter is counted, not shown; the letters around it are, and all is burned."""
    sent = await visitor.report(group.id, what="It happened.")
    (report,) = await world.opened(group)
    await write_letter(world, group, report, "First.")
    unpadded = seal(report.mailbox_key, b"\xff" * LETTER_PLAINTEXT, label=Label.SEAL_LETTER, context=b"")
    action = shapes.PostLetter(system(16).hex(), report.mailbox_address.hex(), unpadded)
    await world.client.do(calls.batch(group.signer("Bo"), [action]))
    await write_letter(world, group, report, "Second.")
    mailbox = await visitor.open(sent.words)
    assert (mailbox.status, mailbox.letters) == (200, ["First.", "Second."])
    assert (await visitor.answer(mailbox)).heading == "Done"
    assert (await visitor.open(sent.words)).letters == []


async def test_files_are_cleaned_or_kept_or_refused(world: World, group: Group, visitor: Visitor) -> None:
    """A picture loses what it hides; an unknown kind needs the reporter's word; a path is no name."""
    sent = await visitor.report(group.id, files=[("C:\\me\\a.jpg", PHOTO)], what="See.")
    assert "Removed from your files" in sent.html or sent.status == 422
    refused = await visitor.report(group.id, files=[("b.bin", b"\x00\x01\x02")], what="See.")
    assert (refused.status, refused.errors[0][0]) == (422, "files")
    kept = await visitor.report(group.id, files=[("../b.bin", b"\x00\x01\x02")], what="See.", original="1")
    assert kept.status == 200
    files = [file for report in await world.opened(group) for file in report.files]
    assert {"b.bin"} <= {file.name for file in files}
    assert all("/" not in file.name and "\\" not in file.name for file in files)
    for size in (8_400_000, 9_800_000):
        large = await visitor.report(group.id, files=[("c.txt", b"x" * size)], what="See.")
        assert (large.status, large.errors[0][0]) == (422, "files")


async def test_what_the_server_seals_has_the_size_that_others_seal(
    world: World, group: Group, visitor: Visitor
) -> None:
    """By length and header nobody can tell how a report was made."""
    await visitor.report(group.id, what="It happened.")
    feed = await world.client.do(calls.feed(group.signer("Ada")))
    raw = await world.fetched(group, "Ada", feed.entries[0].report)
    assert len(raw) == envelope_length(3, 0)
