"""The reporter's pages without scripts: what they take, keep, show alike, and never write down."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from crypto.codes import ReplyCode, address_of, claim_of, from_words, mailbox_of, to_words
from crypto.entropy import system
from crypto.envelope import envelope_length, parse_envelope
from crypto.labels import Label
from crypto.letters import LETTER_PLAINTEXT, seal_letter
from crypto.opening import open_report
from crypto.seal import seal
from service.cases.letters import Letter, sign_letter
from service.cases.policies import baseline
from service.cases.reports import FollowUp, Report, Unsealed
from service.server.pages.languages import LANGUAGES, negotiated
from service.server.pages.site import POLICY
from service.server.pages.tokens import COOKIE
from service.wire import calls, shapes
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.pages import Page, Visitor

PART = b'--b\r\nContent-Disposition: form-data; name="what"\r\n\r\nvalue\r\n'
PHOTO = b"\xff\xd8\xff\xe1\x00\x08Exif\x00\x00\xff\xda\x00\x02" + b"\x55" * 5_000 + b"\xff\xd9"


async def fetched(world: World, group: Group, name: str, report: str) -> bytes:
    """One envelope as the server keeps it."""
    return await world.client.do(calls.fetch_report(group.signer(name), group.id, bytes.fromhex(report)))


async def opened(world: World, group: Group, name: str = "Ada") -> list[Unsealed]:
    """Everything a handler can read, as it was sealed."""
    found = []
    feed = await world.client.do(calls.feed(group.signer(name)))
    for entry in feed.entries:
        envelope = parse_envelope(await fetched(world, group, name, entry.report))
        found.append(Unsealed.from_bytes(open_report(envelope, group.member(name).sealing).plaintext))
    return found


async def write(world: World, group: Group, report: Unsealed, text: str) -> None:
    """Write a letter to whoever sent a report, as Ada."""
    ada = group.member("Ada")
    letter = Letter(
        id=system(16).hex(),
        group=group.id.hex(),
        roster=group.roster.digest.hex(),
        author="Ada",
        author_key=ada.signing.verify_key().raw.hex(),
        language="en",
        day="2027-01-15",
        state="looking",
        question=True,
        text=text,
        recipients=tuple(m.key_id.hex() for m in group.handlers),
    )
    raw = sign_letter(letter, ada.signing, report.mailbox_address)
    sealed = seal_letter(report.mailbox_key, raw)
    action = shapes.PostLetter(system(16).hex(), report.mailbox_address.hex(), sealed)
    answer = await world.client.do(calls.batch(group.signer("Ada"), [action]))
    assert answer.outcomes[0].outcome == "done"


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

    (report,) = await opened(world, group)
    assert await opened(world, group, "Cy") == []
    assert isinstance(report.content, Report)
    assert (report.content.what, report.content.language) == ("Hilfe!\nGrüße", "de")
    assert [(p.platform, p.handle) for p in report.content.who] == [("github", "somebody")]
    assert report.content.links == ("https://a.example/1", "https://a.example/2")
    assert report.mailbox_address == address_of(claim_of(code))

    await write(world, group, report, "Who saw it?\n<script>alert(1)</script>")
    mailbox = await visitor.open(sent.words)
    assert mailbox.letters == ["Who saw it?\n<script>alert(1)</script>"]
    assert "<script>alert" not in mailbox.html
    assert "A question to you" in mailbox.html
    assert "Your report is being looked at." in mailbox.html
    assert (await visitor.answer(mailbox, "Two friends.")).heading == "Done"
    follow_up = next(r for r in await opened(world, group) if isinstance(r.content, FollowUp))
    assert isinstance(follow_up.content, FollowUp)
    assert follow_up.content.message == "Two friends."
    assert follow_up.content.address() == report.mailbox_address
    await write(world, group, follow_up, "Thank you.")
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
    assert await opened(world, group) == []


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
    [report] = await opened(world, group)
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
    assert await opened(world, group) == []


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
    assert len(await opened(world, elders, "Nia")) == 1
    assert await opened(world, group, "Cy") == []


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
    assert len(await opened(world, elders, "Nia")) == 1
    assert await opened(world, elders, "Ada") == []
    small = Group.draw("Small", ["Nia", "Ada"], minimum=2)
    lone = Group.draw("Lone", ["Ada", "Bo"], alternate=small.id)
    for one in (small, lone):
        await world.found(one)
    refused = await visitor.report(
        lone.id, what="It was Ada.", leave_out=lone.member("Ada").id.hex(), agreed=small.id.hex()
    )
    assert (refused.status, refused.errors[0][0]) == (422, "leave_out")


async def test_without_an_alternate_too_few_is_an_error(world: World, group: Group, visitor: Visitor) -> None:
    """Nothing is sent to fewer than the minimum."""
    out = [group.member(name).id.hex() for name in ("Ada", "Bo")]
    page = await visitor.report(group.id, what="It was Ada.", leave_out=out)
    assert (page.status, page.errors[0][0]) == (422, "leave_out")
    assert await opened(world, group, "Cy") == []


async def test_sending_a_form_twice_shows_the_same_code_once_filed(
    world: World, group: Group, visitor: Visitor
) -> None:
    """A reload, or a lost answer: same code, one report. Without the cookie the form says so, and sends again."""
    path = f"groups/{group.id.hex()}/report/conduct"
    fields = {**(await visitor.get(path)).carried, "what": "Once."}
    first = await visitor.post(path, fields, [])
    again = await visitor.post(path, fields, [])
    assert first.words == again.words
    assert len(await opened(world, group)) == 1
    visitor.cookies.clear()
    blind = await visitor.post(path, fields, [])
    assert blind.status == 422
    assert blind.value("what") == "Once."
    assert "sent before" in blind.errors[0][1]
    retried = await visitor.post(path, {**blind.carried, "what": "Once."}, [])
    assert (retried.status, len(await opened(world, group))) == (200, 2)


async def test_a_reload_of_the_mailbox_shows_the_same_new_code(
    world: World, group: Group, visitor: Visitor
) -> None:
    """Somebody who wrote the first words down must not be shown others."""
    sent = await visitor.report(group.id, what="It happened.")
    (report,) = await opened(world, group)
    await write(world, group, report, "Hello.")
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
    (report,) = await opened(world, group)
    await write(world, group, report, "First.")
    mailbox = await visitor.open(sent.words)
    await write(world, group, report, "Second.")
    page = await visitor.answer(mailbox, "My answer")
    assert (page.status, page.letters, page.value("message")) == (422, ["First.", "Second."], "My answer")
    assert page.words == mailbox.words
    assert (await visitor.answer(page, "My answer")).heading == "Done"


async def test_nobody_locks_a_reporter_out_with_noise(world: World, group: Group, visitor: Visitor) -> None:
    """A rogue handler's letter that doesn't open is no letter, and stops no burning."""
    sent = await visitor.report(group.id, what="It happened.")
    (report,) = await opened(world, group)
    await write(world, group, report, "First.")
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
    (report,) = await opened(world, group)
    await write(world, group, report, "First.")
    unpadded = seal(report.mailbox_key, b"\xff" * LETTER_PLAINTEXT, label=Label.SEAL_LETTER, context=b"")
    action = shapes.PostLetter(system(16).hex(), report.mailbox_address.hex(), unpadded)
    await world.client.do(calls.batch(group.signer("Bo"), [action]))
    await write(world, group, report, "Second.")
    mailbox = await visitor.open(sent.words)
    assert (mailbox.status, mailbox.letters) == (200, ["First.", "Second."])
    assert (await visitor.answer(mailbox)).heading == "Done"
    assert (await visitor.open(sent.words)).letters == []


async def test_a_wrong_a_used_and_an_empty_code_look_the_same(
    world: World, group: Group, visitor: Visitor
) -> None:
    """Byte for byte, but for the ticket; and with letters the page has the same length."""
    sent = await visitor.report(group.id, what="It happened.")
    unread = await visitor.report(group.id, what="Another.")
    empty = await visitor.open(sent.words)
    for report in await opened(world, group):
        await write(world, group, report, "Hello.")
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
    (report,) = await opened(world, group)
    await write(world, group, report, "Hello.")
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


async def test_files_are_cleaned_or_kept_or_refused(world: World, group: Group, visitor: Visitor) -> None:
    """A picture loses what it hides; an unknown kind needs the reporter's word; a path is no name."""
    sent = await visitor.report(group.id, files=[("C:\\me\\a.jpg", PHOTO)], what="See.")
    assert "Removed from your files" in sent.html or sent.status == 422
    refused = await visitor.report(group.id, files=[("b.bin", b"\x00\x01\x02")], what="See.")
    assert (refused.status, refused.errors[0][0]) == (422, "files")
    kept = await visitor.report(group.id, files=[("../b.bin", b"\x00\x01\x02")], what="See.", original="1")
    assert kept.status == 200
    files = [file for report in await opened(world, group) for file in report.files]
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
    raw = await fetched(world, group, "Ada", feed.entries[0].report)
    assert len(raw) == envelope_length(3, 0)


