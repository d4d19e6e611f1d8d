"""Real Chromium on the reporter's pages: one journey's steps, the same with scripts on and off.

with chromium() as browser, visit(browser, server.base, scripts=False) as reporter:
    reporter.report(group, "conduct", what="…")
    words = reporter.confirmed()
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime

from tests.support.groups import Group

CHROMIUM = which("chromium-headless-shell") or which("chromium")
"""Debian's Chromium. Its headless shell shows the same pages for a third less: no window is drawn around them."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",  # nothing here has one, and pretending to costs more than drawing plainly
    "--renderer-process-limit=1",  # a window needs one process, not one more for where it might go next
    "--disable-site-isolation-trials",
)
PATIENCE_MS = 60_000
EXPECTED = ("the server responded with a status of 4", "Clear-Site-Data")
"""What a browser writes to its console for pages that do as they should."""


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Start Debian's Chromium. flags: more of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


_WHO = [f"{name}{row}" for row in (1, 2, 3) for name in ("handle", "platform")]


@dataclass
class Visit:
    """One person's window. `requests`: every address that was asked for; `problems`: what the console complained of."""

    page: Page
    base: str
    language: str = "en"
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Open a page by its address after the language."""
        self.page.goto(f"{self.base}/{self.language}/{path}")

    def fill(self, **texts: str) -> None:
        """Type into fields, by their ids."""
        for name, text in texts.items():
            self.page.locator(f"#{name}").fill(text)

    def step(self, number: int) -> None:
        """Go to a step of the report by its links, forwards from wherever one is."""
        while not self.page.locator(f"#step-{number}").is_visible():
            self.page.locator(".step:visible .stepnav a").last.click()

    def back_to(self, number: int) -> None:
        """Go to a step of the report by its links, backwards."""
        while not self.page.locator(f"#step-{number}").is_visible():
            self.page.locator(".step:visible .stepnav a").first.click()

    def report(
        self,
        group: Group,
        kind: str = "conduct",
        *,
        leave_out: Sequence[str] = (),
        files: Sequence[Path] = (),
        send: bool = True,
        **texts: str,
    ) -> None:
        """Go through the form as a person does, step by step, and send it. Ends on whatever page comes.

        send: False stops before the last button is pressed.
        """
        self.go(f"groups/{group.id.hex()}/report/{kind}")
        for name in leave_out:
            self.page.locator(f"#leave-{group.member(name).id.hex()}").check()
        self.step(2)
        self.fill(what=texts.pop("what", ""))
        for number, fields in ((3, ("when", "where", *_WHO)), (4, ("links", "witnesses"))):
            self.step(number)
            self.fill(**{name: texts.pop(name) for name in fields if name in texts})
        if files:
            self.page.locator("#files").set_input_files([str(path) for path in files])
        self.step(5)
        self.fill(**{name: texts.pop(name) for name in ("wants", "fears") if name in texts})
        self.step(6)
        assert not texts
        if send:
            self.send()

    def send(self) -> None:
        """Press the button at the end of the form, and wait for a code or for errors."""
        self.page.locator("#send").click()
        self.page.locator("#code li, #errors").first.wait_for(timeout=PATIENCE_MS)

    def words(self) -> list[str]:
        """The reply code on the page. Errors that come instead are shown at once."""
        try:
            self.page.locator("#code li, #errors").last.wait_for(timeout=PATIENCE_MS)
        except NotInTime:
            shown = self.page.inner_text("body")
            raise AssertionError(f"neither a code nor errors; {self.problems}; {shown}") from None
        errors = self.page.locator("#errors:visible")
        assert errors.count() == 0, errors.inner_text()
        return [item.inner_text() for item in self.page.locator("#code li").all()]

    def confirmed(self) -> list[str]:
        """Type back the two words that are asked for, go on, and give the code."""
        words = self.words()
        for number in (1, 2):
            position = int(self.page.locator(f'[data-position="{number}"]').inner_text())
            self.page.locator(f"#word{number}").fill(words[position - 1])
        self.page.locator(".newcode").locator("xpath=ancestor::form").locator("button[type=submit]").click()
        self.page.wait_for_url(
            lambda url: url.endswith(("/done", "/confirm", "/answer")), timeout=PATIENCE_MS
        )
        self.page.locator('body[data-page="done"]').wait_for(timeout=PATIENCE_MS)
        return words

    def open(self, words: Sequence[str]) -> list[str]:
        """Open a mailbox; give the letters' texts."""
        self.go("mailbox")
        self.fill(codewords=" ".join(words))
        self.page.locator("#open button[type=submit]").click()
        self.page.locator("#letters .letter, #nothing:visible, #errors").first.wait_for(timeout=PATIENCE_MS)
        return [text.inner_text() for text in self.page.locator("#letters .letter .text").all()]


@contextmanager
def visit(
    browser: Browser, base: str, *, scripts: bool, width: int = 412, language: str = "en", **options: Any
) -> Iterator[Visit]:
    """Open a window of its own, and hold at the end that nothing but the server was asked and nothing failed."""
    context: BrowserContext = browser.new_context(
        java_script_enabled=scripts, viewport={"width": width, "height": 850}, **options
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    opened = Visit(page, base, language)
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("pageerror", lambda error: opened.problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            opened.problems.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    page.on("dialog", lambda dialog: dialog.accept())
    try:
        yield opened
    finally:
        context.close()
    assert all(address.startswith((base, "blob:", "data:")) for address in opened.requests)
    problems = [text for text in opened.problems if not any(known in text for known in EXPECTED)]
    assert problems == [], problems
