"""The desk's page in real Chromium: an evening's work with scripts on and off, by keyboard, on a phone; axe-core."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from service.cases.answers import Answers
from service.cases.reports import File, Person
from service.wire.client import Client
from tests.support.access import SCREENS, looked_at, sideways
from tests.support.desk_pages import page_of
from tests.support.desks import home_of
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("booth")]

LONG = "https://example.org/" + "thread" * 30
ARABIC = "\u0647\u062f\u062f\u0646\u064a \u0623\u062d\u062f\u0647\u0645."  # somebody threatened me


def filed(client: Client, group: Group) -> None:
    """Two reports: one in Arabic by somebody in danger, one with all that a report may hold."""
    Reporter(client, group).report(Answers(what=ARABIC, urgency="danger", language="ar"))
    answers = Answers(
        what="They followed me from talk to talk.\n\nI asked them to stop; they laughed. <script>alert(1)</script>",
        when="On Saturday",
        where="At the sprints",
        who=(Person(platform="github", handle="mallory"),),
        links=("https://example.org/1", LONG),
        witnesses=("Some Body",),
        wants="That it stops.",
        fears="That they hear of this.",
    )
    Reporter(client, group).report(answers, [File("a photograph.txt", "text/plain", b"what I saw")])


@pytest.mark.parametrize(
    ("scheme", "width", "scripts"), [("light", 320, False), ("light", 320, True), ("dark", 1100, True)]
)
def test_an_evening_at_the_desk(
    browser: Browser,
    server: RunningServer,
    tmp_path: Path,
    scheme: Literal["light", "dark"],
    width: int,
    scripts: bool,
) -> None:
    """Sync, read, answer, sort, a mistake, stepping out; nothing is asked of anybody else, and axe finds nothing."""
    target = SCREENS if os.environ.get("SOTTOVOCE_SCREENS") else tmp_path
    name = "phone" if width == 320 else "dark"
    with Client(server.base) as client:
        group = Group.draw()
        group.found(client)
        home = home_of(tmp_path / "Ada", server.base, group, "Ada", "open sesame")
        filed(client, group)
    with page_of(home, group, "Ada", server.base) as address:
        context = browser.new_context(
            java_script_enabled=scripts, viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
        )  # fmt: skip
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))

        def look(what: str) -> None:
            seen(page, target / f"desk-{what}-{name}.png", axe=scripts)

        page.goto(address)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # the first thing that can be pressed is "Sync now"
        page.get_by_text("2 new reports").wait_for()
        assert page.locator(".cases h2").all_inner_texts() == [ARABIC, "They followed me from talk to talk."]
        look("list")
        page.get_by_role("link", name="They followed me").click()
        assert page.locator("script").count() == 0
        assert page.locator(f"a[href*='{LONG[:20]}']").count() == 0
        look("case")
        page.get_by_role("button", name="Keep the letter").click()
        assert "The letter is empty" in page.locator(".errors").inner_text()
        look("mistake")
        page.get_by_label("Your letter").fill("Thank you. Are you safe now?")
        page.get_by_label("It asks something").check()
        page.get_by_role("button", name="Keep the letter").click()
        assert "Kept." in page.locator(".said").inner_text()
        page.get_by_label("P2, serious").check()
        page.get_by_role("button", name="Keep this").click()
        assert page.get_by_label("P2, serious").is_checked()
        page.get_by_role("link", name="Step out of this report").click()
        look("leave")
        page.get_by_role("link", name="Back to the report").click()
        page.get_by_role("link", name="All cases").click()
        page.get_by_role("link", name="Whom reports are about").click()
        assert page.locator(".cases h2").all_inner_texts() == ["github: mallory"]
        look("accounts")
        page.get_by_role("link", name="They followed me").click()
        page.get_by_role("link", name="Step out of this report").click()
        page.get_by_role("link", name="Back to the report").click()
        page.get_by_role("link", name="All cases").click()
        assert page.get_by_text("Waiting to be sent: 3.").count() == 1
        page.get_by_role("button", name="Sync now").click()
        page.get_by_text("items sent, 0 waiting").wait_for()  # with the entries that cover the letter
        assert page.get_by_text("Waiting to be sent").count() == 0
        assert all(url.startswith((address, "data:")) for url in asked)
        context.close()


def seen(page: Page, picture: Path, *, axe: bool) -> None:
    """Nothing is cut off at the sides, and axe-core finds nothing; a picture is taken."""
    assert sideways(page) == 0
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    taken.quantize(32).save(picture, optimize=True)
    if axe:
        assert looked_at(page) == []
