"""The mailbox page with scripts in real Chromium, in a mailbox that a rogue recipient writes to as well."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Route

from crypto.codes import ReplyCode, to_words
from crypto.entropy import system
from service.wire import calls
from service.wire.client import Client
from tests.support.browsers import visit
from tests.support.groups import Group
from tests.support.letters import junk, posting, sealed_letter
from tests.support.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("mailbox")]


def test_junk_hides_no_letter_and_none_is_burned_unread(
    server: RunningServer, browser: Browser, client: Client
) -> None:
    """A page of junk before the letter, junk behind it, and a letter that comes just before the second burn."""
    group = Group.draw()
    group.found(client)
    code = ReplyCode.draw(system)

    def put(*letters: bytes) -> None:
        client.do(calls.batch(group.signer("Bo"), posting(code, letters)))

    put(*(junk() for _ in range(8)), sealed_letter(code, group, "Ada", "Are you safe?"), junk(), junk())
    burns: list[bytes] = []

    def late(route: Route) -> None:
        if len(burns) == 1:
            put(sealed_letter(code, group, "Ada", "Call me."))
        burns.append(route.request.post_data_buffer or b"")
        route.continue_()

    with visit(browser, server.base, scripts=True) as reporter:
        reporter.page.route("**/v1/mailboxes/burn", late)
        assert reporter.open(to_words(code)) == ["Are you safe?"]
        reporter.fill(message="Yes.")
        words = reporter.words()
        for number in (1, 2):
            position = int(reporter.page.locator(f'[data-position="{number}"]').inner_text())
            reporter.page.locator(f"#word{number}").fill(words[position - 1])
        reporter.page.locator("#burn button[type=submit]").click()
        reporter.page.locator("#letters .letter").nth(1).wait_for()
        assert len(reporter.page.locator("#letters .letter").all()) == 2
        assert reporter.confirmed() == words
        assert reporter.open(to_words(code)) == []
    seen = [int.from_bytes(body[32:34], "big") for body in burns]
    assert seen == [9, 10, 12]
    assert len({body[34:] for body in burns}) == 1, "one answer, sealed once"


def test_a_letter_of_who_was_told_is_believed_and_says_who_reads_the_answer(
    server: RunningServer, browser: Browser, client: Client
) -> None:
    """As without scripts: its author is in another group that it names. The lists of all groups are asked for, once."""
    group, other = Group.draw(), Group.draw("Borealis", ["Dina", "Emil"])
    group.found(client)
    other.found(client)
    code = ReplyCode.draw(system)
    letter = sealed_letter(code, group, "Dina", "Hello.", told=other)
    client.do(calls.batch(group.signer("Bo"), posting(code, [letter])))
    Group.draw("Uninvolved").found(client)
    asked: list[str] = []
    with visit(browser, server.base, scripts=True) as reporter:
        reporter.page.on("request", lambda request: asked.append(request.url))
        assert reporter.open(to_words(code)) == ["Hello."]
        reporter.page.locator("#readers bdi").first.wait_for()
        rosters = [
            f"{server.base}/v1/groups/{head.group}/roster" for head in client.do(calls.groups()).groups
        ]
        assert sorted(url for url in asked if url.endswith("/roster")) == sorted(rosters)
        assert reporter.page.locator("#readers").inner_text() == "Aurora: Ada, Bo, Cy; Borealis: Dina, Emil"
        assert reporter.page.locator(".letter h3").inner_text().startswith("Dina (Borealis) ·")
        assert reporter.page.locator(".letter .error").count() == 0


def test_a_code_opened_in_two_windows_loses_no_answer_in_silence(
    server: RunningServer, browser: Browser, client: Client
) -> None:
    """The first answer uses it up; the second is not sent, stays on its page, and says which words are good."""
    group = Group.draw()
    group.found(client)
    code = ReplyCode.draw(system)
    letter = sealed_letter(code, group, "Ada", "Who saw it?")
    client.do(calls.batch(group.signer("Bo"), posting(code, [letter])))
    with (
        visit(browser, server.base, scripts=True) as one,
        visit(browser, server.base, scripts=True) as two,
    ):
        assert one.open(to_words(code)) == two.open(to_words(code)) == ["Who saw it?"]
        one.fill(message="Two friends.")
        one.confirmed()
        two.fill(message="And Ann.")
        words = two.words()
        for number in (1, 2):
            position = int(two.page.locator(f'[data-position="{number}"]').inner_text())
            two.page.locator(f"#word{number}").fill(words[position - 1])
        two.page.locator("#burn button[type=submit]").click()
        two.page.locator("#burn-status", has_text="Only the new words that were shown with that").wait_for()
        assert two.page.locator("#message").input_value() == "And Ann."
    assert len(client.do(calls.feed(group.signer("Ada"))).entries) == 1


def test_an_answer_goes_where_the_first_letter_came_from_and_the_page_says_so(
    server: RunningServer, browser: Browser, client: Client
) -> None:
    """One recipient also sits in another group, and asks from there; a group that doesn't exist is passed over."""
    group, other, missing = Group.draw(), Group.draw("Borealis", ["Bo", "Xi"]), Group.draw("Missing")
    group.found(client)
    other.found(client)
    code = ReplyCode.draw(system)
    letters = [
        sealed_letter(code, missing, "Ada", "From nowhere."),
        sealed_letter(code, group, "Ada", "Thank you.", [group.member("Ada"), group.member("Cy")]),
        sealed_letter(code, other, "Bo", "Tell me more.", [other.member("Bo")]),
    ]
    client.do(calls.batch(group.signer("Bo"), posting(code, letters)))
    with visit(browser, server.base, scripts=True) as reporter:
        assert len(reporter.open(to_words(code))) == 3
        reporter.page.locator("#readers bdi").first.wait_for()
        assert reporter.page.locator("#readers").inner_text() == "Aurora: Ada, Cy"
        reporter.fill(message="Yes.")
        reporter.confirmed()
    entries = {
        name: len(client.do(calls.feed(of.signer(name))).entries)
        for of, name in ((group, "Ada"), (group, "Bo"), (group, "Cy"), (other, "Xi"))
    }
    assert entries == {"Ada": 1, "Bo": 0, "Cy": 1, "Xi": 0}