@contextmanager
def files_opened() -> Iterator[list[str]]:
    """Every file that this process opens for writing, or makes as a temporary one."""
    seen: list[str] = []
    watching = True

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if not watching:
            return
        if (
            event == "tempfile.mkstemp"
            or event == "tempfile.mkdtemp"
            or (event == "open" and isinstance(args[2], int) and args[2] & 3)
        ):
            seen.append(str(args[0]))

    sys.addaudithook(hook)
    try:
        yield seen
    finally:
        watching = False


async def test_nothing_that_is_posted_touches_a_disk(world: World, group: Group, visitor: Visitor) -> None:
    """Eight megabytes of form: no temporary file, no file opened for writing by Python at all."""
    with files_opened() as seen:
        sent = await visitor.report(group.id, files=[("a.txt", b"secret " * 1_000_000)], what="See.")
    assert sent.status == 200
    assert seen == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b"what=x"),
        ("text/plain", b"what=x"),
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nno disposition\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="what"\r\n\r\ncut'),
        ("multipart/form-data; boundary=b", PART.replace(b"value", b"\xff\xfe") + b"--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"h" * 9_000 + b"\r\n\r\n\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", PART * 401 + b"--b--\r\n"),
        ("application/x-www-form-urlencoded", b"a=1&" * 401),
        ("application/x-www-form-urlencoded", b"what=%ff"),
        ("application/x-www-form-urlencoded", b"\xff"),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 20_000),
    ],
)  # fmt: skip
async def test_malformed_forms_get_a_page(
    world: World, group: Group, visitor: Visitor, content_type: str, body: bytes
) -> None:
    """A sentence, a way on, no stack trace, and nothing stored."""
    path = f"/en/groups/{group.id.hex()}/report/conduct"
    headers = {"content-type": content_type} if content_type else {}
    answer = await world.http.post(path, content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].startswith("text/html")
    assert "Traceback" not in answer.text
    assert await opened(world, group) == []


