"""The reporter's journeys in real Chromium, each with scripts on and with scripts off."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from crypto.codes import ReplyCode, to_words
from crypto.entropy import system
from crypto.envelope import parse_envelope, parse_header
from crypto.framing import Reader
from crypto.opening import open_report
from service.cases.answers import Answers
from service.cases.reports import FollowUp, Person, Report
from service.wire import calls
from service.wire.client import Client
from tests.support.browsers import visit
from tests.support.desks import answered, desk_of, synced
from tests.support.groups import Group
from tests.support.photographs import photograph
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("pages")]

ARABIC = "أرسل إليّ رسائل تهديد كل ليلة."


@pytest.mark.parametrize(("scripts", "language"), [(False, "de"), (True, "ar")])
def test_there_and_back_twice(
    tmp_path: Path,
    server: RunningServer,
    browser: Browser,
    client: Client,
    group: Group,
    scripts: bool,
    language: str,
) -> None:
    """Report, code, letter, new code, answer, letter again; one left out; the used code opens nothing."""
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Cy") as cy,
    ):
        with visit(browser, server.base, scripts=scripts, language=language) as reporter:
            reporter.report(
                group, what=ARABIC, when="gestern", handle1="somebody", platform1="github", leave_out=["Cy"],
                links="https://example.org/1", wants="Ruhe",
            )  # fmt: skip
            first = reporter.confirmed()
            assert reporter.page.context.cookies() == []
            answered(ada, client, group, "Danke. Wer hat es gesehen?")
            assert synced(cy, client).new_reports == 0
            assert reporter.open(first) == ["Danke. Wer hat es gesehen?"]
            reporter.fill(message="Zwei Freunde.")
            second = reporter.confirmed()
            assert second != first
            assert reporter.open(first) == []
            answered(ada, client, group, "Verstanden.")
            assert reporter.open(second) == ["Verstanden."]
        (case,) = ada.cases().values()
        body = ada.body_of(case.first).content
        assert isinstance(body, Report)
        assert (body.what, body.when, body.language, body.wants) == (ARABIC, "gestern", language, "Ruhe")
        assert [(p.platform, p.handle) for p in body.who] == [("github", "somebody")]
        assert [
            ada.body_of(held).content
            for held in case.follow_ups
            if isinstance(ada.body_of(held).content, FollowUp)
        ]


def test_nobody_can_tell_how_a_report_was_made(
    tmp_path: Path, server: RunningServer, browser: Browser, client: Client, group: Group
) -> None:
    """By browser, server and command line: one header, one length, the same JSON; each opens at the desk."""
    for scripts in (False, True):
        with visit(browser, server.base, scripts=scripts) as reporter:
            reporter.report(
                group, what=ARABIC, where="#général", handle1="x", platform1="irc", links="a\nb", fears="…"
            )
            reporter.confirmed()
    Reporter(client, group).report(
        Answers(
            what=ARABIC,
            where="#général",
            who=(Person(platform="irc", handle="x"),),
            links=("a", "b"),
            fears="…",
        )
    )
    entries = client.do(calls.feed(group.signer("Ada"))).entries
    raws = [
        client.do(calls.fetch_report(group.signer("Ada"), group.id, bytes.fromhex(e.report))) for e in entries
    ]
    assert len(raws) == 3
    assert len({len(raw) for raw in raws}) == 1
    assert len({parse_header(Reader(raw[:1_024], "envelope")) for raw in raws}) == 1
    key = group.member("Ada").sealing
    texts = [open_report(parse_envelope(raw), key).plaintext[1 + 32 + 1216 :] for raw in raws]
    assert len({re.sub(rb'"filed_on":"[0-9-]{10}"', b"", text) for text in texts}) == 1
    assert len({raw[-4_096:] for raw in raws}) == 3


def test_a_photograph_arrives_without_its_place(
    tmp_path: Path, server: RunningServer, browser: Browser, client: Client, group: Group, scripts: bool
) -> None:
    """Five megabytes; what it hides is gone; picture bit for bit the same."""
    original = photograph()
    (tmp_path / "picture.jpg").write_bytes(original)
    with visit(browser, server.base, scripts=scripts) as reporter:
        reporter.report(group, what="See the picture.", files=[tmp_path / "picture.jpg"])
        reporter.confirmed()
    with desk_of(tmp_path, server.base, group, "Bo") as bo:
        synced(bo, client)
        (case,) = bo.cases().values()
        content = bo.file_of(case.first, 0)
        assert b"CANARYPHONE" not in content
        assert len(original) - 2_000 < len(content) < len(original)
        assert Image.open(io.BytesIO(content)).size == (2900, 2500)
        assert not Image.open(io.BytesIO(content)).getexif()


def test_a_mistake_keeps_what_was_typed(
    server: RunningServer, browser: Browser, group: Group, scripts: bool
) -> None:
    """The summary names the field and leads there; nothing that was typed is lost; then it goes through."""
    with visit(browser, server.base, scripts=scripts) as reporter:
        reporter.report(group, what="", when="Monday", links="a\nb", fears="that they know", handle1="x")
        link = reporter.page.locator("#errors a")
        assert link.get_attribute("href") == "#what"
        link.click()
        assert reporter.page.locator("#what").is_visible()
        for name, text in {
            "when": "Monday",
            "links": "a\nb",
            "fears": "that they know",
            "handle1": "x",
        }.items():
            assert reporter.page.locator(f"#{name}").input_value() == text
        reporter.fill(what="It happened.")
        reporter.send()
        assert len(reporter.words()) == 12


def test_the_last_look_names_who_reads_it_and_whom_it_is_about(
    server: RunningServer, browser: Browser, group: Group
) -> None:
    """As it would go now: to some of the group, to nobody without consent, to the other group with it."""
    with visit(browser, server.base, scripts=True) as reporter:
        reporter.report(
            group, what="It was Zed.", leave_out=["Cy"], send=False,
            handle1="zed", platform1="github", handle3="Zoë", platform2="irc",
        )  # fmt: skip
        review = reporter.page.locator("#review")

        def said(label: str) -> str:
            answer = review.locator("dt", has_text=label).locator("xpath=following-sibling::dd[1]")
            expect(answer).not_to_have_text("…")
            return answer.inner_text()

        assert said("Who is it about?") == "zed · github\nirc\nZoë"
        assert said("Who may read it") == "Ada, Bo"
        reporter.back_to(1)
        reporter.page.locator(f"#leave-{group.member('Bo').id.hex()}").check()
        reporter.step(6)
        assert said("Who may read it").startswith("Too few people would remain.")
        reporter.send()
        assert reporter.page.locator("#errors a").count() == 1
        reporter.page.locator("#agreed").check()  # on the page with all steps, without going to the last one
        expect(review).to_contain_text("Nia, Oto")
        assert said("Who may read it") == "Nia, Oto"
        reporter.fill(when="Monday")
        assert (said("When was it?"), said("Who may read it")) == ("Monday", "Nia, Oto")
        reporter.send()
        assert reporter.page.locator("#sent-to").inner_text() == "Nia, Oto"


def test_leaving_too_many_out_goes_to_the_other_group(
    tmp_path: Path, server: RunningServer, browser: Browser, group: Group, scripts: bool
) -> None:
    """Only after the reporter agreed; the page says who reads it then."""
    with visit(browser, server.base, scripts=scripts) as reporter:
        reporter.report(group, what="It was Ada.", leave_out=["Ada", "Bo"])
        assert reporter.page.locator("#errors a").get_attribute("href") == "#agreed"
        label, box, note = (
            reporter.page.locator(what).bounding_box()
            for what in ("label[for=agreed]", "#agreed", "#agreed-error")
        )
        assert label
        assert box
        assert note
        assert label["width"] > 200  # it can be read: the note has not taken its column
        assert note["y"] + note["height"] <= box["y"]
        assert reporter.page.locator("#agreed").get_attribute("aria-describedby") == "agreed-error"
        reporter.page.locator("#errors a").click()
        reporter.page.locator("#agreed").check()
        reporter.page.locator("#send").scroll_into_view_if_needed() if scripts else None
        reporter.step(6)
        reporter.send()
        reporter.words()
        shown = reporter.page.locator("main").inner_text()
        assert "Nia" in shown
        assert "Oto" in shown


@pytest.mark.parametrize(
    ("count", "size", "what", "said"),
    [
        (51, 6, "See.", "These are too many. At most so many fit: 50"),
        (1, 8 * 1024 * 1024 - 17 * 1024, "é" * 30_000, "Everything together is over 8 MB."),
        (1, 33 * 1024 * 1024, "See.", "Everything together is over 8 MB."),
    ],
    ids=["many", "with-the-text", "large"],
)
def test_files_that_do_not_fit_are_named_for_what_they_are(
    tmp_path: Path, server: RunningServer, browser: Browser, group: Group, scripts: bool,
    count: int, size: int, what: str, said: str,
) -> None:  # fmt: skip
    """Too many, or too large, alone or with what was typed, which is still there; no advice to load the page anew."""
    files = [tmp_path / f"{n}.txt" for n in range(count)]
    for path in files:
        path.write_bytes(b"a" * size)
    with visit(browser, server.base, scripts=scripts) as reporter:
        reporter.report(group, what=what, files=files)
        reporter.page.locator("#errors").wait_for()
        assert said in reporter.page.locator("#errors").inner_text()
        assert reporter.page.locator("#errors a").first.get_attribute("href") == "#files"
        assert reporter.page.locator("#what").input_value() == what
        if scripts:
            assert "anew" not in reporter.page.locator("#status").inner_text()


def test_wrong_and_used_codes_look_alike(
    server: RunningServer, browser: Browser, group: Group, scripts: bool
) -> None:
    """A wrong code and one without letters show the same page; a typo is named by its place."""
    with visit(browser, server.base, scripts=scripts) as reporter:
        reporter.report(group, what="It happened.")
        mine = reporter.confirmed()
        assert reporter.open(mine) == []
        empty = reporter.page.locator("main").inner_text()
        assert reporter.open(to_words(ReplyCode(system(16)))) == []
        assert reporter.page.locator("main").inner_text() == empty
        assert reporter.open([*mine[:4], "qqqqq", *mine[5:]]) == []
        assert reporter.page.locator("#errors").inner_text().count("5") == 1


def test_quick_exit_is_a_link_and_a_key(
    server: RunningServer, browser: Browser, group: Group, scripts: bool
) -> None:
    """The link leads away without leaving a referrer; with scripts Escape three times does so too."""
    with visit(browser, server.base, scripts=scripts) as reporter:
        reporter.page.route(
            "https://**", lambda route: route.fulfill(body="elsewhere", content_type="text/html")
        )
        reporter.go(f"groups/{group.id.hex()}/report/help")
        link = reporter.page.locator("#exit")
        assert link.get_attribute("href", timeout=1_000).startswith("https://")  # type: ignore[union-attr]
        if scripts:
            reporter.fill(what="secret") if reporter.page.locator("#what").is_visible() else None
            for _ in range(3):
                reporter.page.keyboard.press("Escape")
        else:
            link.click()
        reporter.page.wait_for_url("https://**")
        assert reporter.page.content().count("elsewhere") == 1
        reporter.requests[:] = [
            address for address in reporter.requests if not address.startswith("https://")
        ]
