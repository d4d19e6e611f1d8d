"""Pages to read: start, how reporters are protected, a group's people and policy; and the files that pages load.

What stands behind a question mark in a page's address is ignored: others add it to links that people follow.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from service.cases.policies import Item, Policy, baseline
from service.server.http import AnyRequest, check_headers, header, hex16, no_query
from service.server.pages.languages import Language, negotiated
from service.server.pages.routing import language_of, on_page
from service.server.pages.site import Site
from service.server.pages.views import GroupView, group_view, takes_reports
from service.wire.problems import Kind, ProblemError

SHOWN_GROUPS: Final = 50
"""Groups on the start page; stops a server that anyone may found groups on from making an endless page."""


def handlers(site: Site) -> list[HTTPRouteHandler]:
    """Give the handlers."""
    reading = _Reading(site)

    @get("/")
    async def any_language(request: AnyRequest) -> Response[bytes]:
        chosen = negotiated(header(request, b"accept-language"))
        return Response(
            b"", status_code=303, headers={"Location": f"/{chosen.tag}/", "Vary": "Accept-Language"}
        )

    @get("/{tag:str}/")
    async def start(request: AnyRequest, tag: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, reading.start(request, tag))

    @get("/{tag:str}/protection")
    async def protection(request: AnyRequest, tag: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, reading.plain(request, tag, "protection"))

    @get("/{tag:str}/done")
    async def done(request: AnyRequest, tag: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, reading.done(request, tag))

    @get("/{tag:str}/groups/{group:str}/people")
    async def people(request: AnyRequest, tag: FromPath[str], group: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, reading.people(request, tag, group))

    @get("/{tag:str}/groups/{group:str}/conduct")
    async def conduct(request: AnyRequest, tag: FromPath[str], group: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, reading.conduct(request, tag, group))

    @get(["/{tag:str}/confirm", "/{tag:str}/mailbox/answer"])
    async def only_sent(request: AnyRequest, tag: FromPath[str]) -> Response[bytes]:
        return await on_page(site, tag, reading.mailbox(request, tag))

    @get("/static/{name:str}")
    async def static(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        return _file(site, request, name)

    @get("/static/app/{name:str}")
    async def script(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        return _file(site, request, f"app/{name}")

    return [any_language, start, protection, done, people, conduct, only_sent, static, script]


class _Reading:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._deps = site.deps

    async def start(self, request: AnyRequest, tag: str) -> Response[bytes]:
        check_headers(request)
        language = language_of(tag)
        groups = []
        for group, _ in (await self._deps.groups.listed())[:SHOWN_GROUPS]:
            found = await group_view(self._deps, group)
            if found is not None and takes_reports(found):
                groups.append(found.view)
        return self._site.page(language, "start.html", "", groups=groups)

    async def plain(self, request: AnyRequest, tag: str, name: str) -> Response[bytes]:
        check_headers(request)
        return self._site.page(language_of(tag), f"{name}.html", name)

    async def done(self, request: AnyRequest, tag: str) -> Response[bytes]:
        check_headers(request)
        return self._site.page(language_of(tag), "done.html", "done", clear=True, removed=())

    async def mailbox(self, request: AnyRequest, tag: str) -> Response[bytes]:
        """Lead on whoever opens the address of a form that is only ever sent, such as one from their history."""
        check_headers(request)
        location = f"/{language_of(tag).tag}/mailbox"
        return Response(b"", status_code=303, headers={"Location": location})

    async def people(self, request: AnyRequest, tag: str, group: str) -> Response[bytes]:
        language, view = await self._group(request, tag, group)
        return self._site.page(language, "people.html", f"groups/{view.id}/people", group=view)

    async def conduct(self, request: AnyRequest, tag: str, group: str) -> Response[bytes]:
        language, view = await self._group(request, tag, group)
        history = await self._deps.groups.history(bytes.fromhex(view.id))
        policy = (history.latest.policy if history is not None else None) or baseline()
        return self._site.page(
            language,
            "conduct.html",
            f"groups/{view.id}/conduct",
            group=view,
            policy=self._policy(language, policy),
        )

    async def _group(self, request: AnyRequest, tag: str, group: str) -> tuple[Language, GroupView]:
        check_headers(request)
        language = language_of(tag)
        found = await group_view(self._deps, hex16(group))
        if found is None:
            raise ProblemError(Kind.NOT_FOUND)
        return language, found.view

    def _policy(self, language: Language, policy: Policy) -> dict[str, list[dict[str, Any]]]:
        """The policy in the page's language: the group's translation, else ours of the baseline, else as written."""

        def items(found: tuple[Item, ...]) -> list[dict[str, str]]:
            shown = []
            for item in found:
                wording = item.translations.get(language.tag)
                title, text = (item.title, item.text) if wording is None else (wording.title, wording.text)
                shown.append(
                    {"title": self._site.say(language, title), "text": self._site.say(language, text)}
                )
            return shown

        ladder: list[dict[str, Any]] = [
            {name: self._site.say(language, getattr(step, name)) for name in ("title", "text", "way_back")}
            | {"longest_days": step.longest_days}
            for step in policy.ladder
        ]
        return {"issues": items(policy.issues), "criteria": items(policy.criteria), "ladder": ladder}


def _file(site: Site, request: AnyRequest, name: str) -> Response[bytes]:
    no_query(request)
    found = site.files.get(name)
    if found is None:
        raise ProblemError(Kind.NOT_FOUND)
    return Response(found[0], media_type=found[1])