async def test_another_site_cannot_send_our_forms(world: World, group: Group, visitor: Visitor) -> None:
    """The browser says where a form comes from; absent (old browsers) it is let through, as tickets still count."""
    path = f"groups/{group.id.hex()}/report/conduct"
    fields = {**(await visitor.get(path)).carried, "what": "Forged."}
    assert (await visitor.post(path, fields, [], sec_fetch_site="cross-site")).status == 400
    assert (await visitor.post(path, fields, [], sec_fetch_site="same-origin")).status == 200


PAGES = (
    "",
    "protection",
    "mailbox",
    "done",
    "groups/{}/people",
    "groups/{}/conduct",
    "groups/{}/report/help",
)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_keeps_the_same_habits(group: Group, visitor: Visitor, path: str) -> None:
    """Strict policy, nothing cached, no cookie, nothing inline, nothing from elsewhere, 30 kB gzipped at most."""
    page = await visitor.get(path.format(group.id.hex()))
    assert page.status == 200
    assert page.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert all("Max-Age=0" in line for line in page.headers.get_list("set-cookie"))
    assert not re.search(r"<style|style=|\son\w+=|javascript:", page.html)
    assert not re.search(r"<script(?![^>]*src=)", page.html)
    loaded = re.findall(r'<(?:link|script|img)[^>]*?(?:src|href)="([^"]+)"', page.html)
    assert loaded
    assert all(address.startswith("/static/") for address in loaded)
    style = (await visitor.http.get("/static/style.css")).content
    assert len(gzip.compress(page.html.encode())) + len(gzip.compress(style)) <= 30_000


