"""What a page must stand up to: axe-core's rules, a narrow window; and pictures of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Page

from tests.support.server import ROOT

AXE = ROOT / "service/server/client/node_modules/axe-core/axe.min.js"
Scheme = Literal["light", "dark"]
SCREENS = ROOT / "docs/screens"
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
LOOK = """async (rules) => {
  const found = await axe.run(document, rules);
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
}"""


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window, once all of it and its style are there."""
    page.wait_for_load_state("load")
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def dressed(page: Page, scheme: Scheme, width: int) -> None:
    """Give a window a colour scheme and a width."""
    if page.viewport_size != {"width": width, "height": 850}:
        page.set_viewport_size({"width": width, "height": 850})
    page.emulate_media(color_scheme=scheme)


def looked_at(page: Page) -> list[str]:
    """Run axe-core."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    return list(page.evaluate(LOOK, RULES))


def take(page: Page, width: int, path: Path | None) -> None:
    """Take a picture of all of a page, hold that something is on it, and keep it under `path`."""
    page.evaluate("window.scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    assert picture.width == width
    assert len(picture.getcolors(1 << 20) or ()) > 8
    if path is not None:
        picture.quantize(32).save(path, optimize=True)  # flat colours: a third of the bytes
