"""All pages keep the same habits: what they send along, keep to themselves, and say where nothing answers."""

from __future__ import annotations

import gzip
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jinja2 import Environment

from crypto.codes import from_words, to_words
from service.cases.policies import baseline
from service.server.pages import site
from service.server.pages.languages import LANGUAGES, negotiated
from service.server.pages.site import POLICY
from service.server.pages.tokens import COOKIE
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.pages import Visitor

PART = b'--b\r\nContent-Disposition: form-data; name="what"\r\n\r\nvalue\r\n'
MALFORMED = (
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
)  # fmt: skip


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


async def test_malformed_forms_get_a_page(world: World, group: Group) -> None:
    """A sentence, a way on, no stack trace, and nothing stored."""
    path = f"/en/groups/{group.id.hex()}/report/conduct"
    for content_type, body in MALFORMED:
        headers = {"content-type": content_type} if content_type else {}
        answer = await world.http.post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (content_type, body[:80])
        assert answer.headers["content-type"].startswith("text/html"), (content_type, body[:80])
        assert "Traceback" not in answer.text
        assert await world.opened(group) == [], (content_type, body[:80])


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


async def test_every_page_keeps_the_same_habits(group: Group, visitor: Visitor) -> None:
    """Strict policy, nothing cached, no cookie, nothing inline, nothing from elsewhere, 30 kB gzipped at most."""
    assert "unsafe" not in POLICY
    style = (await visitor.http.get("/static/style.css")).content
    for path in PAGES:
        page = await visitor.get(path.format(group.id.hex()))
        assert page.status == 200, path
        assert page.headers["content-security-policy"] == POLICY, path
        assert page.headers["cache-control"] == "no-store", path
        assert page.headers["referrer-policy"] == "no-referrer", path
        assert page.headers["cross-origin-opener-policy"] == "same-origin", path
        assert page.headers["cross-origin-resource-policy"] == "same-origin", path
        assert all("Max-Age=0" in line for line in page.headers.get_list("set-cookie")), path
        assert not re.search(r"<style|style=|\son\w+=|javascript:", page.html), path
        assert not re.search(r"<script(?![^>]*src=)", page.html), path
        loaded = re.findall(r'<(?:link|script|img)[^>]*?(?:src|href)="([^"]+)"', page.html)
        assert loaded, path
        assert all(address.startswith("/static/") for address in loaded), path
        assert len(gzip.compress(page.html.encode())) + len(gzip.compress(style)) <= 30_000, path


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


async def test_every_language_has_every_page(group: Group, visitor: Visitor) -> None:
    """With its own direction, and reply codes in its own list where there is one."""
    for language in LANGUAGES:
        visitor.language = language.tag
        for path in PAGES:
            page = await visitor.get(path.format(group.id.hex()))
            assert page.status == 200, (language.tag, path)
            assert f'<html lang="{language.tag}" dir="{language.direction}">' in page.html
        sent = await visitor.report(group.id, what="…")
        code = from_words(" ".join(sent.words), language.words)
        assert tuple(sent.words) == to_words(code, language.words), language.tag


async def test_a_template_is_compiled_once_for_all_languages(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes up to a tenth of a second, in which nobody else is answered."""
    compiled: list[str | None] = []
    compiling = Environment.compile

    def noted(
        environment: Environment, source: Any, name: str | None = None, *more: Any, **named: Any
    ) -> Any:
        compiled.append(name)
        return compiling(environment, source, name, *more, **named)

    monkeypatch.setattr(site._COMPILED, "_code", {})  # as in a process that has just begun
    monkeypatch.setattr(Environment, "compile", noted)
    for language in ("en", "de", "ar"):
        visitor.language = language
        assert (await visitor.get("mailbox")).status == 200
    assert "mailbox.html" in compiled
    assert len(compiled) == len(set(compiled))


def test_pages_without_their_script_are_told_to_the_operator(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They work, so that nobody would notice; but the server then sees each report while it seals it."""
    caplog.set_level("INFO", "sottovoce.server")
    shutil.copytree(site.STATIC, tmp_path / "static", ignore=shutil.ignore_patterns("app"))
    monkeypatch.setattr(site, "STATIC", tmp_path / "static")
    assert site.Site(world.deps).script is None
    assert "make client" in caplog.text