async def test_the_published_steps_say_how_long_they_may_last(group: Group, visitor: Visitor) -> None:
    """ "It lapses after its term": the term that the group signed is there, by each step that has one."""
    page = await visitor.get(f"groups/{group.id.hex()}/conduct")
    steps = re.findall(r"<li><h3>(.*?)</h3>(.*?)</li>", page.html, re.DOTALL)
    told = {title: re.findall(r"Longest term, in days: (\d+)<", rest) for title, rest in steps}
    assert told == {
        step.title: [str(step.longest_days)] if step.longest_days else [] for step in baseline().ladder
    }
    assert told["Warning"] == ["365"]


async def test_the_code_is_in_no_address_title_or_cookie_in_clear(group: Group, visitor: Visitor) -> None:
    """And the cookie is the strictest there is."""
    sent = await visitor.report(group.id, what="It happened.")
    assert "location" not in sent.headers
    assert not any(word in sent.title.split() for word in sent.words)
    cookie = sent.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=strict"):
        assert attribute.casefold() in cookie.casefold()
    assert "domain" not in cookie.casefold()
    done = await visitor.confirm(sent)
    assert done.headers["clear-site-data"] == '"cache", "cookies", "storage"'


async def test_the_onion_address_is_offered_where_there_is_one(world: World, visitor: Visitor) -> None:
    """As a header for the Tor Browser and as a link; without one, nothing is said."""
    assert "onion-location" not in (await visitor.get("")).headers
    onion = f"http://{'a' * 56}.onion"
    object.__setattr__(world.deps, "settings", msgspec.structs.replace(world.deps.settings, onion=onion))
    page = await visitor.get("protection")
    assert page.headers["onion-location"] == f"{onion}/en/"
    assert f'href="{onion}"' in page.html


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        (None, "en"), ("", "en"), ("de", "de"), ("de-AT,en;q=0.5", "de"), ("en;q=0.2, ar", "ar"),
        ("xx, fa;q=0.1", "fa"),
        ("zh-TW", "zh-Hant"), ("zh-CN,zh;q=0.9", "zh-Hans"), ("iw", "he"), ("fr;q=0, es;q=0.1", "es"), ("*", "en"),
        ("de;q=2", "en"), (";;;,,,", "en"), ("x" * 5_000, "en"), ("pt-BR", "pt"),
    ],
)  # fmt: skip
def test_the_browser_chooses_the_first_language(asked: str | None, tag: str) -> None:
    """RFC 9110 §12.5.4, without a cookie."""
    assert negotiated(asked).tag == tag


async def test_addresses_without_an_answer_are_pages(visitor: Visitor, group: Group) -> None:
    """In the language of the address; programs get their problem document."""
    for path in (
        "nothing",
        f"groups/{group.id.hex()}/report/else",
        f"groups/{'0' * 32}/people",
        "groups/x/people",
    ):
        page = await visitor.get(path, accept="text/html")
        assert (page.status, page.title.split(" · ")[0]) == (404, "There is no such page")
    assert (await visitor.http.get("/xx/", headers={"accept": "text/html"})).status_code == 404
    plain = await visitor.http.get("/v1/nothing", headers={"accept": "text/html"})
    assert plain.headers["content-type"] == "application/problem+json"
    first = await visitor.http.get("/", headers={"accept-language": "ja"})
    assert (first.status_code, first.headers["location"], first.headers["vary"]) == (
        303,
        "/ja/",
        "Accept-Language",
    )


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
async def test_every_language_has_every_page(group: Group, visitor: Visitor, language: Any) -> None:
    """With its own direction, and reply codes in its own list where there is one."""
    visitor.language = language.tag
    for path in PAGES:
        page = await visitor.get(path.format(group.id.hex()))
        assert page.status == 200
        assert f'<html lang="{language.tag}" dir="{language.direction}">' in page.html
    sent = await visitor.report(group.id, what="…")
    assert tuple(sent.words) == to_words(from_words(" ".join(sent.words), language.words), language.words)
