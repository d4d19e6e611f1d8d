"""Everybody can use the pages: axe-core, keyboard alone, a 320-pixel phone, large text; and pictures of every page.

`SOTTOVOCE_SCREENS=1` keeps the pictures under docs/screens/ (`make screens`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from service.desk import actions
from service.wire.client import Client
from tests.support.access import SCREENS, Scheme, dressed, looked_at, sideways, take
from tests.support.browsers import Visit, visit
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.server import RunningServer, running_server
from tests.support.typescript import bundle

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("access")]

FITS = """code => {
  const style = getComputedStyle(code), number = document.createElement("span");
  number.textContent = "12.\u00a0";
  code.append(number);
  const width = number.getBoundingClientRect().width;
  number.remove();
  const items = [...code.children];
  items.forEach((item) => (item.textContent = "mountain"));
  const line = parseFloat(style.lineHeight);
  const lines = items.map((item) => Math.round(item.getBoundingClientRect().height / line));
  const columns = new Set(items.map((item) => item.getBoundingClientRect().left)).size;
  const room = [style.paddingInlineStart, ...(columns > 1 ? [style.columnGap] : [])].map(parseFloat);
  return [Math.min(...room) / width, lines];
}"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Client, Group, Path]]:
    bundle()
    folder = tmp_path_factory.mktemp("access")
    with (
        running_server(folder, settings={"name": "Aurora project"}) as running,
        Client(running.base) as client,
    ):
        elders = Group.draw("Elders", ["Nia", "Oto"])
        group = Group.draw("Aurora conduct group", ["Ada", "Bo", "Cy"], alternate=elders.id)
        elders.found(client)
        group.found(client)
        yield running, client, group, folder


def every_page(reporter: Visit, client: Client, group: Group, folder: Path, base: str) -> Iterator[str]:
    """Walk through every page and state; give the name of each."""
    for name in (
        "",
        "protection",
        f"groups/{group.id.hex()}/people",
        f"groups/{group.id.hex()}/conduct",
        "mailbox",
    ):
        reporter.go(name)
        yield name.rsplit("/", 1)[-1] or "start"
    reporter.go("nothing")
    yield "no-such-page"
    reporter.go(f"groups/{group.id.hex()}/report/conduct")
    yield "report-1"
    for number in range(2, 7):
        reporter.step(number)
        yield f"report-{number}"
    reporter.send()
    yield "report-mistake"
    reporter.fill(what="They shouted at me in the chat.")
    leave = [reporter.page.locator(f"#leave-{group.member(name).id.hex()}") for name in ("Ada", "Bo")]
    for box in leave:
        box.check()
    reporter.send()
    yield "report-other-group"
    for box in leave:
        box.uncheck()
    reporter.send()
    words = reporter.words()
    yield "code"
    reporter.confirmed()
    yield "done"
    reporter.open(words)
    yield "mailbox-nothing"
    with desk_of(folder, base, group, "Ada") as ada:
        synced(ada, client)
        case = max(ada.cases().values(), key=lambda one: one.first.fetched_s)
        if case.state.letters:  # not the newest of several that came in one second
            case = next(one for one in ada.cases().values() if not one.state.letters)
        text = "Thank you for telling us.\n\nDid somebody else see it?"
        ada.enqueue(
            actions.write_letter(ada.desk(int(time.time())), case, group.histories, text, question=True)
        )
        synced(ada, client)
    reporter.open(words)
    yield "mailbox-answers"


@dataclass(frozen=True)
class Walk:
    """One way through all pages. looks: the schemes and widths that axe sees each page in; pictures: names, widths."""

    language: str
    scripts: bool
    looks: tuple[tuple[Scheme, int], ...]
    pictures: tuple[tuple[str, int], ...] = ()


WALKS = (
    Walk("en", True, (("light", 320),), (("phone", 375), ("desktop", 1200))),
    Walk("ar", True, (("dark", 1100),), (("rtl", 375),)),
    Walk("fa", False, (("dark", 320), ("light", 1100))),
    Walk("en", False, (("dark", 1100),)),
)


PICTURED = {"start", "report-6", "code", "mailbox-answers"}
"""The pages whose pictures are looked at where none are kept: of all of them they are two fifths of the walk's time."""


def test_any_two_meet() -> None:
    """A direction, a scheme, a width, scripts on or off: any two values of two of these are on one of the walks."""
    rows = {(w.language == "en", w.scripts, *look) for w in WALKS for look in w.looks}
    for one, other in combinations(range(4), 2):
        assert len({(row[one], row[other]) for row in rows}) == 4


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: f"{walk.language}-{'on' if walk.scripts else 'off'}")
def test_axe_finds_nothing_on_any_page_and_they_have_pictures(
    world: tuple[RunningServer, Client, Group, Path], browser: Browser, tmp_path: Path, walk: Walk
) -> None:
    """On every page and state, in each look of the walk; nothing sticks out at the side.

    And pictures, of every page where they are kept: so that a reader of the README sees the product.
    """
    server, client, group, folder = world
    target = SCREENS if os.environ.get("SOTTOVOCE_SCREENS") else None
    found: dict[str, object] = {}
    names: list[str] = []
    language = walk.language
    with (
        visit(
            browser, server.base, scripts=walk.scripts, language=language, reduced_motion="reduce"
        ) as reporter,
        visit(browser, server.base, scripts=True, language=language, reduced_motion="reduce") as copy,
    ):
        page = reporter.page
        dressed(page, *walk.looks[0])
        for name in every_page(reporter, client, group, folder, server.base):
            names.append(name)
            if not walk.scripts:
                copied(page, copy.page)
            for scheme, width in walk.looks:
                dressed(page, scheme, width)
                if sideways(page):
                    found[f"{name} is too wide for {width}"] = sideways(page)
                window = page if walk.scripts else copy.page
                dressed(window, scheme, width)
                if looked := looked_at(window):
                    found[f"{name}, {scheme}, {width}"] = looked
            for picture, width in walk.pictures if target or name in PICTURED else ():
                dressed(page, "light", width)
                take(page, width, target and target / f"{name}-{picture}.png")
            dressed(page, *walk.looks[0])
    assert found == {}
    assert len(names) == len(set(names)) == 18


