"""The booth's page in real Chromium: the whole vote with scripts on and off, axe-core, and who is not answered."""

from __future__ import annotations

import io
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx
import msgspec
import pytest
from PIL import Image
from playwright.sync_api import Browser

from crypto.errors import Refused
from polls.casting import Receipt
from polls.manifest import Manifest
from service.booth.page import BoothPage
from service.booth.vote_cli import SENT, moment
from service.booth.voting import NotKept, NotOpen, Summary, Unsure
from service.local_page.serving import LocalServer
from service.wire.failures import Unreachable
from service.wire.poll_boards import card_words
from service.wire.poll_shapes import DefineBoard, TrusteeCard
from tests.support.access import SCREENS, looked_at, sideways
from tests.support.poll_world import World

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("booth")]

SUMMARY = Summary(
    "What happened, as the mediator tells it.\n\nWhat was tried, and why it failed. <script>alert(1)</script>"
)
SECRET = "5e" * 16


@pytest.fixture(scope="module")
def world() -> World:
    return World(voters=5)


BOARD = DefineBoard(
    "The board",
    2,
    tuple(TrusteeCard(name, bytes([n]) * 32) for n, name in enumerate(("Ana", "Ben", "Eva<b>"))),
)
CHECK = "sottovoce vote POLL --server https://reports.example --check"
LEFT_OUT = "Of the members in the snapshot 'spring', left out: github.com/m0."


@contextmanager
def served(manifest: Manifest, cast: object, summary: Summary = SUMMARY) -> Iterator[str]:
    """The page on its own port; gives its address."""
    with LocalServer() as server:
        server.page = BoothPage(
            manifest,
            summary,
            cast,  # type: ignore[arg-type]
            host=server.host,
            secret=SECRET,
            moment=moment,
            sent=SENT.format(n=5),
            check=CHECK,
            voters=LEFT_OUT,
            board=BOARD,
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{server.host}/{SECRET}/"
        server.shutdown()


@pytest.mark.parametrize("scripts", [False, True], ids=["scripts-off", "scripts-on"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1100)])
def test_a_vote_from_summary_to_receipt(
    browser: Browser,
    world: World,
    tmp_path: Path,
    scripts: bool,
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    """Summary, options with abstaining among them, a mistake, review, cast, done, again; axe finds nothing anywhere."""
    cast_for: list[int] = []
    receipt = world.cast(1, 2)

    def cast(option: int) -> Receipt:
        cast_for.append(option)
        if len(cast_for) == 1:
            raise Refused("the server can't be reached just now")
        if len(cast_for) == 3:
            raise Unsure(Unreachable())
        if len(cast_for) == 4:
            raise NotKept("the file can't be written: No space left on device", receipt)
        if len(cast_for) == 5:
            raise NotOpen("the poll is closed: nobody can vote in it now")
        return Receipt(poll="aa" * 32, ballot="bb" * 32, page=1, signature="cc" * 64)

    target = SCREENS if os.environ.get("SOTTOVOCE_SCREENS") else tmp_path
    name = "phone" if width == 320 else "dark"
    with served(world.manifest, cast) as address:
        context = browser.new_context(
            java_script_enabled=scripts, viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
        )  # fmt: skip
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))

        def look(what: str) -> None:
            assert sideways(page) == 0
            picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
            picture.quantize(32).save(target / f"booth-{what}-{name}.png", optimize=True)
            if scripts:
                assert looked_at(page) == []

        page.goto(address)
        assert page.get_by_text(LEFT_OUT).count() == 1
        assert page.locator(".trustees li").all_inner_texts() == [
            f"{card_words(card)}\nnamed {card.name}" for card in BOARD.trustees
        ]
        assert page.get_by_text("2 of these 3 trustees together").count() == 1
        assert page.get_by_text("Even a single ballot is opened").count() == 1
        look("choose")
        assert "<script>alert" not in page.content()
        heights = [box["height"] for each in page.locator(".option").all() if (box := each.bounding_box())]
        assert len(heights) == 4
        assert heights[-1] >= 50  # abstaining is as large a choice as the others
        page.get_by_role("button", name="Review your choice").click()
        assert "abstaining is one of them" in page.locator(".errors").inner_text()
        look("mistake")
        page.get_by_label("Abstain").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        assert page.locator(".chosen").inner_text() == "Abstain"
        look("review")
        page.get_by_role("button", name="Cast the ballot").click()
        assert "can't be reached" in page.locator(".errors").inner_text()
        page.get_by_role("button", name="Cast the ballot").click()
        assert "bb" * 32 in page.content()
        page.reload()  # which casts nothing: see cast_for below
        assert "bb" * 32 in page.content()
        assert "vote again until" in page.content()
        assert page.get_by_text(CHECK).count() == 1
        look("done")
        page.get_by_role("link", name="Vote again").click()
        page.locator("label", has_text="Written warning").click()
        page.get_by_role("button", name="Review your choice").click()
        page.get_by_role("button", name="Cast the ballot").click()
        assert page.get_by_role("heading", name="It may be in or not").count() == 1
        assert "Nothing is lost" not in page.content()
        look("unsure")
        page.get_by_role("button", name="Cast the ballot").click()
        assert page.locator(".receipt").inner_text() == receipt.decode()
        assert "nowhere else" in page.content()
        assert page.get_by_text(CHECK).count() == 0  # it would find no receipt
        look("not-kept")
        page.goto(address)
        page.locator("label", has_text="Written warning").click()
        page.get_by_role("button", name="Review your choice").click()
        page.get_by_role("button", name="Cast the ballot").click()
        assert "The poll is closed: nobody can vote in it now." in page.locator(".errors").inner_text()
        assert (page.locator("form").count(), "again" in page.inner_text("main")) == (0, False)
        look("closed")
        assert cast_for == [3, 3, 1, 1, 1]
        assert all(url.startswith((address, "data:")) for url in asked)
        assert not any("option" in url for url in asked)
        context.close()


