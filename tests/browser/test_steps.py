"""Going back and forth between the steps of a report, and reloading: what stays, what is lost, what is asked first."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from service.wire.client import Client
from tests.support.browsers import visit
from tests.support.desks import answered, desk_of
from tests.support.groups import Group
from tests.support.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("steps")]


def test_back_at_every_step(server: RunningServer, browser: Browser, group: Group, scripts: bool) -> None:
    """The browser's back button and the page's own links lead through the steps; nothing typed is lost."""
    with visit(browser, server.base, scripts=scripts) as reporter:
        reporter.go(f"groups/{group.id.hex()}/report/help")
        reporter.step(2)
        reporter.fill(what="It happened.")
        reporter.step(3)
        reporter.fill(when="Monday")
        for number in (4, 5, 6):
            reporter.step(number)
        for number in (5, 4, 3, 2, 1):
            reporter.page.go_back()
            assert reporter.page.locator(f"#step-{number}").is_visible()
            assert reporter.page.locator(".step:visible").count() == 1
        assert reporter.page.locator("#what").input_value() == "It happened."
        assert reporter.page.locator("#when").input_value() == "Monday"


def test_reload_at_every_step(server: RunningServer, browser: Browser, group: Group, scripts: bool) -> None:
    """A reload stays on its step and leaves a form that works; what was typed is kept nowhere, so it is gone."""
    with visit(browser, server.base, scripts=scripts) as reporter:
        reporter.go(f"groups/{group.id.hex()}/report/help")
        for number in range(1, 7):
            reporter.step(number)
            if number == 2:
                reporter.page.locator("#what").press_sequentially("secret")
            reporter.page.reload()
            assert reporter.page.locator(f"#step-{number}").is_visible()
            assert reporter.page.locator(".step:visible").count() == 1
        assert reporter.page.locator("#what").input_value() == ""
        reporter.report(group, what="It happened.")
        assert len(reporter.words()) == 12


def test_reload_at_the_steps_that_lose_something(
    tmp_path: Path, server: RunningServer, browser: Browser, client: Client, group: Group
) -> None:
    """Without scripts: the code page and the opened mailbox reload to the same words; one report was filed."""
    with desk_of(tmp_path, server.base, group, "Ada") as ada:
        with visit(browser, server.base, scripts=False) as reporter:
            reporter.report(group, what="It happened.")
            words = reporter.words()
            reporter.page.reload()
            assert reporter.words() == words
            reporter.confirmed()
            answered(ada, client, group, "Hello.")
            reporter.open(words)
            fresh = reporter.words()
            reporter.page.reload()
            assert reporter.words() == fresh
            reporter.confirmed()
            assert reporter.open(fresh) == []
        assert len(ada.cases()) == 1


def test_with_scripts_a_reload_warns_first(server: RunningServer, browser: Browser, group: Group) -> None:
    """What was typed lives in the page alone, so the browser asks before it is lost; so with an unconfirmed code."""
    with visit(browser, server.base, scripts=True) as reporter:
        asked: list[str] = []
        reporter.page.on("dialog", lambda dialog: asked.append(dialog.type))
        reporter.go(f"groups/{group.id.hex()}/report/help")
        reporter.step(2)
        reporter.page.locator("#what").press_sequentially("Help")
        reporter.page.reload()
        assert asked == ["beforeunload"]
        reporter.report(group, what="It happened.")
        reporter.words()
        reporter.page.reload()
        assert asked == ["beforeunload"] * 2
        assert reporter.page.locator("#code li").count() == 0


def test_enter_in_a_line_sends_nothing(
    server: RunningServer, browser: Browser, group: Group, scripts: bool
) -> None:
    """Not before the last step was seen: the step stays, and so does what was typed in it."""
    with visit(browser, server.base, scripts=scripts) as reporter:
        reporter.go(f"groups/{group.id.hex()}/report/conduct")
        reporter.step(2)
        reporter.fill(what="It was Cy, and I have only begun to write.")
        reporter.step(3)
        for field in ("when", "where", "handle1", "platform3"):
            reporter.fill(**{field: "x"})
            reporter.page.locator(f"#{field}").press("Enter")
        reporter.page.wait_for_timeout(1_000)
        assert reporter.page.locator("#step-3").is_visible()
        assert reporter.page.locator("#code li, #errors").count() == 0
        assert reporter.page.locator(".step[inert]").count() == 0  # with scripts: nothing is being sealed
        assert reporter.page.locator("#when").input_value() == "x"
        reporter.step(6)
        reporter.page.locator("#send").press("Enter")
        assert len(reporter.words()) == 12


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
def test_what_is_jumped_to_stands_below_the_header(
    server: RunningServer, browser: Browser, group: Group, language: str
) -> None:
    """On a narrow phone the header takes up to three lines, and it stays on top of what the next step begins with."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 700})
    page = context.new_page()
    page.goto(f"{server.base}/{language}/groups/{group.id.hex()}/report/conduct#step-3")
    header, step = page.locator(".top").bounding_box(), page.locator("#step-3").bounding_box()
    assert header is not None
    assert step is not None
    assert header["y"] == 0
    assert header["y"] + header["height"] <= step["y"] < 200
    context.close()