def copied(page: Page, copy: Page) -> None:
    """Show the same markup, as it was served to a window without scripts, in a window with scripts."""
    style = page.evaluate("document.querySelector('link[rel=stylesheet]').href")
    address = style.rsplit("/static/", 1)[0] + "/copy"
    if copy.url != address:
        copy.route(address, lambda route: route.fulfill(body="", content_type="text/html"))
        copy.goto(address)
    copy.set_content(page.content().replace("<script", "<template").replace("</script", "</template"))
    assert copy.title() == page.title()
    assert copy.evaluate("document.styleSheets.length") == 1


@pytest.mark.parametrize("scripts", [False, True], ids=["scripts-off", "scripts-on"])
def test_the_keyboard_alone_files_a_report(
    world: tuple[RunningServer, Client, Group, Path], browser: Browser, scripts: bool
) -> None:
    """Tab, space, enter and typing: from the start page to the confirmed code; focus is always seen."""
    server, _, _, _ = world
    with visit(browser, server.base, scripts=scripts) as reporter:
        page = reporter.page
        reporter.go("")
        tab_to(page, lambda: "I need help" in focused(page) and seen(page))
        page.keyboard.press("Enter")
        page.wait_for_url("**/report/help")
        tab_to(page, lambda: "Next" in focused(page))
        page.keyboard.press("Enter")
        tab_to(page, lambda: page.evaluate("document.activeElement.id") == "what")
        page.keyboard.type("Somebody frightens me.")
        for _ in range(4):
            tab_to(page, lambda: "Next" in focused(page) and seen(page))
            page.keyboard.press("Enter")
        tab_to(page, lambda: "Seal and send" in focused(page) and seen(page))
        page.keyboard.press("Enter")
        words = reporter.words()
        for number in (1, 2):
            tab_to(page, lambda number=number: page.evaluate("document.activeElement.id") == f"word{number}")
            position = int(page.locator(f'[data-position="{number}"]').inner_text())
            page.keyboard.type(words[position - 1][:4])
        page.keyboard.press("Enter")
        page.locator('body[data-page="done"]').wait_for()


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText || document.activeElement.value || ''"))


def seen(page: Page) -> bool:
    """Whether the focused element is drawn, in the window, and outlined."""
    return bool(
        page.evaluate(
            """() => {
              const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
              return box.width > 0 && box.top >= 0 && box.bottom <= innerHeight + 1
                && (style.outlineStyle !== "none" || at.matches("input, textarea, select"));
            }"""
        )
    )


def test_a_late_arrival_leaves_alone_who_types(
    world: tuple[RunningServer, Client, Group, Path], browser: Browser
) -> None:
    """A slow machine tells of a step that was gone to only after somebody began to type there: the focus stays."""
    server, _, group, _ = world
    with visit(browser, server.base, scripts=True) as reporter:
        reporter.go(f"groups/{group.id.hex()}/report/help")
        reporter.step(2)
        page = reporter.page
        page.wait_for_function(
            "document.activeElement.id === 'step-2'"
        )  # arrived: screen readers are told of the step
        page.locator("#what").focus()
        page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
        page.keyboard.type("typed")
        assert page.locator("#what").input_value() == "typed"


def tab_to(page: Page, there: object) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if there():  # type: ignore[operator]
            return
    raise AssertionError("the keyboard does not lead there")


@pytest.mark.parametrize("path", ["", "mailbox", "report"])
def test_twice_the_size_still_fits(
    world: tuple[RunningServer, Client, Group, Path], browser: Browser, path: str
) -> None:
    """200 % zoom of a 640-pixel window is a 320-pixel window with two device pixels for one."""
    server, _, group, _ = world
    with visit(browser, server.base, scripts=False, width=320, device_scale_factor=2) as reporter:
        reporter.go(f"groups/{group.id.hex()}/report/help" if path == "report" else path)
        assert sideways(reporter.page) == 0


def test_large_words_and_their_numbers_fit_their_box(
    world: tuple[RunningServer, Client, Group, Path], browser: Browser
) -> None:
    """Also on paper: in each column there is room for "12. " left of the words; the longest stay whole."""
    server, _, group, _ = world
    with visit(browser, server.base, scripts=False) as reporter:
        reporter.report(group, what="It happened.")
        page = reporter.page
        page.wait_for_load_state("load")
        code = page.locator("#code")
        for width in (320, 360, 390, 430, 1100):
            page.set_viewport_size({"width": width, "height": 850})
            page.locator("#large").set_checked(False)
            plain = code.evaluate("code => parseFloat(getComputedStyle(code).fontSize)")
            for media, large in (("screen", False), ("print", False), ("print", True), ("screen", True)):
                page.emulate_media(media="screen")
                page.locator("#large").set_checked(large)
                page.emulate_media(media=media)  # type: ignore[arg-type]
                room, drawn = code.evaluate(FITS)
                assert room >= 1, (width, media, large)
                assert drawn == [1] * 12, (width, media, large)
            assert code.evaluate("code => parseFloat(getComputedStyle(code).fontSize)") > 1.3 * plain
            assert sideways(page) == 0, width