def test_texts_run_as_they_are_written(browser: Browser, world: World) -> None:
    """From right to left where they are; no character in a summary turns what follows it round, and none runs over."""
    arabic, long = "\u0645\u0627\u0630\u0627\u061f", "s" * 4_000
    no, warning, *others = world.manifest.options
    options = (no, msgspec.structs.replace(warning, text=arabic), *others)
    manifest = msgspec.structs.replace(world.manifest, question=arabic, options=options)
    summary = Summary(f"{arabic} (2026).\n\n{long}\n\n\u202eturned round")
    with served(manifest, None, summary) as address:
        page = browser.new_page(viewport={"width": 320, "height": 800})
        page.goto(address)

        def direction(what: str) -> str:
            found: str = page.locator(what).first.evaluate("one => getComputedStyle(one).direction")
            return found

        assert [direction(what) for what in ("h1", ".summary p", "label[for=option-1]")] == ["rtl"] * 3
        assert direction("label[for=option-0]") == "ltr"
        assert page.locator(".summary p").last.inner_text() == "\ufffdturned round"
        assert sideways(page) == 0
        page.locator("label", has_text=arabic).click()
        page.get_by_role("button", name="Review your choice").click()
        assert direction(".chosen") == "rtl"
        page.close()


def page_of(world: World) -> BoothPage:
    def never(option: int) -> Receipt:
        raise AssertionError("nothing may be cast")

    return BoothPage(
        world.manifest,
        SUMMARY,
        never,
        host="127.0.0.1:4",
        secret=SECRET,
        moment=moment,
        sent="",
        check=CHECK,
        voters=LEFT_OUT,
        board=BOARD,
    )


HOST = {"host": "127.0.0.1:4"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", f"/{SECRET}/", {"host": "evil.example"}, b"", 403),
        ("GET", f"/{SECRET}/", {"host": "localhost:4"}, b"", 403),
        ("GET", f"/{SECRET}/", {}, b"", 403),
        ("POST", f"/{SECRET}/cast", {**HOST, "sec-fetch-site": "cross-site"}, b"option=1", 403),
        ("POST", f"/{SECRET}/cast", {**HOST, "sec-fetch-site": "same-site"}, b"option=1", 403),
        ("GET", "/", HOST, b"", 404),
        ("GET", f"/{'0' * 32}/", HOST, b"", 404),
        ("GET", f"/{SECRET}", HOST, b"", 404),
        ("GET", f"/{SECRET}/../", HOST, b"", 404),
        ("GET", f"/{SECRET}/cast", HOST, b"", 404),
        ("PUT", f"/{SECRET}/cast", HOST, b"option=1", 404),
        ("POST", f"/{SECRET}/cast", HOST, b"", 422),
        ("POST", f"/{SECRET}/cast", HOST, b"option=9", 422),
        ("POST", f"/{SECRET}/cast", HOST, b"option=-1", 422),
        ("POST", f"/{SECRET}/cast", HOST, b"option=1&option=2", 422),
        ("POST", f"/{SECRET}/cast", HOST, b"option=\xff", 422),
        ("POST", f"/{SECRET}/cast", HOST, b"a=1&b=2&c=3", 422),
        ("POST", f"/{SECRET}/review", HOST, b"option=01", 422),
    ],
)
def test_nobody_else_is_answered(
    world: World, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    """Another host (DNS rebinding), another site, another path, another form: refused, and nothing is cast."""
    answer = page_of(world).answer(method, path, headers, body)
    assert answer.status == status
    if status in {403, 404}:  # who is refused learns nothing of this run's address
        assert SECRET.encode() not in answer.body


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "DELETE", "POST"])
def test_requests_that_are_none_of_ours_are_refused_alike(world: World, method: str) -> None:
    """Other methods and large bodies: the same headers, and not a word of what was sent."""
    with served(world.manifest, None) as address:
        host = address.split("/")[2]
        content = b"x" * 5_000 if method == "POST" else b""
        answer = httpx.request(method, f"http://{host}/canary", content=content)
        assert answer.status_code in {413, 501}
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "canary" not in answer.text
        assert SECRET not in answer.text


def test_an_idle_connection_holds_nobody_up(world: World) -> None:
    """Any program on the machine can open one, without knowing the address."""
    with served(world.manifest, None) as address:
        host, port = address.split("/")[2].split(":")
        with socket.create_connection((host, int(port))):
            begun = time.monotonic()
            assert httpx.get(address).status_code == 200
            assert time.monotonic() - begun < 10  # alone it would have 20 seconds


def test_the_page_keeps_its_own_policy(browser: Browser, world: World) -> None:
    """Without getting round it: the style loads, nothing is complained of."""
    with served(world.manifest, None) as address:
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(address)
        assert page.evaluate("getComputedStyle(document.querySelector('.option')).display") == "grid"
        assert said == []
        page.close()
