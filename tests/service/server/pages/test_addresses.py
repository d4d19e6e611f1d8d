"""Addresses as people come to them: with what others hang on links, from their history, and where nothing answers."""

from __future__ import annotations

import httpx
import pytest

from service.server.pages.messages import RELOAD
from tests.support.groups import Group
from tests.support.inprocess import World

BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-language": "de"}
LINKED = (
    "/", "/de/", "/de/protection", "/de/mailbox", "/de/done", "/de/groups/G/people", "/de/groups/G/conduct",
    "/de/groups/G/report/help",
)  # fmt: skip


@pytest.fixture
def http(world: World) -> httpx.AsyncClient:
    return world.http


async def test_what_others_hang_on_a_link_is_ignored(http: httpx.AsyncClient, group: Group) -> None:
    """The page is the same, and says nothing of it."""
    for path in (path.replace("G", group.id.hex()) for path in LINKED):
        plain = await http.get(path, headers=BROWSER)
        for query in ("utm_source=x", "fbclid=1", "x", "=", "a=%ff"):
            hung = await http.get(f"{path}?{query}", headers=BROWSER)
            assert (hung.status_code, hung.headers.get("location")) == (
                plain.status_code,
                plain.headers.get("location"),
            ), hung.url
            assert hung.status_code == (303 if path == "/" else 200), hung.url
            assert "utm_source" not in hung.text


@pytest.mark.parametrize("path", ["confirm", "mailbox/answer"])
async def test_the_address_of_a_form_that_is_only_sent_leads_on(http: httpx.AsyncClient, path: str) -> None:
    """Opened from a history, or with Enter in the address."""
    answer = await http.get(f"/de/{path}?x=1", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/de/mailbox")
    assert (await http.get(f"/xx/{path}", headers=BROWSER)).status_code == 404


async def test_what_no_page_answers_is_a_page_for_people(http: httpx.AsyncClient) -> None:
    """In their language; a program gets its problem document."""
    for method, path, status in (
        ("POST", "/de/", 405), ("DELETE", "/de/mailbox", 405), ("GET", "/static/none", 404),
        ("GET", "/no/thing/here", 404), ("POST", "/de/groups/x/report/help", 404), ("GET", "/static/style.css?x", 400),
    ):  # fmt: skip
        page = await http.request(method, path, headers=BROWSER)
        assert (page.status_code, page.headers["content-language"]) == (status, "de"), path
        assert page.headers["content-type"].startswith("text/html"), path
        plain = await http.request(method, path, headers={"accept": "application/json"})
        assert plain.status_code == status, path
        if not path.startswith("/de/groups/"):
            assert plain.headers["content-type"] == "application/problem+json", path


async def test_our_own_mistake_is_a_page_too(
    world: World, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says whose fault it is; a form can be sent again. The API answers programs, whatever they accept."""

    async def broken(_group: bytes) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(world.deps.groups, "history", broken)
    path = f"/de/groups/{group.id.hex()}/report/help"
    for method in ("GET", "POST"):
        page = await world.http.request(method, path, headers=BROWSER)
        assert page.status_code == 500
        assert "Etwas ist schiefgegangen" in page.text
        assert "a bug" not in page.text
        assert ("Laden Sie diese Seite neu" in page.text) == (method == "POST")
    api = await world.http.get(f"/v1/groups/{group.id.hex()}", headers=BROWSER)
    assert api.headers["content-type"] == "application/problem+json"
    assert RELOAD not in api.text
